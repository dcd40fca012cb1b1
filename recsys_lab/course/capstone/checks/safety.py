"""No pickle: neither in what training writes, nor in what the project's code imports or switches on."""

from __future__ import annotations

import ast
import io
import zipfile
from pathlib import Path

from recsys_lab.course.capstone.bench import Bench, Lost
from recsys_lab.course.capstone.checks.building import parsed

_PICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve"}
_REMEDY = "whoever loads a pickle runs what it says; `storage.save` writes arrays and words."


def no_pickle(bench: Bench) -> str:
    for path, tree in parsed(bench.source / bench.package):
        for node in ast.walk(tree):
            if found := _in_code(node):
                raise Lost(f"{path.name}, line {node.lineno}: {found}; {_REMEDY}")  # type: ignore[attr-defined]
    written = sorted(path for path in bench.artefact.parent.rglob("*") if path.is_file())
    for path in written:
        if found := _in_bytes(path.name, path.read_bytes()):
            raise Lost(f"`train` wrote {found}: {_REMEDY}")
    return f"none in {len(written)} file{'s' if len(written) > 1 else ''} that `train` wrote, none in the code"


def _in_code(node: ast.AST) -> str:
    """What in this node leads to a pickle; "" where nothing does."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    for name in names:
        if name.partition(".")[0] in _PICKLERS:
            return f"it imports {name}"
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            on = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
            if keyword.arg == "allow_pickle" and on:
                return "allow_pickle=True"
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("to_pickle", "read_pickle"):
            return node.func.attr
    return ""


def _in_bytes(name: str, content: bytes) -> str:
    """Where a pickle is in a file or in a member of an archive; "" where none is.

    >>> import pickle
    >>> _in_bytes("model.bin", pickle.dumps({"a": 1})), _in_bytes("notes.txt", b"words")
    ('model.bin, a pickle', '')
    """
    if content[:1] == b"\x80" and content[-1:] == b".":
        return f"{name}, a pickle"
    if content.startswith(b"\x93NUMPY"):
        return f"{name}, an array of Python objects" if b"'|O'" in content[:256] else ""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = (_in_bytes(f"{Path(name).name}/{member}", archive.read(member)) for member in archive.namelist())
            return next(filter(None, inside), "")
    return ""
