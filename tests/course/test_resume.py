"""Bullets say what files prove and nothing else; the check names what a reader would attack; lists are complete."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from recsys_lab import EASE, ItemKNN, Popularity, cli, compare
from recsys_lab.course import exercises_of, leaderboard, progress, resume
from recsys_lab.course.lessons import entries, home
from recsys_lab.course.portfolio.build import HASHES, MEASURED, build

RESULTS = """MovieLens 100K, a random fifth of each user's ratings held out (seed 0); nDCG@10 over all films, 917 users.

| model | nDCG@10 | 95 % from | to |
| --- | --- | --- | --- |
| this project | 0.385 | 0.368 | 0.403 |

| this project minus | difference | 95 % interval, paired by user |
| --- | --- | --- |
| most popular | +0.214 | +0.198 to +0.229 |
| item k-NN | -0.004 | -0.012 to +0.004 |
| other | -0.052 | -0.060 to -0.041 |
"""


def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "100", "TERM": "dumb"}).invoke(cli.app, [str(a) for a in arguments])


def row(model: str, what: str, **gains: tuple[str, list[float]]):
    given = {metric: {"over": over, "value": value} for metric, (over, value) in gains.items()}
    return {"model": model, "mine": True, "what": what, "gains": given}


def measured_of(board=None, capstone=None, phases=(), missing=()):
    return {
        "leaderboard": {"rows": board} if board else None,
        "capstone": capstone,
        "learning": {"phases": list(phases)},
        "missing": list(missing),
        "left_out": [],
    }


@pytest.fixture
def capstone():
    rows = [
        {"what": "it trains", "points": 1, "of": 1, "why": "yes"},
        {"what": "tests bite", "points": 1, "of": 3, "why": "one\nmistake lives"},
    ]
    results = {
        "text": RESULTS,
        "metric": "nDCG@10",
        "rows": [{"model": "this project", "value": [0.385, 0.368, 0.403]}],
    }
    return {"project": "film-night", "score": {"points": 2, "of": 4, "rows": rows}, "results": results}


def test_a_gain_has_deed_difference_baseline_interval_data_and_proof():
    board = [row("mine", "MyModel(k=3)", **{"ndcg@10": ("most rated films", [0.21359, 0.198446, 0.22865])})]
    (bullet,) = resume.resume(measured_of(board)).bullets
    assert bullet.text == (
        "Built MyModel (mine), which raised nDCG@10 by 0.214 (95 % interval 0.198 to 0.229) over the most rated films, paired "
        "by user, on a held-out fifth of MovieLens 100K."
    )
    assert bullet.proof == "measured.json, leaderboard, 'mine', gains, ndcg@10"


def test_a_lower_rmse_is_a_gain_and_a_higher_one_is_not():
    good = row("a", "A()", rmse=("damped averages", [-0.0301, -0.0402, -0.0208]))
    bad = row("b", "EASE()", rmse=("damped averages", [0.0301, 0.0208, 0.0402]))
    first, second = (b.text for b in resume.resume(measured_of([bad, good])).bullets)  # gains come first
    assert "lowered RMSE by 0.0301 (95 % interval 0.0208 to 0.0402)" in first
    assert second.startswith("Compared b with the damped averages")
    assert "found it worse: RMSE differs by 0.0301" in second


def test_zero_in_the_interval_is_no_gain_and_no_width_is_no_result():
    zero = row("z", "Z()", **{"ndcg@10": ("most rated films", [0.004, 0.0, 0.009])})
    flat = row("f", "F()", **{"ndcg@10": ("most rated films", [0.0, 0.0, 0.0])})
    old = {"model": "old", "mine": True, "ndcg@10": [0.3, 0.2, 0.4]}
    course = {"model": "EASE", "mine": False, "ndcg@10": [0.385, 0.368, 0.403]}
    proved = resume.resume(measured_of([zero, flat, old, course]))
    (bullet,) = proved.bullets
    assert "no difference is shown" in bullet.text
    assert "raised" not in bullet.text
    assert len(proved.left_out) == 2
    assert "without width" in proved.left_out[0]
    assert "`leaderboard.keep` it again" in proved.left_out[1]


def test_the_capstone_tells_its_gains_its_points_and_what_it_lost(capstone):
    proved = resume.resume(measured_of(capstone=capstone))
    texts = [bullet.text for bullet in proved.bullets]
    assert texts[0] == (
        "Built film-night, which raised nDCG@10 by 0.214 (95 % interval 0.198 to 0.229) over most popular, paired by user, on "
        "MovieLens 100K, a random fifth of each user's ratings held out (seed 0)."
    )
    assert "2 of 4 points" in texts[1]
    assert texts[2].endswith("by that command: it trains.")
    assert "holds zero" in texts[3]
    assert "-0.004 (-0.012 to 0.004)" in texts[3]
    assert "found it worse" in texts[4]
    assert proved.left_out == ["film-night, 'tests bite': 1 of 3 points: one mistake lives"]
    capstone["results"]["text"] = RESULTS.split("\n\n| this project minus")[0]
    assert "no paired difference" in resume.resume(measured_of(capstone=capstone)).left_out[0]
    nothing = {**capstone, "results": None, "score": {"points": 0, "of": 4, "rows": capstone["score"]["rows"][1:]}}
    assert resume.resume(measured_of(capstone=nothing)).bullets == []


def test_what_was_learnt_is_counted():
    lessons = [{"correct": 3, "exercises": 5}, {"correct": 4, "exercises": 6}]
    phase = {
        "phase": 2,
        "title": "Core",
        "lessons": lessons,
        "quiz": {"right": 7, "of": 9},
        "project": {"points": 11, "of": 14},
    }
    (bullet,) = resume.resume(measured_of(phases=[phase])).bullets
    assert "7 of 11 exercises solved" in bullet.text
    assert bullet.text.endswith("project 11 of 14 points, quiz 7 of 9 right.")
    only = resume.resume(measured_of(phases=[{**phase, "lessons": [], "quiz": None}])).bullets[0].text
    assert only == "Worked through phase 2 of RecSys Lab, Core: project 11 of 14 points."


@pytest.fixture(scope="module")
def portfolio(tmp_path_factory):
    """Built from a record with one good model, one that is the baseline itself, and a quiz."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSYS_LAB_PROGRESS", str(folder / "progress.json"))
        train, _ = leaderboard.split()
        leaderboard.keep("four stars", EASE(threshold=4.0).fit(train))
        leaderboard.keep("again", Popularity().fit(train))
        for exercise in exercises_of("2.2")[:3]:
            progress.record(exercise.id, "correct")
        progress.record_quiz("phase 1", 7, 9, command=True)
        build(folder / "portfolio", None, "Ann")
    return folder / "portfolio"


def test_a_kept_model_carries_its_paired_gain(portfolio):
    measured = json.loads((portfolio / MEASURED).read_text(encoding="utf-8"))
    kept = {r["model"]: r for r in measured["leaderboard"]["rows"] if r["mine"]}
    assert set(kept["four stars"]["gains"]) == {"ndcg@10"}, "it predicts no stars"
    assert set(kept["again"]["gains"]) == {"ndcg@10", "rmse"}
    train, _ = leaderboard.split()
    models = {"knn": ItemKNN(5).fit(train), "bar": Popularity().fit(train)}
    results = {name: leaderboard.judge(model) for name, model in models.items()}
    want = compare(results, "ndcg@10").iloc[0][["difference", "low", "high"]].tolist()
    assert leaderboard.gain(results["knn"], "ndcg@10") == pytest.approx(want)
    assert kept["four stars"]["gains"]["ndcg@10"]["over"] in {r.label for r in leaderboard.ROWS}


def test_the_command_writes_what_is_proven_and_its_own_check_finds_nothing(portfolio, tmp_path):
    result = run("resume", portfolio)
    assert result.exit_code == 0
    assert "raised nDCG@10 by" in result.stdout
    assert "`recsys-lab quiz 2`" in result.stdout
    measured = json.loads((portfolio / MEASURED).read_text(encoding="utf-8"))
    text = "\n".join(f"- {bullet.text}" for bullet in resume.resume(measured).bullets)
    assert resume.check(text, measured) == []
    out = tmp_path / "bullets.md"
    assert run("resume", portfolio, "--out", out).exit_code == 0
    assert out.read_text(encoding="utf-8") == result.stdout
    again = run("resume", portfolio, "--out", out)
    assert again.exit_code == 2
    assert "nothing is overwritten" in again.stderr
    assert run("resume", portfolio, "--out", tmp_path / "none" / "b.md").exit_code == 3


def test_a_file_that_was_changed_by_hand_proves_nothing(portfolio, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (MEASURED, HASHES):
        (copy / name).write_text((portfolio / name).read_text(encoding="utf-8"), encoding="utf-8")
    text = (copy / MEASURED).read_text(encoding="utf-8")
    value = re.search(r'"value": \[\s*(0\.\d+)', text)[1]
    (copy / MEASURED).write_text(text.replace(value, "0.99", 1), encoding="utf-8")
    result = run("resume", copy)
    assert result.exit_code == 2
    assert "proves nothing" in result.stderr


def test_the_command_checks_a_file_and_prints_the_lists(portfolio, tmp_path):
    mine = tmp_path / "mine.md"
    mine.write_text("- We improved recall by 31 %.\n", encoding="utf-8")
    result = run("resume", portfolio, "--check", mine)
    assert result.exit_code == 1
    assert "31 % stands in no measured value" in result.stdout
    mine.write_text("- Fitted EASE on MovieLens.\n", encoding="utf-8")
    assert run("resume", portfolio, "--check", mine).exit_code == 0
    lists = run("resume", "--checklist")
    assert lists.exit_code == 0
    assert lists.stdout.count("- [ ]") == sum(map(len, resume.checklists().values()))
    assert run("resume").exit_code == 2
    assert run("resume", tmp_path / "nothing").exit_code == 3


MEASURED_ONCE = {
    "leaderboard": {
        "rows": [
            row("mine", "A()", **{"ndcg@10": ("most rated films", [0.2136, 0.1984, 0.2287])}),
            {"model": "blend of lists", "mine": False, "ndcg@10": [0.3946, 0.3789, 0.4119]},
        ]
    }
}


@pytest.mark.parametrize(
    ("bullet", "says"),
    [
        ("Raised nDCG@10 by 0.314 (0.198 to 0.229) over the most rated films.", ["0.314 stands in no"]),
        ("Raised nDCG@10 by 0.214 (0.198 to 0.229).", ["against what?"]),
        ("Raised nDCG@10 by 0.214 over the most rated films.", ["how far may it be off?"]),
        ("Raised nDCG@10 over the most rated films.", ["by how much?"]),
        ("Raised nDCG@10 by 0.214 (0.198 to 0.229) over all users.", ["against what?"]),
        ("Doubled the hit rate against popularity.", ["'Doubled' stands in no file"]),
        ("Built a service for millions of users.", ["'millions' stands in no file"]),
        ("Trained a model that is 3x faster than Surprise.", ["'3x' stands in no file"]),
        ("Built a state-of-the-art recommender.", ["'state-of-the-art' is praise"]),
        ("Built the service; our team ran it.", ["who is 'our'?"]),
        ("Collected and published the MovieLens data set.", ["is the data set yours?"]),
        ("Responsible for recommenders.", ["begins with 'Responsible'"]),
        ("Experienced with recommenders.", ["begins with 'Experienced'"]),
        ("Built a blend of lists with an nDCG@10 of 0.395 (0.379 to 0.412).", ["is the course's", "against what?"]),
        ("Reached 0.395 (0.379 to 0.412) in nDCG@10 over popularity.", ["is the course's, of 'blend of lists'"]),
    ],
)
def test_a_bad_bullet_is_told_what_is_wrong(bullet, says):
    problems = resume.check(f"- {bullet}", MEASURED_ONCE)
    for say in says:
        assert any(say in problem for problem in problems), problems
    others = [p for p in problems if not any(say in p for say in says)]
    assert not [p for p in others if "is the course's" not in p], others


@pytest.mark.parametrize(
    "bullet",
    [
        "Raised nDCG@10 by 0.214 (95 % interval 0.198 to 0.229) over the most rated films.",
        "Found a gap of 0.214 (0.198 to 0.229) in nDCG@10 to 0.395 of the blend of lists, against most rated films.",
        "Wrote a pipeline with a gate in 2026, and kept it running for 12 weeks.",
        "Led the move of four services to Kubernetes.",
        "**Measured** what `recall@10` means in code.",
    ],
)
def test_a_sound_bullet_is_left_alone(bullet):
    assert resume.check(bullet, MEASURED_ONCE) == []


def test_bullets_are_read_as_people_write_them():
    text = "# Work\n\n<!-- 0.99 -->\n1. Built it, which is\n   amazing.\n\n* We wrote it.\n| 0.77 | a table |\n"
    assert len(resume.check(text, MEASURED_ONCE)) == 3
    assert resume.check("", MEASURED_ONCE) == []
    long = resume.check("- Amazing " + "word " * 40, {"leaderboard": None})
    assert all(len(problem.partition('": ')[0]) <= 61 for problem in long)


def test_the_lists_are_complete():
    papers = resume.reading()
    assert papers.groupby("month").size().tolist() == [2] * 12
    assert set(papers["lesson"]) <= set(entries())
    assert papers["paper"].is_unique
    assert papers["year"].between(1980, 2026).all()
    assert (papers.drop(columns=["month", "year"]) != "").all().all()
    events = resume.conferences()
    assert set(events["name"]) == {"RecSys", "KDD", "WSDM", "SIGIR", "MLconf"}
    for event in events.itertuples():
        assert str(event.as_of) in event.source, event.name
        assert event.month.split()[0] in event.source
        assert event.site.startswith("https://")
    assert all(len(lines) >= 8 for lines in resume.checklists().values())
    assert len(resume.checklists()) == 2
    talk = (home() / "curriculum" / "phase5_career" / "meetup_talk.md").read_text(encoding="utf-8")
    assert "recsys-lab resume" in talk


def test_digits_stop_where_the_source_does():
    assert resume.stated(0.12, 0.119, 0.121, most=3) == ("0.120", "0.119", "0.121")
    assert resume.stated(-310.0, -402.0, -214.0) == ("-310", "-402", "-214")
