"""`recsys-lab ship`: write a deployable folder, check it with real tools, build its image, count what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CHECK_FAILED = 1  # the exit code of cli.py

app = typer.Typer(no_args_is_help=True, help="A folder to deploy: write it, check it, build its image, its cost.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder that `ship new` wrote.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="ship", rich_help_panel="Models and data")


@app.command("new")
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    model: Annotated[Path | None, typer.Option("--model", "-m", help="An artefact, such as champion.npz.")] = None,
) -> None:
    """Write all it takes: Dockerfile, compose, Kubernetes, Fargate, Procfile, workflow, the library, a model."""
    from recsys_lab.production import shipping

    shipping.new(folder, model)
    print(f"{folder}: README.md there says what each file is for. Next: recsys-lab ship check {folder}")


@app.command("check")
def check(folder: Folder) -> None:
    """Let the tools read the files, and start the Procfile's process on this machine; exit code 1 if one objects."""
    from recsys_lab.production import shipping

    passed = True
    for verdict in shipping.check(folder) + shipping.started(folder):
        passed &= verdict.passed
        print(
            f"{'ok    ' if verdict.passed else 'FAILED'}  {verdict.tool} {verdict.version}, which looks for {verdict.looks_for}"
        )
        if not verdict.passed:
            print(f"\n{verdict.said}\n")
    if not passed:
        raise typer.Exit(CHECK_FAILED)


@app.command("build")
def build(
    folder: Folder,
    base: Annotated[
        str | None, typer.Option(help="The base image; by default a minimal Debian that is made here.")
    ] = None,
) -> None:
    """Really build the image with buildah, and ask its server; takes minutes, and leaves nothing behind."""
    from recsys_lab.production import image

    built = image.verify(folder, base)
    print(
        f"built on {built.base} in {built.seconds:.0f} s\nmodel {built.version} answered, as uid {built.uid}\n"
        f"its health check {'passed' if built.healthy else 'FAILED'}\n"
        f"written outside of /tmp, /data and /events: {', '.join(built.strange) or 'nothing'}"
    )
    if not built.healthy or built.strange or built.uid == 0:
        raise typer.Exit(CHECK_FAILED)


@app.command("cost")
def cost(
    load: Annotated[list[float], typer.Argument(help="Requests a second in equally long parts of the day.")],
    one_bears: Annotated[float, typer.Option(help="Requests a second that one instance answers: measure it.")],
    usd_an_hour: Annotated[float, typer.Option(help="Of one instance, from your provider's list.")],
    fixed_usd_a_month: Annotated[float, typer.Option(help="Of what runs at any load: load balancer, database.")] = 0,
    busy: Annotated[float, typer.Option(help="The share of its capacity that an instance is kept at.")] = 0.7,
    least: Annotated[int, typer.Option(help="The autoscaler's lower bound.")] = 2,
    most: Annotated[int, typer.Option(help="The autoscaler's upper bound.")] = 10,
) -> None:
    """What a load costs with an autoscaler. No price is built in: they differ by region, and change."""
    from recsys_lab.production import shipping

    bill = shipping.cost(
        load,
        one_bears=one_bears,
        usd_an_hour=usd_an_hour,
        fixed_usd_a_month=fixed_usd_a_month,
        busy=busy,
        least=least,
        most=most,
    )
    print(f"instances: {', '.join(map(str, bill.instances))}")
    print(f"{bill.usd_a_month:,.2f} USD a month, {bill.usd_a_million:,.2f} USD for a million requests")
