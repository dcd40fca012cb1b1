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

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from formula_values import choose, entry, power, product, size, transposed

Node = Callable[[dict[str, Any]], Any]  # a piece of a formula: from the symbols to its value
Mark = Callable[[Any, dict[str, Any]], Any]  # a power or an index: from a value and the symbols to a value

ACCENTS = {r"\hat": "hat", r"\bar": "bar", r"\tilde": "tilde"}
TEXTS = (r"\text", r"\mathrm", r"\mathbb", r"\mathbf")
_IGNORED = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])|\\[!;:]|(?<!\\)\\ ")
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|'|[^\s]")
_RELATIONS = ("=", r"\leftarrow", r"\propto", r"\Longleftrightarrow", r"\Longrightarrow", r"\ge", r"\qquad", r"\quad")
_CLOSED = {"{": "}", "(": ")", "[": "]", "|": "|", r"\|": r"\|", r"\lVert": r"\rVert"}
_NO_FACTOR = re.compile(r"[})\],&+\-/_^]|\\(?:rVert|\\|end|cdot|times|mid)|")


def tokens(latex: str) -> list[str]:
    r"""The pieces of a formula. A text such as \text{hit rate} is one piece; \, stays, for mean\,(...)^2."""
    latex = _IGNORED.sub(" ", latex)
    latex = re.sub(r"\\(?:text|mathrm)\{\s*([^{}]*?)\s*\}", lambda m: r"\text{" + typed(m[1]) + "}", latex)
    return _TOKEN.findall(latex)


def typed(text: str) -> str:
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
        reader = Reader(self.pieces)
        node = reader.sum()
        if reader.next:
            raise ValueError(f"cannot read {reader.next!r} in {' '.join(self.pieces)}")
        value = node(symbols)
        return float(value) if np.ndim(value) == 0 else value

    def __repr__(self) -> str:
        return " ".join(self.pieces)


class Reader:
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
        if first in ACCENTS or first in TEXTS:
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
        if terms[0][0] == "+" and len(terms) == 1:
            return terms[0][1]

        def total(symbols: dict[str, Any]) -> Any:
            values = [-term(symbols) if sign == "-" else term(symbols) for sign, term in terms]
            return sum(values[1:], values[0])

        return total

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
            elif not _NO_FACTOR.fullmatch(self.next) and self.next not in self.bars[-1:]:
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
                return lambda symbols: symbols[name]
            above, under = Reader(top).sum(), Reader(below).sum()
            return self.scripts(lambda symbols: above(symbols) / under(symbols))
        if token == r"\binom":
            self.take()
            above, under = Reader(self.group()).sum(), Reader(self.group()).sum()
            return lambda symbols: choose(int(above(symbols)), int(under(symbols)))
        if token == r"\sqrt":
            self.take()
            inner = Reader(self.group()).sum()
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
            inner = Reader(self.group()).sum()
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
        return inner if opening in "([{" else lambda symbols: size(inner(symbols))

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
                names[0] += "_" + Reader(content).name()
            else:
                powers.append(content)
        whole = "_".join([name.rstrip("_") for name in names]) if len(names) > 1 else names[0]  # lambda_u, lambda_

        def value(symbols: dict[str, Any]) -> Any:
            if whole in symbols:
                found = symbols[whole]
                return entry(found, [s(symbols) for s in subscripts]) if isinstance(found, Mapping) else found
            if names[0] not in symbols:
                raise KeyError(f"the formula has a symbol {whole!r} (or {names[0]!r}), which was not given")
            return entry(symbols[names[0]], [s(symbols) for s in subscripts])

        node = _marked(value, [_power(content) for content in powers])
        loose = self.space()
        if self.next not in ("(", "["):
            return node
        arguments, marks = self.arguments(), self.marks()
        bracket = _marked(arguments[0], marks)

        def called(symbols: dict[str, Any]) -> Any:
            function = node(symbols)
            if not callable(function):
                return product(function, bracket(symbols))
            if loose:  # mean\,(x)^2 is the mean of the squares, f(x)^2 the square of f(x)
                return function(bracket(symbols))
            return _marked(lambda symbols: function(*(one(symbols) for one in arguments)), marks)(symbols)

        return called

    def arguments(self) -> list[Node]:
        r"""(x), (q, x), (liked \mid watched): what a function is asked, or one bracket."""
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
        if token in ACCENTS:
            name = f"{Reader(self.group()).name()}_{ACCENTS[token]}"
        elif token in TEXTS:
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
        return _marked(node, self.marks())

    def marks(self) -> list[Mark]:
        """The powers and entries behind a bracket: (A w)_u, (x - y)^2."""
        found = []
        while self.next in ("_", "^"):
            kind, content = self.take(), self.group()
            found.append(_power(content) if kind == "^" else _indexed(_subscript(content)[1]))
        return found


def _marked(node: Node, marks: list[Mark]) -> Node:
    def marked(symbols: dict[str, Any]) -> Any:
        value = node(symbols)
        for mark in marks:
            value = mark(value, symbols)
        return value

    return marked if marks else node


def _power(pieces: list[str]) -> Mark:
    if pieces == [r"\top"]:
        return lambda value, symbols: transposed(value)
    exponent = Reader(pieces).sum()
    return lambda value, symbols: power(value, exponent(symbols))


def _indexed(subscripts: list[Node]) -> Mark:
    return lambda value, symbols: entry(value, [subscript(symbols) for subscript in subscripts])


def _range(pieces: list[str], reader: Reader) -> tuple[list[str], Callable[[dict[str, Any]], Iterable]]:
    r"""The names that a sum binds, and their values: j=1 ... n, u \in G, i \le k, or a range given as `all_...`."""
    sign = next((piece for piece in pieces if piece in ("=", r"\in", r"\le")), None)
    if sign:
        where = pieces.index(sign)
        name, first = Reader(pieces[:where]).name(), Reader(pieces[where + 1 :]).sum()
        if sign == r"\in":
            return [name], first
        if sign == r"\le":
            return [name], lambda symbols: range(1, int(first(symbols)) + 1)
        reader.take("^")
        last = Reader(reader.group()).sum()
        return [name], lambda symbols: range(int(first(symbols)), int(last(symbols)) + 1)
    inner, names, words = Reader([piece for piece in pieces if piece not in "(),"]), [], []
    while inner.space() or inner.next:
        text, word = inner.next in TEXTS, inner.name()
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
        return "".join(pieces), [Reader(part).sum() for part in parts]
    reader, names, nodes = Reader(pieces), [], []
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
        nodes.append(Reader(pieces[start : reader.at]).sum())
    return "".join(names), nodes


def _times(left: Node, sign: str, right: Node) -> Node:
    return lambda symbols: product(left(symbols), right(symbols), sign)
