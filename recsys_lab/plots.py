"""Pictures of results: is one model better than another, and how did a search go?

They need matplotlib (the extra `course`), take the frames that the library returns, draw in whatever style is set, and
give back the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.tune import Tuning

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def comparison(table: pd.DataFrame) -> Figure:
    """What `evaluate.compare` found: each difference with its 95 % interval, and a line at "no difference".

    A filled dot says that the difference is more than luck after Holm's correction, an empty one that it is not clear.
    """
    if not {"model", "other", "difference", "low", "high", "p_holm", "metric"} <= set(table.columns) or table.empty:
        raise DataError("expected the frame that evaluate.compare returns, with at least one row.")
    fig, ax = _pyplot().subplots(figsize=(7, 1.2 + 0.45 * len(table)), layout="constrained")
    place = np.arange(len(table))[::-1]
    reach = np.abs(table[["low", "high"]].to_numpy().T - table["difference"].to_numpy())
    ax.errorbar(table["difference"], place, xerr=reach, fmt="none", capsize=3, color="C0")
    for clear, label in ((True, "clear (Holm p < 0.05)"), (False, "not clear")):
        rows = ((table["p_holm"] < 0.05) == clear).to_numpy()
        if rows.any():
            face = "C0" if clear else "white"
            ax.scatter(table["difference"][rows], place[rows], color="C0", facecolor=face, zorder=3, label=label)
    ax.axvline(0, color="#888888", linestyle="--", linewidth=1)
    ax.set_yticks(place, [f"{a} minus {b}" for a, b in zip(table["model"], table["other"])])
    metric = str(table["metric"].iloc[0])
    better = "lower is better" if metric in ("rmse", "mae") else "higher is better"
    ax.set(xlabel=f"difference in {metric} ({better}), 95 % interval", ylim=(-0.6, len(table) - 0.4))
    ax.set_title("Differences, paired by user")
    ax.legend(loc="best")
    return fig


def search(found: Tuning) -> Figure:
    """How a search went: every trial by its state, and the best value so far."""
    trials = found.trials
    fig, ax = _pyplot().subplots(figsize=(7, 4), layout="constrained")
    for state, marker in (("done", "o"), ("stopped", "x")):
        rows = trials[trials["state"] == state]
        if len(rows):
            ax.scatter(rows["trial"], rows["value"], marker=marker, label=f"{state} ({len(rows)})")
    ax.step(trials["trial"], trials["best"], where="post", color="#444444", label="best so far")
    ax.set(xlabel="trial (0: the defaults)", ylabel=f"{found.metric} on validation folds")
    ax.set_title(f"{found.name}: best {found.metric} {found.value:.4f} in {len(trials)} trials")
    ax.legend(loc="best")
    return fig


def tornado(table: pd.DataFrame, what: str) -> Figure:
    """What `production.capacity.sensitivity` found: for each input a bar from the answer at its low to that at its high.

    what: the answer and its unit, the axis' label.
    """
    if not {"low", "high", "at_low", "at_high", "base", "swing"} <= set(table.columns) or table.empty:
        raise DataError("expected the frame that capacity.sensitivity returns, with at least one row.")
    fig, ax = _pyplot().subplots(figsize=(8, 1.4 + 0.5 * len(table)), layout="constrained")
    place, base = np.arange(len(table))[::-1], float(table["base"].iloc[0])
    for end, colour in (("low", "C0"), ("high", "C1")):
        answers = table[f"at_{end}"].to_numpy()
        ax.barh(place, answers - base, left=base, height=0.6, color=colour, label=f"input at its {end}est")
        for y, answer, value in zip(place, answers, table[end]):
            left = answer < base or (answer == base and end == "low")
            ax.annotate(
                value, (answer, y), (-4 if left else 4, 0), textcoords="offset points", va="center",
                ha="right" if left else "left", fontsize="small",
            )  # fmt: skip
    ax.axvline(base, color="#444444", linewidth=1)
    ax.set_yticks(place, list(table.index))
    ax.set(xlabel=what, title="Which input moves the answer most?")
    low, high = np.min(table[["at_low", "at_high"]].to_numpy()), np.max(table[["at_low", "at_high"]].to_numpy())
    room = 0.35 * (high - low) or 1.0  # for the words beside the bars
    ax.set_xlim(low - room, high + room)
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def waterfall(stages: pd.DataFrame, limit: float) -> Figure:
    """The stages of `production.latency.budget`, one after the other: each takes its median, a thin line its p99.

    limit: what the whole may take, in milliseconds.
    """
    if not {"median", "p99", "start", "end"} <= set(stages.columns) or stages.empty:
        raise DataError("expected the stages of latency.budget, with at least one row.")
    fig, ax = _pyplot().subplots(figsize=(8, 1.4 + 0.45 * len(stages)), layout="constrained")
    place = np.arange(len(stages))[::-1]
    ax.hlines(place, stages["start"], stages["start"] + stages["p99"], color="C1", label="to its 99th percentile")
    ax.barh(place, stages["median"], left=stages["start"], height=0.6, color="C0", label="its median")
    ax.axvline(limit, color="#444444", linestyle="--", linewidth=1, label=f"the limit, {limit:g} ms")
    ax.set_yticks(place, list(stages.index))
    ax.set(xlabel="milliseconds since the request came", title="Where the time goes")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("figures need matplotlib: pip install 'recsys-lab[course]'.") from error
    return plt
