"""Runs a learner's file in a process of its own: `python -m recsys_lab.course.projects.worker FOLDER`.

FOLDER holds `job.json` and the frames that the learner's functions get, and nothing that they must not see. After each
step its outcome is written down, so that what was reached stays known if the process is ended for taking too long.
The frames come as pickles from the grader; the answers go back as JSON, so that grading unpickles nothing of a learner.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

MEMORY = 6 * 2**30  # bytes of address space, where the system can limit it


def main(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    frames = {name: pd.read_pickle(folder / f"{name}.pkl") for name in job["frames"]}
    _limit_memory()
    if job["tamper"]:
        tamper(pd.read_pickle(folder / "hidden.pkl"))
    file = Path(job["file"])
    done: dict[str, Any] = {}

    def step(name: str, call: Callable[[], Any], shape: Callable[[Any], Any] | None = None) -> Any:
        start = time.perf_counter()
        try:
            value = call()
            answer = json.loads(json.dumps(shape(value), default=plain)) if shape else None
            done[name] = {"answer": answer, "seconds": time.perf_counter() - start}
        except BaseException as error:  # SystemExit too: the learner's code must not end the grading
            done[name] = {"error": short(error, file)}
        (folder / "done.tmp").write_text(json.dumps(done), encoding="utf-8")
        (folder / "done.tmp").replace(folder / "done.json")
        return value if "error" not in done[name] else None

    module = step("import", lambda: load(file))
    if "error" not in done["import"]:
        STEPS[job["project"]](module, frames, job, step)


# ------------------------------------------------------------------ what each project's file is asked
def _ratings(module: Any, frames: dict[str, pd.DataFrame], job: dict[str, Any], step: Any) -> None:
    train, users, items, pairs = (frames[name] for name in ("train", "users", "items", "pairs"))
    model = step("fit", lambda: module.fit(train.copy(), users.copy(), items.copy()))
    some = pairs.iloc[::-7]  # others, in another order: a pair's prediction must not change
    step("predict", lambda: module.predict(model, pairs.copy()), numbers)
    step("alone", lambda: module.predict(model, some.reset_index(drop=True)), numbers)
    if job["everything"]:
        step("validate", lambda: module.validate(train.copy(), users.copy(), items.copy()), float)


def _lists(module: Any, frames: dict[str, pd.DataFrame], job: dict[str, Any], step: Any) -> None:
    train, items, n = frames["train"], frames["items"], job["n"]
    model = step("fit", lambda: module.fit(train.copy(), items.copy()))
    step("recommend", lambda: module.recommend(model, list(job["users"]), n), table)
    if job["everything"]:
        newcomer = {int(item): stars for item, stars in job["newcomer"].items()}
        step("stranger", lambda: module.recommend(model, [job["stranger"]], n), table)
        step("newcomer", lambda: module.recommend_new(model, dict(newcomer), n), table)


def _drill(module: Any, frames: dict[str, pd.DataFrame], job: dict[str, Any], step: Any) -> None:
    from recsys_lab.course.drills.files import judged

    step("check", lambda: judged(module, job["name"]), dict)


STEPS: dict[int | str, Callable[..., None]] = {1: _ratings, 2: _lists, "drill": _drill}


def numbers(answer: Any) -> list[float]:
    """An array, Series or list of numbers as a plain list; what is not finite is left for the grader to see."""
    if answer is None:
        raise ValueError("the function returned None: is it still the stub, or is a `return` missing?")
    return np.asarray(answer, dtype=float).ravel().tolist()


def table(answer: Any) -> dict[str, list[Any]]:
    """A frame's columns user (where there is one), item and rank as plain lists."""
    if answer is None:
        raise ValueError("the function returned None: is it still the stub, or is a `return` missing?")
    missing = [c for c in ("item", "rank") if c not in getattr(answer, "columns", ())]
    if missing:
        raise ValueError(f"the answer has no column {missing[0]!r}: return a frame with columns user, item, rank.")
    return {c: answer[c].tolist() for c in ("user", "item", "rank") if c in answer.columns}


def plain(value: Any) -> Any:
    """NumPy's numbers, which hide in columns of objects, as Python's."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{value!r} is a {type(value).__name__}: ids and ranks are numbers.")


# ------------------------------------------------------------------ the learner's file
def load(file: Path) -> ModuleType:
    """Import a file by its path. What lies beside it can be imported too; no byte code is left there."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def short(error: BaseException, file: Path) -> str:
    """The error, and the lines of the learner's own folder that led to it; the library's lines help nobody.

    >>> short(KeyError("user"), Path("my_model.py"))
    "KeyError: 'user'"
    """
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == file.parent]
    lines = [f"{Path(f.filename).name}, line {f.lineno}, in {f.name}: {f.line}" for f in frames[-3:]]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f"{Path(error.filename).name}, line {error.lineno}: {(error.text or '').strip()}")
    text = str(error)
    return "\n".join([*lines, f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__])


def tamper(hidden: pd.DataFrame) -> None:
    """From now on `datasets.load` gives other stars for the hidden pairs: who reads them there gives other answers."""
    from recsys_lab import datasets

    real = datasets.load

    def load(name: str = "ml-100k", *args: Any, **options: Any) -> Any:
        data = real(name, *args, **options)
        at = pd.MultiIndex.from_frame(data.ratings[["user", "item"]])
        wrong = at.isin(pd.MultiIndex.from_frame(hidden))
        ratings = data.ratings.copy()
        ratings.loc[wrong, "rating"] = ratings.loc[wrong, "rating"] % 5 + 1
        return data._replace(ratings=ratings)

    datasets.load = load  # type: ignore[assignment]


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
