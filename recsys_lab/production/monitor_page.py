"""The monitor's report as one HTML file: alarms first, then every check, then figures. It asks nothing of any server.

Figures are SVG inside the file. Their colours are CSS variables, so that the same picture suits light and dark.
Needs matplotlib: pip install 'recsys-lab[course]'.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recsys_lab.production.pages import BEFORE, INK, NOW, document, figure, image, look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recsys_lab.production.report import Check, Report

_SHAPES = {"ok": "✓", "alert": "▲", "unknown": "?"}  # not by colour alone


def page(report: Report) -> str:
    """The whole file. Raises MissingExtraError without matplotlib."""
    alerts = report.alerts
    head = f"{len(alerts)} alarm{'s' if len(alerts) != 1 else ''}" if alerts else "No alarm"
    counts = "".join(
        f"<tr><td>{name}</td>" + "".join(f"<td class=number>{row[key]:,}</td>" for key in _COUNTS) + "</tr>"
        for name, row in report.counts.items()
    )
    heads = "".join(f"<th class=number>{key}</th>" for key in _COUNTS)
    with look():  # matplotlib makes ticks and legends as late as it can: all of it happens in here
        figures = "".join(image(fig, alt) for fig, alt in _figures(report))
    body = f"""<h1{' class="alert"' if alerts else ""}>{head}</h1>
<p>{_dates(report.current)}, compared with {_dates(report.reference)}. Without any change, at most one week in
{1 / report.false_alarms:.0f} has an alarm, by chance.</p>
{_models(report)}{"".join(map(_card, alerts))}
<h2>What was compared</h2>
<div class="wide"><table><tr><th>window</th>{heads}</tr>{counts}</table></div>
<h2>Every check</h2>
<div class="wide"><table class=checks><tr><th>check</th><th>verdict</th><th class=number>value</th><th class=number>alarm beyond</th>
<th class=number>p</th><th>what was found</th></tr>{"".join(map(_row, report.checks))}</table></div>
<h2>Figures</h2>
{figures}"""
    return document(f"{head}: recommender, {_dates(report.current)}", body)


_COUNTS = ("events", "impressions", "clicks", "users", "items")


def _dates(span: tuple[float, float]) -> str:
    first, last = (pd.to_datetime(at, unit="s") for at in (span[0], span[1] - 1))
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _models(report: Report) -> str:
    before, now = (report.counts.get(name, {}).get("models", []) for name in ("reference", "current"))
    new = ", ".join(escape(name) for name in now if name not in before)
    return (
        f"<p>New model in the current window: {new}. A change of what is shown is then no surprise.</p>" if new else ""
    )


def _card(check: Check) -> str:
    name, why, remedy = map(escape, (check.name, check.why, check.remedy))
    return f"<article><h3>{_SHAPES['alert']} {name}</h3><p>{why[0].upper() + why[1:]}</p><p>{remedy}</p></article>"


def _row(check: Check) -> str:
    numbers = "".join(f"<td class=number>{_short(x)}</td>" for x in (check.value, check.threshold, check.p_value))
    verdict = f"<td{' class=alert' if check.verdict == 'alert' else ''}>{_SHAPES[check.verdict]} {check.verdict}</td>"
    return f"<tr><td>{escape(check.name)}</td>{verdict}{numbers}<td>{escape(check.why)}</td></tr>"


def _short(x: float | None) -> str:
    return "" if x is None else "never" if not np.isfinite(x) else f"{x:.3g}"


# ---------------------------------------------------------------------- figures
def _figures(report: Report) -> Iterator[tuple[Figure, str]]:
    """Each figure with its description."""
    yield _surprise(report)
    yield _days(report)
    for column, name in (("rank", "by rank"), ("variant", "by variant")):
        rows = pd.DataFrame(report.tables[f"by_{column}"])
        if len(rows):
            rates = rows.pivot(index=column, columns="window", values="click_rate")
            alt = f"Click rate {name}, reference and current window."
            yield _bars(rates, f"Click rate {name}", "clicks an impression"), alt
    mixes = pd.DataFrame(report.tables["mixes"])
    for check in ("popularity shown", "popularity clicked", "genres shown", "genres clicked"):
        rows = mixes[mixes["check"] == check].set_index("bin")[["reference", "current"]]
        if len(rows):
            alt = f"Shares of {check}, reference and current window."
            under = "training ratings, most rated films first" if check.startswith("popularity") else ""
            yield _bars(rows / rows.sum(), check.capitalize(), "share", under), alt


def _surprise(report: Report) -> tuple[Figure, str]:
    checks = [check for check in report.checks if check.p_value is not None][::-1]
    fig, ax = figure(0.9 + 0.28 * len(checks))
    for verdict, colour, marker in (("ok", BEFORE, "o"), ("alert", NOW, "^")):
        # The smallest p all at the edge: what is certain enough need not push the rest together.
        found = [(max(c.p_value or 0, report.level / 100), i) for i, c in enumerate(checks) if c.verdict == verdict]
        if found:
            ax.scatter(*zip(*found), color=colour, marker=marker, label=verdict, zorder=3)
    ax.axvline(report.level, color=INK, linestyle="--", linewidth=1, label=f"alarm: p up to {report.level:.2g}")
    ax.set_xscale("log")
    ax.invert_xaxis()
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_yticks(range(len(checks)), [check.name for check in checks])
    ax.set(xlabel="p: how often chance alone goes as far", title="How surprising is each check?")
    fig.legend(loc="outside lower center", ncols=3)
    return fig, f"The p-value of each check. Beyond the line: {', '.join(c.name for c in report.alerts) or 'none'}."


def _days(report: Report) -> tuple[Figure, str]:
    days = pd.DataFrame(report.tables["by_day"])
    fig, ax = figure(4.2, panels=2)
    for panel, column, label in zip(ax, ("impressions", "click_rate"), ("impressions", "clicks an impression")):
        for window, colour in (("reference", BEFORE), ("current", NOW)):
            rows = days[days["window"] == window]
            panel.plot(rows.index, rows[column].astype(float), color=colour, marker="o", markersize=3, label=window)
        panel.set(ylabel=label, ylim=(0, None))
    every = max(1, -(-len(days) // 8))
    ax[1].set_xticks(days.index[::every], [date[5:] for date in days["date"][::every]])
    ax[0].set_title("Day by day")
    ax[0].legend(loc="best")
    return fig, "Impressions and click rate of each day; the current window follows the reference."


def _bars(table: pd.DataFrame, title: str, label: str, under: str = "") -> Figure:
    """Bars of both windows side by side, for each row of a table with the columns reference and current."""
    fig, ax = figure(3.2)
    place = np.arange(len(table))
    for window, colour, shift in (("reference", BEFORE, -0.2), ("current", NOW, 0.2)):
        if window in table:
            ax.bar(place + shift, table[window].astype(float), 0.38, color=colour, label=window)
    names = [str(name) for name in table.index]
    slant: dict[str, Any] = {"rotation": 45, "ha": "right"} if sum(map(len, names)) > 60 else {}
    ax.set_xticks(place, names, **slant)
    ax.set(title=title, ylabel=label, xlabel=under)
    ax.legend(loc="best")
    return fig
