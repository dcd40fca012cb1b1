"""Mutants of a solution: the same code with one small mistake in it, as a learner might make it.

`mutants(cell)` yields each changed text once. Only what stands between the solution markers is changed.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator

from recsys_lab.course.solutions import BEGIN, END, solved

ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
QUERY = (  # a pattern in SQL, and what a mistake makes of it
    (r"\bDESC\b", "ASC"),
    (r" <= ", " < "),
    (r" <= ", " > "),
    (r" = ", " <> "),
    (r" \+ ", " - "),
    (r" \* ", " + "),
    (r" / ", " * "),
    (r"\bsum\b", "avg"),
    (r"\bNOT IN\b", "IN"),
    (r"\bJOIN\b", "LEFT JOIN"),
    (r"\bWHERE [^\n]+", ""),
    (r"\bPARTITION BY [\w.]+", ""),
    (r"\bORDER BY [\w., ]+", ""),
)
NAMES = {"min": "max", "argmin": "argmax", "any": "all", "sum": "mean", "minimum": "maximum", "head": "tail"}
NAMES |= {there: here for here, there in NAMES.items()}


def mutants(cell: str) -> Iterator[tuple[str, str]]:
    """(operator, mutated source of the whole cell) of an exercise's cell; the cell without change is not among them."""
    tree, lines = ast.parse(solved(cell)), _solution_lines(cell)
    original = ast.unparse(tree)
    seen = {original}
    places = [node for node in ast.walk(tree) if getattr(node, "lineno", None) in lines]
    words = sorted({n.value for n in places if _is_text(n, tree)})
    for at, node in enumerate(ast.walk(tree)):
        if getattr(node, "lineno", None) not in lines:
            continue
        for what, change in _changes(node, words, tree):
            twin = copy.deepcopy(tree)
            target = next(n for n_at, n in enumerate(ast.walk(twin)) if n_at == at)
            text = _with(twin, target, change)
            if text is not None and text not in seen:
                seen.add(text)
                yield what, text


def _solution_lines(cell: str) -> set[int]:
    """Line numbers, in the solved cell, of what stood between the markers."""
    inside, number, lines = False, 0, set()
    for line in cell.split("\n"):
        if line.strip() in (BEGIN, END):
            inside = line.strip() == BEGIN
            continue
        number += 1
        if inside:
            lines.add(number)
    return lines


def _is_text(node: ast.AST, tree: ast.Module) -> bool:
    """A string that is a value: neither a docstring nor a part of an f-string."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    for parent in ast.walk(tree):
        if isinstance(parent, (ast.Expr, ast.JoinedStr)) and node in ast.iter_child_nodes(parent):
            return False
    return True


def _changes(node: ast.AST, words: list[str], tree: ast.Module) -> Iterator[tuple[str, object]]:
    """(operator, what stands in the node's place: a node, a function that edits it, or None to remove it)."""
    match node:
        case ast.BinOp(op=op):
            if type(op) in ARITHMETIC:
                yield "arithmetic", _set(op=ARITHMETIC[type(op)]())
            yield "dropped term", lambda n: n.left
            yield "dropped term", lambda n: n.right
        case ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            yield "arithmetic", _set(op=ARITHMETIC[type(op)]())
        case ast.Compare(ops=[op]):
            for other in COMPARISONS[type(op)]:
                yield "comparison", _set(ops=[other()])
        case ast.BoolOp(op, values):
            yield "and/or", _set(op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for i in range(len(values)):
                yield "dropped condition", lambda n, i=i: ast.BoolOp(n.op, n.values[:i] + n.values[i + 1 :])
        case ast.UnaryOp():
            yield "removed negation", lambda n: n.operand
        case ast.IfExp() | ast.If():
            yield "negated condition", lambda n: _edited(n, test=ast.UnaryOp(ast.Not(), n.test))
        case ast.Constant(value=bool(value)):
            yield "constant", _set(value=not value)
        case ast.Constant(value=int(value)):
            yield "off by one", _set(value=value + 1)
            yield "off by one", _set(value=value - 1)
        case ast.Constant(value=float(value)):
            yield "constant", _set(value=value + 1)
            yield "constant", _set(value=value / 2 if value else -1.0)
        case ast.Constant(value=str(value)) if "SELECT " in value and _is_text(node, tree):
            for text in _queries(value):
                yield "query", _set(value=text)
        case ast.JoinedStr(values=parts) if any("SELECT " in ast.unparse(part) for part in parts):
            for i, part in enumerate(parts):
                for text in _queries(part.value) if isinstance(part, ast.Constant) else ():
                    yield "query", _set(values=[*parts[:i], ast.Constant(text), *parts[i + 1 :]])
        case ast.Constant(value=str(value)) if len(words) > 1 and _is_text(node, tree):
            yield "other word", _set(value=words[(words.index(value) + 1) % len(words)])
        case ast.Call(args=args, keywords=keywords):
            if len(args) > 1:
                yield "swapped arguments", lambda n: _edited(n, args=[n.args[1], n.args[0], *n.args[2:]])
            for i, keyword in enumerate(keywords):
                if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
                    other = {0: 1, 1: 0}.get(keyword.value.value)
                    if other is not None:
                        yield "other axis", lambda n, i=i, other=other: _keyword(n, i, ast.Constant(other))
                yield "dropped keyword", lambda n, i=i: _keyword(n, i, None)
        case ast.Slice(lower, upper):
            if lower is not None:
                yield "dropped bound", _set(lower=None)
            if upper is not None:
                yield "dropped bound", _set(upper=None)
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield "other function", _set(attr=NAMES[node.attr])
    if isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
        yield "other function", _set(id=NAMES[node.id])
    if isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.If, ast.For)) and not _is_docstring(node):
        yield "removed statement", lambda n: ast.Pass()


def _queries(sql: str) -> Iterator[str]:
    """The query, or a part of it, with one change."""
    for pattern, mistake in QUERY:
        for found in re.finditer(pattern, sql):
            yield sql[: found.start()] + mistake + sql[found.end() :]


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _set(**fields: object):
    return lambda n: _edited(n, **fields)


def _edited(node: ast.AST, **fields: object) -> ast.AST:
    fresh = copy.copy(node)
    for name, value in fields.items():
        setattr(fresh, name, value)
    if isinstance(fresh, ast.BoolOp) and len(fresh.values) == 1:
        return fresh.values[0]
    return fresh


def _keyword(call: ast.Call, i: int, value: ast.expr | None) -> ast.AST:
    changed = [] if value is None else [ast.keyword(call.keywords[i].arg, value)]
    return _edited(call, keywords=[*call.keywords[:i], *changed, *call.keywords[i + 1 :]])


def _with(tree: ast.Module, target: ast.AST, change) -> str | None:
    """The text of the tree with the target changed; None where that is no Python."""
    fresh = change(target)
    if isinstance(fresh, ast.BoolOp) and len(fresh.values) == 1:
        fresh = fresh.values[0]

    class Swap(ast.NodeTransformer):
        def visit(self, node):
            return fresh if node is target else self.generic_visit(node)

    try:
        text = ast.unparse(ast.fix_missing_locations(Swap().visit(tree)))
        compile(text, "mutant", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, TypeError, AttributeError):
        return None
    return text
