"""Figures as text, and as pictures with a description.

A picture cannot be compared across versions of matplotlib: its bytes differ. So each figure also carries a text form
(`fingerprint`): titles, labels, legends, and the numbers of everything drawn. Tests compare that, learners
see the picture, and a screen reader finds the description given by `figure_alt`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PNG = 60_000  # bytes; a larger picture is stored with a palette of 256 colours


def figure_alt(figure: Figure, text: str) -> None:
    """Describe a figure for those who cannot see it. Every figure of a lesson needs this; the build insists.

    Say what the figure shows and what is to be seen in it: "Bars of ratings per star: 4 is given most often, 1 least."
    """
    figure.alt_text = " ".join(text.split())  # type: ignore[attr-defined]


def fingerprint(figure: Figure) -> str:
    """The text form of a figure, the same on every machine: what is drawn, rounded to 4 significant digits."""
    lines = [f"Figure: {getattr(figure, 'alt_text', None) or 'no description'}"]
    title = figure.get_suptitle()
    if title:
        lines.append(f"title: {title}")
    lines += [f"text: {_one_line(t.get_text())}" for t in figure.texts if t.get_text() and t.get_text() != title]
    for number, axes in enumerate(figure.axes, 1):
        lines.append(_head(number, axes))
        lines += [f"  {line}" for line in _contents(axes)]
    return "\n".join(lines)


def _head(number: int, axes: Axes) -> str:
    parts = [f"axes {number}"]
    titles = [axes.get_title(loc) for loc in ("left", "center", "right")]
    for name, text in (("title", " ".join(t for t in titles if t)), ("x", axes.get_xlabel()), ("y", axes.get_ylabel())):
        if text:
            parts.append(f"{name} {_one_line(text)!r}")
    for name, scale in (("x", axes.get_xscale()), ("y", axes.get_yscale())):
        if scale != "linear":
            parts.append(f"{name} scale {scale}")
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        ticks = _set_ticks(axis)
        if ticks:
            parts.append(f"{name} ticks {', '.join(ticks)}")
    legend = axes.get_legend()
    if legend is not None:
        parts.append(f"legend {', '.join(_one_line(t.get_text()) for t in legend.get_texts())}")
    return "; ".join(parts)


def _set_ticks(axis: Any) -> list[str]:
    """Tick labels that somebody wrote; those that matplotlib chose may differ between its versions."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    if not isinstance(axis.get_major_formatter(), (FixedFormatter, StrCategoryFormatter, FuncFormatter)):
        return []
    if isinstance(axis.get_major_formatter(), FuncFormatter) and axis.get_majorticklocs().size > 40:
        return []
    return [_one_line(t.get_text()) for t in axis.get_ticklabels() if t.get_text()]


def _contents(axes: Axes) -> Iterable[str]:
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.container import BarContainer

    bars: set[int] = set()
    for container in axes.containers:
        if isinstance(container, BarContainer):
            bars |= {id(patch) for patch in container}
            boxes = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in container]
            x, y, width, height = np.array(boxes, dtype=float).reshape(-1, 4).T
            upright = getattr(container, "orientation", "vertical") != "horizontal"
            across, along = (x + width / 2, height) if upright else (y + height / 2, width)
            yield f"bars{_label(container)}: {_stats(length=along, at=across)}"
    for line in axes.lines:
        x, y = np.ma.filled(np.ma.asarray(line.get_xydata(), dtype=float), np.nan).reshape(-1, 2).T
        yield f"line{_label(line)}: {_stats(x=x, y=y)}"
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            x, y = np.ma.filled(np.ma.asarray(collection.get_offsets(), dtype=float), np.nan).reshape(-1, 2).T
            colour = collection.get_array()
            more = {} if colour is None else {"colour": colour}
            yield f"scatter{_label(collection)}: {_stats(x=x, y=y, **more)}"
        elif isinstance(collection, LineCollection):
            points = np.concatenate(
                [np.asarray(s, dtype=float).reshape(-1, 2) for s in collection.get_segments()] or [np.empty((0, 2))]
            )
            yield f"segments{_label(collection)}: {_stats(x=points[:, 0], y=points[:, 1])}"
        elif collection.get_array() is not None:
            yield f"mesh{_label(collection)}: {_stats(value=collection.get_array())}"
        else:
            paths = [p.vertices for p in collection.get_paths()] or [np.empty((0, 2))]
            points = np.concatenate(paths)
            yield f"area{_label(collection)}: {_stats(x=points[:, 0], y=points[:, 1])}"
    for image in axes.images:
        yield f"image {'x'.join(map(str, np.ma.shape(image.get_array())))}: {_stats(value=image.get_array())}"
    for patch in axes.patches:
        if id(patch) not in bars:
            corners = np.asarray(patch.get_path().transformed(patch.get_patch_transform()).vertices)
            yield f"shape{_label(patch)}: {_stats(x=corners[:, 0], y=corners[:, 1])}"
    for text in axes.texts:
        if text.get_text():
            yield f"text: {_one_line(text.get_text())}"
    for table in axes.tables:
        cells = [c.get_text().get_text() for _, c in sorted(table.get_celld().items())]
        yield f"table: {' | '.join(cells)}"


def _label(artist: Any) -> str:
    label = str(artist.get_label())
    return "" if not label or label.startswith("_") else f" {_one_line(label)!r}"


def _stats(**series: Any) -> str:
    """n, then "min / mean / max ~ m" of each series; what is not finite is not counted.

    m is the mean weighted by position, (1 v_1 + 2 v_2 + ...) / (1 + 2 + ...): it changes where two bars swap places.
    """
    parts, n = [], 0
    for name, values in series.items():
        flat = np.ma.filled(np.ma.asarray(values).astype(float), np.nan).ravel()
        finite = flat[np.isfinite(flat)]
        n = max(n, len(finite))
        if len(finite):
            weighted = np.average(finite, weights=np.arange(1, len(finite) + 1))
            # A mean of 1e-17 where values are near 1 is rounding noise, and differs between machines.
            noise = 1e-9 * np.abs(finite).max()
            numbers = (finite.min(), finite.mean(), finite.max(), weighted)
            low, mean, high, order = (f"{0.0 if abs(v) <= noise else v:.4g}" for v in numbers)
            parts.append(f"{name} {low} / {mean} / {high} ~ {order}")
    return "; ".join([f"n {n}", *parts])


def _one_line(text: str) -> str:
    return " ".join(str(text).split())


def as_png(figure: Figure) -> tuple[str, dict[str, str]] | None:
    """(base64 PNG, its metadata with the alt text). Deterministic: no date or version is stored in the file."""
    if not figure.axes and not figure.lines:
        return None
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", bbox_inches="tight", facecolor=figure.get_facecolor(), metadata={"Software": None}
    )
    data = buffer.getvalue()
    if len(data) > MAX_PNG:
        from PIL import Image

        small = io.BytesIO()
        picture = Image.open(io.BytesIO(data)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        picture.save(small, format="png", optimize=True)
        data = min(data, small.getvalue(), key=len)
    alt = getattr(figure, "alt_text", "")
    return base64.b64encode(data).decode("ascii"), {"alt": alt} if alt else {}


def as_text(figure: Figure, printer: Any, _cycle: bool) -> None:
    printer.text(fingerprint(figure))
