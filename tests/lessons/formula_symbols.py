"""Which symbols a formula uses, which of them its sums bind, and which it defines itself."""

from __future__ import annotations

import re

from formula_reader import ACCENTS, Reader, formula_sides, tokens, typed

_OPERATORS = set(
    "sum frac sqrt ln log max min arg cdot times top dots leftarrow propto Longleftrightarrow Longrightarrow ge le ne in "  # noqa: SIM905
    "partial underbrace binom qquad quad lVert rVert mid to cos".split()
)


def symbols_of(latex: str) -> set[str]:
    r"""The symbols in it, each with its accent and without its scripts: {"r_hat", "mu"} of \hat r_{ui} = \mu.

    Words in \text{...} explain themselves; \mathrm{df} is a symbol. Indices are symbols too, unless a sum binds them.
    """
    named = {typed(name) for name in re.findall(r"\\(?:mathrm|mathbb|mathbf)\{([^{}]*)\}", latex)} - {"1"}
    latex = re.sub(r"\\(?:text|mathrm|mathbb|mathbf)\{[^{}]*\}|\\(?:begin|end)\{cases\}", " ", latex)
    reader, found = Reader([token for token in tokens(latex) if token != r"\,"]), set()
    while reader.next:
        if reader.next in ACCENTS or re.fullmatch(r"\\?[a-zA-Z]+", reader.next):
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
        reader = Reader([piece for piece in side.pieces if piece != r"\,"])
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
