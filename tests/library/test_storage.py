"""A saved model: equal when it is loaded, refused when it is not whole, and never a program."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recsys_lab import datasets, registry, storage
from recsys_lab.base import Recommender
from recsys_lab.errors import DataError, UnsupportedError
from recsys_lab.ratings import Ratings


@pytest.fixture
def model() -> Recommender:
    return registry.make("item-knn", k=3).fit(datasets.toy().ratings)


@pytest.fixture
def path(model: Recommender, tmp_path: Path) -> Path:
    return storage.save(model, tmp_path / "model.npz")


def header_of(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        return json.loads(archive["header"].tobytes())


def rewrite(path: Path, change: Callable[[dict[str, np.ndarray]], None], method: int = zipfile.ZIP_STORED) -> None:
    """Change members as somebody with tools would: the zip's own checksums come out right."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array)
            archive.writestr(f"{name}.npy", buffer.getvalue())


def with_header(
    change: Callable[[dict[str, Any]], None], *, sign: bool = True
) -> Callable[[dict[str, np.ndarray]], None]:
    """Change the header; with `sign`, its checksum is made right again, as somebody hostile would."""

    def apply(arrays: dict[str, np.ndarray]) -> None:
        header = json.loads(arrays["header"].tobytes())
        claimed = header.pop("sha256")
        change(header)
        header["sha256"] = hashlib.sha256(json.dumps(header).encode()).hexdigest() if sign else claimed
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)

    return apply


# ---------------------------------------------------------------------- what is in the file
def test_it_is_an_ordinary_npz_with_a_json_header(path: Path, model: Recommender) -> None:
    header = header_of(path)
    assert (header["format"], header["version"], header["model"]["model"]) == ("recsys-lab model", 1, "ItemKNN")
    assert header["model"]["params"] == model.params()
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive.files) == {"header", *header["arrays"]}
        for name, entry in header["arrays"].items():
            assert (str(archive[name].dtype), list(archive[name].shape)) == (entry["dtype"], entry["shape"])
    with zipfile.ZipFile(path) as members:
        for name, entry in header["arrays"].items():
            assert hashlib.sha256(members.read(f"{name}.npy")).hexdigest() == entry["sha256"]


def test_the_same_model_gives_the_same_bytes(path: Path, model: Recommender) -> None:
    first = path.read_bytes()
    assert storage.save(model, path).read_bytes() == first


def test_equal_arrays_are_stored_once_and_loaded_apart(tmp_path: Path) -> None:
    bias = registry.make("bias").fit(datasets.toy().ratings)
    path = storage.save(bias, tmp_path / "bias.npz")
    assert not [name for name in header_of(path)["arrays"] if name.startswith("fallback_")], "they are the biases_"
    again = storage.load(path)
    again.biases_.user[:] = 9.0
    assert not (again.fallback_.user == 9.0).any()


def test_a_loaded_model_can_be_fitted_again_and_its_ratings_are_frozen(path: Path, model: Recommender) -> None:
    again = storage.load(path)
    with pytest.raises(ValueError, match="read-only"):
        again.train_.matrix.data[0] = 1.0
    pairs = datasets.toy().ratings
    np.testing.assert_array_equal(again.fit(pairs).predict(pairs), model.predict(pairs))


class Pair(NamedTuple):
    left: np.ndarray
    right: float


class Everything(Recommender):
    """A model with one attribute of each kind that can be stored."""

    def __init__(self, *, bounds: tuple[float, float] = (0.0, float("inf")), layers: list[int] | None = None):
        self.bounds = bounds
        self.layers = layers

    def _fit(self, train: Ratings) -> None:
        self.pair_ = Pair(np.array([[1, 2], [3, 4]], dtype=np.int16, order="F"), float("nan"))
        self.single_ = np.float32(0.1)
        self.flag_, self.word_, self.none_, self.count_ = True, "é\0", None, 10**30
        self.words_ = np.array(["", "a\0", "日本", "\ud800"], dtype=object)
        self.days_ = np.array(["2026-11-22"], dtype="datetime64[D]")
        self.rows_, self.columns_ = train.matrix.copy(), train.matrix.tocsc()
        self.inner_ = registry.make("bias").fit(train)
        self.table_ = {"a": [1, 2.5, None], "b": {"c": (True, "x")}}
        self._scratch = object()  # not learned: the name does not end in _

    def _score(self, rows: np.ndarray) -> np.ndarray:
        return self.inner_._score(rows)


def test_every_kind_of_attribute_comes_back_as_it_was(tmp_path: Path) -> None:
    model = Everything(layers=[8, 4]).fit(datasets.toy().ratings)
    again = storage.load(storage.save(model, tmp_path / "model.npz"), also=[Everything])
    assert isinstance(again, Everything)
    assert (again.bounds, again.layers) == ((0.0, float("inf")), [8, 4])
    assert type(again.pair_) is Pair
    assert again.pair_.left.flags.f_contiguous
    assert again.pair_.left.dtype == np.int16
    np.testing.assert_array_equal(again.pair_.left, model.pair_.left)
    assert np.isnan(again.pair_.right)
    assert type(again.single_) is np.float32
    assert again.single_ == model.single_
    assert (again.flag_, again.word_, again.none_, again.count_) == (True, "é\0", None, 10**30)
    assert again.words_.tolist() == model.words_.tolist()
    assert again.days_.dtype == model.days_.dtype
    assert again.days_.tolist() == model.days_.tolist()
    assert isinstance(again.rows_, sparse.csr_array)
    assert isinstance(again.columns_, sparse.csc_array)
    assert (again.rows_ != model.rows_).nnz == 0
    assert again.table_ == model.table_
    assert again.inner_.params() == model.inner_.params()
    assert again.recommend("ann").equals(model.recommend("ann"))
    assert not hasattr(again, "_scratch")


# ---------------------------------------------------------------------- what cannot be stored
@pytest.mark.parametrize(
    ("users", "named"),
    [
        ([("ann", 1), ("ben", 2)], "tuple.*'ann', 1"),
        ([1, "ben"], "int, such as 1|int.*such as 1"),
        ([frozenset("a"), frozenset("b")], "frozenset"),
    ],
)
def test_ids_that_need_pickle_are_refused_by_name(users: list[Any], named: str, tmp_path: Path) -> None:
    column = pd.Series(np.empty(2, dtype=object))
    column[:] = users
    frame = pd.DataFrame({"user": column, "item": [1, 1], "rating": [1.0, 2.0]})
    model = registry.make("popularity").fit(frame)
    with pytest.raises(UnsupportedError, match=f"the user ids cannot be stored: values of type .*{named}"):
        storage.save(model, tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({1, 2}, "is a set"),
        (lambda: 1, "is a function"),
        (np.random.default_rng(1), "is a Generator"),
        (np.array([{}]), r"of type dict"),
        (np.zeros(2, dtype=[("a", "f8")]), "array of"),
        ({1: 2}, "is a dict"),
        (sparse.coo_array(np.eye(2)), "is a coo_array"),
    ],
)
def test_what_cannot_be_stored_is_named_and_nothing_is_written(
    value: Any, named: str, model: Recommender, tmp_path: Path
) -> None:
    model.odd_ = value  # type: ignore[attr-defined]
    with pytest.raises(UnsupportedError, match=rf"ItemKNN\.odd_ .*{named}"):
        storage.save(model, tmp_path / "odd.npz")
    assert not list(tmp_path.iterdir())


def test_only_models_are_saved(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="got a DataFrame"):
        storage.save(pd.DataFrame(), tmp_path / "x.npz")  # type: ignore[arg-type]


def test_the_place_must_exist(model: Recommender, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        storage.save(model, tmp_path / "missing" / "model.npz")
    with pytest.raises(DataError, match="is a folder"):
        storage.save(model, tmp_path)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- files that are refused
def test_missing_foreign_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no model at"):
        storage.load(tmp_path / "none.npz")
    with pytest.raises(DataError, match="no model at"):
        storage.load(tmp_path)
    foreign = {
        "empty.npz": b"",
        "text.npz": b"user,item,rating\n1,2,3\n",
        "pickle.npz": pickle.dumps({"a": 1}),
    }
    for name, content in foreign.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="is not a model file"):
            storage.load(tmp_path / name)
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    with pytest.raises(DataError, match="not a model that recsys_lab saved"):
        storage.load(tmp_path / "other.npz")
    np.savez(tmp_path / "header.npz", header=np.frombuffer(b'{"format": "other"}', dtype=np.uint8))
    with pytest.raises(DataError, match="another program"):
        storage.load(tmp_path / "header.npz")


def test_every_truncation_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in [*range(0, len(whole) - 1, max(1, len(whole) // 100)), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cut short|damaged"):
            storage.load(path)


def test_a_flipped_bit_is_refused_or_harmless(path: Path, model: Recommender) -> None:
    """Harmless: some bits of a zip mean nothing (dates, attributes)."""
    whole = path.read_bytes()
    pairs, refused = datasets.toy().ratings, 0
    rng = np.random.default_rng(5)
    for position in rng.choice(len(whole), size=400, replace=False):
        broken = bytearray(whole)
        broken[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        try:
            again = storage.load(path)
        except DataError:
            refused += 1
        else:
            np.testing.assert_array_equal(again.predict(pairs), model.predict(pairs))
            assert again.params() == model.params()
    assert refused > 300


def test_an_altered_array_is_refused(path: Path) -> None:
    def better(arrays: dict[str, np.ndarray]) -> None:
        arrays["means_"] = arrays["means_"] + 1

    rewrite(path, better)
    with pytest.raises(DataError, match="the checksum of 'means_' differs"):
        storage.load(path)


def test_a_missing_array_is_refused(path: Path) -> None:
    rewrite(path, lambda arrays: arrays.pop("means_"))
    with pytest.raises(DataError, match=r"damaged.*means_"):
        storage.load(path)


def test_an_altered_header_is_refused(path: Path) -> None:
    rewrite(path, with_header(lambda header: header["model"]["params"].update(k=1), sign=False))
    with pytest.raises(DataError, match="the checksum of its header differs"):
        storage.load(path)


def test_a_later_version_is_refused_with_what_to_do(path: Path) -> None:
    rewrite(path, with_header(lambda header: header.update(version=2, library="9.0.0")))
    with pytest.raises(DataError, match=r"format 2, written by recsys_lab 9\.0\.0.*Update recsys_lab"):
        storage.load(path)


def test_only_registered_classes_are_made(path: Path) -> None:
    rewrite(path, with_header(lambda header: header["model"].update(model="Popen")))
    with pytest.raises(DataError, match=r"holds a Popen, which is not a registered model.*also=\[Popen\]"):
        storage.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model["state"].update(__class__="x"),
        lambda model: model["state"].update(fit="x"),
        lambda model: model["state"].update(means_={"member": "means_"}),
        lambda model: model["state"].update(means_={"tuple": "Popen", "fields": {}}),
        lambda model: model["state"].pop("train_"),
        lambda model: model["params"].update(strange=1),
        lambda model: model["state"]["train_"]["ratings"]["matrix"].update(shape=[6, 7]),
    ],
)
def test_a_hostile_header_is_refused(change: Callable[[dict[str, Any]], None], path: Path) -> None:
    rewrite(path, with_header(lambda header: change(header["model"])))
    with pytest.raises(DataError, match=r"model\.npz"):
        storage.load(path)


def test_a_pickle_inside_is_never_run(path: Path, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"

    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (mark,))

    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Evil()], dtype=object), allow_pickle=True)
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    rewrite(path, lambda arrays: arrays.pop("means_"))
    rewrite(path, with_header(lambda header: header["arrays"]["means_"].update(sha256=sha256)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("means_.npy", buffer.getvalue())
    with pytest.raises(DataError, match="allow_pickle"):
        storage.load(path)
    assert not mark.exists()


def test_a_bomb_is_refused(path: Path) -> None:
    rewrite(path, lambda arrays: None, method=zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="compressed"):
        storage.load(path)


def claiming(bytes_of: Callable[[bytes], bytes], path: Path, name: str) -> None:
    """Replace a member's bytes, with all checksums made right, as somebody hostile would."""
    with np.load(path, allow_pickle=False) as archive:
        whole = io.BytesIO()
        np.lib.format.write_array(whole, archive[name])
    changed = bytes_of(whole.getvalue())
    sha256 = hashlib.sha256(changed).hexdigest()
    if name != "header":
        rewrite(path, with_header(lambda header: header["arrays"][name].update(sha256=sha256)))
    rewrite(path, lambda arrays: arrays.pop(name))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", changed)


def huge_shape(npy: bytes) -> bytes:
    """The same member, whose header says that 2^40 numbers follow."""
    shape = re.search(rb"'shape': \(\d+,\), \}", npy)
    assert shape is not None
    claim = b"'shape': (1099511627776,), }"
    return npy[: shape.start()] + claim + npy[shape.end() + len(claim) - len(shape.group()) :]


def huge_header(npy: bytes) -> bytes:
    """The same member in NumPy's format 2.0, whose header says that it is 4 GB long."""
    return b"\x93NUMPY\x02\x00" + (2**32 - 16).to_bytes(4, "little") + npy[10:]


@pytest.mark.parametrize("name", ["header", "means_"])
@pytest.mark.parametrize("claim", [huge_shape, huge_header])
def test_a_claim_of_more_than_the_file_has_is_refused_without_the_memory(
    claim: Callable[[bytes], bytes], name: str, path: Path
) -> None:
    claiming(claim, path, name)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="damaged"):
            storage.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_a_directory_that_claims_4_gb_is_refused_without_the_memory(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    entry = whole.index(b"PK\x01\x02")  # the directory's entry of the first member, the header
    for place in (entry + 20, entry + 24):  # its size, packed and unpacked
        whole[place : place + 4] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(whole)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="claims 4,294,967,294 bytes, more than the file has"):
            storage.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


# ---------------------------------------------------------------------- a save that does not finish
KILLED = """
import os, sys
from recsys_lab import datasets, registry, storage
model = registry.make("popularity").fit(datasets.toy().ratings)
os.fsync = lambda fd: os._exit(9)  # the power goes when all is written and nothing is safe yet
storage.save(model, sys.argv[1])
"""


def test_a_killed_save_leaves_the_old_file(path: Path) -> None:
    before = path.read_bytes()
    run = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True)
    assert run.returncode == 9, run.stderr
    assert path.read_bytes() == before
    assert type(storage.load(path)).__name__ == "ItemKNN"


def test_a_failing_save_leaves_the_old_file_and_no_litter(
    path: Path, model: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, write = path.read_bytes(), np.lib.format.write_array

    def full(file: Any, array: np.ndarray, **options: Any) -> None:
        if isinstance(file, storage._Digest):  # checksums come first, and need no disk
            return write(file, array, **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="No space left"):
        storage.save(model, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
