"""The résumé: bullets from results that files prove, and a check of those that the learner writes.

bullets.py   what measured.json of a portfolio proves, as bullets; what is left out, and what is missing
checking.py  the learner's own bullets, held against the same file
lists.py     checklists, conferences, papers to read: lists.toml, as tables and lines
command.py   `recsys-lab resume`
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys_lab.course.resume.bullets import Bullet, Resume, resume, stated
    from recsys_lab.course.resume.checking import check
    from recsys_lab.course.resume.lists import checklists, conferences, reading

__all__ = ["Bullet", "Resume", "check", "checklists", "conferences", "reading", "resume", "stated"]
_HOME = {
    "bullets": ("Bullet", "Resume", "resume", "stated"),
    "checking": ("check",),
    "lists": ("checklists", "conferences", "reading"),
}


def __getattr__(name: str) -> Any:  # on first use: the command line must not load pandas for --help
    from importlib import import_module

    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
