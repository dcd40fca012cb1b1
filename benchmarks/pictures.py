"""Accuracy against time, as two pictures in benchmarks/figures/."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import spark, store
from recsys_lab.course.style import PALETTE, set_up

FOLDER = Path(__file__).resolve().parent / "figures"
COLOURS = dict(zip(("here", "surprise", "cornac", "lenskit", "myfm", "irspack", "implicit"), PALETTE))
NAMES = {"here": "RecSys Lab", "surprise": "Surprise", "lenskit": "LensKit", "myfm": "myFM"}
MARKS = dict(zip(COLOURS, "osvD^Pd"))


def main() -> None:
    set_up()
    FOLDER.mkdir(exist_ok=True)
    draw(
        "ratings",
        _points("ratings-ml-100k", "rmse", lambda value: value < 0.96),
        "RMSE, five folds of ml-100k (lower is better)",
        "Ratings: error against time (best is at the lower left)",
    )
    draw(
        "lists",
        _points("lists", "ndcg", lambda value: value > 0.14),
        "nDCG@10, four splits of ml-100k (higher is better)",
        "Lists: quality against time (best is at the upper left)",
    )
    spark.figure()


def _short(name: str) -> str:
    """A name as it fits beside a point: the settings that a table has room for are left out, the trap of defaults is not."""
    title, _, settings = name.partition(", ")
    title = title.replace("weighting=", "").replace("implicit=False", "plain")
    return f"{title} ({settings.removeprefix('its ')})" if settings in ("its default", "flipped") else title


def _points(part: str, metric: str, shown: Any) -> list[tuple[str, str, float, float]]:
    """(by, name, seconds, quality) of everybody but the far end, which would flatten the rest."""
    out = []
    for key, row in store.kept(part)["rows"].items():
        by, name = key.split(": ", 1)
        took = statistics.median(cell["fit"] + cell["answer"] for cell in row.values())
        out.append((by, name, took, statistics.mean(cell[metric] for cell in row.values())))
    return [point for point in out if shown(point[3])]


def draw(name: str, points: list[tuple[str, str, float, float]], axis: str, title: str) -> None:
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(10, 6.5))
    for by in dict.fromkeys(point[0] for point in points):
        x, y = zip(*(point[2:] for point in points if point[0] == by))
        size = 70 if by == "here" else 45
        ax.scatter(x, y, size, color=COLOURS[by], marker=MARKS[by], label=NAMES.get(by, by), zorder=3)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set(xlabel="CPU seconds of one thread, fit and answers, one fold (logarithmic)", ylabel=axis, title=title)
    ax.margins(0.08)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _label(ax, points)
    fig.savefig(FOLDER / f"{name}.png")
    plt.close(fig)


def _label(ax: Any, points: list[tuple[str, str, float, float]]) -> None:
    """Each name beside its point, on the first of eight places where it covers no other name or point."""
    ax.figure.canvas.draw()  # only then is it known where a point lies on the page
    ax.figure.set_layout_engine("none")
    places = [(8, 0, "left"), (-8, 0, "right"), (6, 9, "left"), (6, -9, "left"), (-6, 9, "right"), (-6, -9, "right")]
    places += [(0, 13, "center"), (0, -13, "center")]
    dots = ax.transData.transform([point[2:] for point in points])
    taken: list[Any] = []
    for by, name, *where in sorted(points, key=lambda point: point[0] != "here"):
        for x, y, side in places:
            text = ax.annotate(
                _short(name), where, (x, y), textcoords="offset points", ha=side, va="center",
                fontsize=8.5, color=COLOURS[by], fontweight="bold" if by == "here" else "normal",
            )  # fmt: skip
            box = text.get_window_extent()
            inside = ax.bbox.contains(*box.min) and ax.bbox.contains(*box.max)
            over = np.all((dots > box.min - 5) & (dots < box.max + 5), axis=1).any()
            if inside and not over and not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            continue  # too crowded: the table has it
        taken.append(box)


if __name__ == "__main__":
    main()
