"""How the capstone is made, read off its code: the modules, who uses whom, the data, the service. Mermaid, as text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from recsys_lab import datasets

_OUTSIDE = {  # what a module does to the world -> the imports that tell
    "shelf[(published models)]": ("recsys_lab.production.shelf",),
    "web([web API and page])": ("recsys_lab.serve", "fastapi", "flask"),
}


def diagram(source: Path, package: str) -> dict[str, object]:
    """The parts of a package that has its own folder in `source`.

    Gives mermaid (the text of a flow chart), data (the data sets named in the code) and modules (name -> what it is, the
    first sentence of its docstring).
    """
    trees = dict(_trees(source / package))
    modules = {name: _sentence(ast.get_docstring(tree)) for name, tree in trees.items()}
    named: dict[str, list[str]] = {name: _data_sets(tree) for name, tree in trees.items()}
    lines = [f'{_id(name)}["{_quoted(_label(name, what))}"]' for name, what in modules.items()]
    lines += [f'data_{_id(data)}[("{data}")] --> {_id(name)}' for name, found in named.items() for data in found]
    for name, tree in trees.items():
        imported = set(_imports(tree))
        lines += [
            f"{_id(other)} --> {_id(name)}" for other in modules if other != name and f"{package}.{other}" in imported
        ]
        for node, tells in _OUTSIDE.items():
            if any(one == tell or one.startswith(f"{tell}.") for one in imported for tell in tells):
                lines.append(f"{_id(name)} --> {node}")
    return {
        "mermaid": "flowchart LR\n" + "\n".join(f"    {line}" for line in lines),
        "data": sorted({data for found in named.values() for data in found}),
        "modules": modules,
    }


def _trees(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    """The modules that hold code of the project; the package's own docstring and its command line are none."""
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("__"):
            yield path.stem, ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.AST) -> Iterator[str]:
    """All modules and names that are imported, with their dots; those for type checkers only are none."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from _imports(node)


def _data_sets(tree: ast.AST) -> list[str]:
    """Names of data sets that stand in the code as text."""
    known = set(datasets.names())
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return sorted({text for text in found if text in known})


def _sentence(docstring: str | None) -> str:
    """
    >>> _sentence("Which data, and how they are divided: the only file that knows them. More.")
    'Which data, and how they are divided'
    """
    first = " ".join((docstring or "").split("\n\n")[0].split())
    return first.split(". ")[0].split(": ")[0].rstrip(".")


def _label(name: str, what: str) -> str:
    return f"{name}.py: {what}" if what else f"{name}.py"


def _quoted(text: str) -> str:
    """As Mermaid takes it between double quotes: no markup, no quotes."""
    for sign, code in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "")):
        text = text.replace(sign, code)
    return text


def _id(text: str) -> str:
    """A node's id; the letter in front keeps it from being a word of Mermaid's own, such as `end`."""
    return "n_" + "".join(sign if sign.isalnum() else "_" for sign in text)
