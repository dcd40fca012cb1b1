"""The commands: `python -m myrec train | recommend | pipeline | serve | report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m myrec", description="A recommender from data to demo page.")
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("train", help="fit the recipe, and write the artefact")
    command.add_argument(
        "--data", type=Path, help="a CSV with the columns that data.load gives; by default all there is"
    )
    command.add_argument("--out", type=Path, default=Path("model.npz"))

    command = commands.add_parser("recommend", help="write the lists of some users")
    command.add_argument("--model", type=Path, default=Path("model.npz"))
    command.add_argument("--users", type=Path, required=True, help="a CSV with a column user")
    command.add_argument("--n", type=int, default=10)
    command.add_argument("--out", type=Path, required=True, help="a CSV with columns user, item, score, rank")

    command = commands.add_parser("pipeline", help="train, judge against the champion, publish")
    command.add_argument("--folder", type=Path, default=Path("shelf"), help="the champion is champion.npz there")

    command = commands.add_parser("serve", help="the service and its page")
    command.add_argument("--model", type=Path, default=Path("shelf/champion.npz"))
    command.add_argument("--events", default="sqlite:///events.db", metavar="URL")
    command.add_argument("--port", type=int, default=8000, help="0: any that is free; it is printed")

    command = commands.add_parser("report", help="measure, and fill in README.md and MODEL_CARD.md")
    command.add_argument("--check", action="store_true", help="exit code 1 where they were out of date")

    chosen = parser.parse_args(arguments)
    return globals()[chosen.command](chosen)


def train(chosen: argparse.Namespace) -> int:
    from myrec import data, model

    rows = data.load() if chosen.data is None else pd.read_csv(chosen.data)
    model.save(model.train(rows), chosen.out)
    return 0


def recommend(chosen: argparse.Namespace) -> int:
    from myrec import model

    users = pd.read_csv(chosen.users)["user"].tolist()
    model.recommend(model.load(chosen.model), users, chosen.n).to_csv(chosen.out, index=False)
    return 0


def pipeline(chosen: argparse.Namespace) -> int:
    from myrec.pipeline import run

    chosen.folder.mkdir(parents=True, exist_ok=True)
    published, checks = run(chosen.folder)
    for check in checks:
        print(f"{'passed' if check.passed else 'failed'}  {check.name}: {check.found}")
    print("published" if published else "the champion stays")
    return 0


def serve(chosen: argparse.Namespace) -> int:
    from recsys_lab.serve import run

    from myrec.service import create_app

    run(create_app(str(chosen.model), chosen.events), port=chosen.port)
    return 0


def report(chosen: argparse.Namespace) -> int:
    from myrec.report import write

    changed = write(Path.cwd())
    print("\n".join(f"written: {path.name}" for path in changed) or "nothing has changed")
    return int(chosen.check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
