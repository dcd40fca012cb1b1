"""A small course in a folder of its own: one sound lesson, 9.1, and ways to spoil it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

MAP = """
title = "A small course"
[[phase]]
number = 9
title = "Small things"
folder = "phase9_small"
weeks = 1
lessons = [
  { id = "9.1", title = "Angles", file = "9_1_angles", weeks = 0.5 },
  { id = "9.2", title = "Lengths", file = "9_2_lengths", weeks = 0.25 },
  { id = "9.3", title = "Never written", file = "9_3_never", weeks = 0.25 },
]
"""

FRONT = """\
# ---
# lesson:
#   id: "9.1"
#   title: "Angles"
#   phase: 9
#   minutes: 30
#   prerequisites: []
#   objectives: ["compute a cosine", "draw one", "say what it means"]
# ---
"""

START = """\
# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recsys_lab.course import figure_alt, show, start

ex, quiz = start("9.1")
"""

BODY = '''\
# %% [markdown]
# ## What you already know
# A cosine is a dot product of unit vectors: $\\cos(a, b)$.
# %% [markdown] instructor=true
# Ten minutes for this.
# %% exercise="9.1.1"
def cosine(a, b):
    """The cosine of two vectors, in -1..1."""
    ### BEGIN SOLUTION
    return a @ b / np.sqrt((a @ a) * (b @ b))
    ### END SOLUTION
# %% check="9.1.1"
cosine_checked = ex("9.1.1").check(cosine)
# %%
angle = cosine_checked(np.array([1.0, 2.0]), np.array([2.0, 1.0]))
show(angle=angle)
# %%
pd.DataFrame({"n": [1, 2], "share": [0.5, angle]})
# %%
heights = [1, 4, 9]
fig, ax = plt.subplots()
ax.bar(["one", "two", "three"], heights, label="squares")
ax.set(title="Squares", xlabel="n", ylabel="n squared")
ax.legend()
figure_alt(fig, "Three bars that grow: 1, 4, 9.")
# %% exercise="9.1.2"
### BEGIN SOLUTION
_half = 21
guess = 2 * _half
### END SOLUTION
# %% check="9.1.2"
guess_checked = ex("9.1.2").check(guess)
# %% exercise="9.1.3"
def length(a):
    """The Euclidean norm."""
    ### BEGIN SOLUTION
    return float(np.sqrt(a @ a))
    ### END SOLUTION
# %% check="9.1.3"
length_checked = ex("9.1.3").check(length)
# %%
quiz()
# %%
quiz.check({1: ..., 2: ..., 3: ...})
'''

MODULE = """
import numpy as np

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, same
from recsys_lab.course.quiz import Question

A, B = np.array([1.0, 2.0]), np.array([3.0, 1.0])


def cosine():
    return lambda a, b: float(a @ b / np.sqrt((a @ a) * (b @ b)))


def check_cosine(answer):
    got = answer(A, B)
    if got is not None and np.isclose(got, A @ B):
        raise Incorrect("this is the dot product: divide by both norms.")
    same(got, cosine()(A, B), what="the cosine of (1, 2) and (3, 1)")


def check_length(answer):
    same(answer(A), float(np.sqrt(5)))


def dot(a, b):
    return a @ b


EXERCISES = [
    Exercise(
        id="9.1.1", title="Cosine", kind="build", prompt="Write the **cosine**.", reference=cosine, check=check_cosine,
        hints=("Think of norms.", "Divide by both."),
        wrong=(
            WrongAnswer("dot product", lambda: dot, "dot product"),
            WrongAnswer("always zero", lambda: lambda a, b: 0.0, "should be 0.7"),
        ),
        points=2, explanation="Norms divide out the length.",
    ),
    Exercise(
        id="9.1.2", title="Guess", kind="figure it out", prompt="What is 6 times 7?", reference=lambda: 42,
        check=lambda answer: same(answer, 42), hints=("Count.", "40 and two."),
        wrong=(WrongAnswer("41", lambda: 41, "is 41"), WrongAnswer("text", lambda: "42", "is text")),
        points=1, explanation="Six sevens.",
    ),
    Exercise(
        id="9.1.3", title="Length", kind="build", prompt="Write the norm.", reference=lambda: lambda a: float(np.sqrt(a @ a)),
        check=check_length, hints=("Pythagoras.", "A root of a sum."),
        wrong=(
            WrongAnswer("no root", lambda: lambda a: float(a @ a), "is 5"),
            WrongAnswer("sum", lambda: lambda a: float(a.sum()), "is 3"),
        ),
        points=1, explanation="Pythagoras.",
    ),
]

QUIZ = [
    Question(
        text=f"What is {n} plus {n}?",
        choices={"a": str(2 * n), "b": str(n * n + 1)},
        key=lambda n=n: "a" if n + n == 2 * n else "b",
        why={"a": "twice the same", "b": "that is the square and one"},
    )
    for n in (3, 4, 5)
]
"""


class Home:
    """A repository in miniature. `lesson` and `module` are the files of lesson 9.1."""

    def __init__(self, root: Path):
        self.root = root
        self.lesson = root / "curriculum" / "phase9_small" / "9_1_angles.py"
        self.module = root / "recsys_lab" / "course" / "exercises" / "e9_1.py"
        self.notebook = root / "notebooks" / "phase9_small" / "9_1_angles.ipynb"
        for file, text in (
            (root / "curriculum" / "course.toml", MAP),
            (self.lesson, FRONT + START + BODY),
            (self.module, MODULE),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def replace(self, old: str, new: str, file: Path | None = None) -> int:
        """Replace text in the lesson (or another file), once. Returns the line where it stood."""
        file = file or self.lesson
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        file.write_text(text.replace(old, new), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1

    def read(self) -> dict:
        return json.loads(self.notebook.read_text(encoding="utf-8"))


@pytest.fixture
def small(tmp_path, monkeypatch) -> Home:
    """The small course, as the home that the machinery works in."""
    monkeypatch.setenv("RECSYS_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RECSYS_LAB_MODE", raising=False)
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", "off")
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Home:
    """The small course with its notebook built, once for all tests: copy it before you change it."""
    from recsys_lab.course import notebooks

    home = Home(tmp_path_factory.mktemp("built") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSYS_LAB_HOME", str(home.root))
        notebooks.build()
    return home
