"""The report of an experiment as one HTML file: the verdict, the numbers, and how the effect settled day by day.

Needs matplotlib: pip install 'recsys-lab[course]'.
"""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

from recsys_lab.plots import _pyplot
from recsys_lab.production.monitor_page import STYLE
from recsys_lab.production.trial import Judgement, Plan


def figure(judged: Judgement, made: Plan, truth: float | None = None) -> Any:
    """The effect on the click rate after each day, with the interval that holds at all looks; `truth` as a line."""
    days = judged.days
    fig, ax = _pyplot().subplots(figsize=(7, 3.6), layout="constrained")
    ax.fill_between(days["day"], days["low"], days["high"], color="#56b4e9", alpha=0.35, label="holds at all looks")
    ax.plot(days["day"], days["effect"], color="#0072b2", marker="o", markersize=4, label="effect so far")
    ax.axhline(0, color="#888888", linestyle="--", linewidth=1)
    if truth is not None:
        ax.axhline(truth, color="#d55e00", linewidth=1.5, label="true effect")
    around = [*days["effect"], 0.0] + ([] if truth is None else [truth])
    room = max(max(around) - min(around), 1e-9)
    ax.set(xlabel="days", ylabel="click rate, challenger minus champion")
    ax.set_ylim(min(around) - 1.2 * room, max(around) + 1.2 * room)
    ax.set_title(f"{made.name}: the effect, day by day")
    ax.legend(loc="best")
    ax.xaxis.get_major_locator().set_params(integer=True)
    return fig


def page(judged: Judgement, made: Plan, ran: dict[str, Any] | None = None) -> str:
    """The file's text. `ran` is run.json, which holds the truth; None where the users were real."""
    truth = None if ran is None else float(ran["true_effect"])
    fig = figure(judged, made, truth)
    image = io.BytesIO()
    fig.savefig(image, format="png", dpi=150, facecolor="white")
    _pyplot().close(fig)
    clicks, rate = judged.clicks, judged.rate
    rows = {
        "users (planned)": f"{sum(judged.users.values()):,} ({made.users:,})",
        "split": f"{judged.users}, p = {judged.split_p_value:.2g}",
        "click rate": str(rate),
        "clicks a user": str(clicks),
        "sequential p": f"{judged.days['p_value'].iloc[-1]:.2g}",
        "fallback answers": f"at worst {judged.fallback_worst:+.2%} more: {'within' if judged.fallback_passed else 'beyond'} the margin",
    }
    if truth is not None:
        rows["true effect"] = f"{truth:+.4f} on the click rate"
    table = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items())
    alt = f"Effect after each day with its interval, ending at {rate.effect:+.4f}"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Experiment {escape(made.name)}</title>
<style>{STYLE}</style>
<h1>{escape(judged.verdict[:1].upper() + judged.verdict[1:])}</h1>
<p>Experiment {escape(made.name)}: the challenger against the champion, planned for {made.days} days.</p>
<div class="wide"><table>{table}</table></div>
<img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}">
</html>
"""
