"""The report of an experiment as one HTML file: the verdict, the numbers, and how the effect settled day by day.

Needs matplotlib: pip install 'recsys-lab[course]'.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from recsys_lab.production.pages import BEFORE, INK, NOW, document, figure, image, look
from recsys_lab.production.trial import Judgement, Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def page(judged: Judgement, made: Plan, ran: dict[str, Any] | None = None) -> str:
    """The file's text. `ran` is run.json, which holds the truth; None where the users were real."""
    truth = None if ran is None else float(ran["true_effect"])
    clicks, rate = judged.clicks, judged.rate
    margin = "within" if judged.fallback_passed else "beyond"
    rows = {
        "users (planned)": f"{sum(judged.users.values()):,} ({made.users:,})",
        "split": f"{judged.users}, p = {judged.split_p_value:.2g}",
        "click rate": str(rate),
        "clicks a user": str(clicks),
        "sequential p": f"{judged.days['p_value'].iloc[-1]:.2g}",
        "fallback answers": f"at worst {judged.fallback_worst:+.2%} more: {margin} the margin",
    }
    if truth is not None:
        rows["true effect"] = f"{truth:+.4f} on the click rate"
    table = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items())
    with look():
        settled = image(
            _days(judged, made, truth), f"Effect after each day with its interval, ending at {rate.effect:+.4f}"
        )
    body = f"""<h1>{escape(judged.verdict[:1].upper() + judged.verdict[1:])}</h1>
<p>Experiment {escape(made.name)}: the challenger against the champion, planned for {made.days} days.</p>
<div class="wide"><table>{table}</table></div>
{settled}"""
    return document(f"Experiment {escape(made.name)}", body)


def _days(judged: Judgement, made: Plan, truth: float | None) -> Figure:
    """The effect on the click rate after each day, with the interval that holds at all looks; the truth as a line."""
    days = judged.days
    fig, ax = figure(3.6)
    ax.fill_between(days["day"], days["low"], days["high"], color=BEFORE, alpha=0.25, label="holds at all looks")
    ax.plot(days["day"], days["effect"], color=BEFORE, marker="o", markersize=4, label="effect so far")
    ax.axhline(0, color=INK, linestyle="--", linewidth=1)
    if truth is not None:
        ax.axhline(truth, color=NOW, linewidth=1.5, label="true effect")
    around = [*days["effect"], 0.0] + ([] if truth is None else [truth])
    room = 1.2 * max(max(around) - min(around), 1e-9)
    ax.set(xlabel="days", ylabel="click rate, challenger minus champion", ylim=(min(around) - room, max(around) + room))
    ax.set_title(f"{made.name}: the effect, day by day")
    ax.legend(loc="best")
    ax.xaxis.get_major_locator().set_params(integer=True)
    return fig
