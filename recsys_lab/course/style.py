"""House style of the notebooks, and the text form of figures.

A picture cannot be compared across versions of matplotlib: its bytes differ. So each figure also carries a text form
(`fingerprint`): titles, labels, legends, and n, min, mean and max of everything drawn. Tests compare that, learners
see the picture, and a screen reader finds the description given by `figure_alt`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours (2008), which the colour-blind tell apart; the pale yellow is left out: unreadable on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")
MAX_PNG = 60_000  # bytes; a larger picture is stored with a palette of 256 colours

_kept: list[Any] = []  # the limit on threads holds as long as this object lives


def set_up() -> None:
    """Bring a notebook into house style. May be called again; does nothing that shows."""
    _one_thread()
    _quiet_bars()
    _tables()
    _figures()


# ------------------------------------------------------------------ numbers
def show(value: Any = None, /, digits: int = 4, **named: Any) -> None:
    """Print numbers rounded to `digits` significant digits, and tables likewise.

    Rounded output is what a test can compare on any machine, and what a person can read.

    >>> show(rmse=0.943712, users=943)
    rmse    0.9437
    users   943
    >>> show(2 / 3, digits=2)
    0.67
    >>> show([1.00000001, -0.0])
    [1, 0]
    """
    from recsys_lab.course.exercise import _display

    if named:
        value = named if value is None else {"": value, **named}
    if isinstance(value, (pd.DataFrame, pd.Series)):
        _display(rounded(value, digits))
    elif isinstance(value, Mapping):
        width = max((len(str(k)) for k in value), default=0)
        for key, v in value.items():
            print(f"{key!s:<{width}}   {_text(v, digits)}")
    elif value is not None:
        print(_text(value, digits))


def rounded(value: Any, digits: int = 4) -> Any:
    """Numbers rounded to significant digits, in a scalar, array, Series or DataFrame. -0.0 becomes 0.0.

    >>> rounded(1234.5678), rounded(0.00012345, 2)
    (1235.0, 0.00012)
    """
    if isinstance(value, pd.DataFrame):
        floats = value.select_dtypes("floating").columns
        return value.assign(**{str(c): rounded(value[c], digits) for c in floats if isinstance(c, str)})
    if isinstance(value, pd.Series):
        if value.dtype.kind != "f":
            return value
        return pd.Series(rounded(value.to_numpy(), digits), index=value.index, name=value.name)
    values = np.asarray(value, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude = np.where(np.isfinite(values) & (values != 0), np.floor(np.log10(np.abs(values))), 0.0)
    out = np.array([_round(v, int(digits - 1 - m)) for v, m in zip(values.ravel(), magnitude.ravel())], dtype=float)
    out = out.reshape(values.shape) + 0.0
    return float(out) if out.ndim == 0 else out


def _round(value: float, places: int) -> float:
    return round(float(value), places) if np.isfinite(value) else float(value)


def _text(value: Any, digits: int) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return f"{int(value)}"
    if isinstance(value, (float, np.floating)):
        return _number(float(value), digits)
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return np.array2string(rounded(value, digits), formatter={"float_kind": lambda v: _number(v, digits)})
    if isinstance(value, (list, tuple, np.ndarray)):
        inner = ", ".join(_text(v, digits) for v in value)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return str(value)


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    if "e" in text and 1e-5 < abs(value) < 1e15:  # 1.235e+03 reads worse than 1235
        text = f"{float(text):.{max(0, digits)}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "0") else text


# ------------------------------------------------------------------ figures
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
        x, y = line.get_xydata().T if len(line.get_xydata()) else (np.empty(0), np.empty(0))
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
        yield f"image {'x'.join(map(str, np.shape(image.get_array())))}: {_stats(value=image.get_array())}"
    for patch in axes.patches:
        if id(patch) not in bars:
            points = patch.get_path().transformed(patch.get_patch_transform()).vertices
            yield f"shape{_label(patch)}: {_stats(x=points[:, 0], y=points[:, 1])}"
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
    """n, and min, mean, max of each series; what is not finite is not counted."""
    parts, n = [], 0
    for name, values in series.items():
        values = np.ma.filled(np.ma.asarray(values).astype(float), np.nan).ravel()
        finite = values[np.isfinite(values)]
        n = max(n, len(finite))
        if len(finite):
            # A mean of 1e-17 where values are near 1 is rounding noise, and differs between machines.
            noise = 1e-9 * np.abs(finite).max()
            low, mean, high = (0.0 if abs(v) <= noise else v for v in (finite.min(), finite.mean(), finite.max()))
            parts.append(f"{name} {low:.4g} / {mean:.4g} / {high:.4g}")
    return "; ".join([f"n {n}", *parts])


def _one_line(text: str) -> str:
    return " ".join(str(text).split())


def _png(figure: Figure) -> tuple[str, dict[str, str]] | None:
    """(base64 PNG, its metadata with the alt text). Deterministic: no date or version is stored in the file."""
    import base64
    import io

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


def _plain_text(figure: Figure, printer: Any, _cycle: bool) -> None:
    printer.text(fingerprint(figure))


def _figures() -> None:
    import matplotlib as mpl
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        # The inline backend drops all formatters of figures once, when it is switched on: so switch it on first.
        if hasattr(shell, "kernel"):
            shell.run_line_magic("matplotlib", "inline")
        from matplotlib.figure import Figure

        formatters = shell.display_formatter.formatters
        formatters["image/png"].for_type(Figure, _png)
        formatters["text/plain"].for_type(Figure, _plain_text)
    mpl.rcParams.update(
        {
            "figure.figsize": (8, 4),
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.facecolor": "white",  # solid, so that it reads on a dark page too
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": mpl.cycler(color=PALETTE),
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.titlesize": 12,
            "axes.labelsize": 11,
            "font.size": 11,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.8,
            "lines.linewidth": 2,
            "legend.frameon": False,
            "image.cmap": "cividis",
        }
    )


# ------------------------------------------------------------------ the rest of the house
def _tables() -> None:
    if int(pd.__version__.partition(".")[0]) < 3:  # from pandas 3 on this is simply how it behaves
        pd.options.mode.copy_on_write = True
        pd.options.future.infer_string = True
    pd.options.display.max_rows = 20
    pd.options.display.max_columns = 20
    pd.options.display.width = 120
    pd.options.display.precision = 4
    np.set_printoptions(precision=4, suppress=True, linewidth=120)
    try:
        import sklearn
    except ImportError:  # only some lessons need it
        return
    sklearn.set_config(display="text")


def _one_thread() -> None:
    """Linear algebra on one thread: many small solves are slower on several, and sums then differ between machines."""
    if os.environ.get("OPENBLAS_NUM_THREADS") or _kept:
        return
    try:
        import threadpoolctl
    except ImportError:
        return
    _kept.append(threadpoolctl.threadpool_limits(1, user_api="blas"))


def _quiet_bars() -> None:
    """No progress bars unless a call asks for one: their text changes with every run."""
    from functools import partialmethod

    import tqdm.std

    os.environ.setdefault("TQDM_DISABLE", "1")
    if not getattr(tqdm.std.tqdm, "_recsys_lab_quiet", False):
        tqdm.std.tqdm.__init__ = partialmethod(tqdm.std.tqdm.__init__, disable=True)
        tqdm.std.tqdm._recsys_lab_quiet = True
