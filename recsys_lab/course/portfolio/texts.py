"""README.md and DEMO.md: the frame that is the learner's, and the blocks that are made from what was measured.

Whatever stands between `<!-- portfolio:NAME -->` and `<!-- /portfolio:NAME -->` is replaced at each build; everything else
is the learner's and stays. A block that was deleted with its markers stays deleted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from recsys_lab.course.portfolio.draw import drawings, stated

WAITING = "*Your words here.*"
MARKED = re.compile(r"(<!-- portfolio:(\w+) -->\n)(.*?)(<!-- /portfolio:\2 -->)", re.DOTALL)
ABOUT = re.compile(r"<!-- mine -->\n(.*?)<!-- /mine -->", re.DOTALL)
METRICS = {"rmse": "RMSE", "ndcg@10": "nDCG@10"}

README = """# {title}

<!-- Between the markers "portfolio:" stands what `recsys-lab portfolio build` has made of measured.json, and will make anew.
     Everything else is yours. What is between the markers "mine" is also shown on the page. -->

<!-- mine -->
*Your words here.* Two or three sentences: what did you build, for whom, and which one result should a reader look at?
<!-- /mine -->

{blocks}
"""

DEMO = """# Demo, two minutes

<!-- The table is made anew by `recsys-lab portfolio build`; write your own words below it. -->

{blocks}

## What I say

*Your words here.* Write it as you would say it, read it aloud once with a clock, and record it.
"""


def readme(measured: Mapping[str, Any]) -> dict[str, str]:
    """The blocks of README.md by name; "" where there is nothing to show."""
    capstone, board = measured["capstone"], measured["leaderboard"]
    figures = {drawing.name: f"![{_alt(drawing.alt)}](figures/{drawing.name}.png)" for drawing in drawings(measured)}
    return {
        "capstone": _capstone(capstone, figures) if capstone else "",
        "diagram": _diagram(capstone) if capstone else "",
        "leaderboard": _board(board, figures) if board else "",
        "learning": _learning(measured["learning"]["phases"], figures) if measured["learning"]["phases"] else "",
        "missing": _missing(measured),
        "licence": "## Licence\n\nMIT, see [LICENSE](LICENSE). It covers the code and the words, not the data: MovieLens has terms of its own.",
    }


def demo(measured: Mapping[str, Any]) -> dict[str, str]:
    """The block of DEMO.md; "" without a capstone."""
    capstone = measured["capstone"]
    if not capstone:
        return {"script": ""}
    package, modules = capstone["package"], capstone["modules"]
    steps = [(15, "README.md", "Who you are, what this recommends and to whom; one sentence each.")]
    if "pipeline" in modules:
        steps.append(
            (
                25,
                f"`python -m {package} pipeline`, ready before you record",
                "What is checked before a model is published.",
            )
        )
    if "service" in modules:
        steps.append(
            (
                35,
                f"`python -m {package} serve`, then its page",
                "A list for a known user, with one reason; then a user whom it does not know.",
            )
        )
    if capstone["results"]:
        steps.append(
            (
                25,
                'the table under "What it reaches" in README.md',
                "The difference to the baselines with its interval, and on which data.",
            )
        )
    if capstone["card"]:
        steps.append(
            (
                20,
                "[project/MODEL_CARD.md](project/MODEL_CARD.md)",
                "Whom it serves badly, and what you would do about it.",
            )
        )
    whole, at = sum(seconds for seconds, _, _ in steps), 0
    rows: list[list[str]] = []
    for seconds, show, say in steps:
        until = min(120, at + 5 * round(24 * seconds / whole)) if len(rows) < len(steps) - 1 else 120
        rows.append([f"{at // 60}:{at % 60:02} to {until // 60}:{until % 60:02}", show, say])
        at = until
    return {"script": table(["time", "show", "say"], rows)}


def fresh(frame: str, blocks: Mapping[str, str], title: str = "") -> str:
    """A new file, its blocks empty but marked."""
    marked = "\n\n".join(f"<!-- portfolio:{name} -->\n<!-- /portfolio:{name} -->" for name in blocks)
    return frame.format(title=title, blocks=marked)


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """The text with its blocks made anew; markers of other names stay as they are."""

    def block(found: re.Match[str]) -> str:
        if found[2] not in blocks:
            return found[0]
        made = blocks[found[2]]
        return f"{found[1]}{made}\n{found[4]}" if made else f"{found[1]}{found[4]}"

    return MARKED.sub(block, text)


def about(text: str) -> list[str]:
    """The learner's own paragraphs of a README; [] while they are not written."""
    own = ABOUT.search(text)
    if own is None or WAITING in own[1]:
        return []
    return [" ".join(part.split()) for part in own[1].strip().split("\n\n") if part.strip()]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [list(heads), ["---"] * len(heads), *map(list, rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def board_rows(board: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the leader-board."""
    rows = []
    for row in board["rows"]:
        cells = [stated(row[m]) if m in row else "only ranks" for m in METRICS]
        rows.append([row["model"], "mine" if row["mine"] else "the course", *cells])
    return ["model", "whose", *(f"{name}, 95 % interval" for name in METRICS.values())], rows


def learning_rows(phases: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the learning path."""
    rows = []
    for phase in phases:
        solved = sum(lesson["correct"] for lesson in phase["lessons"])
        of = sum(lesson["exercises"] for lesson in phase["lessons"])
        quiz, project = phase["quiz"], phase["project"]
        rows.append(
            [
                f"{phase['phase']} {phase['title']}",
                f"{solved} of {of} in {_lessons(len(phase['lessons']))}" if of else "",
                f"{quiz['right']} of {quiz['of']} right" if quiz else "",
                f"{project['points']} of {project['of']} points" if project else "",
            ]
        )
    return ["phase", "exercises solved", "quiz", "project"], rows


# ---------------------------------------------------------------------- blocks
def _capstone(capstone: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    score, parts = capstone["score"], [f"## {capstone['project']}"]
    card = (
        ", [MODEL_CARD.md](project/MODEL_CARD.md) says what it is for and whom it serves badly"
        if capstone["card"]
        else ""
    )
    parts.append(f"The code is in [project/](project/){card}, and [DEMO.md](DEMO.md) shows it in two minutes.")
    if capstone["results"]:
        parts += ["### What it reaches", capstone["results"]["text"], figures.get("results", "")]
    parts += [
        "### Scored by a rubric",
        f"`recsys-lab capstone score` started it in a clean environment: {score['points']} of {score['of']} points.",
        figures.get("score", ""),
        table(
            ["points", "what is asked", "what was found"],
            [[f"{r['points']} of {r['of']}", r["what"], " ".join(r["why"].split())] for r in score["rows"]],
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def _diagram(capstone: Mapping[str, Any]) -> str:
    return (
        "## How it is made\n\nRead off the code: an arrow leads from a module to one that imports it, from the data to where they "
        f"are named, and to what is published.\n\n```mermaid\n{capstone['mermaid']}\n```"
    )


def _board(board: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    heads, rows = board_rows(board)
    words = (
        "All models are fitted on the same four fifths of MovieLens 100K and judged on the rest; an interval is over users. "
        "Rows whose intervals overlap are not thereby equal: only a paired comparison could say so."
    )
    return f"## My models on the course's leader-board\n\n{words}\n\n{figures.get('board', '')}\n\n{table(heads, rows)}"


def _learning(phases: Sequence[Mapping[str, Any]], figures: Mapping[str, str]) -> str:
    heads, rows = learning_rows(phases)
    picture = f"\n\n{figures['path']}" if "path" in figures else ""
    return f"## What I have worked through in RecSys Lab\n\n{table(heads, rows)}{picture}"


def _missing(measured: Mapping[str, Any]) -> str:
    parts = []
    if measured["missing"]:
        parts += [
            "## Not in here, because not done",
            "\n".join(f"- {' '.join(line.split())}" for line in measured["missing"]),
        ]
    parts += ["## Left out on purpose", "\n".join(f"- {line}" for line in measured["left_out"])]
    return "\n\n".join(parts)


def _lessons(n: int) -> str:
    return f"{n} lesson{'s' if n > 1 else ''}"


def _alt(text: str) -> str:
    return text.replace("[", "(").replace("]", ")")
