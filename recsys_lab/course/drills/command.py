"""`recsys-lab code`: the twenty coding drills, in any editor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Coding drills for interviews: list them, start one, have it judged.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A drill, such as top-k.")]


def register(root: typer.Typer, table: Callable[..., None]) -> None:
    """Add the commands. table(heads, rows) prints a table."""
    root.add_typer(app, name="code", rich_help_panel="Learn")

    @app.callback(invoke_without_command=True)
    def listed(context: typer.Context) -> None:
        """Coding drills for interviews: list them, start one, have it judged.

        Without a command: all of them, with a tick at those that a file of yours has passed.
        """
        if context.invoked_subcommand is None:
            from recsys_lab.course import drills, progress

            done = progress.drills()
            rows: list[list[Any]] = [
                ["✓" if drill.name in done else "", drill.name, drill.title, drill.topic, drill.lesson]
                for drill in drills.every().values()
            ]
            table(["", "name", "problem", "technique", "lesson"], rows)
            print("\nNext: recsys-lab code start NAME")


@app.command("start")
def start(
    name: Name,
    folder: Annotated[Path | None, typer.Option("--dir", "-d", help="By default my_work/drills.")] = None,
) -> None:
    """Write a file with the problem, its examples and the signature."""
    from recsys_lab.course.drills.files import start as write

    file = write(name, folder)
    print(f"written: {file}\nNext: fill it in, then recsys-lab code check {file}")


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its name says which drill it is: top_k.py.")],
    name: Annotated[str | None, typer.Option(help="The drill, if the file is called otherwise.")] = None,
) -> None:
    """Run your code over visible and hidden tests, and count its operations; exit code 1 if anything is wrong.

    It runs in a process of its own, with a time limit. Do not check files that you do not trust: nothing else holds them.
    """
    from recsys_lab.course.drills.files import check as judge

    passed, report = judge(file, name)
    print(report)
    if not passed:
        raise typer.Exit(1)


@app.command("hint")
def hint(name: Name, number: Annotated[int, typer.Argument(min=1, max=3, help="1, 2, or the closest, 3.")] = 1) -> None:
    """Show one of three hints."""
    from recsys_lab.course import drills

    drills.hint(name, number)


@app.command("solution")
def solution(name: Name) -> None:
    """Show a good answer, and why it is good. Try the hints first."""
    from recsys_lab.course import drills

    drill = drills.get(name)
    print(f"{drill.solution()}\n{drill.complexity}. {drill.explanation}")
