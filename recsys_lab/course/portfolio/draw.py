"""The figures of a portfolio: each from the measured values alone, with words for those who cannot see it.

Needs matplotlib: pip install 'recsys-lab[course]'.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from recsys_lab.production import pages

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Ink(NamedTuple):
    """Colours to draw with, as `pages.COLOURS` names them."""

    ink: str
    grid: str
    before: str
    now: str


PAGE = Ink(**{name: drawn for name, (drawn, _, _) in pages.COLOURS.items()})  # stand-ins, which a page exchanges
LIGHT = Ink(**{name: light for name, (_, light, _) in pages.COLOURS.items()})


class Drawing(NamedTuple):
    """A figure by its file name, with its title and what is to be seen. draw : inside `pages.look()`."""

    name: str
    title: str
    alt: str
    draw: Callable[[Ink], Figure]


def drawings(measured: Mapping[str, Any]) -> list[Drawing]:
    """The figures for which there are values."""
    capstone, board = measured["capstone"], measured["leaderboard"]
    lessons = [lesson for phase in measured["learning"]["phases"] for lesson in phase["lessons"]]
    found = []
    if capstone and capstone["results"] and capstone["results"]["rows"]:
        found.append(_results(capstone["project"], **capstone["results"]))
    if capstone:
        found.append(_score(capstone["project"], capstone["score"]))
    if board:
        found.append(_board(board))
    if lessons:
        found.append(_path(lessons))
    return found


def _results(project: str, text: str, metric: str, rows: Sequence[Mapping[str, Any]]) -> Drawing:
    marked = [{**row, "mine": i == 0} for i, row in enumerate(rows)]
    return _dots("results", f"{project}: {metric} on ratings held out", metric, marked)


def _board(board: Mapping[str, Any]) -> Drawing:
    rows = [{"model": row["model"], "mine": row["mine"], "value": row[board["metric"]]} for row in board["rows"]]
    return _dots("board", "My models among the course's, one split of MovieLens 100K", "nDCG@10", rows)


def _score(project: str, score: Mapping[str, Any]) -> Drawing:
    title = f"Rubric of {project}: {score['points']} of {score['of']} points"
    rows = [(row["line"], row["points"], row["of"]) for row in score["rows"]]
    short = ", ".join(line for line, points, of in rows if points < of)
    alt = f"{title}. {f'Points are missing at: {short}' if short else 'Each line has all its points'}."
    return Drawing("score", title, alt, lambda ink: _bars(ink, rows, title, "points"))


def _path(lessons: Sequence[Mapping[str, Any]]) -> Drawing:
    rows = [(f"{row['lesson']} {row['title']}", row["correct"], row["exercises"]) for row in lessons]
    done, of = sum(n for _, n, _ in rows), sum(m for *_, m in rows)
    title = f"Exercises solved: {done} of {of} in {len(rows)} lesson{'s' if len(rows) > 1 else ''}"
    alt = f"{title}. {'; '.join(f'{name}: {n} of {m}' for name, n, m in rows)}."
    return Drawing("path", title, alt, lambda ink: _bars(ink, rows, title, "exercises"))


def png(drawing: Drawing) -> bytes:
    """On white, so that it reads on a dark page too; the same bytes each time with the same matplotlib."""
    with pages.look():
        from matplotlib import rcParams

        swap = dict(zip(PAGE, LIGHT, strict=True))
        rcParams.update({name: swap[value] for name, value in rcParams.items() if value in PAGE})  # until look() ends
        figure = drawing.draw(LIGHT)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=120, facecolor="white", metadata={"Software": None})
    return out.getvalue()


def svg(drawing: Drawing) -> str:
    """For a page: HTML with the figure inside, for light and dark."""
    with pages.look():
        return pages.image(drawing.draw(PAGE), drawing.alt)


def _dots(name: str, title: str, metric: str, rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Rows: model, value (mean, low, high), mine."""
    told = "; ".join(f"{row['model']} {stated(row['value'])}" for row in rows)
    alt = f"{title}, each with its 95 % interval: {told}."
    return Drawing(name, title, alt, lambda ink: _draw_dots(ink, title, metric, rows))


def stated(value: Sequence[float]) -> str:
    """Mean and interval with the digits of lesson 4.7: two significant ones of half the interval's width.

    No more decimal places than were given: a project's table may have been rounded before.

    >>> stated((0.171467, 0.159893, 0.183508)), stated((0.068, 0.065, 0.071))
    ('0.171 (0.160 to 0.184)', '0.068 (0.065 to 0.071)')
    """
    mean, low, high = value
    digits = places(low, high, most=max(len(f"{one}".partition(".")[2]) for one in value))
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def places(low: float, high: float, most: int) -> int:
    """Decimal places that show two significant digits of half an interval's width, at most `most`.

    >>> places(0.342, 0.376, most=9), places(7711, 10411, most=9), places(0.5, 0.5, most=3)
    (3, 0, 3)
    """
    half = (high - low) / 2
    return min(most, max(0, 1 - math.floor(math.log10(half)))) if half > 0 else most


def _draw_dots(ink: Ink, title: str, metric: str, rows: Sequence[Mapping[str, Any]]) -> Figure:
    fig, ax = pages.figure(1.3 + 0.3 * len(rows))
    for own, colour, marker, label in ((True, ink.now, "D", "mine"), (False, ink.before, "o", "for comparison")):
        places = [i for i, row in enumerate(rows) if row["mine"] == own]
        if places:
            mean, low, high = zip(*(rows[i]["value"] for i in places))
            reach = [[m - a for m, a in zip(mean, low)], [b - m for m, b in zip(mean, high)]]
            ax.errorbar(mean, places, xerr=reach, fmt=marker, color=colour, capsize=3, markersize=5, label=label)
    ax.set_yticks(range(len(rows)), [row["model"] for row in rows])
    ax.set(xlabel=f"{metric} with its 95 % interval, higher is better", xlim=(0, None), ylim=(len(rows) - 0.4, -0.6))
    ax.set_title(title, loc="left")
    ax.legend(loc="best")
    return fig


def _bars(ink: Ink, rows: Sequence[tuple[str, int, int]], title: str, unit: str) -> Figure:
    """Bars of what was reached, with the number that there are beside each."""
    fig, ax = pages.figure(1.1 + 0.3 * len(rows))
    places = range(len(rows))
    ax.barh(places, [of for _, _, of in rows], color=ink.grid)
    ax.barh(places, [n for _, n, _ in rows], color=ink.before)
    for place, (_, n, of) in zip(places, rows):
        ax.text(of, place, f" {n} of {of}", va="center")
    ax.set_yticks(places, [name for name, _, _ in rows])
    ax.set(xlabel=unit, ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1.15 * max(of for *_, of in rows)))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(visible=False, axis="y")
    ax.set_title(title, loc="left")
    return fig
