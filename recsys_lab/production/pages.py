"""What the pages of reports share: one HTML file that asks nothing of any server, and figures for light and dark.

Figures are SVG inside the file. Their colours are CSS variables, so that the same picture suits light and dark.
Needs matplotlib: pip install 'recsys-lab[course]'.
"""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

from recsys_lab.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours to draw with, and what each becomes in light and dark. The drawn ones occur nowhere else.
COLOURS = {
    "ink": ("#010203", "#1f2328", "#e6e6e6"),
    "grid": ("#020304", "#d8dadd", "#3a3f46"),
    "before": ("#030405", "#0072b2", "#56b4e9"),
    "now": ("#040506", "#d55e00", "#e69f00"),
}
INK, GRID, BEFORE, NOW = (drawn for drawn, _, _ in COLOURS.values())

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --page: #ffffff; --soft: #f3f4f6; --line: #d8dadd; --alert: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --page: #16181d; --soft: #20242b; --line: #3a3f46; --alert: #ff8a80; }
}
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; } h2 { margin: 2rem 0 .5rem; font-size: 1.2rem; }
.alert { color: var(--alert); font-weight: 600; }
article { border-left: .3rem solid var(--alert); background: var(--soft); padding: .5rem 1rem; margin: .75rem 0; }
article h3, article p { margin: .2rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.checks { min-width: 52rem; } .checks td:first-child { white-space: nowrap; }
img { display: block; width: 100%; min-width: 36rem; height: auto; margin: .75rem 0 1.5rem; }
"""


def document(title: str, body: str, style: str = "") -> str:
    """The whole file's text. style : CSS of this page alone."""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{STYLE}{style}</style>
{body}</html>
"""


def figure(height: float, panels: int = 1) -> tuple[Figure, Any]:
    """A figure of the page's width, and its panels one below the other; draw inside `look()`."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(8, height), layout="constrained")
    return fig, fig.subplots(panels, 1, sharex=True)


def look() -> Any:
    """Colours to be exchanged, and text as text: a context."""
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise MissingExtraError("the report's figures need matplotlib: pip install 'recsys-lab[course]'.") from error
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    look: dict[Any, Any] = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": GRID,
    }
    look |= {"axes.facecolor": "none", "axes.axisbelow": True, "text.parse_math": False, "legend.frameon": False}
    look |= {"svg.fonttype": "none", "svg.hashsalt": "monitor"}
    return rc_context(look | dict.fromkeys(ink, INK))


def image(fig: Figure, alt: str) -> str:
    """The figure as HTML, its colours those of the page."""
    out = io.StringIO()
    fig.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    for name, (drawn, _, _) in COLOURS.items():
        svg = svg.replace(drawn, f"var(--{name})")
    light, dark = (";".join(f"--{name}:{c[i]}" for name, c in COLOURS.items()) for i in (1, 2))
    style = f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    at = svg.index(">", svg.index("<svg")) + 1
    data = base64.b64encode((svg[:at] + style + svg[at:]).encode()).decode()
    return f'<div class="wide"><img alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}"></div>\n'
