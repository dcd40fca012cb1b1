"""Numbers with units, over Pint: a rate given where a size is wanted is an error, not a wrong answer.

The vocabulary is small, and it is this file's own: Pint's usual one counts bytes, people and requests as plain numbers,
so that it would add them. Here each is a dimension.

| dimension   | units                                              |
|-------------|----------------------------------------------------|
| time        | s, min, hour, day, month (730 hours), year         |
| information | bit, byte (B), with prefixes: kB, MB, GiB, Gbit    |
| money       | usd                                                |
| counted     | user, request, event, item, server                 |
| none        | percent                                            |

Prefixes are m, u, k, M, G, T, P (powers of 1000) and Ki, Mi, Gi, Ti (powers of 1024); an s at the end may stand.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from recsys_lab import checks
from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.production.shipping import HOURS_A_MONTH

if TYPE_CHECKING:
    from pint import Quantity, UnitRegistry

Amount: TypeAlias = "Quantity | str | float"  # "2 kB/event"; a plain number only where nothing is measured in units

_VOCABULARY = (
    "micro- = 1e-6 = u-",
    "milli- = 1e-3 = m-",
    *(f"{name}- = 1e{3 * power} = {sign}-" for power, (name, sign) in enumerate(
        (("kilo", "k"), ("mega", "M"), ("giga", "G"), ("tera", "T"), ("peta", "P")), 1
    )),
    *(f"{name}- = 1024**{power} = {sign}-" for power, (name, sign) in enumerate(
        (("kibi", "Ki"), ("mebi", "Mi"), ("gibi", "Gi"), ("tebi", "Ti")), 1
    )),
    "second = [time] = s",
    "minute = 60 s = min",
    "hour = 60 minute",
    "day = 24 hour",
    f"month = {HOURS_A_MONTH} hour",
    "year = 12 month",
    "bit = [information]",
    "byte = 8 bit = B",
    *(f"{counted} = [{counted}]" for counted in ("user", "request", "event", "item", "server")),
    "usd = [money]",
    "percent = 0.01 = %",
)  # fmt: skip


@functools.cache
def registry() -> UnitRegistry[Any]:
    """The units above. Raises MissingExtraError where Pint is not installed."""
    try:
        import pint
    except ImportError as error:
        raise MissingExtraError("numbers with units need Pint: pip install 'recsys-lab[phase5]'.") from error
    known: UnitRegistry[Any] = pint.UnitRegistry(None)
    for line in _VOCABULARY:
        known.define(line)
    return known


def quantity(text: Amount) -> Quantity:
    """A number with its unit: a text such as "1.5 kB/event", a plain number, or a quantity, which is given back.

    Raises DataError for a text that does not begin with a number, or has a unit that is not in the vocabulary.

    >>> print(quantity("90 request/min").to("request/s"))
    1.5 request / second
    """
    known = registry()  # says so where Pint is missing
    import pint

    if isinstance(text, str):
        # Pint would read "ms" as 1 ms, and "5 $/hour" as 5 per hour: forgotten numbers and unknown signs are mistakes.
        if not re.fullmatch(r"\s*[-+]?\.?\d[\w\s.+\-*/^()%]*", text):
            raise DataError(f"{text!r} is not a number and its unit: write it as '5 ms' or '2 kB/event'.")
        try:
            read: Any = known.Quantity(text)
        except pint.UndefinedUnitError as error:
            raise DataError(
                f"{text!r}: {error.unit_names[0]!r} is no unit here; production/units.py lists those that there are."
            ) from error
        except Exception as error:  # Pint's reader raises whatever its tokens lead to
            raise DataError(f"{text!r} cannot be read as a number with a unit, such as '2 kB/event'.") from error
        return known.Quantity(float(read.magnitude), read.units)
    if isinstance(text, pint.Quantity):
        if text._REGISTRY is not known:
            raise DataError(f"{text} is made of other units than this library's: make it by quantity('{text}').")
        return text
    checks.number("the amount", text, float("-inf"), "a plain number, or a text such as '2 kB/event'")
    return known.Quantity(float(text))


def take(
    name: str, value: Amount, unit: str, why: str, low: float = 0, high: float = float("inf"), *, above: bool = False
) -> Quantity:
    """The value in this unit; DataError where it is not of its dimension, or not from low to high (in that unit).

    >>> take("size", "2 kB/s", "byte/event", "how much one event takes")
    Traceback (most recent call last):
    recsys_lab.errors.DataError: size='2 kB/s': how much one event takes; wanted is information / event, and this is information / time. Give it in byte/event.
    """
    given = quantity(value)
    if not given.check(unit):
        shown = repr(value) if isinstance(value, (str, int, float)) else f"'{given}'"
        wanted = _kind(quantity(f"1 {unit}"))
        remedy = f"Give it in {unit}." if unit else "Leave the unit out."
        raise DataError(f"{name}={shown}: {why}; wanted is {wanted}, and this is {_kind(given)}. {remedy}")
    checks.number(name, given.m_as(unit), low, f"{why}, in {unit}" if unit else why, high, above=above)
    return given.to(unit)


def _kind(of: Quantity) -> str:
    """The dimension in words.

    >>> _kind(quantity("3 request/s")), _kind(quantity("3 percent"))
    ('request / time', 'a plain number')
    """
    return str(of.dimensionality).replace("[", "").replace("]", "").replace("dimensionless", "a plain number")


def text(of: Quantity, unit: str, digits: int = 3) -> str:
    """A quantity for people, in this unit, rounded to so many significant digits.

    >>> text(quantity("123456 byte"), "kB"), text(quantity("2 server"), "server")
    ('123 kB', '2 server')
    """
    number = float(f"{of.m_as(unit):.{digits}g}")
    return f"{number:,.10g} {unit}"
