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


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("figures need matplotlib: pip install 'recsys-lab[course]'.") from error
    return plt
