"""House style of the notebooks: figures, tables, and numbers rounded the same on every machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

# Okabe and Ito's colours (2008), which the colour-blind tell apart; the pale yellow is left out: unreadable on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")

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

    Rounded output is what a test can compare on any machine, and what a person can read. A zero at the end stands
    where it was computed (1.0899 is 1.090), and not where the number ends (2.5).

    >>> show(rmse=0.943712, bar=1.08996, users=943, stars=2.5)
    rmse    0.9437
    bar     1.090
    users   943
    stars   2.5
    >>> show(2 / 3, digits=2)
    0.67
    >>> show([1.00000001, -0.0])
    [1, 0]
    """
    from recsys_lab.course.exercise import _display

    if named:
        value = named if value is None else {"": value, **named}
    if isinstance(value, (pd.DataFrame, pd.Series)):
        with pd.option_context("display.float_format", lambda v: _number(v, digits)):
            _display(value)
    elif isinstance(value, Mapping):
        width = max((len(str(k)) for k in value), default=0)
        for key, v in value.items():
            print(f"{key!s:<{width}}   {_text(v, digits)}")
    elif value is not None:
        print(_text(value, digits))


def _text(value: Any, digits: int) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return f"{int(value)}"
    if isinstance(value, (float, np.floating)):
        return _number(float(value), digits)
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return np.array2string(value, formatter={"float_kind": lambda v: _number(v, digits)})  # type: ignore[arg-type]
    if isinstance(value, (list, tuple, np.ndarray)):
        inner = ", ".join(_text(v, digits) for v in value)
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return str(value)


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    if "e" in text and 1e-5 < abs(value) < 1e15:  # 1.235e+03 reads worse than 1235
        text = f"{float(text):.{digits + 4}f}".rstrip("0").rstrip(".")  # 4.2e-05 begins at the fifth place
    elif "e" not in text and np.isfinite(value) and f"{value:.{digits + 3}g}" != text:
        text = f"{value:#.{digits}g}".rstrip(".")  # the number goes on after a zero: keep that
    return "0" if text in ("-0", "0") else text


def _figures() -> None:
    import matplotlib as mpl
    from cycler import cycler
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        # The inline backend drops all formatters of figures once, when it is switched on: so switch it on first.
        if hasattr(shell, "kernel"):
            shell.run_line_magic("matplotlib", "inline")
        from matplotlib.figure import Figure

        from recsys_lab.course.figures import as_png, as_text

        formatters: Any = shell.display_formatter.formatters  # type: ignore[union-attr]
        formatters["image/png"].for_type(Figure, as_png)
        formatters["text/plain"].for_type(Figure, as_text)
    mpl.rcParams.update(
        {
            "figure.figsize": (8, 4),
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.facecolor": "white",  # solid, so that it reads on a dark page too
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=PALETTE),
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


def _tables() -> None:
    if int(pd.__version__.partition(".")[0]) < 3:  # from pandas 3 on this is simply how it behaves
        pd.options.mode.copy_on_write = True
        pd.options.future.infer_string = True
    # With PyArrow or without it, the same text columns: PyArrow's str.get_dummies makes a flag of the empty text, too.
    pd.options.mode.string_storage = "python"
    pd.options.display.max_rows = 20
    pd.options.display.max_columns = 20
    pd.options.display.width = 120
    pd.options.display.precision = 4
    pd.options.display.max_colwidth = 80  # a long film title stays whole
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
