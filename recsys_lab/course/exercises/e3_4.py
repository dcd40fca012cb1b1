"""Exercises and quiz of lesson 3.4, A pipeline with Airflow."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, same
from recsys_lab.course.quiz import Question

Step = Callable[[Path], Any]
DAY = 86_400


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder: its path and its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ------------------------------------------------------------------ 3.4.1 steps that cannot run twice
def _not_repeatable(steps: Mapping[str, Step], folder: Path) -> list[str]:
    found = []
    for name, step in steps.items():
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / "run"
            shutil.copytree(folder, copy)
            step(copy)
            once = files(copy)
            try:
                step(copy)
            except Exception:  # the second run fails: it cannot be repeated
                found.append(name)
                continue
            if files(copy) != once:
                found.append(name)
    return sorted(found)


def _judged_by(seen: Callable[[Path], Any], *, before: bool = False, swallow: bool = False) -> Callable[..., list[str]]:
    """A version that compares something else than the files' contents after one run and after two."""

    def find(steps: Mapping[str, Step], folder: Path) -> list[str]:
        found = []
        for name, step in steps.items():
            with tempfile.TemporaryDirectory() as place:
                copy = Path(place) / "run"
                shutil.copytree(folder, copy)
                first = seen(copy) if before else None
                step(copy)
                once = first if before else seen(copy)
                try:
                    if not before:
                        step(copy)
                except Exception:
                    if not swallow:
                        found.append(name)
                    continue
                if seen(copy) != once:
                    found.append(name)
        return sorted(found)

    return find


def _in_the_folder_itself(steps: Mapping[str, Step], folder: Path) -> list[str]:
    found = []
    for name, step in steps.items():
        try:
            step(folder)
            once = files(folder)
            step(folder)
        except Exception:
            found.append(name)
            continue
        if files(folder) != once:
            found.append(name)
    return sorted(found)


def _one_copy_for_all(steps: Mapping[str, Step], folder: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "run"
        shutil.copytree(folder, copy)
        return _in_the_folder_itself(steps, copy)


def _names(folder: Path) -> list[str]:
    return sorted(files(folder))


def _sizes(folder: Path) -> dict[str, int]:
    return {name: len(content) for name, content in files(folder).items()}


def _times(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file()}


def _top_level(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _accepts_a_crash(steps: Mapping[str, Step], folder: Path) -> list[str]:
    return _judged_by(files, swallow=True)(steps, folder)


def _append(folder: Path) -> None:
    with (folder / "ratings.csv").open("a") as file:
        file.write("3,9,4\n")


def _overwrite(folder: Path) -> None:
    (folder / "model.txt").write_text(f"{len((folder / 'new.csv').read_text())} bytes were new")


def _move(folder: Path) -> None:
    (folder / "new.csv").rename(folder / "taken.csv")


def _count(folder: Path) -> None:
    path = folder / "counts" / "films.txt"
    path.write_text(f"{int(path.read_text()) + 1:06d}")


def _stamp(folder: Path) -> None:
    (folder / "report.txt").write_text(uuid.uuid4().hex)


def _new_name(folder: Path) -> None:
    n = len(list(folder.glob("model-*.txt")))
    (folder / f"model-{n}.txt").write_text("a model")


def _replace_part(folder: Path) -> None:
    """The rows of this run's week go out before they come in."""
    path = folder / "ratings.csv"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("3,")]
    path.write_text("\n".join([*kept, "3,9,4"]) + "\n")


def _touch(folder: Path) -> None:
    """The same content once more."""
    path = folder / "ratings.csv"
    path.write_text(path.read_text())


def _fails_with_the_step(steps: Mapping[str, Step], folder: Path) -> list[str]:
    found = []
    for name, step in steps.items():
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / "run"
            shutil.copytree(folder, copy)
            step(copy)
            once = files(copy)
            step(copy)
            if files(copy) != once:
                found.append(name)
    return sorted(found)


def _check_not_repeatable(find: Callable[[dict[str, Step], Path], Any]) -> None:
    steps: dict[str, Step] = {
        "rewrite": _overwrite,
        "touch": _touch,
        "append": _append,
        "replace": _replace_part,
        "move": _move,
        "count": _count,
        "stamp": _stamp,
        "name": _new_name,
        "nothing": lambda folder: None,
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "given"
        (folder / "counts").mkdir(parents=True)
        (folder / "ratings.csv").write_text("1,7,5\n2,8,3\n")
        (folder / "new.csv").write_text("3,9,4\n")
        (folder / "counts" / "films.txt").write_text("000017")
        given = files(folder)
        for chosen, want in (
            (list(steps), ["append", "count", "move", "name", "stamp"]),
            (["rewrite", "touch", "nothing"], []),
            (["append", "rewrite", "nothing"], ["append"]),
            (["move", "rewrite", "replace"], ["move"]),
        ):
            try:
                got = find({name: steps[name] for name in chosen}, folder)
            except FileNotFoundError as error:
                if "new.csv" not in str(error):
                    raise
                raise Incorrect(
                    "'move' takes its input away, so its second run fails, and your function failed with it. A step whose second "
                    "run raises cannot be repeated: catch that (`try`), and go on with the next one."
                ) from None
            if files(folder) != given:
                raise Incorrect(
                    "after the call the given folder holds other files: the steps worked in it. Give each step a copy "
                    "of its own (`shutil.copytree`)."
                )
            if isinstance(got, (set, tuple, np.ndarray, pd.Index, pd.Series)):
                got = sorted(got)
            if not isinstance(got, list):
                same(got, want)
            _compare_names(got, want, chosen)


def _compare_names(got: list[str], want: list[str], chosen: list[str]) -> None:
    accused, missed = sorted(set(got) - set(want)), sorted(set(want) - set(got))
    if "touch" in accused:
        raise Incorrect(
            f"you accuse {accused}. 'touch' writes the content that is there already: only the time of change moves. Compare contents."
        )
    if accused and chosen[0] == "move":
        raise Incorrect(
            f"you accuse {accused}, and did not when it came first. 'move' had taken its file away: give each step a fresh copy."
        )
    if accused:
        raise Incorrect(
            f"you accuse {accused}. A step may change files; what counts is whether *two* runs leave what *one* run leaves, so "
            "remember the files after the first run, and not before it."
        )
    if "move" in missed:
        raise Incorrect(
            "'move' passed: its second run cannot find what the first has moved away, and raises an exception. A step "
            "that can be run only once cannot be repeated."
        )
    if {"append", "count"} <= set(missed):
        raise Incorrect(
            f"{missed} passed, though they write something else each time. The names of the files are not enough: compare their content."
        )
    if "count" in missed:
        raise Incorrect(
            f"{missed} passed. It counts up in a file of a folder below, and the file keeps its size: compare the content of "
            "every file, also of those further down (`rglob`)."
        )
    if list(got) != sorted(got) and set(got) == set(want):
        raise Incorrect("the right steps, in the order of the dict. Return their names sorted.")
    same(got, want, what="the names")


NOT_REPEATABLE = Exercise(
    id="3.4.1",
    title="Which steps cannot be repeated?",
    kind="figure it out",
    prompt="""
    Write the test that every step of a pipeline has to pass. `steps` is a dict of functions, `{name: step}`; `step(folder)`
    reads and writes files in a folder. Each of them may find the files that lie in `folder` now.

    Return the **sorted list of names** of the steps that cannot be run twice: those that leave other files behind
    than they did after one run. (`files(folder)` of the cell above gives all files of a folder and their contents.)
    A step whose second run fails is one of them. Leave `folder` as it is, and let no step see what another has done.
    """,
    reference=lambda: _not_repeatable,
    check=_check_not_repeatable,
    hints=(
        "For each step: make a fresh copy of the folder, run the step there once, remember all files, run it again, and look.",
        "`with tempfile.TemporaryDirectory() as place: copy = Path(place) / 'run'; shutil.copytree(folder, copy)` makes the "
        "copy. `once = files(copy)` between two calls of `step(copy)`, the second within `try`, is the rest.",
    ),
    wrong=(
        WrongAnswer("runs the steps in the folder itself", lambda: _in_the_folder_itself, "copy of its own"),
        WrongAnswer("compares the names of the files", lambda: _judged_by(_names), "not enough: compare their content"),
        WrongAnswer("compares the sizes", lambda: _judged_by(_sizes), "keeps its size"),
        WrongAnswer("looks at the times of change", lambda: _judged_by(_times), "only the time of change"),
        WrongAnswer("looks at the top folder only", lambda: _judged_by(_top_level), "further down"),
        WrongAnswer("compares before and after one run", lambda: _judged_by(files, before=True), "may change files"),
        WrongAnswer("takes a failing second run for fine", lambda: _accepts_a_crash, "moved away"),
        WrongAnswer("does not expect a step to fail", lambda: _fails_with_the_step, "catch that"),
        WrongAnswer("one copy for all steps", lambda: _one_copy_for_all, "a fresh copy"),
    ),
    points=3,
    explanation="The test knows nothing about the steps, so it belongs into the pipeline's own tests: whoever adds a step gets "
    "it for free. It finds what is added twice (`append`), counted twice, moved away, named anew, or different by chance "
    "(`stamp`). What it cannot find: effects outside the folder, such as a mail, a row in another team's database, or a "
    "published model. Those need a key of their own, as the run's moment.",
    expected=example('not_repeatable({"append": append, "rewrite": rewrite}, folder)', lambda: "['append']"),
)


# ------------------------------------------------------------------ 3.4.2 four backfills
WEEKS = ["1998-02-11", "1998-02-25", "1998-03-11", "1998-03-25", "1998-04-08", "1998-04-22"]
_BACKFILLS = {"A": "future", "B": "random", "C": "honest", "D": "frozen"}


@functools.cache
def four_backfills() -> pd.DataFrame:
    """What four colleagues' backfills found: columns backfill, week, ndcg, judges."""
    from recsys_lab import datasets, registry
    from recsys_lab.evaluate import evaluate_ranking
    from recsys_lab.production.runs import moment
    from recsys_lab.ratings import Ratings
    from recsys_lab.split import random_split

    ratings = datasets.load("ml-100k").ratings
    when = ratings["timestamp"]

    def fitted(rows: pd.DataFrame) -> Any:
        return registry.make("ease").fit(Ratings.from_frame(rows, scale=(1, 5)))

    found, first = [], None
    for week in WEEKS:
        until = int(moment(week).timestamp())
        cut = until - 28 * DAY
        past, holdout, later = ratings[when < cut], ratings[(when >= cut) & (when < until)], ratings[when >= until]
        known = ratings[when < until]
        drawn_train, drawn_test = random_split(known, test=len(holdout) / len(known), seed=0)
        honest = fitted(past)
        first = first or honest
        judged = {
            "future": (fitted(pd.concat([past, later])), holdout),
            "random": (fitted(drawn_train), drawn_test),
            "honest": (honest, holdout),
            "frozen": (first, holdout),
        }
        for letter, name in _BACKFILLS.items():
            score = evaluate_ranking(*judged[name]).metrics["ndcg@10"]
            found.append((letter, week, score.mean, score.users))
    return pd.DataFrame(found, columns=["backfill", "week", "ndcg", "judges"])


_SAYS = {
    (
        "A",
        "honest",
    ): "A is judged by more users than C in each week, on the same 28 days: it knows people who came only during or after them. How can it?",
    (
        "A",
        "random",
    ): "A's judges number a hundred, those of one month. A random holdout takes ratings of nearly everybody, from all of the past.",
    ("A", "frozen"): "A has more judges than any other backfill by time; a model that is not retrained has ever fewer.",
    (
        "A",
        "holdout",
    ): "whoever has learned from the holdout cannot recommend it (what was rated is left out), and scores 0.",
    (
        "B",
        "future",
    ): "B is judged by hundreds of users. In 28 days only about a hundred people were there at all, whatever the model knows.",
    ("B", "honest"): "B is judged by hundreds of users; the last 28 days of this site never had so many.",
    ("B", "frozen"): "B has more judges from week to week, and a model that is not retrained has fewer.",
    (
        "B",
        "holdout",
    ): "whoever has learned from the holdout scores 0, because what a user has rated is not recommended again.",
    (
        "C",
        "frozen",
    ): "C and D begin with the same model and the same judges. Which of the two goes on learning of new users?",
    (
        "C",
        "future",
    ): "C has fewer judges than A, on the same 28 days. The one with the knowledge of later weeks knows more users.",
    ("C", "random"): "C has some 80 judges, those of one month; a random holdout has hundreds.",
    ("C", "holdout"): "a model that has learned from the holdout scores 0, and C does not.",
    (
        "D",
        "honest",
    ): "C and D begin with the same model and the same judges, but D loses judges from week to week: it does not get to know the new users.",
    ("D", "future"): "D has the fewest judges of all. Who knows the future knows more users.",
    ("D", "random"): "D has some 50 to 85 judges, those of one month; a random holdout has hundreds.",
    ("D", "holdout"): "a model that has learned from the holdout scores 0, and D does not.",
}
_CAUSES = ("honest", "future", "random", "frozen", "holdout")


def _check_backfills(answer: Any) -> None:
    if not isinstance(answer, Mapping):
        raise Incorrect('a dict is wanted, with a word for each letter: `{"A": "honest", ...}`.')
    if set(answer) != set(_BACKFILLS):
        raise Incorrect(f"the keys should be A, B, C and D; you have {', '.join(map(str, answer)) or 'none'}.")
    for letter, word in answer.items():
        if word not in _CAUSES:
            raise Incorrect(f"{letter}: {word!r} is not among the words; they are {', '.join(_CAUSES)}.")
    for letter, want in _BACKFILLS.items():
        if answer[letter] != want:
            raise Incorrect(f"{letter}: {_SAYS[letter, answer[letter]]}")


def _swapped(a: str, b: str) -> dict[str, str]:
    return {**_BACKFILLS, a: _BACKFILLS[b], b: _BACKFILLS[a]}


BACKFILLS = Exercise(
    id="3.4.2",
    title="Four backfills, one of them honest",
    kind="figure it out",
    prompt="""
    Four colleagues made up for the runs of six past weeks, with the same model and the same ratings. All report nDCG@10, and by
    how many users it was judged (users whom the model knows and who liked something in the holdout). Their code is not
    at hand. Say what each of them did, by the figure and the table above:

    - `"honest"`: learned from what happened before the last 28 days, judged on these.
    - `"future"`: learned from everything outside these 28 days, what came later as well.
    - `"random"`: drew as many ratings at random for judging, instead of the last 28 days.
    - `"frozen"`: learned once, before the first week's holdout, and took that model for all weeks.
    - `"holdout"`: learned from the 28 days, too. (What a user has rated is never recommended again.)
    """,
    reference=lambda: dict(_BACKFILLS),
    check=_check_backfills,
    hints=(
        "Look at the numbers of judges before the scores. Who could know *more* of the month's users than an honest backfill? "
        "For whom does the number grow, or shrink, from week to week?",
        "In the first week, two backfills agree in score and judges: one of them has learned nothing since. One has "
        "several times as many judges as people visited in a month. The gap of the last one to the honest one closes as "
        "less and less future is left.",
    ),
    wrong=(
        WrongAnswer("takes the leak for honest", lambda: _swapped("A", "C"), "more users than C"),
        WrongAnswer("takes the frozen model for honest", lambda: _swapped("C", "D"), "learning of new users"),
        WrongAnswer("takes the high curve for the future", lambda: _swapped("A", "B"), "those of one month"),
        WrongAnswer("takes the low curve for a learned holdout", lambda: {**_BACKFILLS, "D": "holdout"}, "D does not"),
        WrongAnswer(
            "takes the high curve for a learned holdout",
            lambda: {**_BACKFILLS, "B": "holdout"},
            "not recommended again",
        ),
    ),
    points=3,
    explanation="No single score gives a leak away, but its company does. **A** knows users whom nobody could know then, and its "
    "lead shrinks as the future gets shorter: in the last week hardly anything is left of it. **B** answers another "
    "question (lesson 1.5): it fills gaps in the past of everybody, and is not a forecast. **D** is honest in its first "
    "week, and then shows what a model is worth that nobody retrains. Only **C** is what the site could have had.",
)


# ------------------------------------------------------------------ 3.4.3 the gate
def _gate(candidate: Any, champion: Any, margin: float) -> tuple[float, float, bool]:
    d = np.asarray(candidate, float) - np.asarray(champion, float)
    if len(d) < 2:
        return np.nan, np.nan, False
    half = 1.96 * d.std(ddof=1) / np.sqrt(len(d))
    low, high = d.mean() - half, d.mean() + half
    return low, high, bool(low >= -margin)


def _unpaired(candidate: Any, champion: Any, margin: float) -> tuple[float, float, bool]:
    a, b = np.asarray(candidate, float), np.asarray(champion, float)
    half = 1.96 * np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    low = a.mean() - b.mean() - half
    return low, low + 2 * half, bool(low >= -margin)


def _spread(candidate: Any, champion: Any, margin: float) -> tuple[float, float, bool]:
    d = np.asarray(candidate, float) - np.asarray(champion, float)
    low, high = d.mean() - 1.96 * d.std(ddof=1), d.mean() + 1.96 * d.std(ddof=1)
    return low, high, bool(low >= -margin)


def _by_n(candidate: Any, champion: Any, margin: float) -> tuple[float, float, bool]:
    d = np.asarray(candidate, float) - np.asarray(champion, float)
    if len(d) < 2:
        return np.nan, np.nan, False
    half = 1.96 * d.std() / np.sqrt(len(d))
    return d.mean() - half, d.mean() + half, bool(d.mean() - half >= -margin)


def _deciding(decide: Callable[[float, float, float, float], bool]) -> Callable[..., tuple[float, float, bool]]:
    def gate(candidate: Any, champion: Any, margin: float) -> tuple[float, float, bool]:
        low, high, _ = _gate(candidate, champion, margin)
        mean = float(np.mean(np.asarray(candidate, float) - np.asarray(champion, float)))
        return low, high, bool(decide(low, mean, high, margin))

    return gate


def _backwards(candidate: Any, champion: Any, margin: float) -> tuple[float, float, bool]:
    return _gate(champion, candidate, margin)


def _nan_passes(candidate: Any, champion: Any, margin: float) -> tuple[float, float, bool]:
    low, high, _ = _gate(candidate, champion, margin)
    return low, high, not low < -margin


def _check_gate(gate: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    level = rng.uniform(0, 1, 60)
    cases = [
        (np.array([0.4, 0.1, 0.3, 0.6]), np.array([0.3, 0.2, 0.3, 0.4]), 0.2, "four users"),
        (level + rng.normal(0.01, 0.02, 60), level, 0.0, "60 users, a better candidate, margin 0"),
        (level + rng.normal(0.0, 0.1, 60), level, 0.02, "60 users, no difference, a wide interval"),
        (
            level + rng.normal(-0.01, 0.01, 60),
            level,
            0.02,
            "60 users, a candidate that is worse, but within the margin",
        ),
        (level + rng.normal(0.015, 0.15, 60), level, 0.01, "60 users, a higher mean that nothing is sure about"),
        (level, level, 0.0, "twice the same model, margin 0"),
        (level[:1], level[:1], 0.02, "one user"),
        (np.array([0.5, 0.6]), np.array([0.4, 0.3]), 0.0, "two users"),
    ]
    for candidate, champion, margin, what in cases:
        with np.errstate(all="ignore"):
            got = gate(candidate, champion, margin)
            want = _gate(candidate, champion, margin)
            if not isinstance(got, (tuple, list)) or len(got) != 3:
                raise Incorrect("return three things: the interval's lower end, its upper end, and whether to publish.")
            if not isinstance(got[2], (bool, np.bool_)):
                raise Incorrect(
                    f"{what}: the third thing should be True or False, but is {got[2]!r}: compare the lower end with the margin."
                )
            if len(candidate) < 2:
                if got[2]:
                    raise Incorrect(
                        "with one user there is no interval, and you publish. Who knows nothing keeps what works. (A comparison "
                        "with NaN is False: `not low < -margin` lets it through, `low >= -margin` does not.)"
                    )
                same(tuple(map(float, got[:2])), want[:2], what=f"{what}: the interval")
                continue
            ends = tuple(map(float, got[:2]))
            if len(candidate) == 2 and np.isnan(ends).all():
                raise Incorrect("two users: they have an interval, a wide one. Nothing is known with *fewer* than two.")
            for mistake, message in (
                (
                    _backwards,
                    "the difference is champion minus candidate: for a gain it comes out negative. Turn it round",
                ),
                (
                    _unpaired,
                    "each model got an interval of its own. Subtract user by user first: users differ more than models do",
                ),
                (
                    _spread,
                    "this is the spread of single users, not of their mean: divide by the square root of their number",
                ),
                (_by_n, "s divides by n here (ddof=0), and by n - 1 in the formula: use `std(ddof=1)`"),
            ):
                if not is_same(want[:2], mistake(candidate, champion, margin)[:2]) and is_same(
                    ends, mistake(candidate, champion, margin)[:2]
                ):
                    raise Incorrect(f"{what}: {message}.")
            if ends[0] > ends[1]:
                raise Incorrect(f"{what}: the lower end comes first.")
        same(ends, want[:2], rtol=1e-6, what=f"{what}: the interval")
        if bool(got[2]) != want[2]:
            mean = float(np.mean(candidate - champion))
            raise Incorrect(
                f"{what}: mean {mean:+.3f}, interval {want[0]:+.3f} to {want[1]:+.3f}, margin {margin:g}; the answer should be "
                f"{want[2]}. "
                + (
                    "Publish where the *lower* end is at or above minus the margin: that bounds the harm, and a mean does not."
                    if not want[2]
                    else "The margin says how much worse is bearable: `low >= -margin`. An interval that reaches below 0 may pass."
                )
            )


GATE = Exercise(
    id="3.4.3",
    title="Write the gate",
    kind="build",
    prompt="""
    Write `gate(candidate, champion, margin)`. Both arrays hold nDCG@10 of the same users, in the same order. Return three
    things: the lower and the upper end of the 95 % interval of the mean difference, **candidate minus champion**, by the formula
    above, and whether to publish: `True` if the lower end is not below minus the margin. With fewer than two users
    nothing is known: return `(nan, nan, False)`.
    """,
    reference=lambda: _gate,
    check=_check_gate,
    hints=(
        "First one array `d`, the difference of each user. Everything else is about `d`: its mean, its standard deviation (`ddof=1`), "
        "its length.",
        "`half = 1.96 * d.std(ddof=1) / np.sqrt(len(d))`; the ends are `d.mean() - half` and `d.mean() + half`; publish where "
        "`low >= -margin`. Return early for `len(d) < 2`.",
    ),
    wrong=(
        WrongAnswer("an interval for each model", lambda: _unpaired, "user by user"),
        WrongAnswer("the spread of users instead of the mean's", lambda: _spread, "square root"),
        WrongAnswer("divides by n", lambda: _by_n, "ddof=1"),
        WrongAnswer("champion minus candidate", lambda: _backwards, "Turn it round"),
        WrongAnswer(
            "publishes what has the higher mean",
            lambda: _deciding(lambda low, mean, high, m: mean >= -m),
            "bounds the harm",
        ),
        WrongAnswer("wants a sure gain", lambda: _deciding(lambda low, mean, high, m: low > 0), "may pass"),
        WrongAnswer("publishes with one user", lambda: _nan_passes, "keeps what works"),
    ),
    points=3,
    explanation="Subtracting first is what makes a small gate possible at all: most of what makes one user's nDCG high or low is the "
    "user, and it cancels. The interval of a difference between two *unpaired* groups of these users would be several times as "
    "wide. The rule `low >= -margin` is known from medicine as a test of non-inferiority: the new treatment need not be better, "
    "but we want to be sure that it is not much worse.",
    expected=example(
        "gate([.4, .1, .3, .6], [.3, .2, .3, .4], margin=0.2)",
        lambda: _gate([0.4, 0.1, 0.3, 0.6], [0.3, 0.2, 0.3, 0.4], 0.2),
    ),
)


# ------------------------------------------------------------------ 3.4.4 whole or not at all
def _write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _in_place(path: Path, chunks: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def _removes_first(path: Path, chunks: Iterable[bytes]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(b"".join(chunks))
        path.unlink(missing_ok=True)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _leaves_the_part(path: Path, chunks: Iterable[bytes]) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    part.replace(path)


def _swallows(path: Path, chunks: Iterable[bytes]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(b"".join(chunks))
        part.replace(path)
    except Exception:
        part.unlink(missing_ok=True)


def _publishes_the_half(path: Path, chunks: Iterable[bytes]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
    finally:
        part.replace(path)


def _copies(path: Path, chunks: Iterable[bytes]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(b"".join(chunks))
        path.write_bytes(part.read_bytes())
    finally:
        part.unlink(missing_ok=True)


def _elsewhere(path: Path, chunks: Iterable[bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        part = Path(place) / "part"
        part.write_bytes(b"".join(chunks))
        shutil.move(part, path)


def _one_name(path: Path, chunks: Iterable[bytes]) -> None:
    part = path.with_name("half.part")
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class _BrokenError(RuntimeError):
    """What stops the chunks halfway, in the check."""


def _watched(path: Path, old: bytes | None, new: bytes, work: Callable[[], None]) -> None:
    """Do the work, and look at the file at every call of a built-in function on the way, as a reader might."""
    torn: list[tuple[bytes | None, bool]] = []

    def look(frame: Any, event: str, argument: Any) -> None:
        if event in ("c_call", "c_return") and not torn:
            found = path.read_bytes() if path.exists() else None
            if found not in (old, new):
                others = [other for other in path.parent.iterdir() if other != path]
                torn.append((found, any(other.read_bytes() == new for other in others)))

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    for found, was_whole in torn:
        if found is None:
            raise Incorrect(
                "for a moment there is no file at all: the old one was removed before the new one took its place. `os.replace` "
                "does both in one step."
            )
        if was_whole:
            raise Incorrect(
                f"a reader found {len(found)} bytes, neither the old file nor the new one. Your second file was whole, and then it was "
                "*copied* over the old one, byte by byte. Rename it."
            )
        raise Incorrect(
            f"a reader found {len(found)} bytes, neither the old file nor the new one. Write to a file of another name, and give it "
            "its name when it is whole."
        )


def _check_write_whole(write: Callable[[Path, Iterable[bytes]], Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "here"
        folder.mkdir()
        (folder / "other.npz").write_bytes(b"not yours")
        path = folder / "champion.npz"
        for old in (None, b"the old model" * 50):
            if old is not None:
                path.write_bytes(old)
            new = [bytes([65 + n]) * 3000 for n in range(4)]
            with _moves_to(folder) as sources:
                _watched(path, old, b"".join(new), lambda new=new: write(path, iter(new)))  # type: ignore[misc]
            if not path.is_file():
                raise Incorrect("after the call there is no file at the path: rename the finished file to it.")
            same(len(path.read_bytes()), 12_000, what="the number of bytes in the file")
            same(path.read_bytes() == b"".join(new), True, what="that the file holds the chunks in their order")
            if any(source.parent != folder.resolve() for source in sources):
                raise Incorrect(
                    "the file was made in another folder and moved here. Between two disks a move is a copy, which can be cut "
                    "short: make the file in `path.parent`."
                )
            _nothing_left(folder, "a finished call")
            _broken(write, path, folder)
        _two_at_once(write, folder)


def _broken(write: Callable[..., Any], path: Path, folder: Path) -> None:
    """The chunks end with an exception: the old file stays, nothing else does, and the exception is seen."""
    old = path.read_bytes()

    def chunks() -> Iterator[bytes]:
        yield b"half of " * 1000
        raise _BrokenError

    try:
        write(path, chunks())
    except _BrokenError:
        pass
    else:
        raise Incorrect(
            "the chunks failed halfway, and your function returned as if all were well. Clean up, but let the exception pass "
            "(`finally`, or `raise`): the caller must not report success."
        )
    if not path.is_file() or path.read_bytes() != old:
        raise Incorrect("the chunks failed halfway, and the old file is gone. Rename only what is whole.")
    _nothing_left(folder, "a call that failed")


def _two_at_once(write: Callable[..., Any], folder: Path) -> None:
    """While one file is written, another of the same folder is, from begin to end."""
    model, lists = folder / "champion.npz", folder / "lists.csv"

    def chunks() -> Iterator[bytes]:
        yield b"new "
        write(lists, iter([b"the lists"]))
        yield b"model"

    try:
        write(model, chunks())
        whole = model.read_bytes() == b"new model" and lists.read_bytes() == b"the lists"
    except FileNotFoundError:
        whole = False
    if not whole:
        raise Incorrect(
            "while one file was written, another of the same folder was, too, and the two met in one half file. Give each a half "
            "file of its own: its name may hold the file's (`path.name + '.part'`), or be random."
        )


def _nothing_left(folder: Path, what: str) -> None:
    left = sorted(p.name for p in folder.iterdir() if p.name not in ("champion.npz", "other.npz"))
    if left:
        raise Incorrect(
            f"after {what}, {left[0]!r} is left in the folder. A half file of each failed run fills the disk: remove it "
            "(`finally: part.unlink(missing_ok=True)`)."
        )
    if not (folder / "other.npz").is_file():
        raise Incorrect("another file of the folder is gone: remove only what you made.")


@contextlib.contextmanager
def _moves_to(folder: Path) -> Iterator[list[Path]]:
    """Remembers from where files are renamed or moved to the folder."""
    sources: list[Path] = []
    home = folder.resolve()
    kept: list[tuple[Any, str, Any]] = [(os, "replace", os.replace), (os, "rename", os.rename)]
    kept.append((shutil, "move", shutil.move))

    def spying(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(source: Any, target: Any, *rest: Any, **more: Any) -> Any:
            if Path(target).resolve().parent == home:
                sources.append(Path(source).resolve())
            return real(source, target, *rest, **more)

        return called

    for module, name, real in kept:
        setattr(module, name, spying(real))
    try:
        yield sources
    finally:
        for module, name, real in kept:
            setattr(module, name, real)


WRITE_WHOLE = Exercise(
    id="3.4.4",
    title="Whole, or not at all",
    kind="build",
    prompt="""
    Write `write_whole(path, chunks)`: put the pieces of `chunks` (bytes) into the file `path`, so that whoever looks at
    `path`, at any moment, finds the old file or the new one, and never something between. (Where there was no old file: none,
    or the new one.) If `chunks` raises an exception halfway, the old file stays, **no half-written file is left
    behind**, and the caller sees the exception. Meanwhile, another file of the folder may be written in the same way.
    """,
    reference=lambda: _write_whole,
    check=_check_write_whole,
    hints=(
        "Write to a file of another name in the same folder. Renaming it is the only thing that touches `path`.",
        "`part = path.with_name(path.name + '.part')`, write to it, then `part.replace(path)`. All of it within `try`, with "
        "`finally: part.unlink(missing_ok=True)`: after the rename there is nothing to remove, and that is fine.",
    ),
    wrong=(
        WrongAnswer("writes in place", lambda: _in_place, "Write to a file of another name"),
        WrongAnswer("writes a second file and copies it", lambda: _copies, "Rename it"),
        WrongAnswer("removes the old file first", lambda: _removes_first, "no file at all"),
        WrongAnswer("leaves the half file behind", lambda: _leaves_the_part, "is left in the folder"),
        WrongAnswer("swallows the exception", lambda: _swallows, "let the exception pass"),
        WrongAnswer("renames what is not whole", lambda: _publishes_the_half, "the old file is gone"),
        WrongAnswer("makes the file in another folder", lambda: _elsewhere, "Between two disks"),
        WrongAnswer("one name for all half files", lambda: _one_name, "met in one half file"),
    ),
    points=3,
    explanation="A rename within a file system is one change of a directory entry: there is no moment in between. `flush` and `os.fsync` "
    "before it are for a power cut: without them the new name may reach the disk before the content does. The library's "
    "`storage.atomic` is this function as a context manager, with a random part in the name, so that two writers do not "
    "meet in one `.part`. (`tempfile.mkstemp` finds such a name, too, but makes a file that only its owner may read: a service "
    "under another user would find the new champion, and be refused.)",
    expected=lambda: (
        "after write_whole(path, [b'new ', b'model']) the file holds b'new model', and its folder no other new file"
    ),
)


# ------------------------------------------------------------------ 3.4.5 why was the champion kept?
# Of the lesson's run of 29 April. tests/lessons/test_lesson_3_4.py makes it again and compares.
WHY = {"check": "champion", "judges": 283, "by clicks alone": 223, "on ratings alone": "publish"}
_KEYS = tuple(WHY)


def _check_why(answer: Any) -> None:
    if not isinstance(answer, Mapping):
        raise Incorrect("a dict with four keys is wanted.")
    if set(answer) != set(_KEYS):
        raise Incorrect(f"the keys should be {', '.join(_KEYS)}; you have {', '.join(map(str, answer)) or 'none'}.")
    if answer["check"] not in ("popularity", "order", "champion"):
        raise Incorrect(
            f"check: {answer['check']!r} is none of the gate's checks; they are popularity, order and champion."
        )
    if answer["check"] != "champion":
        raise Incorrect(
            f"check: {answer['check']!r} passed. decide.json has `passed` for each check; one of them is false."
        )
    for key in ("judges", "by clicks alone"):
        if isinstance(answer[key], (bool, str)) or not np.isscalar(answer[key]):
            raise Incorrect(f"{key}: a number of users is wanted, not {answer[key]!r}.")
    judges = float(answer["judges"])
    if judges == 297:
        raise Incorrect(
            "judges: 297 users judge the candidate against *popularity*. The champion is older and knows fewer of them; look at "
            "the check that failed."
        )
    if judges != WHY["judges"]:
        raise Incorrect("judges: the text of the failed check names the number of users (evaluate.json has it, too).")
    clicked = float(answer["by clicks alone"])
    if clicked == 60:
        raise Incorrect(
            "by clicks alone: 60 of the judges have *rated* something with four stars or more. The question is about the others."
        )
    if clicked > WHY["judges"]:
        raise Incorrect("by clicks alone: these are users, not clicks, and at most as many as there are judges.")
    if clicked != WHY["by clicks alone"]:
        raise Incorrect(
            "by clicks alone: take what the holdout likes (rating 4 or more; a click counts as 4), the users whom *both* "
            "models know, and of these the ones who have no row with `source` 'rating' in it."
        )
    if answer["on ratings alone"] not in ("publish", "keep"):
        raise Incorrect('on ratings alone: say "publish" or "keep".')
    if answer["on ratings alone"] != WHY["on ratings alone"]:
        raise Incorrect(
            "on ratings alone: judged by ratings only, the interval's lower end is above minus the margin, by a hair. The mean is "
            "about zero, and the gate does not ask for more."
        )


WHY_KEPT = Exercise(
    id="3.4.5",
    title="Why was the champion kept?",
    kind="figure it out",
    prompt="""
    Airflow's run of 29 April kept the champion. Nothing failed, nobody gets a mail, and the product manager asks why. Answer
    from what the run left behind: `april = Run(airflow_settings, APRIL)` gives its files in `april.folder`, and
    `april.read("decide")` a step's outcome.

    - `"check"`: the gate's check that failed, `"popularity"`, `"order"` or `"champion"`;
    - `"judges"`: how many users decided it;
    - `"by clicks alone"`: how many of these liked nothing by *rating* in the holdout, but only by clicks. `judged` of the
      cell above has the holdout, with its `source`, and the `models`; `model.train_.users.ids` are the users whom a
      model knows;
    - `"on ratings alone"`: what the gate would have said without the clicks, `"publish"` or `"keep"`. (`evaluate_ranking`
      with the rows of one source, `gate_checked` for the interval, `Settings().margin`.)
    """,
    reference=lambda: dict(WHY),
    check=_check_why,
    hints=(
        "`april.read('decide')['checks']` answers the first two. For the third: filter the holdout to ratings of 4 and more, keep "
        "the users whom both models know, and see whose rows are all clicks.",
        "`likes.groupby('user')['source'].agg(lambda s: (s == 'click').all()).sum()` counts them. For the last: "
        "`rated = judged[judged['source'] == 'rating']`, then `evaluate_ranking(model, rated).users['ndcg@10']` of both models, "
        "joined on the user, into the gate.",
    ),
    wrong=(
        WrongAnswer("the wrong check", lambda: {**WHY, "check": "popularity"}, "passed"),
        WrongAnswer("the judges of the other check", lambda: {**WHY, "judges": 297}, "against *popularity*"),
        WrongAnswer("the raters instead of the clickers", lambda: {**WHY, "by clicks alone": 60}, "about the others"),
        WrongAnswer("counts clicks", lambda: {**WHY, "by clicks alone": 601}, "users, not clicks"),
        WrongAnswer("everybody who clicked", lambda: {**WHY, "by clicks alone": 248}, "no row with `source`"),
        WrongAnswer("thinks that ratings agree", lambda: {**WHY, "on ratings alone": "keep"}, "by a hair"),
    ),
    points=3,
    explanation="A click can only fall on what was shown, and the champion made the lists. Judged by these clicks, a candidate "
    "is wrong wherever it would have shown something else, however good. So the gate measured how much the candidate *resembles* the "
    "champion. Ratings were given without our lists, and they see no difference. The run did what it was told; the data "
    "had changed under it.",
)

EXERCISES = [NOT_REPEATABLE, BACKFILLS, GATE, WRITE_WHOLE, WHY_KEPT]


# ------------------------------------------------------------------ quiz
def _key_marker() -> str:
    """Another model is asked for, and the marker of the old one is there: a runner that only looks whether it exists."""
    done: dict[str, str] = {}

    def run(step: str, model: str) -> str:
        if step not in done:
            done[step] = model
        return done[step]

    run("train", "ease")
    return "b" if run("train", "list-blend") == "ease" else "a"


def _key_champion_from_the_future() -> str:
    """What a model scores on ratings that it has learned from, when what was rated is not recommended again."""
    from recsys_lab import datasets, registry
    from recsys_lab.evaluate import hit_table

    ratings = datasets.load("ml-100k").ratings.head(5000)
    model = registry.make("popularity").fit(ratings)
    liked = ratings[ratings["rating"] >= 4]
    users = liked["user"].unique()
    hits, _ = hit_table(model.recommend(users, n=10), liked, users, 10)
    return "c" if not hits.any() else "a"


def _key_judges() -> str:
    """How many judges make an interval a third as wide as 60 do?"""

    def half(n: float) -> float:
        return 1.96 / np.sqrt(n)

    return {104: "a", 180: "b", 540: "c"}[min((104, 180, 540), key=lambda n: abs(half(n) - half(60) / 3))]


def _key_rollback() -> str:
    """A publication is taken back, its run is run again, and a week later comes the next: what is in use each time?"""
    from recsys_lab.production.shelf import Publication, Shelf, sha256_of

    with tempfile.TemporaryDirectory() as place:
        files = []
        for name in ("before", "taken back", "next"):
            path = Path(place) / name
            path.write_bytes(name.encode())
            files.append((path, Publication(name, "ease", 0, sha256_of(path))))
        shelf = Shelf(Path(place) / "shelf")
        for path, publication in files[:2]:
            shelf.publish(path, publication)
        shelf.rollback()
        in_use = []
        for path, publication in files[1:]:
            shelf.publish(path, publication)
            champion = shelf.champion()
            in_use.append("" if champion is None else champion.run)
        return {("taken back", "next"): "a", ("before", "next"): "b", ("before", "before"): "c"}[(in_use[0], in_use[1])]


QUIZ = [
    Question(
        "Your runner skips a step if its marker file exists. You change the setting `model` from `ease` to `list-blend` and start "
        "the same run again. What happens?",
        {
            "a": "The new model is trained: the setting has changed.",
            "b": "Every step says “done before”, and the old model stays, without a word.",
            "c": "The run stops with an error, because marker and setting do not agree.",
        },
        _key_marker,
        {
            "a": "Nobody compares the setting with anything: the marker only says that *some* run was here.",
            "b": "Yes. A marker must say what it was made *from* (settings, checksums of the inputs), or the step must be cheap "
            "enough to be done again. The library does the latter, and checks the sums.",
            "c": "It would, if the marker held the setting. A file that merely exists cannot disagree.",
        },
    ),
    Question(
        "A backfill judges an old candidate against *today's* champion, which has learned from the old holdout long ago. What does the "
        "champion score there? (What a user has rated is not recommended again.)",
        {
            "a": "Nearly 1: it has seen the answers.",
            "b": "About as much as the candidate.",
            "c": "0: each answer is left out of its lists as rated already, and any candidate beats it.",
        },
        _key_champion_from_the_future,
        {
            "a": "It would, if it were asked to predict them. But lists leave out what was rated, and that is each of the answers.",
            "b": "They do not answer the same question: the candidate may recommend the answers, the champion may not.",
            "c": "Yes: a leak need not flatter the one who has it. Run a backfill newest first and without the check `order`, and "
            "the oldest model ends up in use.",
        },
    ),
    Question(
        "60 judges give an interval of 0.015 to each side. You want 0.005. How many judges does it take?",
        {"a": "About 104", "b": "180", "c": "540"},
        _key_judges,
        {
            "a": "The *square root* is on the other side: the width falls with the root of the number. 1.7 times the judges make it "
            "0.76 times as wide.",
            "b": "Three times the judges make it 0.58 times as wide (one over the root of 3), about 0.009.",
            "c": "Yes: a third of the width for nine times the judges, and this site has 60 a month.",
        },
    ),
    Question(
        "On Thursday you take a publication back, and change nothing else. On Friday a colleague clears that run in Airflow, and it "
        "runs again, all of it. On Wednesday the calendar starts the next run, and its gate says: publish. What is in use on Friday "
        "evening, and what on Wednesday evening?",
        {
            "a": "The model that you took back; then Wednesday's candidate.",
            "b": "The model before it; then Wednesday's candidate.",
            "c": "The model before it, both times, until somebody lifts the rollback.",
        },
        _key_rollback,
        {
            "a": "So it would be with a copy command. Here the history knows that this run published this very file, once.",
            "b": "Yes. A repetition does not undo the decision of a person; a new run makes a new file, which nobody has taken back "
            "yet. Whoever does not trust the new one either pauses the schedule.",
            "c": "A rollback puts a file back, and locks nothing. The next run trains another file, and for the history that is a new "
            "publication.",
        },
    ),
]
