"""Quizzes: a few questions at the end of a lesson, whose right answers are computed, not typed in.

A question explains every choice, the right one and the wrong ones. An unanswered question says nothing about its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recsys_lab.course.exercise import SYMBOLS, CourseBug, State


@dataclass(frozen=True)
class Question:
    """One question with one right choice.

    Parameters
    ----------
    text : the question, in Markdown.
    choices : letter -> text, in the order shown: {"a": "...", "b": "...", "c": "..."}.
    key : computes the right letter, from data where that is possible.
    why : letter -> explanation, for every choice.
    """

    text: str
    choices: dict[str, str]
    key: Callable[[], str]
    why: dict[str, str]


class Quiz:
    """The quiz of a lesson. `quiz()` shows it, `quiz.check({1: "b"})` answers."""

    def __init__(self, lesson: str, questions: list[Question]):
        self._lesson = lesson
        self._questions = questions

    def __call__(self) -> None:
        """Show the questions."""
        from recsys_lab.course.exercise import _show_markdown

        blocks = []
        for number, question in enumerate(self._questions, 1):
            choices = "\n".join(f"- **{letter}.** {text}" for letter, text in question.choices.items())
            blocks.append(f"**{number}.** {question.text}\n\n{choices}")
        example = ", ".join(f"{n}: ..." for n in range(1, len(self._questions) + 1))
        blocks.append(f"*Answer with letters, one or all: `quiz.check({{{example}}})`*")
        _show_markdown("\n\n".join(blocks))

    def check(self, answers: Mapping[int, str]) -> None:
        """Print the state of each question, and the explanation of the choice made. `...` means not answered."""
        from recsys_lab.course import progress

        if not isinstance(answers, Mapping):
            print('Answer with a dict from question to letter: quiz.check({1: "b", 2: "a"}).')
            return
        unknown = [number for number in answers if number not in range(1, len(self._questions) + 1)]
        if unknown:
            print(f"There is no question {unknown[0]!r}: this quiz has questions 1 to {len(self._questions)}.")
            return
        right = 0
        for number, question in enumerate(self._questions, 1):
            state, message = self._judge(question, answers.get(number, ...), number)
            right += state == "correct"
            print(f"{SYMBOLS[state]} Question {number} {state}" + (f": {message}" if message else ""))
        progress.record_quiz(self._lesson, right, len(self._questions))

    def _judge(self, question: Question, answer: object, number: int) -> tuple[State, str]:
        if answer is ... or answer is None or answer == "":
            return "not attempted", ""
        letter = str(answer).strip().lower()
        if letter not in question.choices:
            return "not attempted", f"{answer!r} is not one of {', '.join(question.choices)}."
        key = question.key()
        if key not in question.choices:
            raise CourseBug(f"question {number} of lesson {self._lesson} computes the key {key!r}, which is no choice.")
        return ("correct" if letter == key else "incorrect"), question.why[letter]

    def __len__(self) -> int:
        return len(self._questions)

    def __repr__(self) -> str:
        return f"Quiz of lesson {self._lesson}: {len(self)} questions. quiz() shows them."
