"""Save a fitted model to one file, and load it on another day, in another process: without pickle.

A pickle is a program: loading one runs whatever its author wrote, and it breaks when a class moves. This file holds
arrays and words only. It is an ordinary npz (a zip of .npy members, readable with `numpy.load`) whose first member,
`header`, is UTF-8 JSON:

    {"format": "recsys-lab model", "version": 1, "library": "0.1.0",
     "model": {"model": "ItemKNN", "params": {...}, "state": {"similarities_": {"array": "similarities_"}, ...}},
     "arrays": {"similarities_": {"sha256": "...", "dtype": "float64", "shape": [1682, 1682]}, ...},
     "sha256": "..."}

What is learned is every attribute whose name ends in `_`, so a new model needs no code here. The classes of a file are
looked up among the registered models; nothing that a file names is ever imported. The checksums find damage; they do
not prove who wrote the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from scipy import sparse

import recsys_lab
from recsys_lab import registry
from recsys_lab.base import Recommender
from recsys_lab.errors import DataError, MissingDataError, UnsupportedError, few
from recsys_lab.ratings import IdIndex, Ratings

FORMAT, VERSION = "recsys-lab model", 1

# What reading an unsound file can raise, whichever part is unsound.
_UNSOUND = (ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, MemoryError, RecursionError)
_HEADER_LIMIT = 2**26  # bytes of JSON: a blend of all models has a few thousand
_NPY = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_SPARSE = {"csr_array": sparse.csr_array, "csc_array": sparse.csc_array}


def save(model: Recommender, path: str | os.PathLike[str]) -> Path:
    """Write a fitted model to `path`, whole or not at all; an older file there stays until the new one is complete.

    Parameters
    ----------
    model : any fitted Recommender. Its ids must be whole numbers, text, dates or anything else that NumPy can hold
        in an array without pickle.
    path : the file to write, by custom with the ending .npz; its folder must exist.

    Returns
    -------
    The path. The same model gives the same bytes. Time and size O(what was learned, with the ratings).

    Raises NotFittedError, UnsupportedError (it names what cannot be stored), DataError (no such folder).

    >>> import tempfile
    >>> from recsys_lab import datasets, registry
    >>> model = registry.make("bias").fit(datasets.toy().ratings)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load(save(model, Path(folder) / "bias.npz"))
    >>> again.recommend("ann").equals(model.recommend("ann"))
    True
    """
    if not isinstance(model, Recommender):
        raise UnsupportedError(f"save takes a fitted model; got a {type(model).__name__}.")
    writer = _Writer()
    body = writer.node(model, type(model).__name__, "")
    header = {
        "format": FORMAT,
        "version": VERSION,
        "library": recsys_lab.__version__,
        "model": body,
        "arrays": {name: entry for name, (entry, _) in writer.arrays.items()},
    }
    header["sha256"] = _sha256_of(header)
    target = Path(path)
    with atomic(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _write_member(archive, "header", np.frombuffer(_json(header).encode(), dtype=np.uint8))
        for name, (_, array) in writer.arrays.items():
            _write_member(archive, name, array)
    return target


def load(path: str | os.PathLike[str], *, also: Iterable[type[Recommender]] = ()) -> Recommender:
    """Read a model that `save` wrote; its answers are equal to the last bit.

    Parameters
    ----------
    path : the file.
    also : classes of your own, beside the registered models, that the file may hold.

    Raises DataError, and loads nothing, where the file is missing, damaged, cut short, altered, of another program or
    of a later version of this one. The message says which, and what to do.
    """
    source = Path(path)
    if not source.is_file():
        raise MissingDataError(f"no model at {source}: give the file that `save` or `recsys-lab save` wrote.")
    try:
        with zipfile.ZipFile(source) as archive:
            header = _header(archive, source)
            reader = _Reader(archive, source, header["arrays"], also)
            return reader.model(header["model"])
    except DataError:  # it is a ValueError too, and it already says what is wrong
        raise
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{source} is not a model file, or was cut short ({error}). {_REMEDY}") from error
    except _UNSOUND as error:
        raise DataError(f"{source} is damaged: {type(error).__name__}: {error}. {_REMEDY}") from error


_REMEDY = "Fetch or copy it again, or fit the model and save it anew."


# ---------------------------------------------------------------------- from a model to JSON and arrays
class _Writer:
    """Turns values into JSON nodes, and collects the arrays that the nodes refer to by name."""

    def __init__(self) -> None:
        self.arrays: dict[str, tuple[dict[str, Any], np.ndarray]] = {}
        self._stored: dict[str, str] = {}  # checksum -> name: an array that two attributes share is stored once
        self._tuples: dict[str, type] = {}

    def node(self, value: Any, where: str, name: str) -> Any:
        """`where` is for messages, `name` for the arrays; both grow on the way down."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value), where, name)}
        if type(value) is np.ndarray:
            if value.dtype == object:
                return {"text": self._texts(value, where, name)}
            return {"array": self._array(value, where, name)}
        if type(value).__name__ in _SPARSE and sparse.issparse(value):
            parts = {
                p: self.node(getattr(value, p), f"{where}.{p}", f"{name}.{p}") for p in ("data", "indices", "indptr")
            }
            return {"sparse": type(value).__name__, "shape": list(value.shape), **parts}
        if isinstance(value, IdIndex):
            return {"ids": self.node(value.ids, f"the {value.noun} ids", f"{name}.ids"), "noun": value.noun}
        if isinstance(value, Ratings):
            parts = {
                p: self.node(getattr(value, p), f"{where}.{p}", f"{name}.{p}") for p in ("matrix", "users", "items")
            }
            return {"ratings": parts, "scale": [self.node(bound, f"{where}.scale", name) for bound in value.scale]}
        if isinstance(value, Recommender):
            return self._model(value, where, name)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            if self._tuples.get(type(value).__name__) is not type(value):
                raise UnsupportedError(
                    f"{where} is a {type(value).__name__}, which the model's own file does not define."
                )
            parts = {f: self.node(getattr(value, f), f"{where}.{f}", f"{name}.{f}") for f in value._fields}
            return {"tuple": type(value).__name__, "fields": parts}
        if type(value) in (list, tuple):
            return {
                type(value).__name__ + "_of": [
                    self.node(v, f"{where}[{i}]", f"{name}.{i}") for i, v in enumerate(value)
                ]
            }
        if type(value) is dict and all(type(key) is str for key in value):
            return {"dict": {key: self.node(v, f"{where}[{key!r}]", f"{name}.{key}") for key, v in value.items()}}
        raise UnsupportedError(
            f"{where} is a {type(value).__name__}, which cannot be stored. A model may hold numbers, text, arrays, sparse "
            "arrays, ratings, other models, and lists, dicts or named tuples of these."
        )

    def _model(self, model: Recommender, where: str, name: str) -> dict[str, Any]:
        model._fitted()
        prefix = f"{name}." if name else ""
        self._tuples |= _named_tuples(type(model))
        learned = {k: v for k, v in vars(model).items() if _is_learned(k)}
        return {
            "model": type(model).__name__,
            "params": {k: self.node(v, f"{where}({k}=...)", prefix + k) for k, v in model.params().items()},
            "state": {k: self.node(learned[k], f"{where}.{k}", prefix + k) for k in sorted(learned)},
        }

    def _array(self, array: np.ndarray, where: str, name: str) -> str:
        if array.dtype.hasobject or array.dtype.fields:
            raise UnsupportedError(f"{where} is an array of {array.dtype}, which cannot be stored without pickle.")
        digest = _Digest()
        np.lib.format.write_array(digest, array, allow_pickle=False)  # type: ignore[arg-type]
        sha256 = digest.sha256.hexdigest()
        if sha256 not in self._stored:
            self._stored[sha256] = name
            self.arrays[name] = ({"sha256": sha256, "dtype": str(array.dtype), "shape": list(array.shape)}, array)
        return self._stored[sha256]

    def _texts(self, array: np.ndarray, where: str, name: str) -> dict[str, str]:
        """Text of any length, as UTF-8 bytes and lengths: NumPy's own fixed width drops trailing zeros and wastes space."""
        others = {type(v).__name__ for v in array.ravel() if type(v) is not str}
        if others or array.ndim != 1:
            sample = [v for v in array.ravel() if type(v) is not str]
            raise UnsupportedError(
                f"{where} cannot be stored: values of type {', '.join(sorted(others)) or 'text in a table'}, such as "
                f"{few(sample[:1])}. Use whole numbers or text, all of one type, before `fit`."
            )
        encoded = [text.encode("utf-8", "surrogatepass") for text in array]
        return {
            "utf8": self._array(np.frombuffer(b"".join(encoded), dtype=np.uint8), where, f"{name}.utf8"),
            "lengths": self._array(np.array([len(e) for e in encoded], dtype=np.int64), where, f"{name}.lengths"),
        }


# ---------------------------------------------------------------------- and back
class _Reader:
    """Turns JSON nodes back into values. Every array's checksum is compared before the array is parsed."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        source: Path,
        arrays: dict[str, dict[str, Any]],
        also: Iterable[type[Recommender]],
    ):
        self.archive, self.source, self.arrays, self.also = archive, source, arrays, {cls.__name__: cls for cls in also}
        self._tuples: dict[str, Any] = {}

    def model(self, node: dict[str, Any]) -> Recommender:
        name = node["model"]
        homes = {entry.name: entry for entry in registry.entries().values()}
        if name not in self.also and name not in homes:
            raise DataError(
                f"{self.source} holds a {name}, which is not a registered model. If the class is yours: "
                f"load(path, also=[{name}])."
            )
        cls = self.also[name] if name in self.also else homes[name].load()
        self._tuples |= _named_tuples(cls)
        params = {key: self.value(value) for key, value in node["params"].items()}
        if strange := params.keys() - registry.parameters(cls).keys():
            raise DataError(
                f"{self.source}: {name} has no parameter {few(sorted(strange))} in recsys_lab {recsys_lab.__version__}. "
                "Fit the model and save it anew."
            )
        model = cls(**params)
        for key, value in node["state"].items():
            if not _is_learned(key):
                raise ValueError(f"{key!r} is not the name of something learned")
            setattr(model, key, self.value(value))
        if not hasattr(model, "train_"):
            raise ValueError(f"the ratings that {name} was fitted on are missing")
        return model

    def value(self, node: Any) -> Any:
        match node:
            case None | bool() | int() | float() | str():
                return node
            case {"float": text}:
                return float(text)
            case {"array": name}:
                return self._member(name)
            case {"scalar": name}:
                return self._member(name)[()]
            case {"text": {"utf8": data, "lengths": lengths}}:
                return _texts(self._member(data).tobytes(), self._member(lengths))
            case {"sparse": kind, "shape": shape, **arrays}:
                buffers = tuple(self.value(arrays[p]) for p in ("data", "indices", "indptr"))
                matrix = _SPARSE[kind](buffers, shape=tuple(shape))
                matrix.check_format(full_check=True)  # compiled loops trust the indices
                return matrix
            case {"ids": ids, "noun": noun}:
                return IdIndex(self.value(ids), noun=noun)
            case {"ratings": parts, "scale": scale}:
                return _ratings(**{key: self.value(v) for key, v in parts.items()}, scale=tuple(map(self.value, scale)))
            case {"model": _}:
                return self.model(node)
            case {"tuple": name, "fields": fields}:
                return self._tuples[name](**{key: self.value(v) for key, v in fields.items()})
            case {"list_of": values}:
                return [self.value(v) for v in values]
            case {"tuple_of": values}:
                return tuple(self.value(v) for v in values)
            case {"dict": values}:
                return {key: self.value(v) for key, v in values.items()}
        raise ValueError(f"an entry of unknown kind: {str(node)[:80]}")

    def _member(self, name: str) -> np.ndarray:
        # Read anew each time: two attributes that were equal get an array each, and neither can change the other.
        _check_stored(self.archive, name)
        digest = _Digest()
        with self.archive.open(f"{name}.npy") as member:
            while chunk := member.read(2**20):
                digest.write(chunk)
        if digest.sha256.hexdigest() != self.arrays[name]["sha256"]:
            raise DataError(f"{self.source} was altered or damaged: the checksum of {name!r} differs. {_REMEDY}")
        return _array(self.archive, name)


def _header(archive: zipfile.ZipFile, source: Path) -> dict[str, Any]:
    if "header.npy" not in archive.namelist():
        raise DataError(f"{source} is an archive, but not a model that recsys_lab saved: it has no header. {_REMEDY}")
    _check_stored(archive, "header")
    if archive.getinfo("header.npy").file_size > _HEADER_LIMIT:
        raise ValueError(f"its header has more than {_HEADER_LIMIT:,} bytes")
    header = json.loads(_array(archive, "header").tobytes())
    if header["format"] != FORMAT:
        raise DataError(f"{source} holds {header['format']!r}, not {FORMAT!r}: it belongs to another program.")
    if header["version"] > VERSION:
        raise DataError(
            f"{source} has format {header['version']}, written by recsys_lab {header['library']}; this is recsys_lab "
            f"{recsys_lab.__version__}, which reads up to format {VERSION}. Update recsys_lab, or save the model with it."
        )
    claimed = header.pop("sha256")
    if claimed != _sha256_of(header):
        raise DataError(f"{source} was altered or damaged: the checksum of its header differs. {_REMEDY}")
    return header


# ---------------------------------------------------------------------- small parts
def _texts(data: bytes, lengths: np.ndarray) -> np.ndarray:
    ends = np.cumsum(lengths)
    out = np.empty(len(lengths), dtype=object)
    out[:] = [data[end - n : end].decode("utf-8", "surrogatepass") for n, end in zip(lengths, ends)]
    return out


def _ratings(matrix: sparse.csr_array, users: IdIndex, items: IdIndex, scale: tuple[float, float]) -> Ratings:
    if matrix.shape != (len(users), len(items)):
        raise ValueError("the ratings do not fit their ids")
    return Ratings(matrix, users, items, scale)


class _Digest:
    """A file that keeps the SHA-256 of what is written to it, and nothing else."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return len(data)


def _is_learned(attribute: str) -> bool:
    return attribute.endswith("_") and not attribute.startswith("_") and attribute.isidentifier()


def _named_tuples(cls: type) -> dict[str, Any]:
    """The named tuples that the files of a class and of its bases define or import: those a saved state may use."""
    files = [vars(sys.modules[base.__module__]) for base in cls.__mro__]
    classes = [v for file in files for v in file.values() if isinstance(v, type) and issubclass(v, tuple)]
    return {c.__name__: c for c in classes if hasattr(c, "_fields")}


def _json(header: dict[str, Any]) -> str:
    return json.dumps(header, sort_keys=False, allow_nan=False, ensure_ascii=True)


def _sha256_of(header: dict[str, Any]) -> str:
    return hashlib.sha256(_json(header).encode()).hexdigest()


def _check_stored(archive: zipfile.ZipFile, name: str) -> None:
    """Members are stored as they are, so that a small file cannot unpack to a huge one, nor claim to be one."""
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
        raise ValueError(f"member {name!r} is compressed")
    if member.header_offset + member.file_size > archive.start_dir:
        raise ValueError(f"member {name!r} claims {member.file_size:,} bytes, more than the file has")


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array, after its own header: NumPy would allocate whatever that claims, before it reads a byte."""
    with archive.open(f"{name}.npy") as member:
        read_header = _NPY[np.lib.format.read_magic(member)]
        shape, _, dtype = read_header(member)
        left = archive.getinfo(f"{name}.npy").file_size - member.tell()
        if not dtype.hasobject and math.prod(shape) * dtype.itemsize != left:  # objects are refused below
            raise ValueError(f"member {name!r} claims an array of {shape} {dtype}, and has {left:,} bytes")
        member.seek(0)
        return np.lib.format.read_array(member, allow_pickle=False)


def _write_member(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    # The date is fixed: the same model gives the same bytes.
    member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    with archive.open(member, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


@contextmanager
def atomic(target: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which becomes `target` when all is on the disk, and vanishes if anything fails."""
    if not target.parent.is_dir():
        raise DataError(f"cannot write {target}: there is no folder {target.parent}. Create it first.")
    if target.is_dir():
        raise DataError(f"cannot write {target}: it is a folder. Give a file name, such as {target / 'model.npz'}.")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
