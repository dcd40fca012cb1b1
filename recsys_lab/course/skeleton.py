"""What `recsys-lab lesson new` writes: a source with every section, and the exercises' module.

Both are full of TODOs and are refused by `recsys-lab lesson check` until those are gone.
"""

from __future__ import annotations

from pathlib import Path

from recsys_lab.course import exercises_file, lessons, notebooks
from recsys_lab.course.lessons import Entry
from recsys_lab.errors import DataError

_SOURCE = """# ---
# lesson:
#   id: "{id}"
#   title: {title}
#   phase: {phase}
#   minutes: 90  # a person's time
#   prerequisites: []
#   objectives:
#     - "TODO: a thing the learner can do afterwards"
#     - "TODO"
#     - "TODO"
# ---
# %% [markdown]
# ## What you already know
# TODO: the bridge from backend work. Lead with a picture or a number, not with a definition.
# %%
import matplotlib.pyplot as plt
import numpy as np

from recsys_lab.course import figure_alt, show, start

ex, quiz = start("{id}")
# %% [markdown] instructor=true
# TODO: timing, misconceptions, what to discuss.
# %% [markdown]
# ## TODO: a question
# TODO: the idea, then the maths with every symbol defined, then code that runs, then what it shows.
# %%
fig, ax = plt.subplots()
ax.plot(np.arange(3))
ax.set(title="TODO", xlabel="TODO", ylabel="TODO")
figure_alt(fig, "TODO: what is to be seen.")
{exercises}
# %% [markdown]
# ## From scratch, then the library
# TODO: compare with recsys_lab and with the reference library, and print the difference.
# %%
show(difference=0.0)  # TODO
# %% [markdown]
# ## Quiz
# %%
quiz()
# %%
quiz.check({{1: ..., 2: ..., 3: ...}})
# %% [markdown]
# ## In production
# TODO: how large companies do it, with source.
# %% [markdown]
# ## In the interview
# TODO: one question that this lesson answers, and the outline of a good answer.
# %% [markdown]
# ## Take-aways
# - TODO
#
# ## Further reading
# - TODO: the primary source, with year and section.
"""

_EXERCISE_CELL = '''# %% exercise="{id}"
def answer_{n}(x):
    """TODO: what to write, with shapes and units."""
    ### BEGIN SOLUTION
    return x  # TODO
    ### END SOLUTION
# %% check="{id}"
answer_{n}_checked = ex("{id}").check(answer_{n})'''

_MODULE = '''"""Exercises and quiz of lesson {id}."""

from __future__ import annotations

from recsys_lab.course.exercise import Exercise, WrongAnswer, same
from recsys_lab.course.quiz import Question

{functions}

EXERCISES = [
{exercises}
]

QUIZ = [
{questions}
]
'''

_FUNCTIONS = """
def answer_{n}():
    def reference(x):
        return x

    return reference


def check_{n}(answer):
    same(answer(1), answer_{n}()(1), what="TODO")"""

_EXERCISE = """    Exercise(
        id="{id}",
        title="TODO",
        kind="{kind}",
        prompt="TODO",
        reference=answer_{n},
        check=check_{n},
        hints=("TODO: a nudge", "TODO: nearly the solution"),
        wrong=(WrongAnswer("TODO", lambda: ..., ""), WrongAnswer("TODO", lambda: ..., "")),
        points=1,
        explanation="TODO",
    ),"""

_QUESTION = """    Question(
        text="TODO",
        choices={"a": "TODO", "b": "TODO", "c": "TODO"},
        key=lambda: "",  # TODO: compute it
        why={"a": "TODO", "b": "TODO", "c": "TODO"},
    ),"""


def write(entry: Entry, title: str | None = None) -> list[Path]:
    """Write the two files of a new lesson. Raises DataError where one exists or the title is not the map's."""
    if title is not None and title != entry.title:
        raise DataError(
            f"lesson {entry.id} is called {entry.title!r} in curriculum/course.toml, not {title!r}: "
            "change it there first, or leave the title out."
        )
    source, module = lessons.home() / "curriculum" / entry.file, exercises_file(entry.id)
    for file in (source, module):
        if file.exists():
            raise DataError(
                f"{file.relative_to(lessons.home()).as_posix()} is there already: edit it, or remove it first."
            )
    ids = [(n, f"{entry.id}.{n}") for n in (1, 2, 3)]
    title = '"' + entry.title.replace('"', '\\"') + '"'
    cells = "\n".join(_EXERCISE_CELL.format(id=id, n=n) for n, id in ids)
    kinds = {1: "build", 2: "build", 3: "figure it out"}
    texts = {
        source: _SOURCE.format(id=entry.id, title=title, phase=entry.phase, exercises=cells),
        module: _MODULE.format(
            id=entry.id,
            functions="\n\n".join(_FUNCTIONS.format(n=n) for n, _ in ids),
            exercises="\n".join(_EXERCISE.format(id=id, n=n, kind=kinds[n]) for n, id in ids),
            questions="\n".join([_QUESTION] * 3),
        ),
    }
    for file, text in texts.items():
        notebooks.write(file, text.encode("utf-8"))
    return list(texts)
