"""Asking a list of questions in a terminal, one after the other, and judging the answers.

An answer is a letter, or "-" for "I do not know", which counts as wrong but is more honest than a guess.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence

from recsys_lab.course.quiz import Question
from recsys_lab.errors import DataError

UNKNOWN = "-"
STOP = "q"


def parse(text: str, questions: Sequence[Question]) -> dict[int, str]:
    """Answers written in one line, "a,b,-,d", as {question: letter}; questions count from 1.

    >>> q = Question("?", {"a": "yes", "b": "no"}, lambda: "a", {"a": "", "b": ""})
    >>> parse("A, -", [q, q])
    {1: 'a', 2: '-'}
    """
    letters = [part.strip().lower() for part in text.split(",")]
    if len(letters) != len(questions):
        raise DataError(
            f"--answers has {len(letters)} answers, but there are {len(questions)} questions: "
            f"give a letter for each, and {UNKNOWN} where you do not know."
        )
    for number, (letter, question) in enumerate(zip(letters, questions), 1):
        if letter != UNKNOWN and letter not in question.choices:
            raise DataError(
                f"--answers: {letter!r} is no answer to question {number}; choose {', '.join(question.choices)} or {UNKNOWN}."
            )
    return dict(enumerate(letters, 1))


def right(answers: Mapping[int, str], questions: Sequence[Question]) -> dict[int, bool]:
    """Which of the answered questions were answered rightly."""
    return {number: letter == questions[number - 1].key() for number, letter in answers.items()}


def explain(question: Question, letter: str) -> str:
    """A few lines on an answer: right or wrong, and why; for a wrong one the right choice as well."""
    key = question.key()
    if letter == key:
        return wrapped(question.why[key], "  ✓ ")
    mine = "" if letter == UNKNOWN else wrapped(question.why[letter], "  ✗ ") + "\n"
    return mine + wrapped(question.why[key], f"  → {key}: ")


def wrapped(text: str, head: str) -> str:
    """The text in lines of at most 79 characters, behind a head that the further lines are indented by.

    >>> print(wrapped("word " * 20, "1. "))
    1. word word word word word word word word word word word word word word word
       word word word word word
    """
    return textwrap.fill(text, 79, initial_indent=head, subsequent_indent=" " * len(head))


def ask(
    questions: Sequence[Question],
    answers: Mapping[int, str],
    after: Callable[[dict[int, str], int], None],
) -> dict[int, str]:
    """Ask what has no answer yet; return all answers. "q" stops, and so does the end of the input.

    `after(answers, number)` is called after each answer: it saves, and may explain.
    """
    given = dict(answers)
    if len(given) < len(questions) and not sys.stdin.isatty():
        raise DataError("nobody is there to ask: run this in a terminal, or give --answers a,b,-,...")
    for number, question in enumerate(questions, 1):
        if number in given:
            continue
        print("\n" + wrapped(question.text, f"{number} of {len(questions)}. "))
        for choice, text in question.choices.items():
            print(wrapped(text, f"   {choice}  "))
        letter = _read(question)
        if letter == STOP:
            break
        given[number] = letter
        after(given, number)
    return given


def _read(question: Question) -> str:
    known = {*question.choices, UNKNOWN, STOP}
    return choose(f"   {'/'.join(question.choices)}, {UNKNOWN} = do not know, {STOP} = stop: ", known)


def choose(prompt: str, known: Collection[str]) -> str:
    """One of the known words, asked for until it comes, in any case. The end of the input is STOP."""
    while True:
        try:
            word = input(prompt).strip().lower()
        except EOFError:
            return STOP
        if word in known:
            return word
        print(f"   {word!r} is none of these.")
