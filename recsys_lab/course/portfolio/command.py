"""`recsys-lab portfolio`: build one, check one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="A repository made of your own work: build it, check it.")


@app.command("build")
def build(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")],
    capstone: Annotated[Path | None, typer.Option("--capstone", "-c", help="The folder of your capstone.")] = None,
    name: Annotated[str, typer.Option(help="Yours, for title and licence; the first build writes it.")] = "",
) -> None:
    """Turn your progress, your leader-board rows and your capstone into a repository ready to push.

    README with figures and measured results, model card, diagram, page, licence, script for a demo. What you have not done
    is left out, and the README says so. The capstone is scored, which takes a minute or two, unless it has not changed. Build
    again whenever you like: only generated blocks change, and files that you changed by hand stay.
    """
    from recsys_lab.course.portfolio.build import build as make

    built = make(out, capstone, name)
    for heading, lines in (("written", built.written), ("removed", built.removed), ("not in it", built.missing)):
        for line in lines:
            print(f"{heading}: {line}")
    for path in built.kept:
        print(f"kept as it is: {path}, which was changed by hand; remove it to have it made anew")
    print(f"Next: write your own words in README.md and DEMO.md, then recsys-lab portfolio check {out}")


@app.command("check")
def check(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The portfolio's folder.")]) -> None:
    """Go through the checklist; exit code 1 if anything is found.

    Numbers without a measured value, dead links, figures without text, an unanswered model card, a missing licence, ratings,
    files over 10 MB, what looks like a secret, paths of your machine.
    """
    from recsys_lab.course.portfolio.check import check as examine

    problems = examine(folder)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    print(f"{folder}: every check passed. Whether it reads well, only a person can say.")
