"""What there is to show, as numbers and words that JSON can hold; and what is missing, by name."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from recsys_lab.course import leaderboard, progress
from recsys_lab.course.capstone import bench, score
from recsys_lab.course.capstone.checks.papers import unanswered
from recsys_lab.course.lessons import course_map
from recsys_lab.course.phases import WITH_QUIZ
from recsys_lab.course.portfolio.diagram import diagram
from recsys_lab.errors import DataError

BADGE = re.compile(r"^!\[[^\]]*\]\([^)]*actions/workflows[^)]*\)\n\n?", re.MULTILINE)
# Files that may hold ratings: an artefact of the library holds those that it was fitted on.
HOLDERS = re.compile(
    r".*\.(npz|npy|pkl|pickle|joblib|db(-\w+)?|sqlite\d?|parquet|feather|zip|gz|tar|h5|pt)", re.IGNORECASE
)
LARGEST = 10_000_000  # bytes of a file
_RATING = re.compile(r"\d+(?:::|[\t,;|])\d+(?:::|[\t,;|])[0-5](?:\.\d+)?(?:(?:::|[\t,;|])\d{8,13}(?:\.0)?)?")
_RESULTS = re.compile(r"<!-- report:results -->\n(.*?)<!-- /report:results -->", re.DOTALL)


def gather(
    capstone: Path | None, before: Mapping[str, Any] | None = None, only: Collection[str] | None = None
) -> dict[str, Any]:
    """All that a portfolio is made of: learning, leaderboard, capstone (None: there is none), missing, left_out.

    Parameters
    ----------
    capstone : the project's folder. It is scored here (a minute or two), unless `before` holds the score of the same files.
    before : what an earlier call gave. only : names of the rubric's lines, where not all are to be scored.
    """
    missing: list[str] = []
    left_out = ["MovieLens ratings: they may not be redistributed. The project's code fetches them."]
    learning = _learning(missing)
    board = _board(missing)
    shown = None
    if capstone is None:
        missing.append("Capstone, its model card and a demo script: no project was named (`--capstone DIR`).")
    else:
        shown = _capstone(capstone, (before or {}).get("capstone"), only, missing, left_out)
    return {"learning": learning, "leaderboard": board, "capstone": shown, "missing": missing, "left_out": left_out}


# ---------------------------------------------------------------------- the course
def _learning(missing: list[str]) -> dict[str, Any]:
    done, table = progress.read(), progress.table()
    begun = table[table["correct"] > 0]
    if begun.empty:
        missing.append("Exercises: none is solved yet.")
    elif waiting := table.loc[table["written"] & (table["correct"] == 0), "lesson"].tolist():
        missing.append(f"Exercises of the lessons {', '.join(waiting)}: none is solved yet.")
    phases = []
    for phase in course_map():
        own = begun[begun["lesson"].isin([entry.id for entry in phase.lessons])]
        quiz = done["quizzes"].get(f"phase {phase.number}")
        project = done.get("projects", {}).get(str(phase.number)) if phase.number != score.NUMBER else None
        if phase.number in WITH_QUIZ and not quiz:
            missing.append(f"Quiz of phase {phase.number}: not taken.")
        if 1 <= phase.number < score.NUMBER and not project:
            missing.append(f"Project {phase.number}: not graded.")
        if len(own) or quiz or project:
            lessons = own[["lesson", "title", "correct", "exercises"]].to_dict("records")
            shown = {"phase": phase.number, "title": phase.title, "lessons": lessons, "quiz": quiz, "project": project}
            phases.append(shown)
    return {"phases": phases}


def _board(missing: list[str]) -> dict[str, Any] | None:
    """The learner's rows, and the course's for comparison; None where the learner has none."""
    mine = leaderboard.kept()
    if not mine:
        missing.append("Leader-board: no model of your own was kept (`leaderboard.keep` in a notebook).")
        return None
    rows = [{"model": label, "mine": True, **row} for label, row in mine.items()]
    for row in leaderboard.stored_rows().to_dict("records"):
        metrics = {m: [row[m], row[f"{m} low"], row[f"{m} high"]] for m in leaderboard.METRICS if row[m] == row[m]}
        rows.append({"model": row["model"], "mine": False, **metrics})
    by = "ndcg@10"
    return {"metric": by, "rows": sorted(rows, key=lambda row: -row[by][0])}


# ---------------------------------------------------------------------- the capstone
def _capstone(
    folder: Path,
    before: Mapping[str, Any] | None,
    only: Collection[str] | None,
    missing: list[str],
    left_out: list[str],
) -> dict[str, Any]:
    digest = _digest(folder)
    if before and before["digest"] == digest and before["only"] == (sorted(only) if only else None):
        scored = before["score"]
    else:
        graded = score.grade(folder, only=only)
        lines = [name for name in score.RUBRIC if only is None or name in only]
        rows = [{"line": line, **row._asdict()} for line, row in zip(lines, graded.rows, strict=True)]
        scored = {"points": graded.points, "of": graded.of, "rows": rows}
    declared = bench.pyproject(folder)["project"]["name"]
    package, source = bench.package_in(folder, declared)
    found = {row["line"]: row for row in scored["rows"]}
    results = _results(folder, found.get("readme"), missing)
    card = folder / "MODEL_CARD.md"
    if not card.is_file():
        missing.append("Model card: the capstone has no MODEL_CARD.md.")
    else:
        missing += [
            f"Model card, {name!r}: waits for a person's answer." for name in unanswered(card.read_text("utf-8"))
        ]
    left_out += [f"project/{name}: {why}" for name, why in left(folder)]
    if (folder / ".github").is_dir():
        left_out.append(
            "The project's workflow: GitHub runs one only at a repository's root, so it belongs to the project's own."
        )
    return {
        "digest": digest,
        "only": sorted(only) if only else None,
        "project": declared,
        "package": package,
        "score": scored,
        "results": results,
        "card": card.is_file(),
        **diagram(source, package),
    }


def _results(folder: Path, line: Mapping[str, Any] | None, missing: list[str]) -> dict[str, Any] | None:
    """What the project's `report` wrote, if the score has measured it again; None where that is not so."""
    readme = folder / "README.md"
    block = _RESULTS.search(readme.read_text(encoding="utf-8")) if readme.is_file() else None
    if block is None or line is None or line["points"] < line["of"]:
        why = "they were not measured again" if line is None else line["why"]
        missing.append(f"Results of the capstone: {why}")
        return None
    return {"text": block[1].strip(), **_table(block[1])}


def _table(text: str) -> dict[str, Any]:
    """The first table of a block, if its rows are a name, a value and the interval's ends.

    >>> _table("| model | nDCG@10 | from | to |\\n|---|---|---|---|\\n| mine | 0.3 | 0.2 | 0.4 |")
    {'metric': 'nDCG@10', 'rows': [{'model': 'mine', 'value': [0.3, 0.2, 0.4]}]}
    """
    lines = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    rows = []
    for cells in lines[2:]:
        if set("".join(cells)) <= set("-: ") or len(cells) != 4:
            break
        try:
            rows.append({"model": cells[0], "value": [float(cell) for cell in cells[1:]]})
        except ValueError:
            break
    return {"metric": lines[0][1], "rows": rows} if rows else {"metric": "", "rows": []}


def files(folder: Path) -> dict[str, bytes]:
    """The project's files as the portfolio has them: path below the folder -> content."""
    out = {name for name, _ in left(folder)}
    copied = {}
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if name in out or name.startswith(".github/"):
            continue
        content = path.read_bytes()
        if name == "README.md":
            content = BADGE.sub("", content.decode("utf-8")).encode()  # of a workflow that is not here
        copied[name] = content
    return copied


def left(folder: Path) -> list[tuple[str, str]]:
    """Files of the project that a portfolio must not have: (path, why)."""
    found = ((path.relative_to(folder).as_posix(), why_not(path)) for path in _walk(folder, made=True))
    return [(name, why) for name, why in found if why]


def why_not(path: Path) -> str:
    """Why a file must not be published; "" where nothing speaks against it."""
    if HOLDERS.fullmatch(path.name):
        return "it may hold ratings (an artefact keeps those that it was fitted on)"
    if path.name.startswith(".env"):
        return "it may hold secrets"
    if path.stat().st_size > LARGEST:
        return f"it has {path.stat().st_size / 1e6:.0f} MB, and {LARGEST / 1e6:.0f} is the limit"
    lines = path.read_bytes()[:100_000].decode("utf-8", errors="replace").splitlines()
    if sum(_RATING.fullmatch(line.strip()) is not None for line in lines) >= 20:
        return "it has rows of user, item and stars, which may not be redistributed"
    return ""


def _walk(folder: Path, made: bool = False) -> Iterator[Path]:
    """Files in order, without those of tools. made : with what the project's commands have made."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        skip = bench.FOREIGN + (("*.pyc", "*cache*", "*.egg-info") if made else bench.MADE)
        if not path.is_symlink() and path.is_file() and not any(fnmatch.fnmatch(p, s) for p in parts for s in skip):
            yield path


def _digest(folder: Path) -> str:
    """Of everything that a score depends on."""
    digest = hashlib.sha256()
    for path in _walk(folder):
        digest.update(
            f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
        )
    return digest.hexdigest()


def check_folders(capstone: Path | None, out: Path) -> None:
    """Raises DataError where one lies in the other."""
    if capstone and (out.resolve() == capstone.resolve() or capstone.resolve() in out.resolve().parents):
        raise DataError(f"{out} lies in the capstone: choose a folder beside it.")
