"""`recsys-lab capstone`: write a project, score it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="The capstone, from data to demo page: write a project, score it.")


def register(root: typer.Typer, show: Callable[[str, Any, bool], None]) -> None:
    """Add the commands. show : prints a Grade under a name, as a table or as JSON, and ends with its exit code."""
    root.add_typer(app, name="capstone", rich_help_panel="Learn")

    @app.command("score")
    def score(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")],
        seed: Annotated[
            int | None, typer.Option(help="Cuts the hidden part anew (movies), asks for other users.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    ) -> None:
        """Start the project in a copy, in a clean environment, and fill in the rubric; exit code 1 below 18 of 20 points.

        It takes a minute or two, and leaves DIR as it is. Do not score code that you do not trust: it runs as you.
        """
        from recsys_lab.course import project
        from recsys_lab.course.capstone.score import NUMBER, SEED

        show("Capstone", project.grade(NUMBER, folder, SEED if seed is None else seed), as_json)


@app.command("new")
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make; its name becomes the package's.")],
    data: Annotated[str, typer.Option(help="What it is about: movies, or shop.")] = "movies",
) -> None:
    """Write a project that runs as it is: package, tests, pipeline, service and page, workflow, README, model card."""
    from recsys_lab.course.capstone.new import new as write

    files = write(folder, data)
    print(f"{folder}: {len(files)} files. README.md there lists its commands; the file to change first is recipe.py.")
    print(f"Next: recsys-lab capstone score {folder}")
