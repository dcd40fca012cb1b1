"""The résumé: bullets from results that files prove, and a check of those that the learner writes.

bullets.py   what measured.json of a portfolio proves, as bullets; what is left out, and what is missing
checking.py  the learner's own bullets, held against the same file
lists.py     checklists, conferences, papers to read: lists.toml, as tables and lines
command.py   `recsys-lab resume`
"""

from recsys_lab.course.resume.bullets import Bullet, Resume, resume, stated
from recsys_lab.course.resume.checking import check
from recsys_lab.course.resume.lists import checklists, conferences, reading

__all__ = ["Bullet", "Resume", "check", "checklists", "conferences", "reading", "resume", "stated"]
