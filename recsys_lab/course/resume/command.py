"""`recsys-lab resume`: bullets from a portfolio, a check of your own, two checklists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(root: typer.Typer) -> None:
    root.command("resume", rich_help_panel="Learn")(resume)


def resume(
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="The portfolio's folder.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file, a new one.")] = None,
    text: Annotated[Path | None, typer.Option("--check", "-c", help="A file with bullets of your own.")] = None,
    lists: Annotated[bool, typer.Option("--checklist", help="What to look at in a profile and a README.")] = False,
) -> None:
    """Bullets for your résumé, from what your portfolio's measured.json proves, each with the file that proves it.

    What it cannot prove is left out with the reason; what is missing is listed with the command that would produce it.
    --check reads bullets of your own instead: numbers without proof, no baseline, praise, a team's work, no verb; exit code 1 if
    anything is found.
    """
    from recsys_lab import records
    from recsys_lab.course.resume.lists import checklists
    from recsys_lab.errors import DataError, MissingDataError

    if lists:
        for title, lines in checklists().items():
            print("\n".join([f"{title}\n", *(f"- [ ] {line}" for line in lines), ""]))
        return
    if folder is None:
        raise DataError(
            "name the folder of a portfolio (`recsys-lab portfolio build` makes one), or ask for --checklist."
        )
    measured = _measured(folder)
    if text is not None:
        _check(text, measured)
        return
    made = markdown(measured)
    if out is None:
        print(made, end="")
    elif out.exists():
        raise DataError(f"{out} is there already: choose another file, as nothing is overwritten.")
    elif not out.parent.is_dir():
        raise MissingDataError(f"there is no folder {out.parent}: make it first.")
    else:
        records.write(out, made)
        print(f"written: {out}")


def markdown(measured: dict[str, object]) -> str:
    """Bullets, what is left out and what is missing, as a file for people."""
    from recsys_lab.course.resume.bullets import resume as prove

    proved = prove(measured)
    parts = ["# What my files prove"]
    if proved.bullets:
        parts.append("\n".join(f"- {text}  \n  proof: {proof}" for text, proof in proved.bullets))
    else:
        parts.append("Nothing yet: the portfolio holds no result.")
    for heading, lines in (("Left out, and why", proved.left_out), ("Missing, and how to get it", proved.missing)):
        if lines:
            parts += [f"## {heading}", "\n".join(f"- {line}" for line in lines)]
    return "\n\n".join(parts) + "\n"


def _measured(folder: Path) -> dict[str, object]:
    """measured.json, if it is what the last build wrote."""
    from recsys_lab.course.portfolio import build
    from recsys_lab.course.portfolio.check import unchanged
    from recsys_lab.errors import DataError

    measured = build.read(folder)
    if changed := [line for line in unchanged(folder, measured) if build.MEASURED in line]:
        raise DataError(f"{changed[0]} Until then it proves nothing.")
    return measured


def _check(text: Path, measured: dict[str, object]) -> None:
    from recsys_lab.course.resume.checking import check

    problems = check(text.read_text(encoding="utf-8"), measured)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    print(f"{text.name}: nothing found. Whether it is true and worth reading, only a person can say.")
