"""Train, judge, publish: the candidate takes the champion's place only if it passes the gate.

Both are judged on the last days of the data, which neither has learned from. What is published is the very file that was
judged. Run it again, and nothing is published twice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from recsys_lab.baselines import Popularity
from recsys_lab.evaluate import evaluate_ranking
from recsys_lab.production import gate
from recsys_lab.production.shelf import Publication, Shelf, alone, sha256_of
from recsys_lab.production.validation import Check

from myrec import data, model

DAYS = 28  # that models are judged on
MARGIN = 0.02  # of nDCG@10, by which a candidate may be worse than the champion
ENOUGH = 20  # of these days' users must be known to a champion that has a say


def run(folder: Path) -> tuple[bool, list[Check]]:
    """(published, what the gate found), with the champion in folder/champion.npz."""
    rows = data.load()
    until = (int(rows["timestamp"].max()) // 86_400 + 1) * 86_400  # the midnight after the last row
    cut = until - DAYS * 86_400
    known, later = rows[rows["timestamp"] < cut], rows[rows["timestamp"] >= cut]
    with alone(folder):
        shelf = Shelf(folder)
        shelf.settle()
        candidate = model.save(model.train(known), folder / "candidate.npz")
        sha256 = sha256_of(candidate)
        champion = shelf.champion()
        if champion is not None and champion.sha256 == sha256:
            return False, [Check("new", False, "the candidate is the champion, byte for byte")]

        models = {"candidate": model.load(candidate), "popularity": Popularity().fit(data.ratings(known))}
        if champion is not None and champion.cut <= cut:
            models["champion"] = model.load(shelf.path(champion))
        test = gate.holdout(data.rated(later).assign(source="rating"), cut, models)
        if "champion" in models and gate.n_known(models["champion"], test) < ENOUGH:
            del models["champion"]
        results = {name: evaluate_ranking(one, test, relevant=data.RELEVANT) for name, one in models.items()}
        judged = {
            "candidate": sha256,
            "champion": None if champion is None else champion._asdict(),
            "candidate minus": {name: gate.difference(results, name) for name in models if name != "candidate"},
        }
        checks = gate.checks(judged, cut, MARGIN)
        passed = all(check.passed for check in checks)
        if passed:
            name = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d}-{sha256[:8]}"
            shelf.publish(candidate, Publication(name, type(models["candidate"]).__name__, cut, sha256))
        return passed, checks
