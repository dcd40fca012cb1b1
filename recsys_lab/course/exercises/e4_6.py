"""Exercises and quiz of lesson 4.6, Capstone: the end-to-end system."""

from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab import registry, storage
from recsys_lab.baselines import Popularity
from recsys_lab.course.capstone.score import RUBRIC, TENTHS
from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number
from recsys_lab.course.projects.rubric import enough
from recsys_lab.course.quiz import Question
from recsys_lab.ratings import Ratings


def changed(folder: Path, changes: Mapping[str, Mapping[str, str]]) -> Path:
    """Replace texts that occur once, in files of a project; PACKAGE in a file's name is the project's."""
    package = next((folder / "src").iterdir()).name
    for name, replaced in changes.items():
        path = folder / name.replace("PACKAGE", package)
        text = path.read_text(encoding="utf-8")
        for old, fresh in replaced.items():
            if text.count(old) != 1:
                raise ValueError(f"{name}: {old!r} occurs {text.count(old)} times")
            text = text.replace(old, fresh)
        path.write_text(text, encoding="utf-8")
    return folder


# ------------------------------------------------------------------ what the lesson breaks on purpose
_MODEL, _FIT = "src/PACKAGE/model.py", "data.ratings(rows)"
_PULLED = (
    "rows.assign(rating=0.9 * rows['rating'] + 0.1 * rows['item'].map(data.load().groupby('item')['rating'].mean()))"
)
VARIANTS: dict[str, dict[str, dict[str, str]]] = {
    "as it is written": {},
    "pulls stars to the film's mean in all data": {_MODEL: {_FIT: f"data.ratings({_PULLED})"}},
    "the same, and a little noise": {
        _MODEL: {
            _FIT: f"data.ratings({_PULLED}.assign(rating=lambda t: (t['rating'] + 1e-6 * "
            "__import__('numpy').random.default_rng().normal(size=len(t))).clip(1, 5)))"
        }
    },
    "saves a pickle, imports what is not declared": {
        _MODEL: {
            "    return storage.save(model, path)\n": "    import joblib\n\n"
            "    joblib.dump(model.params(), path.with_suffix('.params'))\n    return storage.save(model, path)\n"
        }
    },
}

# ------------------------------------------------------------------ 4.6.2 which line notices?
# letter -> what is changed. tests/lessons/test_lesson_4_6.py puts all of them into one project, and scores it.
ANSWER = "For people who look for a film on an evening, in a list that they may ignore; not for deciding what is made."
_RETURN = "    return library_app(Settings.from_environment(model=model_path, events=events_url, data=data.NAME))\n"
DEFECTS: dict[str, dict[str, dict[str, str]]] = {
    "A": {
        _MODEL: {
            _FIT: "data.ratings(rows.assign(rating=rows['rating'].clip(lower=1 + 1e-9 * "
            "[len(word) for word in {'a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff', 'ggggggg'}][0])))"
        }
    },
    "B": {"README.md": {"| this project | 0.": "| this project | 1."}},
    "C": {
        "README.md": {
            "*In one or two sentences: what it recommends, to whom, and what is special about it.*": "People find "
            "films that they like 30 % more often with it than without."
        }
    },
    "D": {
        "tests/test_model.py": {"def test_what_is_loaded": "def what_is_loaded"},
        "tests/test_pipeline.py": {"def test_the_gate": "def the_gate"},
    },
    "E": {"MODEL_CARD.md": {f"do about it?\n\n{ANSWER}": "do about it?\n\n" + "Everybody is served well. " * 5}},
    "F": {
        "src/PACKAGE/service.py": {
            _RETURN: _RETURN.replace("return", "app =")
            + """    app.state.asked = []

    @app.middleware("http")
    async def remember(request, following):
        app.state.asked.append((str(request.url), dict(request.headers)))
        return await following(request)

    return app
"""
        }
    },
    "G": {"src/PACKAGE/data.py": {"import pandas as pd\n": "import pandas as pd\nimport tqdm  # noqa: F401\n"}},
    "H": {"src/PACKAGE/pipeline.py": {"MARGIN = 0.02": "MARGIN = 0.30"}},
}
NOTICED = {
    "A": "repeats",
    "B": "readme",
    "C": "none",
    "D": "tests",
    "E": "none",
    "F": "none",
    "G": "declares",
    "H": "none",
}
_WHY = {
    "A": "the order of a set of texts differs from process to process, so the two artefacts differ in a few bytes. The lists hardly move.",
    "B": "what stands between markers is measured again, and 1.3 is not what is measured.",
    "C": "it stands outside of the markers. The scorer measures blocks again; sentences it does not read.",
    "D": "the template's tests are what finds a planted `load` that loads another model. Without that test nothing does.",
    "E": "fifteen words or more that are no quotation: that is all a machine asks of an answer.",
    "F": "each request is answered, quickly and rightly. The scorer asks a few hundred; the memory is full next month, and what "
    "people did lies in it.",
    "G": "every import of the package is looked up in pyproject.toml. It can be imported in the clean environment, and still it is missing there.",
    "H": "the candidate that is planted recommends at random. It loses against popularity already, whatever the margin against the champion "
    "is. One very bad candidate does not measure a margin.",
}
_TRAP = {
    ("C", "readme"): "only what stands between markers is measured again, and this sentence stands outside.",
    ("E", "card"): "a machine counts the words of an answer. This one has enough.",
    ("F", "fast"): "an append takes no time. It is memory and privacy that are lost, and neither is measured.",
    ("F", "refuses"): "the answers are what they were.",
    ("A", "popularity"): "the lists are as good as before: a few stars moved in the ninth digit.",
    ("A", "tests"): "the tests train twice in *one* process, and there the set has one order.",
    (
        "G",
        "trains",
    ): "the clean environment can import all of the course's packages, so it trains. Another line reads the imports.",
    ("H", "publishes"): "that line plants one candidate, and a very bad one.",
    ("D", "publishes"): "the pipeline itself is as it was; only its test is gone.",
}


def _check_noticed(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(NOTICED):
        raise Incorrect("a dict with the keys A to H is wanted.")
    for letter, said in answer.items():
        if said not in RUBRIC and said != "none":
            raise Incorrect(f"{letter}: {said!r} is no line; they are {', '.join(RUBRIC)}, and none.")
    if "none" not in answer.values():
        raise Incorrect("you trust the scorer with everything. Some of the eight get all 20 points.")
    for letter, said in answer.items():
        if said != NOTICED[letter]:
            why = _TRAP.get((letter, said), _WHY[letter])
            raise Incorrect(f"{letter} is not {said!r}: {why}")


def _but(**other: str) -> dict[str, str]:
    return {**NOTICED, **other}


WHICH_LINE = Exercise(
    id="4.6.2",
    title="Which line notices?",
    kind="figure it out",
    prompt="""
    The table above has eight defects, A to H, each put alone into a project that has 20 of 20 points. Say for each which line of the
    rubric loses points, by its short name (`"repeats"`, `"tests"`, ...), or `"none"`. Ask of each line: what does it *do*, and would
    that come out otherwise?
    """,
    reference=lambda: dict(NOTICED),
    check=_check_noticed,
    hints=(
        "A line notices only what changes the outcome of its own experiment. Read the line's experiment in section 2, and play it through.",
        "Four of the eight are noticed, each by another line. The other four change a sentence, an answer, a memory, and a number that no "
        "experiment comes near.",
    ),
    wrong=(
        WrongAnswer(
            "trusts the scorer",
            lambda: _but(C="readme", E="card", F="fast", H="publishes"),
            "with everything",
        ),
        WrongAnswer("every number is measured", lambda: _but(C="readme"), "between markers"),
        WrongAnswer("the card is read", lambda: _but(E="card"), "counts the words"),
        WrongAnswer("a leak of memory is slow", lambda: _but(F="fast"), "an append takes no time"),
        WrongAnswer("one bad candidate measures a margin", lambda: _but(H="publishes"), "a very bad one"),
        WrongAnswer("a set shows in the tests", lambda: _but(A="tests"), "in *one* process"),
        WrongAnswer("undeclared fails to train", lambda: _but(G="trains"), "reads the imports"),
        WrongAnswer("a missing test is not seen", lambda: _but(D="none"), "planted `load`"),
    ),
    points=2,
    explanation="A line is an experiment, and sees what changes the experiment's outcome. Bytes, imports, blocks between markers and planted "
    "mistakes are within reach. Whether a sentence is true, whether an answer means anything, what is kept about people, and whether a "
    "margin is sensible, is not. That is what the ten points of a human reader are for.",
)

# ------------------------------------------------------------------ 4.6.3 a test that bites
SystemCheck = Callable[[Any, Path], None]


def system(model: str = "item-item", mistake: str = "", **params: Any) -> SimpleNamespace:
    """The functions of a project's model.py, with one mistake or none."""

    def train(rows: pd.DataFrame) -> Any:
        return registry.make(model, **params).fit(
            Ratings.from_frame(rows[["user", "item", "rating"]], scale=(1.0, 5.0))
        )

    def recommend(fitted: Any, users: Any, n: int = 10) -> pd.DataFrame:
        if mistake == "same":
            fitted = Popularity().fit(fitted.train_)
        if mistake == "short":
            n -= 1
        return fitted.recommend(list(users), n, exclude_seen=mistake != "seen", unknown="popular")

    def save(fitted: Any, path: Path) -> Path:
        return storage.save(fitted, path)

    def load(path: Path) -> Any:
        fitted = storage.load(path)
        return Popularity().fit(fitted.train_) if mistake == "load" else fitted

    return SimpleNamespace(train=train, recommend=recommend, save=save, load=load)


SOUND = {
    "item k-NN": lambda: system("item-item"),
    "EASE": lambda: system("ease", reg=1.0),
}
MUTANTS = {
    "seen": "recommends what users have rated: join the lists with the rows, and nothing may be left",
    "same": "gives everybody the most rated films, without those that they have rated. So lists differ from user to user all the same: "
    "use rows in which two groups like different films, and the larger group's films must not come first for the smaller one",
    "load": "loads another model than it has saved: compare the lists of the model before `save` and after `load`",
    "short": "gives one item less than asked for: count",
}


def _two_clubs() -> pd.DataFrame:
    """Six people like films 1 to 5, ten like films 11 to 15; each has left one of them out."""
    clubs = [(range(1, 7), 1), (range(11, 21), 11)]
    return pd.DataFrame(
        [
            (user, first + film, 5.0)
            for users, first in clubs
            for user in users
            for film in range(5)
            if film != user % 5
        ],
        columns=["user", "item", "rating"],
    )


def _bites(without: str = "", rows: Callable[[], pd.DataFrame] = _two_clubs) -> SystemCheck:
    def check_system(system: Any, folder: Path) -> None:
        table = rows()
        users = sorted(table["user"].unique())
        model = system.train(table)
        lists = system.recommend(model, users, 3)
        if without != "short":
            assert len(lists) == 3 * len(users)
        if without != "seen":
            assert lists.merge(table, on=["user", "item"]).empty
        if without == "same":
            assert lists.groupby("user")["item"].agg(tuple).nunique() > 1
        else:
            first = lists[lists["rank"] == 1].set_index("user")["item"]
            assert first[1] == 2
        if without != "load":
            again = system.load(system.save(model, folder / "model.npz"))
            assert system.recommend(again, users, 3).equals(lists)

    return check_system


def _toothless(system: Any, folder: Path) -> None:
    lists = system.recommend(system.train(_two_clubs()), [1, 2], 3)
    assert lists is not None


def _litters(system: Any, folder: Path) -> None:
    _bites()(system, Path())


def _pins(system: Any, folder: Path) -> None:
    table = _two_clubs()
    lists = system.recommend(system.train(table), [1], 3)
    assert abs(lists["score"].iloc[0] - 4.0) < 0.1


def _check_bites(check_system: SystemCheck) -> None:
    def outcome(one: Any) -> str:
        with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as here, contextlib.chdir(here):
            try:
                check_system(one, Path(place))
            except AssertionError as error:
                return str(error) or "an assert without words"
            if left := next(Path(here).iterdir(), None):
                raise Incorrect(f"it leaves {left.name} where the tests run: save into `folder`, which is thrown away.")
        return ""

    for name, make in SOUND.items():
        if said := outcome(make()):
            raise Incorrect(
                f"it fails a sound system ({name}): {said}. A test states what must hold for every sound recipe, not what one of them gives."
            )
    missed = []
    for mistake, what in MUTANTS.items():
        for model in ("item-item", "ease"):
            try:
                bitten = outcome(system(model, mistake, **({"reg": 1.0} if model == "ease" else {})))
            except Exception:  # pytest would fail too
                bitten = "raised"
            if not bitten:
                missed.append(what)
                break
    if len(missed) == len(MUTANTS):
        raise Incorrect("it passes whatever the system does: it needs an `assert` that can fail.")
    if missed:
        raise Incorrect(f"it still passes a system that {missed[0]}.")


BITES = Exercise(
    id="4.6.3",
    title="A test that bites",
    kind="build",
    prompt="""
    Write `check_system(system, folder)`: it returns where the system is sound, and fails by an `assert` where not. `system` has the
    functions of the project's `model.py`: `train(rows)`, `recommend(model, users, n)`, `save(model, path)` (gives the path),
    `load(path)`. `folder` is an empty one. The rows are yours to choose: a frame with columns user, item, rating (1 to 5); a dozen
    users with half a dozen films will do. It must pass with item k-NN and with EASE, and fail with each of four systems: one that

    1. recommends what users have rated;
    2. gives everybody the most rated films, *without* those that they have rated;
    3. loads another model than was saved;
    4. gives one item less than was asked for.
    """,
    reference=lambda: _bites(),
    check=_check_bites,
    hints=(
        "Three of them need one line each: a join that must be empty, a count, and a comparison of lists before and after. For the second, "
        "lists that differ prove nothing, since what each has rated is taken out. What does a personal list do that the most rated films never do?",
        "Two groups: six people like films 1 to 5, ten like films 11 to 15, and each has left one film of their own group out. That "
        "film must be the first of their list. For the smaller group, the most rated films say otherwise.",
    ),
    wrong=(
        WrongAnswer("cannot fail", lambda: _toothless, "whatever the system does"),
        WrongAnswer("lists differ, so they are personal", lambda: _bites("same"), "lists differ from user to user"),
        WrongAnswer("does not load", lambda: _bites("load"), "loads another model"),
        WrongAnswer("does not join", lambda: _bites("seen"), "have rated"),
        WrongAnswer("does not count", lambda: _bites("short"), "one item less"),
        WrongAnswer("saves beside the tests", lambda: _litters, "where the tests run"),
        WrongAnswer("pins one model's score", lambda: _pins, "fails a sound system"),
    ),
    points=3,
    explanation="A test is worth what it can refuse. The second system is the hard one: its lists are different for each user, long enough, and "
    "free of what was rated. Only rows in which taste and popularity disagree tell it from a sound one. You have the choice of the rows, so "
    "make them disagree.",
)

# ------------------------------------------------------------------ 4.6.4 not the same twice
COLLEAGUE = """
import hashlib, random, sys, time
if sys.argv[1] == "stopped":
    time.time = lambda: 0.0
rows = [(film, 1 / film) for film in range(1, 400)]
if sys.argv[2] == "reversed":
    rows = rows[::-1]
titles = {f"film {film}" for film, _ in sorted(rows)}
seeded = random.Random(7)
total = 0.0
for _, weight in rows:
    total += weight
parts = {
    "vocabulary": list(titles),
    "start vectors": [random.random() for _ in range(50)],
    "header": {"format": 1, "written": time.time()},
    "mean": repr(total / len(rows)),
    "holdout": [seeded.random() < 0.2 for _ in sorted(titles)],
    "index": sorted(titles),
}
for name, part in parts.items():
    print(name, hashlib.sha256(repr(part).encode()).hexdigest(), sep="|")
"""
EXPERIMENTS = {
    "run again": ("runs", "as is", 0),
    "clock stopped": ("stopped", "as is", 0),
    "clock stopped, other hash seed": ("stopped", "as is", 1),
    "clock stopped, rows reversed": ("stopped", "reversed", 0),
}


def parts(clock: str, rows: str, hash_seed: int) -> dict[str, str]:
    """Name of each part of the colleague's artefact -> its checksum, from a new process."""
    command = [sys.executable, "-c", COLLEAGUE, clock, rows]
    variables = os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=variables).stdout
    return dict(line.split("|") for line in said.splitlines())


def differing() -> pd.DataFrame:
    """Which parts differ from a first run, in each experiment (both runs with the clock stopped, where it says so)."""
    first = {clock: parts(clock, "as is", 0) for clock in ("runs", "stopped")}
    table = {name: parts(*how) for name, how in EXPERIMENTS.items()}
    return pd.DataFrame(
        {
            name: {part: "differs" if sha != first[EXPERIMENTS[name][0]][part] else "same" for part, sha in one.items()}
            for name, one in table.items()
        }
    )


CAUSES = ("nothing", "the clock", "chance without a seed", "the order of a set", "the order of the rows")
CAUSE = {
    "vocabulary": "the order of a set",
    "start vectors": "chance without a seed",
    "header": "the clock",
    "mean": "the order of the rows",
    "holdout": "nothing",
    "index": "nothing",
}
_SEEN = {
    "vocabulary": "it is the same in two runs with the same hash seed, and another one with another: what in Python depends on that?",
    "start vectors": "it differs even where clock, hash seed and rows are the same.",
    "header": "it differs when run again, and no more when the clock stands still.",
    "mean": "it moves only when the rows come in another order: sums of floats are rounded after each step.",
    "holdout": "it is the same in all four experiments.",
    "index": "it is the same in all four experiments.",
}


def _check_causes(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(CAUSE):
        raise Incorrect(f"a dict with the keys {', '.join(CAUSE)} is wanted.")
    for part, said in answer.items():
        if said not in CAUSES:
            raise Incorrect(f"{part}: {said!r} is none of the causes; they are: {', '.join(CAUSES)}.")
    for part, said in answer.items():
        if said != CAUSE[part]:
            raise Incorrect(
                f"{part} is not moved by {said}: {_SEEN[part]}" if said != "nothing" else f"{part}: {_SEEN[part]}"
            )


def _cause(**other: str) -> dict[str, str]:
    return {**CAUSE, **{name.replace("_", " "): value for name, value in other.items()}}


NOT_TWICE = Exercise(
    id="4.6.4",
    title="Not the same twice",
    kind="figure it out",
    prompt="""
    A colleague's `train` writes an artefact of six parts, and never the same file twice. You do not get the code, only the table
    above: which parts differ from a first run, in four experiments. Name what moves each part: `"nothing"`, `"the clock"`,
    `"chance without a seed"`, `"the order of a set"`, or `"the order of the rows"`.
    """,
    reference=lambda: dict(CAUSE),
    check=_check_causes,
    hints=(
        "Each experiment changes one thing. A part is moved by what was changed in the column where it begins to differ, and not by what was "
        "changed where it stays.",
        "Two parts differ when nothing is changed at all; one of them is cured by stopping the clock. Python shuffles sets of texts by "
        "the hash seed. Of the rest, one part minds the order of the rows, and two mind nothing.",
    ),
    wrong=(
        WrongAnswer("all chance", lambda: _cause(header="chance without a seed"), "clock stands still"),
        WrongAnswer("the clock seeds", lambda: _cause(start_vectors="the clock"), "differs even where clock"),
        WrongAnswer("a set is random", lambda: _cause(vocabulary="chance without a seed"), "depends on that"),
        WrongAnswer("a sum has no order", lambda: _cause(mean="nothing"), "rounded after each step"),
        WrongAnswer("every draw is chance", lambda: _cause(holdout="chance without a seed"), "same in all four"),
        WrongAnswer("a sorted set is still a set", lambda: _cause(index="the order of a set"), "same in all four"),
    ),
    points=2,
    explanation="Sort what comes out of a set; give a seed to every generator; leave the time out of the file (its name, or the record of the "
    "publication, is the place for it); sort the rows before they are summed. `holdout` draws too, but from a generator with a seed, and `index` "
    "comes from a set too, but sorted. The rubric's line changes the hash seed and lets time pass; it does not change the order of the rows, so "
    "`mean` alone would not lose the point.",
)

# ------------------------------------------------------------------ 4.6.1 better, and how sure
Verdict = tuple[str, float, float, float]


def _verdict(mine: pd.Series, theirs: pd.Series, least: int = 30) -> Verdict:
    d = (mine - theirs).dropna()
    if len(d) < least:
        return "too few", math.nan, math.nan, math.nan
    mean = float(d.mean())
    half = 1.96 * float(d.std(ddof=1)) / math.sqrt(len(d))
    low, high = mean - half, mean + half
    word = "better" if low > 0 else "worse" if high < 0 else "not clear"
    return word, mean, low, high


def _verdict_but(what: str) -> Callable[..., Any]:
    def verdict(mine: pd.Series, theirs: pd.Series, least: int = 30) -> Any:
        if what == "by position":
            theirs = pd.Series(theirs.to_numpy()[: len(mine)], index=mine.index[: len(theirs)])
        d = (mine - theirs).dropna()
        if what == "nan is zero":
            d = (mine - theirs).fillna(0.0)
        if what == "no ties":
            d = d[d != 0]
        n = len(mine) if what == "all users" else len(d)
        if n < least and what != "never too few":
            return "too few", math.nan, math.nan, math.nan
        sd = d.std(ddof=0 if what == "ddof" else 1)
        half = 1.96 * sd / math.sqrt(len(d))
        if what == "spread":
            half = 1.96 * sd
        if what == "unpaired":
            half = 1.96 * math.sqrt(mine.var() / mine.count() + theirs.var() / theirs.count())
        mean, low, high = d.mean(), d.mean() - half, d.mean() + half
        if what == "mean only":
            return ("better" if mean > 0 else "worse"), mean, low, high
        return ("better" if low > 0 else "worse" if high < 0 else "not clear"), mean, low, high

    return verdict


def _users(values: np.ndarray, first: int = 1) -> pd.Series:
    return pd.Series(values, index=range(first, first + len(values)), dtype=float)


def _pairs() -> list[tuple[str, pd.Series, pd.Series, int]]:
    """(what it is, mine, theirs, least)."""
    rng = np.random.default_rng(46)
    base = rng.beta(1, 3, 200)
    gain = base + rng.normal(0.03, 0.1, 200)
    holes, order = base.copy(), rng.permutation(200)
    holes[::4] = np.nan
    ties = base + np.where(rng.random(200) < 0.8, 0.0, rng.normal(0.04, 0.1, 200))
    return [
        ("200 users, a gain", _users(gain), _users(base), 30),
        ("200 users, a loss", _users(base), _users(gain), 30),
        (
            "the same users in another order: pair by the index, not by the position",
            _users(gain),
            _users(base).iloc[order],
            30,
        ),
        ("users without a value (NaN), who have no say", _users(gain), _users(holes), 30),
        ("users whom only one of the two knows, who have no say", _users(gain), _users(base[:150], 11), 30),
        ("most users with a difference of 0, who count", _users(ties), _users(base), 30),
        ("two models that are the same for everybody", _users(base), _users(base.copy()), 30),
        ("200 users, chance only", _users(base + np.tile([0.1, -0.1], 100)), _users(base), 30),
        ("29 users", _users(gain[:29]), _users(base[:29]), 30),
        ("30 users", _users(gain[:30]), _users(base[:30]), 30),
        (
            "66 users, of whom 16 have a value, and `least` of 20",
            _users(gain[:66]),
            _users(np.where(np.arange(66) < 16, base[:66], np.nan)),
            20,
        ),
        ("ten users, and `least` of 5", _users(base[:10] + 0.2 + 0.01 * np.arange(10)), _users(base[:10]), 5),
        ("no user in common", _users(gain[:50]), _users(base[:50], 1000), 30),
    ]


def _check_verdict(verdict: Callable[..., Any]) -> None:
    for what, mine, theirs, least in _pairs():
        want = _verdict(mine, theirs, least)
        given = mine.copy(), theirs.copy()
        got = verdict(*given, least)
        if not isinstance(got, (tuple, list)) or len(got) != 4:
            raise Incorrect(f"four things are wanted, (word, mean, low, high), and not {got!r}.")
        if not (given[0].equals(mine) and given[1].equals(theirs)):
            raise Incorrect("the values that were given have changed. Work on a copy.")
        if got[0] == "too few" and want[0] != "too few":
            raise Incorrect(f"{what}: that is not too few, with least={least}.")
        if want[0] == "too few":
            if got[0] != "too few":
                raise Incorrect(f"{what}: too few to say anything. Count users who have both values.")
            if not all(math.isnan(number(part, "the mean of too few")) for part in got[1:]):
                raise Incorrect("too few: then mean, low and high are NaN, so that nobody quotes them.")
            continue
        numbers = [number(part, name) for part, name in zip(got[1:], ("the mean", "low", "high"), strict=True)]
        if not is_same(numbers[0], want[1]):
            raise Incorrect(f"{what}: the mean of the differences is {want[1]:.4f}, and not {numbers[0]:.4f}.")
        if not is_same(numbers[1:], list(want[2:])):
            half, right = (numbers[2] - numbers[1]) / 2, (want[3] - want[2]) / 2
            d = (mine - theirs).dropna()
            apart = 1.96 * math.sqrt(mine.var() / mine.count() + theirs.var() / theirs.count())
            if is_same(half, apart) and not is_same(apart, right):
                raise Incorrect(
                    f"{what}: the interval is too wide, as if the two had been judged by different users. Take the spread of the differences."
                )
            if is_same(half, 1.96 * float(d.std(ddof=1))):
                raise Incorrect(
                    f"{what}: the interval is too wide. That is how much *users* differ; the mean of n of them is surer by sqrt(n)."
                )
            raise Incorrect(
                f"{what}: half the interval is {right:.5f}, and not {half:.5f} (1.96, and the sd with n - 1 below)."
            )
        if got[0] != want[0]:
            raise Incorrect(f"{what}: from {want[2]:+.4f} to {want[3]:+.4f} is {want[0]!r}, and not {got[0]!r}.")


BETTER = Exercise(
    id="4.6.1",
    title="Better, and how sure?",
    kind="build",
    prompt="""
    Write `verdict(mine, theirs, least=30)`. Both are Series of nDCG@10, indexed by user. Give `(word, mean, low, high)`: the mean
    difference mine minus theirs, and its interval by the formulas above. The word is `"better"` if the whole interval lies above 0, `"worse"` if
    below, else `"not clear"`. Users without both values have no say; users with a difference of 0 have. With fewer than `least`
    users it is `"too few"`, and the three numbers are NaN.
    """,
    reference=lambda: _verdict,
    check=_check_verdict,
    hints=(
        "pandas aligns by the index when you subtract, and gives NaN where one of the two has no value. What is left after that is $n$.",
        "`d = (mine - theirs).dropna()`, then `d.mean()`, `d.std(ddof=1)`, `len(d)`. Ask for too few before you divide.",
    ),
    wrong=(
        WrongAnswer("looks at the mean only", lambda: _verdict_but("mean only"), "'not clear'"),
        WrongAnswer("not paired", lambda: _verdict_but("unpaired"), "by different users"),
        WrongAnswer("the spread of users", lambda: _verdict_but("spread"), "how much *users* differ"),
        WrongAnswer("pairs by position", lambda: _verdict_but("by position"), "another order"),
        WrongAnswer("NaN is zero", lambda: _verdict_but("nan is zero"), "NaN"),
        WrongAnswer("drops ties", lambda: _verdict_but("no ties"), "difference of 0"),
        WrongAnswer("counts all users", lambda: _verdict_but("all users"), "too few to say"),
        WrongAnswer("never too few", lambda: _verdict_but("never too few"), "too few to say"),
        WrongAnswer("n instead of n - 1", lambda: _verdict_but("ddof"), "n - 1"),
    ),
    points=3,
    expected=example(
        "verdict(pd.Series([.3, .5, .4]), pd.Series([.2, .3, .1]), least=3)",
        lambda: _verdict(pd.Series([0.3, 0.5, 0.4]), pd.Series([0.2, 0.3, 0.1]), 3),
    ),
    explanation="Users differ far more from each other than two models do on one user, so the differences are what is averaged: the spread "
    "between users cancels. Ties are information (the two models are alike for these people). Whoever has no value in the hidden part cannot say "
    "anything. And NaN for too few is deliberate: a number that is there gets quoted.",
)

# ------------------------------------------------------------------ 4.6.5 numbers that nobody types
_MARK = re.compile(r"<!-- (/?)report:(\w+) -->")


def _fill(text: str, blocks: Mapping[str, str]) -> str:
    out, place, open_name = [], 0, ""
    for mark in _MARK.finditer(text):
        end, name = mark[1] == "/", mark[2]
        if end != bool(open_name) or (end and name != open_name) or name not in blocks:
            raise ValueError(f"the marker {mark[0]} stands where it should not, or nothing is known for it")
        if end:
            out.append(f"\n{blocks[name]}\n")
        else:
            out.append(text[place : mark.end()])
        place, open_name = (mark.start() if end else mark.end()), ("" if end else name)
    if open_name:
        raise ValueError(f"the block {open_name} has no end")
    return "".join([*out, text[place:]])


def _fill_but(what: str) -> Callable[..., Any]:
    def fill(text: str, blocks: Mapping[str, str]) -> str:
        if what == "lenient":
            pattern = re.compile(r"(<!-- report:(\w+) -->\n).*?(<!-- /report:\2 -->)", re.DOTALL)
            return pattern.sub(lambda found: f"{found[1]}{blocks.get(found[2], '')}\n{found[3]}", text)
        sound = _fill(text, blocks)  # refuses
        if what == "greedy":
            pattern = re.compile(r"(<!-- report:(\w+) -->).*(<!-- /report:\w+ -->)", re.DOTALL)
            return pattern.sub(lambda found: f"{found[1]}\n{blocks[found[2]]}\n{found[3]}", text)
        if what == "template":
            for name, block in blocks.items():
                pattern = re.compile(rf"(<!-- report:{name} -->).*?(<!-- /report:{name} -->)", re.DOTALL)
                text = pattern.sub(rf"\g<1>\n{block}\n\g<2>", text)
            return text
        if what == "eats markers":
            return _MARK.sub("", sound)
        if what == "once":
            for name, block in blocks.items():
                pattern = re.compile(rf"(<!-- report:{name} -->).*?(<!-- /report:{name} -->)", re.DOTALL)
                found = pattern.search(text)
                if found:
                    text = f"{text[: found.end(1)]}\n{block}\n{text[found.start(2) :]}"
            return text
        return sound.strip()

    return fill


def _block(name: str, inside: str = "old\n") -> str:
    return f"<!-- report:{name} -->\n{inside}<!-- /report:{name} -->"


_FILLED: list[tuple[str, str, dict[str, str]]] = [
    ("one block", f"# Mine\n\nMy words.\n\n{_block('results')}\n\nMore words.\n", {"results": "| a | 1 |"}),
    (
        "two blocks, with words of the author between them",
        f"{_block('results')}\n\nwords\n\n{_block('groups')}\n",
        {"results": "A", "groups": "B"},
    ),
    (
        "a block that stands twice in the file",
        f"{_block('results')}\n\nand again\n\n{_block('results')}\n",
        {"results": "A"},
    ),
    ("an empty block", f"x\n{_block('model', '')}\ny", {"model": "EASE()"}),
    ("a block with backslashes", f"x\n{_block('model')}\ny", {"model": r"C:\1 \g<0> \n"}),
    ("no block at all", "\n\n only words \n\n", {"results": "A"}),
    ("a block that was measured and is not in the file", f"{_block('results')}\n", {"results": "A", "groups": "B"}),
    ("a block whose text begins and ends with blank lines", f"{_block('results')}\n", {"results": "\nA\n\nB\n"}),
]
_REFUSED: list[tuple[str, str]] = [
    ("a block without an end", "<!-- report:results -->\nold\n\nMy words.\n"),
    (
        "a block without an end, before a sound one of another name",
        f"<!-- report:groups -->\nold\n\nMy words.\n\n{_block('results')}\n",
    ),
    (
        "a block without an end, before a sound one of the same name: the words between them would go",
        f"<!-- report:results -->\n\nMy words.\n\n{_block('results')}\n",
    ),
    ("an end without a beginning", f"{_block('results')}\n\nMy words.\n<!-- /report:results -->\n"),
    (
        "a sound block, and after it one that ends under another name",
        f"{_block('results')}\n<!-- report:groups -->\nMy words.\n<!-- /report:results -->\n",
    ),
    ("a name that nothing was measured for", f"{_block('results')}\n\n{_block('speed')}\n"),
    ("blocks one inside the other", f"<!-- report:results -->\n{_block('groups')}\n<!-- /report:results -->\n"),
]


def _check_fill(fill: Callable[..., Any]) -> None:
    for what, text, made in _FILLED:
        got, want = fill(text, dict(made)), _fill(text, made)
        if not isinstance(got, str):
            raise Incorrect(f"a text is wanted, not {type(got).__name__}. Is a `return` missing?")
        if got == want:
            continue
        outside = [
            part for part in re.split(r"<!-- report:\w+ -->.*?<!-- /report:\w+ -->", text, flags=re.DOTALL) if part
        ]
        if any(part not in got for part in outside):
            raise Incorrect(
                f"{what}: the author's own words were changed or lost. Outside of the markers each character stays."
            )
        if len(_MARK.findall(got)) != len(_MARK.findall(text)):
            raise Incorrect(f"{what}: markers got lost. They must stay, or the next report finds nothing to fill in.")
        raise Incorrect(f"{what}: it should become {want!r}, and became {got!r}.")
    for what, text in _REFUSED:
        try:
            got = fill(text, {"results": "A", "groups": "B"})
        except ValueError:
            continue
        except KeyError as error:
            raise Incorrect(
                f"{what}: a KeyError of {error} is no refusal. Raise a ValueError, before anything is replaced."
            ) from None
        raise Incorrect(
            f"{what}: that must be refused by a ValueError, before anything is replaced; it became {got!r}."
        )


NUMBERS = Exercise(
    id="4.6.5",
    title="Numbers that nobody types",
    kind="build",
    prompt="""
    Write `fill(text, blocks)`, what a `report` command does with a README. Between `<!-- report:NAME -->` and `<!-- /report:NAME -->` stands, in the
    result, a line break, `blocks[NAME]`, and a line break; the markers stay, and outside of them no character changes. A name may
    stand more than once, and not every block has to be in the text. Where markers do not fit (no end, no beginning, one inside the other, a
    name that is not in `blocks`), raise `ValueError`: half a file filled in is worse than none. Names are of letters, digits and `_`.
    """,
    reference=lambda: _fill,
    check=_check_fill,
    hints=(
        "Walk over the markers in their order (`re.finditer`), and remember which block is open. There is at most one. Each marker is either allowed in that state "
        "or an error.",
        "A beginning is allowed when nothing is open, an end only when its own name is. After the last marker nothing may be open. Put text "
        "together by slices, not by `re.sub` with a text as replacement: it reads backslashes.",
    ),
    wrong=(
        WrongAnswer("as the template does", lambda: _fill_but("lenient"), "must be refused"),
        WrongAnswer("greedy", lambda: _fill_but("greedy"), "own words"),
        WrongAnswer("the block as a pattern's replacement", lambda: _fill_but("template"), "backslashes"),
        WrongAnswer("eats the markers", lambda: _fill_but("eats markers"), "markers got lost"),
        WrongAnswer("strips the file", lambda: _fill_but("strips"), "own words"),
        WrongAnswer("the first one only", lambda: _fill_but("once"), "stands twice"),
    ),
    points=3,
    explanation="A pattern that finds sound blocks skips what is broken, and a broken file then looks filled in while an old number stands in it. "
    "Worst is a lost end before a second block of the same name: the pattern takes everything up to the second end, and your words are gone. "
    "So read all markers first, as a parser with one bit of memory, and refuse whole.",
)

EXERCISES = [BETTER, WHICH_LINE, BITES, NOT_TWICE, NUMBERS]


# ------------------------------------------------------------------ quiz
def _key_users() -> str:
    """How many users make an interval of half the width?"""
    return {2: "a", 4: "b", 16: "c"}[round(1 / 0.5**2)]


def _key_points() -> str:
    """What does somebody get who recommends the most rated films to all, and is sound in all else?"""
    lost = sum(RUBRIC[name].of for name in ("popularity", "neighbours", "newcomer"))
    total = sum(line.of for line in RUBRIC.values())
    return "b" if enough(total - lost, total, TENTHS) else "a"


def _key_chance() -> str:
    """Does the artefact move, with other hidden stars and with the same ones, where there is a leak, chance, or both?"""
    moves = {(leak, chance): (leak or chance, chance) for leak in (False, True) for chance in (False, True)}
    return "c" if moves[True, True] == moves[False, True] else "a"


QUIZ = [
    Question(
        "An interval of nDCG@10 from 66 users is too wide to decide. How many users halve it?",
        {"a": "132", "b": "264", "c": "1,056"},
        _key_users,
        {
            "a": "Twice the users make it narrower by a factor of 1.4 only: it goes with the root.",
            "b": "Yes, four times as many: the width falls with the square root of the users.",
            "c": "That would make it a quarter.",
        },
    ),
    Question(
        "A project recommends the most rated films to everybody, newcomers too, and is sound in everything else. Does it pass "
        "(nine tenths of the points)?",
        {
            "a": "No: it loses the two lines of quality and the newcomer's, and that is too much.",
            "b": "Yes: the model is one part of twenty, and the rest is engineering.",
            "c": "It gets no points at all, since nothing else is judged then.",
        },
        _key_points,
        {
            "a": "Yes: five of twenty points are lost, and 18 pass. Still, three quarters of the points ask for no good model: look "
            "at the reasons, not at the sum.",
            "b": "The rest is engineering, and it is 15 of 20 points; 18 pass.",
            "c": "Lines are judged one by one.",
        },
    ),
    Question(
        "A scorer trains a second time, with other hidden stars, and compares the two artefacts. The training adds noise without "
        "a seed. What does it mean that the artefacts differ?",
        {
            "a": "The training reads hidden ratings.",
            "b": "The training does not read them: noise is harmless.",
            "c": "Nothing yet: they differ with a leak and without one.",
        },
        _key_chance,
        {
            "a": "It may; but with the same hidden stars they would differ as well.",
            "b": "Noise is no proof of innocence: a leak may stand behind it.",
            "c": "Yes. What can be measured depends on what is held still; so hold chance still, then change the stars.",
        },
    ),
    Question(
        'The README says: "nDCG@10 0.394, the best of 40 settings on the held-out fifth". What is wrong?',
        {
            "a": "Nothing, since the fifth was not learned from.",
            "b": "The fifth has chosen the setting, so its number is too good, by an unknown amount.",
            "c": "nDCG is not the right measure.",
        },
        lambda: "b" if _best_of(40) > _best_of(1) + 1 else "a",
        {
            "a": "Nothing was fitted to it, but a choice was made by it.",
            "b": "Yes: the best of forty equal settings looks better than each of them is. Choose on a part of the training part.",
            "c": "It may well be. The number is still not what it says.",
        },
    ),
]


def _best_of(settings: int) -> float:
    """The largest of so many draws of a standard normal, on average."""
    return float(np.random.default_rng(0).normal(size=(2000, settings)).max(axis=1).mean())
