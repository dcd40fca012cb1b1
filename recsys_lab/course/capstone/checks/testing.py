"""Are there tests, do they pass, and does each of three mistakes make one of them fail?

The mistakes are appended to the project's own model.py, in a copy: whatever `recommend` and `load` were, from there on they
do the wrong thing. So any way of writing them is met, and the learner can read what was planted.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from recsys_lab.course.capstone.bench import Bench, Lost, Ran
from recsys_lab.course.capstone.checks.declared import plugins

MISTAKES = {
    "recommends what users have rated": (
        "recommend",
        """
def recommend(model, users, n=10, **options):  # a planted mistake
    return model.recommend(list(users), n, exclude_seen=False, unknown="popular")
""",
    ),
    "recommends the same to everybody": (
        "recommend",
        """
def recommend(model, users, n=10, **options):  # a planted mistake
    from recsys_lab.baselines import Popularity

    return Popularity().fit(model.train_).recommend(list(users), n, unknown="popular")
""",
    ),
    "loads another model than was saved": (
        "load",
        """
def load(path, _sound=load):  # a planted mistake
    from recsys_lab.baselines import Popularity

    return Popularity().fit(_sound(path).train_)
""",
    ),
}


def bite(bench: Bench) -> str:
    """One point for each mistake that the tests find; none where they do not pass without one."""
    bench.installed  # noqa: B018  they may ask for the installed package's metadata
    ran = _tests(bench, bench.source)
    if ran.code == 5:
        raise Lost("pytest found no tests.")
    if ran.code != 0:
        raise Lost(f"the tests do not pass as they are: {_failed(ran)}")
    missed = []
    for mistake, (function, text) in MISTAKES.items():
        with planted(bench, function, text) as source:
            if _tests(bench, source, "-x").code != 1:
                missed.append(mistake)
    if missed:
        raise Lost(
            f"the tests still pass when the project {' and when it '.join(missed)}.", len(MISTAKES) - len(missed)
        )
    return f"they pass, and each of {len(MISTAKES)} planted mistakes makes one fail"


@contextlib.contextmanager
def planted(bench: Bench, function: str, text: str) -> Iterator[Path]:
    """A copy of the project whose model.py ends with this text; gives the folder that its package is in."""
    copy = bench.copy("planted")
    try:
        source = copy / bench.source.relative_to(bench.work)
        module = source / bench.package / "model.py"
        if not module.is_file() or f"def {function}(" not in (code := module.read_text(encoding="utf-8")):
            raise Lost(
                f"{bench.package}/model.py has no function {function}: the commands call it, and mistakes go there."
            )
        module.write_text(f"{code}\n{text}", encoding="utf-8")
        yield source
    finally:
        shutil.rmtree(copy)


def _tests(bench: Bench, source: Path, *options: str) -> Ran:
    where = source.parent if source.name == "src" else source
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", "--no-header", *plugins(bench), *options)
    return bench.run(*command, where=where, path=[source])


def _failed(ran: Ran) -> str:
    lines = [line for line in ran.said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return (lines or ran.said.strip().splitlines() or ["pytest said nothing"])[-1][:300]
