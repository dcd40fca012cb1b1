"""The portfolio as one HTML file, which needs no server and no other file, for light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from recsys_lab.course.portfolio import texts
from recsys_lab.course.portfolio.draw import drawings, svg
from recsys_lab.production.pages import document


def page(measured: Mapping[str, Any], title: str, about: Sequence[str]) -> str:
    """The file's text. about : the learner's own paragraphs."""
    figures = {drawing.name: svg(drawing) for drawing in drawings(measured)}
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(paragraph)}</p>" for paragraph in about)]
    capstone, board, phases = measured["capstone"], measured["leaderboard"], measured["learning"]["phases"]
    if capstone:
        score = capstone["score"]
        parts += [f"<h2>{escape(capstone['project'])}</h2>", figures.get("results", "")]
        if capstone["results"] and capstone["results"]["rows"]:
            heads = ["model", capstone["results"]["metric"], "95 % from", "to"]
            rows = [[row["model"], *(f"{value:.3f}" for value in row["value"])] for row in capstone["results"]["rows"]]
            parts.append(_table(heads, rows))
        parts += [f"<p>Scored by the course's rubric: {score['points']} of {score['of']} points.</p>", figures["score"]]
        modules = [[f"{name}.py", what] for name, what in capstone["modules"].items()]
        data = f"<p>Data: {escape(', '.join(capstone['data']))}.</p>" if capstone["data"] else ""
        parts += ["<h2>How it is made</h2>", data, _table(["module", "what it is"], modules)]
    if board:
        parts += ["<h2>My models on the course's leader-board</h2>", figures["board"], _table(*texts.board_rows(board))]
    if phases:
        parts += [
            "<h2>What I have worked through in RecSys Lab</h2>",
            _table(*texts.learning_rows(phases)),
            figures.get("path", ""),
        ]
    for heading, lines in (
        ("Not in here, because not done", measured["missing"]),
        ("Left out on purpose", measured["left_out"]),
    ):
        if lines:
            parts += [f"<h2>{heading}</h2>", f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"]
    return document(escape(title), "\n".join(part for part in parts if part) + "\n")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    return f'<div class="wide"><table>{line(heads, "th")}{"".join(line(row, "td") for row in rows)}</table></div>'
