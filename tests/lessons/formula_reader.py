r"""Reads a formula of a lesson as it is printed, and computes it, symbol by symbol.

    >>> mean, = formula_sides(r"\frac{1}{n} \sum_{j=1}^{n} r_j")
    >>> mean(n=2, r=[3, 5])
    4.0

A formula is split at its relation signs and wide gaps into sides; each side is a function of its symbols. A symbol's
name is what one would type: `r_hat` for \hat r, `r_bar`, `r_tilde`, `s_prime` for s', `hit_rate` for \text{hit rate},
`lambda_` for \lambda. `r_{ui}` is the entry (u, i) of `r`, unless a symbol `r_ui` is given. Indices count from 1, as
on paper; a dict is asked by its own keys. A sum that names no range, \sum_j or \sum_{(u,i)}, runs over `all_j` or
`all_u_i`. A vector has one axis; side by side it is a column, with ^\top a row, and \cdot makes a dot product.
A symbol that is a function is called. What stands for the dots in a sum is the symbol `dots`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Node = Callable[[dict[str, Any]], Any]  # a piece of a formula: from the symbols to its value

_ACCENTS = {r"\hat": "hat", r"\bar": "bar", r"\tilde": "tilde"}
_TEXTS = (r"\text", r"\mathrm", r"\mathbb", r"\mathbf")
_IGNORED = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])|\\[!;:]|(?<!\\)\\ ")
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|'|[^\s]")
_RELATIONS = ("=", r"\leftarrow", r"\propto", r"\Longleftrightarrow", r"\Longrightarrow", r"\ge", r"\qquad", r"\quad")
_CLOSED = {"{": "}", "(": ")", "[": "]", "|": "|", r"\|": r"\|", r"\lVert": r"\rVert"}
_NO_FACTOR = {
    "}",
    ")",
    "]",
    r"\rVert",
    "&",
    r"\\",
    r"\end",
    "+",
    "-",
    ",",
    "/",
    "_",
    "^",
    r"\cdot",
    r"\times",
    r"\mid",
    r"\in",
    r"\le",
    r"\to",
    "'",
}


def tokens(latex: str) -> list[str]:
    r"""The pieces of a formula. A text such as \text{hit rate} is one piece; \, stays, for mean\,(...)^2."""
    latex = _IGNORED.sub(" ", latex)
    latex = re.sub(r"\\(?:text|mathrm)\{\s*([^{}]*?)\s*\}", lambda m: r"\text{" + _typed(m[1]) + "}", latex)
    return _TOKEN.findall(latex)


def _typed(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_")


def formula_sides(latex: str) -> tuple[Side, ...]:
    """Its sides, in reading order: what stands between relation signs and wide gaps outside all brackets."""
    sides: list[list[str]] = [[]]
    depth = 0
    for token in tokens(latex):
        depth += (token in "{([") - (token in "})]")
        if depth == 0 and token in _RELATIONS:
            sides.append([])
        else:
            sides[-1].append(token)
    stripped = [side[:-1] if side[-1:] == [","] else side for side in sides]
    return tuple(Side(side) for side in stripped if side and side != [r"\,"])


class Side:
    """One side of a formula. It is read when it is first called, so that what no test computes may hold anything."""

    def __init__(self, pieces: list[str]):
        self.pieces = pieces

    def __call__(self, **symbols: Any) -> Any:
        reader = _Reader(self.pieces)
        node = reader.sum()
        if reader.next:
            raise ValueError(f"cannot read {reader.next!r} in {' '.join(self.pieces)}")
        value = node(symbols)
        return float(value) if np.ndim(value) == 0 else value

    def __repr__(self) -> str:
        return " ".join(self.pieces)


class _Reader:
    """A recursive descent: sum -> product -> factor. Each method reads on and returns a Node."""

    def __init__(self, pieces: list[str]):
        self.pieces, self.at, self.bars = pieces, 0, []  # bars: the | that wait for their partner

    @property
    def next(self) -> str:
        return self.pieces[self.at] if self.at < len(self.pieces) else ""

    def take(self, expected: str = "") -> str:
        token = self.next
        if not token or (expected and token != expected):
            raise ValueError(f"expected {expected or 'more'!r}, found {token!r} in {' '.join(self.pieces)}")
        self.at += 1
        return token

    def space(self) -> bool:
        start = self.at
        while self.next == r"\,":
            self.at += 1
        return self.at > start

    def group(self) -> list[str]:
        """The pieces of the next {...}, or the single next piece (with what belongs to it: \bar r, \text{x})."""
        self.space()
        first = self.take()
        if first in _ACCENTS or first in _TEXTS:
            start = self.at - 1
            self.group()
            return self.pieces[start : self.at]
        if first != "{":
            return [first]
        depth, start = 1, self.at
        while depth:
            depth += {"{": 1, "}": -1}.get(self.take(), 0)
        return self.pieces[start : self.at - 1]

    # ------------------------------------------------------------------ sum, product, factor
    def sum(self) -> Node:
        self.space()
        if self.next == r"\arg":  # \arg\min_p of a sum: the sum, as a function of p
            self.at += 3
            self.group()
        sign = self.take() if self.next in ("+", "-") else "+"
        terms = [(sign, self.product())]
        while self.next in ("+", "-"):
            terms.append((self.take(), self.product()))
        return lambda symbols: _add(terms, symbols)

    def product(self) -> Node:
        self.space()
        if self.next == "-":  # as in 2 \cdot -1
            self.take()
            inner = self.product()
            return lambda symbols: -inner(symbols)
        node = self.factor()
        while True:
            self.space()
            if self.next in (r"\cdot", r"\times", "/"):
                node = _times(node, self.take(), self.factor())
            elif self.next and self.next not in _NO_FACTOR and self.next not in self.bars[-1:]:
                node = _times(node, "", self.factor())
            else:
                return node

    def factor(self) -> Node:
        self.space()
        token = self.next
        if token in (r"\sum", r"\max", r"\min"):
            return self.over(self.take())
        if token == r"\frac":
            self.take()
            top, below = self.group(), self.group()
            if top[:1] == [r"\partial"]:  # \frac{\partial L}{\partial w} is the symbol dL_dw
                name = f"d{top[1]}_d{below[1]}"
                return self.scripts(lambda symbols: symbols[name])
            above, under = _Reader(top).sum(), _Reader(below).sum()
            return self.scripts(lambda symbols: above(symbols) / under(symbols))
        if token == r"\binom":
            self.take()
            above, under = _Reader(self.group()).sum(), _Reader(self.group()).sum()
            return lambda symbols: _choose(int(above(symbols)), int(under(symbols)))
        if token == r"\sqrt":
            self.take()
            inner = _Reader(self.group()).sum()
            return lambda symbols: np.sqrt(inner(symbols))
        if token in (r"\ln", r"\log"):
            self.take()
            if token == r"\log":
                self.take("_")
                self.take("2")
            inner = self.factor()
            return lambda symbols: np.log(inner(symbols)) if token == r"\ln" else np.log2(inner(symbols))
        if token == r"\begin":
            return self.cases()
        if token == r"\underbrace":
            self.take()
            inner = _Reader(self.group()).sum()
            if self.next == "_":  # what is written below the brace
                self.take()
                self.group()
            return inner
        if token in _CLOSED:
            return self.scripts(self.bracket())
        if token[0].isdigit():
            number = float(self.take()) if "." in token else int(self.take())
            return self.scripts(lambda symbols: number)
        return self.symbol()

    def bracket(self) -> Node:
        r"""(...), [...], {...}; |...|, \|...\| and \lVert...\rVert are a size: of a number, a vector, a set."""
        opening = self.take()
        self.bars.append(_CLOSED[opening])
        inner = self.sum()
        self.space()
        self.take(self.bars.pop())
        return inner if opening in "([{" else lambda symbols: _size(inner(symbols))

    def over(self, operator: str) -> Node:
        r"""\sum, \max and \min with a range below; or \min(k, n)."""
        if self.next != "_" and operator == r"\sum":  # of all entries
            entries = self.product()
            return lambda symbols: np.sum(entries(symbols))
        if self.next != "_":
            members = self.arguments()
            best = max if operator == r"\max" else min
            return lambda symbols: best(member(symbols) for member in members)
        self.take()
        names, members_of = _range(self.group(), self)
        body = self.product()

        def node(symbols: dict[str, Any]) -> Any:
            values = []
            for member in members_of(symbols):
                members = member if len(names) > 1 else (member,)
                values.append(body({**symbols, **dict(zip(names, members, strict=True))}))
            if operator == r"\sum":
                return sum(values[1:], values[0]) if values else 0
            return max(values, default=0) if operator == r"\max" else min(values)

        return node

    def cases(self) -> Node:
        r"""1 + \alpha & \text{if } u \text{ chose } i \\ 1 & \text{otherwise}: the symbol `if_u_chose_i` says which."""
        self.take()
        self.group()
        found = []
        while self.next != r"\end":
            value = self.sum()
            self.take("&")
            words = []
            while self.next not in (r"\\", r"\end"):
                words.append(self.name())
            found.append((value, "_".join(words)))
            if self.next == r"\\":
                self.take()
        self.take()
        self.group()
        return lambda symbols: next(value for value, when in found if when == "otherwise" or symbols[when])(symbols)

    def symbol(self) -> Node:
        """A symbol with its scripts, and its arguments if it turns out to be a function."""
        name = self.name()
        subscripts: list[Node] = []
        names = [name]
        powers: list[list[str]] = []
        while self.next in ("_", "^"):
            kind, content = self.take(), self.group()
            if kind == "_" or content[:1] == ["("]:
                content = content[1:-1] if content[:1] == ["("] else content
                more, nodes = _subscript(content)
                names.append(more)
                subscripts += nodes
            elif content == ["*"]:
                names.append("star")
            elif content[0] == r"\text":
                names[0] += "_" + _Reader(content).name()
            else:
                powers.append(content)
        whole = "_".join([name.rstrip("_") for name in names]) if len(names) > 1 else names[0]  # lambda_u, lambda_

        def value(symbols: dict[str, Any]) -> Any:
            if whole in symbols:
                found = symbols[whole]
                return _entry(found, [s(symbols) for s in subscripts]) if isinstance(found, Mapping) else found
            if names[0] not in symbols:
                raise KeyError(f"the formula has a symbol {whole!r} (or {names[0]!r}), which was not given")
            return _entry(symbols[names[0]], [s(symbols) for s in subscripts])

        node: Node = value
        for content in powers:
            node = _power(node, content)
        loose = self.space()
        if self.next not in ("(", "["):
            return node
        arguments = self.arguments()
        inside: dict[str, Any] = {}  # the bracket's value, handed to what its scripts make of it
        scripted = self.scripts(lambda symbols: inside["value"])

        def after(value: Any, symbols: dict[str, Any]) -> Any:
            inside["value"] = value
            return scripted(symbols)

        def called(symbols: dict[str, Any]) -> Any:
            function, values = node(symbols), [argument(symbols) for argument in arguments]
            if not callable(function):
                return _product(function, after(values[0], symbols))
            if loose:  # mean\,(x)^2 is the mean of the squares, f(x)^2 the square of f(x)
                return function(after(values[0], symbols))
            return after(function(*values), symbols)

        return called

    def arguments(self) -> list[Node]:
        """(x), (q, x), (liked \\mid watched): what a function is asked, or one bracket."""
        self.bars.append(_CLOSED[self.take()])
        found = [self.sum()]
        while self.next in (",", r"\mid"):
            self.take()
            found.append(self.sum())
        self.space()
        self.take(self.bars.pop())
        return found

    def name(self) -> str:
        r"""\hat r -> r_hat, \lambda -> lambda_, \text{hit rate} -> hit_rate, s' -> s_prime."""
        token = self.take()
        if token in _ACCENTS:
            name = f"{_Reader(self.group()).name()}_{_ACCENTS[token]}"
        elif token in _TEXTS:
            name = "".join(self.group())
            name = "one" if name == "1" else name
            while self.next.isalpha() and self.pieces[self.at + 1 : self.at + 2] == [r"\text"]:
                name += f"_{self.take()}_{self.name()}"  # \text{number of the } k \text{ nearest rows}
        elif re.fullmatch(r"\\?[a-zA-Z]+", token):
            name = token.lstrip("\\")
            name = "lambda_" if name == "lambda" else name
        else:
            raise ValueError(f"cannot read {token!r} in {' '.join(self.pieces)}")
        while self.next == "'":
            self.take()
            name += "_prime"
        return name

    def scripts(self, node: Node) -> Node:
        """The powers and entries behind a bracket: (A w)_u, (x - y)^2."""
        while self.next in ("_", "^"):
            kind, content = self.take(), self.group()
            node = _power(node, content) if kind == "^" else _indexed(node, _subscript(content)[1])
        return node


def _range(pieces: list[str], reader: _Reader) -> tuple[list[str], Callable[[dict[str, Any]], Iterable]]:
    r"""The names that a sum binds, and their values: j=1 ... n, u \in G, i \le k, or a range given as `all_...`."""
    for sign in ("=", r"\in", r"\le"):
        if sign in pieces:
            where = pieces.index(sign)
            name = _Reader(pieces[:where]).name()
            first = _Reader(pieces[where + 1 :]).sum()
            if sign == r"\in":
                return [name], first
            if sign == r"\le":
                return [name], lambda symbols: range(1, int(first(symbols)) + 1)
            reader.take("^")
            last = _Reader(reader.group()).sum()
            return [name], lambda symbols: range(int(first(symbols)), int(last(symbols)) + 1)
    inner, names, words = _Reader([piece for piece in pieces if piece not in "(),"]), [], []
    while inner.space() or inner.next:
        text, word = inner.next in _TEXTS, inner.name()
        if text and word == "all":
            continue
        words.append(word)
        if not text and len(words) == len(names) + 1:  # "i chosen by u" binds i alone
            names.append(word)
    given = "_".join(["all", *words])
    return names, lambda symbols: symbols[given]


def _subscript(pieces: list[str]) -> tuple[str, list[Node]]:
    """ui -> two entries, k+1 -> one, u_1 -> one; and how the whole is spelled in a symbol's name."""
    if any(piece in ("+", "-", ",") for piece in pieces):
        parts: list[list[str]] = [[]]
        for piece in pieces:
            if piece == ",":
                parts.append([])
            else:
                parts[-1].append(piece)
        return "".join(pieces), [_Reader(part).sum() for part in parts]
    reader, names, nodes = _Reader(pieces), [], []
    while reader.space() or reader.next:
        if not reader.next:
            break
        start = reader.at
        if reader.next[0].isdigit():
            names.append(reader.take())
        else:
            names.append(reader.name())
            if reader.next == "_":
                reader.take()
                names.append("_" + "".join(reader.group()))
        nodes.append(_Reader(pieces[start : reader.at]).sum())
    return "".join(names), nodes


# ------------------------------------------------------------------ values
def _add(terms: list[tuple[str, Node]], symbols: dict[str, Any]) -> Any:
    sign, first = terms[0]
    total = -first(symbols) if sign == "-" else first(symbols)
    for sign, term in terms[1:]:
        total = total - term(symbols) if sign == "-" else total + term(symbols)
    return total


def _times(left: Node, sign: str, right: Node) -> Node:
    return lambda symbols: _product(left(symbols), right(symbols), sign)


def _product(a: Any, b: Any, sign: str = "") -> Any:
    if sign == "/":
        return a / b
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    a, b = np.asarray(a), np.asarray(b)
    if sign == r"\cdot" and a.ndim == b.ndim == 1:
        return a @ b
    product = (a if a.ndim == 2 else a[:, None]) @ (b if b.ndim == 2 else b[:, None])
    if product.shape == (1, 1):
        return product[0, 0]
    return product[:, 0] if product.shape[1] == 1 else product


def _power(node: Node, pieces: list[str]) -> Node:
    if pieces == [r"\top"]:
        return lambda symbols: np.atleast_2d(node(symbols)) if np.ndim(node(symbols)) == 1 else node(symbols).T
    exponent = _Reader(pieces).sum()

    def powered(symbols: dict[str, Any]) -> Any:
        base, power = node(symbols), exponent(symbols)
        return np.linalg.matrix_power(base, int(power)) if np.ndim(base) == 2 else base**power

    return powered


def _indexed(node: Node, subscripts: list[Node]) -> Node:
    return lambda symbols: _entry(node(symbols), [s(symbols) for s in subscripts])


def _entry(value: Any, index: list[Any]) -> Any:
    if not index or callable(value):
        return value
    if isinstance(value, Mapping):
        return value[index[0] if len(index) == 1 else tuple(index)]
    if any(int(i) < 1 for i in index):
        raise IndexError(f"entries count from 1, not from {index}")
    return np.asarray(value)[tuple(int(i) - 1 for i in index)]


def _choose(n: int, k: int) -> int:
    return math.comb(n, k) if k >= 0 else 0


def _size(value: Any) -> Any:
    if isinstance(value, (set, frozenset, range)):
        return len(value)
    return abs(value) if np.ndim(value) == 0 else np.sqrt((np.asarray(value) ** 2).sum())


# ------------------------------------------------------------------ the symbols that a formula uses
_OPERATORS = set(
    "sum frac sqrt ln log max min arg cdot times top dots leftarrow propto Longleftrightarrow Longrightarrow ge le ne in "
    "partial underbrace binom begin end qquad quad lVert rVert mid to text cos".split()
)


def symbols_of(latex: str) -> set[str]:
    r"""The symbols in it, each with its accent and without its scripts: {"r_hat", "mu"} of \hat r_{ui} = \mu.

    Words in \text{...} explain themselves; \mathrm{df} is a symbol. Indices are symbols too, unless a sum binds them.
    """
    named = {_typed(name) for name in re.findall(r"\\(?:mathrm|mathbb|mathbf)\{([^{}]*)\}", latex)} - {"1"}
    latex = re.sub(r"\\(?:text|mathrm|mathbb|mathbf)\{[^{}]*\}|\\(?:begin|end)\{cases\}", " ", latex)
    reader, found = _Reader([token for token in tokens(latex) if token != r"\,"]), set()
    while reader.next:
        if reader.next in _ACCENTS or re.fullmatch(r"\\?[a-zA-Z]+", reader.next):
            name = reader.name()
            if name not in _OPERATORS:
                found.add(name)
        else:
            reader.take()
    return found | named


def bound_in(latex: str) -> set[str]:
    r"""The indices that its sums, \max and \min bind."""
    found: set[str] = set()
    for match in re.finditer(r"\\(?:sum|max|min)_(\{(?:[^{}]|\{[^{}]*\})*\}|.)", latex):
        found |= symbols_of(re.split(r"=|\\in(?![a-z])|\\le|\\text\{ chosen", match[1])[0])
    return found


def defined_by(latex: str) -> set[str]:
    r"""What stands alone on the left of its sign, and the arguments of a function there: {"f", "x"} of f(x) = ..."""
    found: set[str] = set()
    for side in formula_sides(latex):
        reader = _Reader([piece for piece in side.pieces if piece != r"\,"])
        if not re.fullmatch(r"\\?[a-zA-Z]+", reader.next):
            continue
        name = reader.name()
        while reader.next in ("_", "^"):
            reader.take()
            reader.group()
        rest = reader.pieces[reader.at :]
        if not rest or (rest[0], rest.count(")"), rest[-1]) == ("(", 1, ")"):
            found |= {name} | symbols_of(" ".join(rest))
    return found
