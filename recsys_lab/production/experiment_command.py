"""`recsys-lab experiment plan | run | report`: an A/B test of a service's two models, from the plan to the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(help="The experiment's folder: plan.json, run.json, report.json.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    app = typer.Typer(no_args_is_help=True, help="A/B tests: plan one, run it on a service, report.")
    root.add_typer(app, name="experiment", rich_help_panel="Run it")

    @app.command()
    def plan(
        folder: Folder,
        effect: Annotated[
            float, typer.Option(help="On clicks per impression, the smallest worth finding, such as 0.01.")
        ],
        variance: Annotated[float, typer.Option(help="Of the click rate, by user, from an earlier log.")],
        users_per_day: Annotated[float, typer.Option(help="New users a day.")],
        name: Annotated[
            str | None, typer.Option(help="The experiment's name, its salt; by default the folder's.")
        ] = None,
        alpha: Annotated[float, typer.Option(help="How often luck may be called an effect.")] = 0.05,
        power: Annotated[float, typer.Option(help="How often this effect is to be found.")] = 0.8,
    ) -> None:
        """How many users, how many days? It is written down, and not changed afterwards."""
        from recsys_lab.production import trial

        made = trial.plan(
            folder, name or folder.resolve().name, effect, variance, users_per_day, alpha=alpha, power=power
        )
        print(f"{made.name}: {made.users:,} users in both variants, {made.days} days.")

    @app.command()
    def run(
        folder: Folder,
        url: Annotated[str, typer.Option(help="The service, started with --challenger.")] = "http://127.0.0.1:8000",
        data: Annotated[str, typer.Option(help="The data set whose users the simulator plays.")] = "ml-100k",
        days: Annotated[int | None, typer.Option(min=1, help="Stop early, or go on; by default as planned.")] = None,
        seed: Annotated[int, typer.Option(help="Of the audience: the same seed, the same clicks.")] = 0,
    ) -> None:
        """Let a simulated audience visit the service. The API key is read from RECSYS_LAB_SERVE_API_KEY."""
        import os

        from recsys_lab import datasets
        from recsys_lab.production import trial
        from recsys_lab.simulate import Audience

        trial.read_plan(folder)  # before anything is fitted
        audience = Audience(seed=seed).fit(datasets.load(data).ratings)
        done = trial.run(folder, url, audience, days=days, key=os.environ.get("RECSYS_LAB_SERVE_API_KEY", ""))
        print(f"{done['days']} days: {done['visits']:,} visits, {done['events']:,} events stored.")

    @app.command()
    def report(
        folder: Folder,
        events: Annotated[str, typer.Option(metavar="URL", help="The service's log, such as sqlite:///events.db.")],
    ) -> None:
        """Judge the experiment from the service's log: report.json, and report.html with a figure."""
        import json

        from recsys_lab.production import trial, trial_page
        from recsys_lab.records import write
        from recsys_lab.serve import EventLog

        made = trial.read_plan(folder)
        with EventLog(events) as log:
            judged = trial.judge(folder, log.frame())
        ran = folder / "run.json"
        known = json.loads(ran.read_text(encoding="utf-8")) if ran.exists() else None
        write(folder / "report.html", trial_page.page(judged, made, known))
        print(f"click rate:    {judged.rate}")
        print(f"clicks a user: {judged.clicks}")
        if known is not None:
            print(f"true effect:   {known['true_effect']:+.4f}")
        print(f"verdict: {judged.verdict}. See {folder / 'report.html'}")
