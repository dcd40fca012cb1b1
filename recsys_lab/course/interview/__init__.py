"""Mock design interviews: six cases with reference designs, planted flaws and rubrics, and the talk that goes through one.

    case = load("feed")                      # read and checked; names() lists them
    print(markdown(case))                    # all of it; mermaid(case.design) and plain(case.design) are its diagram
    score(case, {"clarify": 3, ...})         # a filled rubric: weighted, with a verdict and lessons to read again

`recsys-lab interview` (command.py) draws a case, times the stages (watch.py), keeps what is typed (session.py), asks the
rubric (talk.py) and writes a report (report.py).
"""

from recsys_lab.course.interview.case import Case
from recsys_lab.course.interview.reading import CaseError, load, names, read
from recsys_lab.course.interview.render import markdown, mermaid, plain
from recsys_lab.course.interview.rubric import Score, score

__all__ = ["Case", "CaseError", "Score", "load", "markdown", "mermaid", "names", "plain", "read", "score"]
