"""The arithmetic of a case: expressions over named numbers, worked out without running them as code.

    peak_lists_per_second = daily_people * lists_per_person * peak_factor / seconds_per_day

The unit stands in the name, so that a wrong conversion can be read off.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping

from recsys_lab.errors import DataError

_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_PREFIXES = ((1e9, " billion"), (1e6, " million"))
_SHARES = ("share", "chance", "gain")  # a name with one of these words is shown in per cent


def work_out(expression: str, known: Mapping[str, float]) -> float:
    """The value of an expression made of numbers, known names, + - * / ** and brackets.

    >>> work_out("people * (1 + growth) ** 2", {"people": 100, "growth": 0.1})
    121.00000000000001
    """
    try:
        return float(_value(ast.parse(expression, mode="eval").body, known))
    except SyntaxError:
        raise DataError(f"{expression!r} is no expression: write names, numbers, + - * / ** and brackets.") from None
    except ArithmeticError as error:
        raise DataError(f"{expression!r} cannot be worked out: {error}.") from None


def _value(node: ast.expr, known: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left, known), _value(node.right, known))
    if isinstance(node, ast.Name):
        if node.id in known:
            return known[node.id]
        raise DataError(f"{node.id!r} is not known here; known are {', '.join(known)}.")
    raise DataError(f"{ast.unparse(node)!r} is more than arithmetic: names, numbers, + - * / ** and brackets only.")


def in_words(value: float) -> str:
    """A number as people say it: three significant digits, millions and billions by name.

    >>> in_words(2_314.8), in_words(8e6), in_words(0.0254), in_words(4.32e11), in_words(999_999)
    ('2,310', '8 million', '0.0254', '432 billion', '1 million')
    """
    rounded = float(f"{value:.3g}")
    for size, name in _PREFIXES:
        if abs(rounded) >= size:
            return f"{rounded / size:,.10g}{name}"
    places = 0 if rounded == 0 else max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{places}f}".rstrip("0").rstrip(".") if places else f"{rounded:,.0f}"


def stated(name: str, value: float) -> str:
    """A named number as people say it: shares, chances and gains in per cent.

    >>> stated("share_sold_out", 0.0956), stated("seconds_per_day", 86400)
    ('9.56 %', '86,400')
    """
    return f"{in_words(100 * value)} %" if set(_SHARES) & set(name.split("_")) else in_words(value)
