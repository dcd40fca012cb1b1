"""The numbers of README.md and MODEL_CARD.md: measured, and written between the markers. Nobody types them.

Whatever stands between `<!-- report:NAME -->` and `<!-- /report:NAME -->` is replaced by the block of that name. No times:
they are other ones on each machine, and a number that nobody can repeat is no measurement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from recsys_lab.baselines import Popularity
from recsys_lab.evaluate import compare, evaluate_ranking
from recsys_lab.itemitem import ItemItem

from myrec import data, model

FILES = ("README.md", "MODEL_CARD.md")
METRIC = "ndcg@10"


def write(folder: Path) -> list[Path]:
    """Measure, and fill in the blocks of both files; gives the files that have changed."""
    made, changed = blocks(), []
    for path in (folder / name for name in FILES):
        old = path.read_text(encoding="utf-8")
        new = filled(old, made)
        if new != old:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


def filled(text: str, made: Mapping[str, str]) -> str:
    """The text with its blocks replaced. Raises ValueError where a block has no beginning, no end, or no measurement."""
    markers = re.compile(r"(<!-- report:(\w+) -->\n).*?(<!-- /report:\2 -->)", re.DOTALL)
    whole = [found[2] for found in markers.finditer(text)]
    if not len(whole) == text.count("<!-- report:") == text.count("<!-- /report:") or not made.keys() >= set(whole):
        raise ValueError(
            "a marker `<!-- report:NAME -->` has no partner or no measurement: mend the file, then repeat."
        )
    return markers.sub(lambda found: f"{found[1]}{made[found[2]]}\n{found[3]}", text)


def blocks() -> dict[str, str]:
    """Each block's text by its name."""
    train, test = data.split(data.load())
    known = data.ratings(train)
    mine = model.train(train)
    models = {"this project": mine, "most popular": Popularity().fit(known), "item k-NN": ItemItem().fit(known)}
    results = {name: evaluate_ranking(one, test, relevant=data.RELEVANT) for name, one in models.items()}

    rows = [[name, *(f"{value:.3f}" for value in r[METRIC][:3])] for name, r in results.items()]
    better = compare(results, METRIC, against="this project").set_index("model")
    than = [
        [name, f"{-row['difference']:+.3f}", f"{-row['high']:+.3f} to {-row['low']:+.3f}"]
        for name, row in better.iterrows()
    ]
    lists = model.recommend(mine, results["this project"].users.index)
    shown = lists["item"].nunique() / known.n_items
    per_user = results["this project"].users[METRIC]
    counts = data.rated(train)["user"].value_counts().reindex(per_user.index)
    few = counts <= counts.median()
    about = (
        f"{data.ABOUT}, {data.HELD_OUT}; nDCG@10 over all {data.ITEMS} that are new to the user, "
        f"{results['this project'][METRIC].users} users."
    )
    reached = table(["model", "nDCG@10", "95 % from", "to"], rows)
    compared = table(["this project minus", "difference", "95 % interval, paired by user"], than)
    groups = table(
        ["users", "nDCG@10"],
        [
            [f"with {counts.median():.0f} {data.ACTS} or fewer", f"{np.nanmean(per_user[few]):.3f}"],
            ["with more", f"{np.nanmean(per_user[~few]):.3f}"],
        ],
    )
    return {
        "results": f"{about}\n\n{reached}\n\n{compared}",
        "groups": f"{groups}\n\nShare of the {data.ITEMS} that stand in anybody's list of ten: {shown:.3f}",
        "model": f"`{mine!r}`",
        "data": data.described(train, test),
    }


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
