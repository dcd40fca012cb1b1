"""The pipeline on real data: what it refuses, what it publishes, and that a killed one leaves whole files."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from recsys_lab import registry, storage
from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.production import by_airflow, intake, pipeline, validation
from recsys_lab.production.runs import DAY, RefusedError, Run, Settings, UnannouncedError, moment
from recsys_lab.production.shelf import Publication, Shelf, sha256_of
from recsys_lab.simulate import START, Audience

WEEKS = [moment(day) for day in ("1998-02-18", "1998-02-25", "1998-03-04", "1998-03-11")]
NEXT = moment("1998-03-18")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.fixture(scope="module")
def four_weeks(tmp_path_factory):
    """A pipeline that ran in four weeks, with the outcomes of each run."""
    settings = Settings(folder=tmp_path_factory.mktemp("four") / "pipeline")
    return settings, list(pipeline.backfill(settings, WEEKS[0], WEEKS[-1], timedelta(days=7)))


@pytest.fixture
def settings(four_weeks, tmp_path):
    """A copy of that pipeline, to be played with."""
    shutil.copytree(four_weeks[0].folder, tmp_path / "pipeline")
    return replace(four_weeks[0], folder=tmp_path / "pipeline")


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a folder, without the clock's part of the announcement."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_whole(settings: Settings) -> None:
    """What lies there loads, and the history knows it, whenever one looks."""
    shelf = settings.shelf()
    if shelf.artefact.exists():
        assert storage.load(shelf.artefact).recommend(1, n=3)["item"].size == 3
        assert sha256_of(shelf.artefact) in {line["sha256"] for line in shelf.history()}


def failed(outcome: dict) -> list[str]:
    return [one["name"] for one in outcome["checks"] if not one["passed"]]


# ---------------------------------------------------------------------- runs
def test_each_past_week_gets_its_run_with_what_was_known_then(four_weeks, ml100k):
    settings, done = four_weeks
    assert [when for when, _ in done] == WEEKS
    for when, outcomes in done:
        run = Run(settings, when)
        rows = pd.read_csv(run.folder / "ratings.csv")
        assert len(rows) == (ml100k.ratings["timestamp"] < when.timestamp()).sum() == outcomes["ingest"]["ratings"]
        candidate = storage.load(run.folder / "candidate.npz")
        assert candidate.train_.n_ratings == (ml100k.ratings["timestamp"] < run.cut).sum()


def test_each_candidate_meets_the_champion_of_the_week_before_on_the_same_users(four_weeks):
    settings, done = four_weeks
    champion = None
    for when, outcomes in done:
        judged = outcomes["evaluate"]
        assert (judged["champion"] or {}).get("run") == champion
        if champion:
            found = judged["candidate minus"]["champion"]
            assert found["low"] <= found["difference"] <= found["high"]
            assert 50 < found["users"] <= judged["metrics"]["champion"]["ndcg@10"]["users"]
        assert outcomes["decide"]["publish"], "EASE beats popularity in these weeks"
        champion = Run(settings, when).name
    shelf = settings.shelf()
    assert [one.run for one in shelf.in_effect()] == [Run(settings, when).name for when in WEEKS]
    assert sha256_of(shelf.artefact) == shelf.champion().sha256 == done[-1][1]["train"]["sha256"]


def test_the_champion_has_not_seen_what_it_is_judged_on(four_weeks):
    settings, _ = four_weeks
    rows = pd.read_csv(Run(settings, WEEKS[-1]).folder / "ratings.csv")
    test = rows[rows["timestamp"] >= Run(settings, WEEKS[-1]).cut]
    champion = storage.load(Run(settings, WEEKS[-2]).folder / "candidate.npz")
    assert not len(test.merge(champion.train_.to_frame(), on=["user", "item"]))


def test_run_again_it_writes_the_same_bytes_and_publishes_nothing(settings):
    before = everything(settings.folder)
    again = dict(pipeline.run(settings, WEEKS[-1]))
    assert again["decide"]["publish"]
    assert everything(settings.folder) == before


def test_the_same_run_in_another_folder_gives_the_same_artefact(four_weeks, tmp_path):
    fresh = Settings(folder=tmp_path / "fresh")
    dict(pipeline.run(fresh, WEEKS[0]))
    assert fresh.shelf().artefact.read_bytes() == (Run(four_weeks[0], WEEKS[0]).folder / "candidate.npz").read_bytes()


def test_a_past_date_run_again_does_not_replace_what_learned_later(settings):
    champion = settings.shelf().champion()
    other = replace(settings, params={"reg": 200.0})  # so that it is another candidate than the published one
    outcomes = dict(pipeline.run(other, WEEKS[0]))
    assert failed(outcomes["decide"]) == ["order"]
    assert settings.shelf().champion() == champion


def test_data_that_are_not_fit_end_the_run_before_training(settings):
    champion = everything(settings.folder / "shelf")
    with pytest.raises(
        RefusedError, match=r"1998-06-01T00 is refused, .*: freshness: the newest row is 39\.0 days old"
    ):
        dict(pipeline.run(settings, moment("1998-06-01")))
    run = Run(settings, moment("1998-06-01"))
    assert sorted(path.name for path in run.folder.iterdir()) == ["ingest.json", "ratings.csv", "validate.json"]
    assert "freshness" in failed(run.read("validate"))
    assert everything(settings.folder / "shelf") == champion
    with pytest.raises(DataError, match="did not pass validation"):
        pipeline.train(settings, moment("1998-06-01"))


def test_the_gate_keeps_the_champion_from_a_candidate_that_guesses(settings):
    champion, bytes_before = settings.shelf().champion(), settings.shelf().artefact.read_bytes()
    outcomes = dict(pipeline.run(replace(settings, model="random"), NEXT))
    assert failed(outcomes["decide"]) == ["popularity", "champion"]
    assert "publish" not in outcomes
    assert outcomes["announce"]["published"] is False
    assert outcomes["announce"]["in use"]["sha256"] == champion.sha256
    assert settings.shelf().artefact.read_bytes() == bytes_before
    with pytest.raises(DataError, match="the gate did not say to publish"):
        pipeline.publish(replace(settings, model="random"), NEXT)


def test_popularity_alone_is_no_model(tmp_path):
    outcomes = dict(pipeline.run(Settings(folder=tmp_path, model="popularity"), NEXT))
    assert failed(outcomes["decide"]) == ["popularity"]
    assert not (tmp_path / "champion.npz").exists()


def test_rollback_goes_back_and_what_was_taken_back_stays_away(settings):
    shelf = settings.shelf()
    names = [one.run for one in shelf.in_effect()]
    assert pipeline.rollback(settings).run == names[-2]
    assert sha256_of(shelf.artefact) == shelf.champion().sha256
    dict(pipeline.run(settings, WEEKS[-1]))  # what Airflow does when somebody clears the run
    assert shelf.champion().run == names[-2]
    dict(pipeline.run(settings, NEXT))  # but the next one goes on from there
    assert [one.run for one in shelf.in_effect()] == [*names[:-1], Run(settings, NEXT).name]
    for _ in names[1:]:
        pipeline.rollback(settings)
    with pytest.raises(DataError, match="no earlier artefact"):
        pipeline.rollback(settings)
    assert_whole(settings)


def test_only_so_many_earlier_artefacts_are_kept(settings):
    few = replace(settings, keep=1)
    dict(pipeline.run(few, NEXT))
    kept = {path.stem for path in (settings.folder / "shelf").iterdir()}
    assert kept == {one.version for one in few.shelf().in_effect()[-2:]}


def test_a_file_that_was_changed_between_two_steps_is_not_used(settings):
    run = Run(settings, WEEKS[-1])
    with (run.folder / "ratings.csv").open("a") as file:
        file.write("1,1,5.0,1,rating\n")
    with pytest.raises(DataError, match="not what was taken in"):
        pipeline.train(settings, WEEKS[-1])
    (run.folder / "candidate.npz").write_bytes(b"something else")
    with pytest.raises(DataError, match="not what was trained"):
        pipeline.publish(settings, WEEKS[-1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"announce": "http://example.org"}, "only a service on this machine"),
        ({"model": "eas"}, "did you mean 'ease'"),
        ({"keep": 0}, "keep=0"),
        ({"margin": -0.1}, "margin=-0.1"),
    ],
)
def test_settings_are_refused_before_anything_is_done(wrong, message):
    with pytest.raises(DataError, match=message):
        Settings(**wrong)


def test_a_service_that_cannot_be_told_changes_nothing_that_was_published(settings):
    told = replace(settings, announce="http://127.0.0.1:9")  # the port "discard": nobody listens there
    with pytest.raises(UnannouncedError, match=r"is in use, but http://127\.0\.0\.1:9 was not told"):
        dict(pipeline.run(told, NEXT))
    assert settings.shelf().champion().run == Run(settings, NEXT).name
    assert "error" in Run(settings, NEXT).read("announce")["told"]


def test_a_published_model_is_in_use_by_the_running_service(settings, tmp_path, monkeypatch):
    pytest.importorskip("recsys_lab.serve")
    monkeypatch.setenv("RECSYS_LAB_SERVE_API_KEY", "only-for-this-test")
    monkeypatch.setenv("RECSYS_LAB_SERVE_RELOAD_SECONDS", "3600")  # it would find the file by itself
    command = [sys.executable, "-m", "recsys_lab.cli", "serve", "--port", "0", "--model", settings.shelf().artefact]
    with (tmp_path / "log").open("w") as log:
        service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=tmp_path)
        try:
            address = next(line.strip() for line in service.stdout if line.startswith("http://"))
            outcomes = dict(pipeline.run(replace(settings, announce=address), NEXT))
        finally:
            service.terminate()
            service.communicate()
    assert outcomes["announce"]["told"]["answer"]["model"] == settings.shelf().champion().version


# ---------------------------------------------------------------------- clicks
def log_of(path: Path, events: pd.DataFrame) -> Path:
    """A database as recsys_lab.serve.EventLog keeps it: ids as JSON text."""
    with sqlite3.connect(path) as log:
        log.execute(
            "CREATE TABLE events (id VARCHAR PRIMARY KEY, kind VARCHAR, user TEXT, item TEXT, rank INTEGER, request_id TEXT,"
            " model TEXT, experiment TEXT, variant TEXT, at FLOAT)"
        )
        as_json = events.assign(user=events["user"].map(json.dumps), item=events["item"].map(json.dumps))
        as_json.to_sql("events", log, if_exists="append", index=False)
    log.close()
    return path


@pytest.fixture(scope="module")
def clicked(ml100k, tmp_path_factory):
    """Ten days of an audience that is shown the popular films, after the last rating of MovieLens 100K."""
    audience = Audience(click_rate=0.2).fit(ml100k.ratings)
    lists = registry.make("popularity").fit(ml100k.ratings).recommend(audience.users[:300], n=10)
    events = pd.concat([audience.visit(lists, day=day) for day in range(10)])
    return log_of(tmp_path_factory.mktemp("log") / "events.db", events), events[events["kind"] == "click"]


def test_clicks_of_the_log_are_learned_from_once_each_until_the_runs_moment(clicked, tmp_path):
    path, clicks = clicked
    settings, when = Settings(folder=tmp_path, events=path, holdout=7), moment("1998-05-02")
    assert intake.latest(settings.data, path) == moment("1998-05-03")
    known = clicks[clicks["at"] < when.timestamp()]
    outcomes = dict(pipeline.run(settings, when))
    rows = pd.read_csv(Run(settings, when).folder / "ratings.csv")
    rows = rows[rows["source"] == "click"]
    assert outcomes["ingest"]["clicks"] == len(rows) == len(known.drop_duplicates(["user", "item"])) < len(known)
    assert set(rows["rating"]) == {4.0}
    first = known.groupby(["user", "item"])["at"].min().astype(int)
    assert rows.set_index(["user", "item"])["timestamp"].sort_index().equals(first.rename("timestamp").sort_index())
    assert rows["timestamp"].min() >= START
    assert outcomes["train"]["ratings"] == 100_000 + (rows["timestamp"] < Run(settings, when).cut).sum()


def test_guests_are_counted_and_unknown_films_refused(clicked, tmp_path):
    _, clicks = clicked
    guest = clicks.head(1).assign(user="a guest", id="1")
    settings = Settings(folder=tmp_path / "a", events=log_of(tmp_path / "guest.db", pd.concat([clicks, guest])))
    assert pipeline.ingest(settings, moment("1998-05-03"))["clicks of guests"] == 1
    strange = clicks.head(1).assign(item=99_999, id="2")
    settings = Settings(folder=tmp_path / "b", events=log_of(tmp_path / "strange.db", pd.concat([clicks, strange])))
    with pytest.raises(RefusedError, match=r"catalogue: 1 items that the catalogue does not have, such as item 99999"):
        dict(pipeline.run(settings, moment("1998-05-03")))


def test_a_rating_counts_more_than_a_click(ml100k, tmp_path):
    rated = ml100k.ratings.query("rating == 1").sort_values("timestamp").head(1)
    event = rated.assign(id="1", kind="click", at=rated["timestamp"] - 60.0)[["id", "kind", "user", "item", "at"]]
    settings = Settings(folder=tmp_path / "a", events=log_of(tmp_path / "events.db", event))
    dict(pipeline.run(settings, NEXT))
    model = storage.load(Run(settings, NEXT).folder / "candidate.npz")
    row, column = model.train_.users.rows(rated["user"]), model.train_.items.rows(rated["item"])
    assert model.train_.matrix[row, column].item() == 1.0


# ---------------------------------------------------------------------- validation
@pytest.fixture(scope="module")
def sound(ml100k):
    """What `check` is asked of a week of real data."""
    rows = ml100k.ratings[ml100k.ratings["timestamp"] < NEXT.timestamp()].assign(source="rating")[validation.COLUMNS]
    until = int(NEXT.timestamp())
    week = {"rows": int((rows["timestamp"] < until - 7 * DAY).sum()), "until": until - 7 * DAY}
    asked = {"until": until, "cut": until - 28 * DAY, "scale": (1, 5), "items": ml100k.items["item"], "liked": 4.0}
    return rows.reset_index(drop=True), {**asked, "before": week}


def planted(rows: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    out = rows.astype({column: object})
    out.loc[5, column] = value
    return out.infer_objects()


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (lambda rows: rows, []),
        (lambda rows: rows.drop(columns="rating"), ["schema"]),
        (lambda rows: rows.head(0), ["schema"]),
        (lambda rows: planted(rows, "user", "ann"), ["schema"]),
        (lambda rows: planted(rows, "source", "guess"), ["schema"]),
        (lambda rows: planted(rows, "rating", float("nan")), ["nothing missing"]),
        (lambda rows: planted(rows, "rating", float("inf")), ["nothing missing"]),
        (lambda rows: planted(rows, "item", 99_999), ["catalogue"]),
        (lambda rows: planted(rows, "rating", 7.0), ["scale"]),
        (lambda rows: planted(rows, "timestamp", int(NEXT.timestamp())), ["time"]),
        (lambda rows: planted(rows, "timestamp", -1), ["time", "volume"]),
        (lambda rows: pd.concat([rows, rows.tail(1)]), ["duplicates"]),
        (lambda rows: rows[rows["timestamp"] < NEXT.timestamp() - 15 * DAY], ["freshness", "volume"]),
        (lambda rows: rows.sample(frac=0.5, random_state=0), ["volume"]),
        (lambda rows: pd.concat([rows] * 2), ["duplicates", "volume"]),
        (lambda rows: rows[rows["user"] < 20], ["volume", "holdout"]),
    ],
)
def test_each_planted_fault_is_found_by_the_check_for_it(sound, spoil, names):
    rows, asked = sound
    report = validation.check(spoil(rows), **asked)
    wrong = [one.name for one in report if not one.passed]
    assert [name for name in wrong if name in names] == names, report
    assert set(wrong) <= {*names, "freshness"}, report


# ---------------------------------------------------------------------- killed
def in_a_child(work: Callable[[], object]) -> int:
    """Begin `work` in a process of its own; its id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def killed_at(n: int, work: Callable[[], object], folder: Path | None = None) -> bool:
    """Run `work` in a process that dies, by SIGKILL, just before its n-th dealing with a file. Did it die?

    Every opening, writing, syncing, renaming and removing counts; with `folder`, only the opening, renaming and removing
    of files there, which is fast enough for a whole run.
    """
    left = [n]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def called(frame: object, event: str, function: object) -> None:
        if event == "c_call" and function.__name__ in ("open", "write", "fsync", "replace", "unlink"):
            count()

    def audited(event: str, arguments: tuple) -> None:
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(folder) in str(arguments[0]):
            count()

    def watched() -> None:
        sys.setprofile(called) if folder is None else sys.addaudithook(audited)
        work()

    return os.WIFSIGNALED(os.waitpid(in_a_child(watched), 0)[1])


@needs_fork
def test_a_publication_killed_at_any_moment_leaves_the_old_model_or_the_new_one(toy, tmp_path):
    names = ("global-mean", "bias", "popularity")
    files = {name: storage.save(registry.make(name).fit(toy.ratings), tmp_path / f"{name}.npz") for name in names}
    first, second, third = (Publication(f"run {name}", name, 0, sha256_of(files[name])) for name in names)

    before = Shelf(tmp_path / "before", keep=1)
    before.publish(files["global-mean"], first)
    before.publish(files["bias"], second)
    for goes_back in (False, True):
        moments = 0
        while True:
            folder = tmp_path / f"{goes_back} {moments}"
            shutil.copytree(before.folder, folder)
            shelf = Shelf(folder, keep=1)
            work = shelf.rollback if goes_back else partial(shelf.publish, files["popularity"], third)
            died = killed_at(moments + 1, work)
            assert sha256_of(shelf.artefact) in {line["sha256"] for line in shelf.history()}
            storage.load(shelf.artefact)
            shelf.settle()  # what every step begins with
            assert sha256_of(shelf.artefact) == shelf.champion().sha256
            assert {path.stem for path in (folder / "shelf").iterdir()} <= {
                one.version for one in shelf.in_effect()[-2:]
            }
            if not goes_back:
                shelf.publish(files["popularity"], third)
                assert shelf.in_effect() == [first, second, third]
                assert sha256_of(shelf.artefact) == third.sha256
            assert not list(folder.rglob("*.tmp"))
            if not died:
                break
            moments += 1
        assert moments > 8, "it was to be killed before each of them"


@needs_fork
def test_a_run_killed_midway_again_and_again_ends_as_one_that_was_not(settings, four_weeks, tmp_path):
    shutil.copytree(four_weeks[0].folder, tmp_path / "undisturbed")
    undisturbed = replace(settings, folder=tmp_path / "undisturbed")
    began = time.monotonic()
    dict(pipeline.run(undisturbed, NEXT))
    takes = time.monotonic() - began
    rng = random.Random(0)
    # A run touches files a hundred times; from the 69th time on it is about publishing.
    for n in [*sorted(rng.sample(range(1, 69), 3)), *sorted(rng.sample(range(69, 90), 3))]:
        assert killed_at(n, lambda: dict(pipeline.run(settings, NEXT)), settings.folder)
        assert_whole(settings)
    # The same in the middle of whatever it does at that time.
    for _ in range(3):
        child = in_a_child(lambda: dict(pipeline.run(settings, NEXT)))
        time.sleep(takes * rng.random())
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert_whole(settings)
    dict(pipeline.run(settings, NEXT))
    assert not list(settings.folder.rglob("*.tmp"))
    ours, theirs = everything(settings.folder), everything(undisturbed.folder)
    for files in (ours, theirs):  # its last line has the time of the publication
        files["history.jsonl"] = [json.loads(line)["run"] for line in files["history.jsonl"].splitlines()]
    assert ours == theirs


# ---------------------------------------------------------------------- the command
def test_the_command_says_what_became_of_each_run(four_weeks, settings):
    def say(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "recsys_lab.cli", "pipeline", *words, "--folder", str(settings.folder)]
        return subprocess.run(command, capture_output=True, text=True)

    refused = say("run", "--until", "1998-06-01")
    assert refused.returncode == 1
    assert "freshness" in refused.stderr
    shown = json.loads(say("status", "--json").stdout)
    assert shown["whole"] is True
    assert shown["in use"]["run"] == "1998-03-11T00"
    assert shown["runs"]["1998-06-01T00"].startswith("refused: freshness")
    assert [one["run"] for one in shown["earlier"]] == ["1998-02-18T00", "1998-02-25T00", "1998-03-04T00"]
    assert say("backfill", "--from", "1998-03-18", "--to", "1998-03-18", "--every", "1 week").returncode == 2


# ---------------------------------------------------------------------- Airflow
def airflow() -> Path:
    try:
        return by_airflow.command()
    except MissingExtraError as error:
        pytest.skip(str(error))


def test_airflow_reads_the_dag_and_nothing_else_of_the_folder(tmp_path):
    code = (
        "import json; from airflow.dag_processing.dagbag import DagBag\n"
        "bag = DagBag(); dag = bag.dags['recsys_lab_pipeline']\n"
        "print(json.dumps([bag.import_errors, list(bag.dags), dag.max_active_runs,"
        " {t.task_id: [sorted(t.downstream_task_ids), t.retries] for t in dag.tasks}]))"
    )
    python = airflow().with_name("python")
    told = by_airflow.environment(tmp_path, Settings())
    done = subprocess.run([python, "-c", code], env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    errors, dags, at_once, tasks = json.loads(done.stdout.splitlines()[-1])
    assert (errors, dags, at_once) == ({}, ["recsys_lab_pipeline"], 1)
    assert tasks == {
        "ingest": [["validate"], 2],
        "validate": [["train"], 0],
        "train": [["evaluate"], 2],
        "evaluate": [["decide"], 2],
        "decide": [["keep", "publish"], 2],
        "publish": [["announce"], 2],
        "keep": [["announce"], 2],
        "announce": [[], 2],
    }


def test_airflow_really_runs_it_and_nothing_listens_beyond_this_machine(four_weeks, tmp_path):
    psutil = pytest.importorskip("psutil")
    airflow()
    folder = tmp_path / "pipeline"
    shutil.copytree(four_weeks[0].folder, folder)
    command = [sys.executable, "-m", "recsys_lab.cli", "pipeline", "run", "--airflow", "--until", "1998-03-18"]
    process = subprocess.Popen(
        [*command, "--folder", folder], stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=tmp_path
    )
    seen, listening = set(), set()

    def ours() -> list:
        return [one for one in psutil.process_iter(["name"]) if _session(one.pid) == process.pid]

    while process.poll() is None:
        for one in ours():
            seen.add(one.info["name"])
            try:
                listening |= {c.laddr.ip for c in one.net_connections() if c.status == psutil.CONN_LISTEN}
            except psutil.Error:
                continue  # it has ended in between
        time.sleep(0.2)
    told = process.stdout.read()
    assert process.returncode == 0, told
    assert listening <= {"127.0.0.1", "::1"}
    assert any("airflow" in name for name in seen), seen
    assert not ours(), "no process stays"
    states = dict(line.strip().split(": ") for line in told.splitlines() if line.startswith("  "))
    assert states == dict.fromkeys(states, "success") | {"keep": "skipped"}
    assert set(states) == {"ingest", "validate", "train", "evaluate", "decide", "publish", "keep", "announce"}
    # Bytes equal to those of a run without Airflow.
    other = Settings(folder=tmp_path / "other")
    shutil.copytree(four_weeks[0].folder, other.folder)
    dict(pipeline.run(other, NEXT))
    assert everything(folder / "runs") == everything(other.folder / "runs")
    assert (folder / "champion.npz").read_bytes() == other.shelf().artefact.read_bytes()
    assert str(folder / "champion.npz") in told


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def test_moments_are_in_utc():
    assert moment("1998-03-18").tzinfo is UTC
    with pytest.raises(DataError, match="full hour"):
        moment("1998-03-18T00:30")
