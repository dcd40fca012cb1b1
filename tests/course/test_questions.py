"""The diagnostic and the phases' quizzes: computed keys, honest verdicts, answers that are kept."""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from recsys_lab import cli
from recsys_lab.course import diagnostic, lessons, progress, proofs, questionnaire, questions_of
from recsys_lab.course.phases import WITH_QUIZ, before, quiz_of
from recsys_lab.errors import DataError

ALL = {"diagnostic": diagnostic.QUESTIONS, **{f"phase {p}": quiz_of(p) for p in WITH_QUIZ}}
KEYS = [question.key() for question in diagnostic.QUESTIONS]


@pytest.fixture
def kept(tmp_path, monkeypatch):
    file = tmp_path / "progress.json"
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", str(file))
    return file


def run(*arguments: str):
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(cli.app, list(arguments))


# ---------------------------------------------------------------------- the questions
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ALL)
def test_each_question_is_sound(name):
    for number, question in enumerate(ALL[name], 1):
        assert not list(proofs._question(question)), f"{name}, question {number}"
        assert 3 <= len(question.choices) <= 5


@pytest.mark.parametrize("name", ALL)
def test_no_letter_is_a_good_guess(name):
    keys = Counter(question.key() for question in ALL[name])
    assert set(keys) == set("abcd")
    assert max(keys.values()) <= 0.4 * sum(keys.values())


def test_two_questions_for_each_lesson_of_the_first_two_phases():
    asked = Counter(lesson for lesson, _ in before.DIAGNOSTIC)
    wanted = [entry.id for entry in lessons.entries().values() if entry.phase in (1, 2)]
    assert asked == dict.fromkeys(wanted, 2)
    assert list(asked) == wanted


def test_nothing_is_asked_twice():
    texts = [question.text for questions in ALL.values() for question in questions]
    written = [q.text for id in lessons.all_lessons() for q in questions_of(id)]
    assert len({*texts, *written}) == len(texts) + len(written)
    assert all(len(quiz_of(phase)) >= 12 for phase in WITH_QUIZ)


# ---------------------------------------------------------------------- verdicts
def told(letters):
    return {v.lesson: v for v in diagnostic.verdicts(dict(enumerate(letters, 1)))}


def test_who_knows_everything_may_skip_everything():
    assert {v.verdict for v in told(KEYS).values()} == {"skip"}


def test_who_knows_nothing_or_says_nothing_does_everything():
    assert {v.verdict for v in told(["-"] * 24).values()} == {"do"}
    assert {v.verdict for v in told([]).values()} == {"do"}


def test_one_of_two_is_to_be_skimmed():
    verdicts = told(["-", *KEYS[1:]])
    assert verdicts["1.1"].verdict == "skim"
    assert verdicts["1.1"].why.startswith("1 of 2")
    assert verdicts["1.2"].verdict == "skip"  # 1.1 is to be skimmed only


def test_what_builds_on_a_lesson_to_do_is_not_skipped():
    verdicts = told([*KEYS[:2], "-", "-", *KEYS[4:]])  # both of 1.2 wrong
    assert verdicts["1.2"].verdict == "do"
    assert "1.2" in lessons.find("1.3").prerequisites
    assert (verdicts["1.3"].verdict, verdicts["1.3"].right) == ("skim", 2)
    assert "builds on 1.2" in verdicts["1.3"].why


# ---------------------------------------------------------------------- asking
class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_diagnostic_goes_on_where_it_stopped(kept, monkeypatch, capsys):
    def sit_down(typed):
        monkeypatch.setattr("sys.stdin", Terminal(typed))
        answers = questionnaire.ask(
            diagnostic.QUESTIONS, progress.diagnostic(), lambda all, _: progress.record_diagnostic(all)
        )
        return answers, capsys.readouterr().out

    answers, said = sit_down(f"{KEYS[0]}\nx\n-\nq\n")
    assert answers == {1: KEYS[0], 2: "-"}
    assert "'x' is none of these" in said
    answers, said = sit_down("a\n")  # and then the input ends
    assert answers == {1: KEYS[0], 2: "-", 3: "a"} == progress.diagnostic()
    assert "\n3 of 24." in said
    assert "\n2 of 24." not in said
    assert max(map(len, said.splitlines())) <= 80


def test_the_result_can_be_read_again_without_a_terminal(kept):
    assert json.loads(run("diagnostic", "--json").stdout)["answered"] == 0
    progress.record_diagnostic(dict(enumerate(KEYS, 1)))
    assert json.loads(run("diagnostic", "--json").stdout)["answered"] == 24
    assert run("diagnostic").stdout.count("skip") >= 12


def test_answers_at_once(kept):
    result = run("diagnostic", "--answers", ",".join(KEYS).upper(), "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["answered"], {v["verdict"] for v in told["lessons"]}) == (24, {"skip"})
    assert progress.read()["version"] == 1, "an older version of the course can still read the file"
    table = run("diagnostic", "--answers", ",".join(["-", *KEYS[1:]]))
    assert "skim" in table.stdout
    assert diagnostic.QUESTIONS[0].why[KEYS[0]][:30] in table.stdout


def test_a_quiz_keeps_the_best_result(kept):
    keys = [question.key() for question in quiz_of(1)]
    for answers, right in ((keys, 13), (["-"] * 13, 0)):
        result = run("quiz", "1", "--answers", ",".join(answers), "--json")
        assert json.loads(result.stdout)["right"] == right
    assert progress.read()["quizzes"] == {"phase 1": {"right": 13, "of": 13}}
    assert "Phase 1: quiz 13/13" in run("progress").stdout


def test_a_wrong_answer_is_explained_and_so_is_the_right_one(kept):
    result = run("quiz", "2", "--answers", ",".join("a" * 14))
    question = next(q for q in quiz_of(2) if q.key() != "a")
    flat = " ".join(result.stdout.split())
    assert question.why["a"] in flat
    assert question.why[question.key()] in flat


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["diagnostic", "--answers", "a,b"], "2 answers, but there are 24"),
        (["diagnostic", "--answers", ",".join("z" * 24)], "'z' is no answer to question 1"),
        (["diagnostic"], "nobody is there to ask"),
        (["quiz", "1", "--json"], "give --answers"),
        (["quiz", "6", "--answers", "a"], "phase 6: there is a quiz for the phases 1, 2, 3, 4, 5"),
    ],
)
def test_refusals(kept, arguments, says):
    result = run(*arguments)
    assert result.exit_code == cli.BAD_INPUT
    assert says in result.stderr
    assert not kept.exists()


def test_nothing_is_recorded_where_nothing_shall_be(monkeypatch):
    monkeypatch.setenv("RECSYS_LAB_PROGRESS", "off")
    progress.record_diagnostic({1: "a"})
    assert progress.diagnostic() == {}
    with pytest.raises(DataError):
        questionnaire.parse("", diagnostic.QUESTIONS)
