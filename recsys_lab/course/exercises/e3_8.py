"""Exercises and quiz of lesson 3.8, Shipping it."""

from __future__ import annotations

import contextlib
import copy
import functools
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.course.exercise import Exercise, Incorrect, WrongAnswer, example, is_same, number, same
from recsys_lab.course.quiz import Question
from recsys_lab.production import shipping

# ------------------------------------------------------------------ 3.8.1 who kills the server?
FATES = ("sound", "never starts", "errors at first", "dies under load", "dies of a bad model")
KILLS = {
    "A": "never starts",
    "B": "dies under load",
    "C": "sound",
    "D": "dies of a bad model",
    "E": "errors at first",
    "F": "never starts",
}
_ABOUT = {
    "A": "its only guard is the liveness probe, which begins at once: three failures, ten seconds apart, and the model needs 50 s.",
    "B": "it starts in peace, for it has a startup probe of 90 s. But read its liveness *path*: what is slow when many people ask?",
    "C": "the startup probe gives it 2 x 45 = 90 s, and the liveness path asks for nothing that a restart would not mend.",
    "D": "it starts in peace. Then somebody puts a broken file into the volume: what does /ready say, and which probe asks it?",
    "E": "nothing kills it, since the liveness probe waits for two minutes. Who keeps requests away in the first 50 s?",
    "F": "it has a startup probe. Multiply: how long may a start take?",
}
_THOUGHT = {
    ("A", "sound"): "20 s after its start the third failure is in, and the container is killed; the next one likewise.",
    ("F", "sound"): "2 x 15 = 30 s, and the model needs 50: the startup probe itself kills it, again and again.",
    ("B", "sound"): "a list is *computed*. Under load it takes longer than the second that a probe waits by default.",
    ("D", "sound"): "a bad file makes /ready 503, and here a failing /ready means a restart. That mends no file.",
    (
        "E",
        "sound",
    ): "without a readiness probe (and without a startup probe) it counts as ready as soon as its process runs.",
}


def _check_kills(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(KILLS):
        raise Incorrect("a dict with the keys A to F is wanted.")
    for letter, said in answer.items():
        if said not in FATES:
            raise Incorrect(f"{letter}: {said!r} is none of the fates; they are {', '.join(FATES)}.")
    for letter, said in answer.items():
        if said != KILLS[letter]:
            more = _THOUGHT.get((letter, said), _ABOUT[letter])
            raise Incorrect(f"{letter} is not {said!r}: {more}")


def _but(right: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {**right, **changed}


WHO_KILLS = Exercise(
    id="3.8.1",
    title="Who kills the server?",
    kind="figure it out",
    prompt="""
    A large model: its service needs **50 seconds** to load and compile. Until then its port is closed. From then on `/health` answers
    200. `/ready` answers 200 while a sound model is in use, and 503 while there is none. (This is another team's service; ours
    answers 200 then, too.) Where a manifest says nothing else, a probe asks every 10 s, waits 1 s for the answer, and gives up after 3
    failures in a row. Each of the six manifests above gets one of these fates:

    - `"sound"`;
    - `"never starts"`: it is killed before the model is loaded, again and again;
    - `"errors at first"`: at each rollout, requests reach it before it can answer;
    - `"dies under load"`: it is restarted when many people ask;
    - `"dies of a bad model"`: it is restarted when a broken artefact lies in its volume.
    """,
    reference=lambda: dict(KILLS),
    check=_check_kills,
    hints=(
        "Ask three things of each. How many seconds does a start have (period times threshold, of the startup probe if there is one)? "
        "What does the *liveness* path need in order to answer? And what holds requests back during the first 50 s?",
        "Two never start: for one, liveness has only some 30 s; for the other, the startup probe has. One has no readiness probe. Two have "
        "a liveness path that can fail although a restart would not help.",
    ),
    wrong=(
        WrongAnswer("liveness waits for the model", lambda: _but(KILLS, A="sound"), "the third failure is in"),
        WrongAnswer("any startup probe will do", lambda: _but(KILLS, F="sound"), "2 x 15 = 30 s"),
        WrongAnswer("a deep check is thorough", lambda: _but(KILLS, B="sound"), "a list is *computed*"),
        WrongAnswer("liveness may ask /ready", lambda: _but(KILLS, D="sound"), "mends no file"),
        WrongAnswer("readiness is optional", lambda: _but(KILLS, E="sound"), "as soon as its process runs"),
        WrongAnswer("late liveness never starts", lambda: _but(KILLS, E="never starts"), "waits for two minutes"),
        WrongAnswer("sees a fault in the sound one", lambda: _but(KILLS, C="errors at first"), "2 x 45 = 90 s"),
        WrongAnswer("B and D exchanged", lambda: _but(KILLS, B=KILLS["D"], D=KILLS["B"]), "liveness *path*"),
    ),
    points=2,
    explanation="Each probe has a consequence, and its question must fit it. *Startup* failing: killed, so its time must cover the worst "
    "start, on the slowest node. *Readiness* failing: no requests, so it may ask whether the model is there. *Liveness* failing: a restart, so it may only "
    "ask what a restart mends, a process that hangs. A liveness probe that computes a list restarts all pods one after the other "
    "when the load is highest, and each restart takes 50 s of capacity away. One that asks for the model turns a bad file, which a fallback "
    "would have survived, into an outage.",
)

# ------------------------------------------------------------------ 3.8.2 which tool sees it?
# letter: file, what stands there, what is planted. tests/lessons/test_lesson_3_8.py lets the tools read them.
PLANTED = {
    "A": ("Dockerfile", "FROM ${BASE} AS build", "FROM python:latest AS build"),
    "B": ("k8s/deployment.yaml", "readinessProbe:", "readyProbe:"),
    "C": ("k8s/autoscaler.yaml", "maxReplicas: 10", "maxReplicas: 1"),
    "D": ("k8s/deployment.yaml", "limits: {memory: 512Mi}", "limits: {memory: 512}"),
    "E": ("compose.yaml", "- events:/events", "- event:/events"),
    "F": (
        "k8s/configmap.yaml",
        "RECSYS_LAB_SERVE_DATA: ml-100k",
        "RECSYS_LAB_SERVE_API_KEY: correct-horse-battery",
    ),
    "G": ("cloud/fargate.yaml", "TargetGroupArn: !Ref Targets", "TargetGroupArn: !Ref Target"),
    "H": (".github/workflows/ship.yaml", "if: needs.gate.outputs.published == 'true'", "if: always()"),
    "I": (".github/workflows/ship.yaml", "checkout@11bd71901bbe5b1630ceea73d27597364c9af683", "checkout@main"),
}
SEEN = {
    "A": "hadolint",
    "B": "kubernetes-validate",
    "C": "none",
    "D": "none",
    "E": "docker-compose",
    "F": "none",
    "G": "cfn-lint",
    "H": "none",
    "I": "zizmor",
}
TOOLS = ("hadolint", "kubernetes-validate", "docker-compose", "check-jsonschema", "cfn-lint", "zizmor", "none")
_WHY = {
    "A": "a tag that moves breaks a *rule* for Dockerfiles, and a linter of Dockerfiles has it.",
    "B": "no such field exists in the schema of a container, and `--strict` refuses unknown ones.",
    "C": "both are whole numbers, so the schema is content. That one must not exceed the other is no matter of types.",
    "D": "512 without a unit is a valid quantity, of 512 *bytes*. No tool here knows how large your model is.",
    "E": "`event` is a name like any other to a schema; only who puts the whole file together notices that nothing declares it.",
    "F": "a key is a text, and a ConfigMap holds texts. No tool here knows which of them are secret.",
    "G": "a reference to nothing: the linter of the template looks up each `!Ref`.",
    "H": "`always()` is a valid condition. That it opens the gate is a matter of meaning.",
    "I": "an action at a branch may change under you: that is a rule of the auditor of workflows, not of the schema.",
}


def planted(letter: str, folder: Path) -> None:
    """Put the mistake of that letter into a folder that `shipping.new` wrote."""
    file, good, bad = PLANTED[letter]
    text = (folder / file).read_text(encoding="utf-8")
    (folder / file).write_text(bad.join(text.rsplit(good, 1)), encoding="utf-8")


def found_by(letter: str, folder: Path) -> list[str]:
    """The tools that object when that mistake is in the folder; those that read its file are asked."""
    file = PLANTED[letter][0]
    sound = (folder / file).read_bytes()
    planted(letter, folder)
    try:
        asked = [tool for tool in shipping.CHECKS if _reads(tool, file)]
        return [verdict.tool for verdict in shipping.check(folder, asked) if not verdict.passed]
    finally:
        (folder / file).write_bytes(sound)


def _reads(tool: shipping.Tool, file: str) -> bool:
    patterns = tool.files or ("compose.yaml",)  # docker-compose finds its file itself
    return any(Path(file).match(pattern) for pattern in patterns)


def _check_seen(answer: Any) -> None:
    if not isinstance(answer, Mapping) or set(answer) != set(SEEN):
        raise Incorrect("a dict with the keys A to I is wanted.")
    for letter, said in answer.items():
        if said not in TOOLS:
            raise Incorrect(f"{letter}: {said!r} is none of {', '.join(TOOLS)}.")
    blind = [letter for letter, tool in SEEN.items() if tool == "none"]
    if all(answer[letter] != "none" for letter in SEEN):
        raise Incorrect("you trust the tools with everything. Some of the nine are wrong only in what they *mean*.")
    for letter, said in answer.items():
        if said != SEEN[letter]:
            kind = "no tool sees it" if letter in blind else ("one tool sees it" if said == "none" else "another does")
            raise Incorrect(f"{letter}: {kind}. {_WHY[letter][0].upper()}{_WHY[letter][1:]}")


WHICH_TOOL = Exercise(
    id="3.8.2",
    title="Which tool sees it?",
    kind="figure it out",
    prompt="""
    Nine mistakes, A to I, are planted one at a time. Say for each which tool objects: one of the six of the table before, or `"none"`,
    if the folder passes all checks with the mistake in it. Guess first, from what each tool *can* know. Trying is allowed, too:
    `tried("A")` plants A in a fresh copy of the folder, asks all tools (4 seconds), and returns those that object, with what they say.
    """,
    reference=lambda: dict(SEEN),
    check=_check_seen,
    hints=(
        "A schema knows names, types and lists of allowed values. A linter also has rules. Neither knows two files, your model, or what you "
        "wanted.",
        "Four of the nine are seen by none: each of their lines is valid as it stands. Of the others, each is seen by the one tool that is made for its file "
        "(for the workflow: by the one that knows about attacks, since its schema is kept).",
    ),
    wrong=(
        WrongAnswer(
            "trusts the tools",
            lambda: _but(
                SEEN,
                C="kubernetes-validate",
                D="kubernetes-validate",
                F="kubernetes-validate",
                H="zizmor",
            ),
            "everything",
        ),
        WrongAnswer("the schema compares numbers", lambda: _but(SEEN, C="kubernetes-validate"), "no matter of types"),
        WrongAnswer("the schema knows sizes", lambda: _but(SEEN, D="kubernetes-validate"), "512 *bytes*"),
        WrongAnswer("the tools know secrets", lambda: _but(SEEN, F="kubernetes-validate"), "which of them are secret"),
        WrongAnswer("the auditor knows the gate", lambda: _but(SEEN, H="zizmor"), "a matter of meaning"),
        WrongAnswer("a schema finds the volume", lambda: _but(SEEN, E="check-jsonschema"), "nothing declares it"),
        WrongAnswer("a branch is fine", lambda: _but(SEEN, I="none"), "may change under you"),
        WrongAnswer("unknown fields pass", lambda: _but(SEEN, B="none"), "refuses unknown ones"),
    ),
    points=3,
    explanation="Five mistakes break a rule that somebody wrote down, and each is caught by one tool alone, so none of these tools can be left out. Four "
    "break no rule: the autoscaler whose upper bound lies below the lower, the memory in bytes, the key in plain sight, and the open gate. "
    "(A cluster would refuse the first two when they are applied, because its API server compares numbers. Nobody here has a cluster.) What follows is not that tools are useless, but that "
    "*passed* means: breaks none of these rules. The rest needs a start, a test of your own, or a reader.",
)

# ------------------------------------------------------------------ 3.8.3 a gate that is always open
Report = dict[str, Any]
Gate = Callable[[Report, str], Any]


def _may_ship(report: Report, sha256: str) -> bool:
    if sha256 != report["candidate"] or sha256 == report["champion"]:
        return False
    if report["learned_until"] > report["judged_from"]:
        return False
    wanted = {"popularity"} if report["champion"] is None else {"popularity", "champion"}
    if not wanted <= set(report["low"]):
        return False
    return all(low >= -report["margin"] for low in report["low"].values())


def colleagues_gate(report: Report, sha256: str) -> bool:
    """What stands in the colleague's workflow (also in the lesson)."""
    return not any(low < -report["margin"] for low in report["low"].values())


def report_of(**changed: Any) -> Report:
    """A report of a sound candidate, with these entries changed."""
    sound: Report = {
        "candidate": "c4fe",
        "champion": "0b57",
        "learned_until": 100,
        "judged_from": 100,
        "margin": 0.02,
        "low": {"popularity": 0.01, "champion": 0.002},
    }
    return {**sound, **changed}


def _gate_without(what: str) -> Gate:
    """The right gate but for one thing."""

    def may_ship(report: Report, sha256: str) -> bool:
        low = report["low"]
        if what != "file" and sha256 != report["candidate"]:
            return False
        if what != "tie" and sha256 == report["champion"]:
            return False
        late = report["learned_until"] > report["judged_from"]
        if what == "strict split":
            late = report["learned_until"] >= report["judged_from"]
        if what == "split turned":
            late = report["learned_until"] < report["judged_from"]
        if what != "split" and late:
            return False
        wanted = {"popularity", "champion"}
        if report["champion"] is None and what != "first":
            wanted = {"popularity"}
        if what == "empty":
            wanted = set(low)
        if what == "one duel":
            wanted = {"popularity"}
        if not wanted <= set(low) or (what == "exact" and wanted != set(low)):
            return False
        margin = report["margin"]
        if what == "nan":
            return not any(value < -margin for value in low.values())
        if what == "strict":
            return all(value > -margin for value in low.values())
        if what == "gain":
            return all(value >= 0 for value in low.values())
        if what == "fixed":
            return all(value >= -0.02 for value in low.values())
        if what == "any":
            return any(value >= -margin for value in low.values())
        if what == "popularity only":
            return bool(low["popularity"] >= -margin)
        if what == "named":
            return all(low[name] >= -margin for name in wanted)
        return all(value >= -margin for value in low.values())

    return may_ship


_NAN = float("nan")
# (may it ship, the report's changes, the file's sum, what the message says)
_CASES: list[tuple[bool, dict[str, Any], str, str]] = [
    (
        True,
        {"learned_until": 72},
        "c4fe",
        "a sound candidate: the judged file, judged on days after those that it learned from, and both intervals above minus the margin",
    ),
    (
        True,
        {},
        "c4fe",
        "a candidate that learned until the very moment from which it is judged, which is fine: the days do not overlap",
    ),
    (
        True,
        {"champion": None, "low": {"popularity": 0.01}},
        "c4fe",
        "the very first model: there is no champion, so nobody to duel with but popularity",
    ),
    (
        False,
        {"low": {"popularity": 0.01, "champion": -0.03}},
        "c4fe",
        "a candidate whose interval reaches below minus the margin, against the champion",
    ),
    (False, {"low": {"popularity": -0.03, "champion": 0.01}}, "c4fe", "a candidate that popularity may beat"),
    (
        False,
        {"low": {}},
        "c4fe",
        "a report without any duel: the job that judges did not run. Nothing was found because nothing was looked at (`all([])` is True)",
    ),
    (
        False,
        {"low": {"popularity": 0.01}},
        "c4fe",
        "a candidate that never met the champion, though there is one. Ask for the duels that must be there, not only for those that are",
    ),
    (False, {"low": {"champion": 0.01}}, "c4fe", "a candidate that was never held against popularity"),
    (
        False,
        {"low": {"popularity": 0.01, "champion": _NAN}},
        "c4fe",
        "an interval that is NaN (too few judges). Each comparison with NaN is false, so ask for what must be true: low >= -margin",
    ),
    (
        False,
        {},
        "0dd0",
        "another file than the one that was judged: somebody trained again between the gate and the image. Compare `sha256`",
    ),
    (
        False,
        {"learned_until": 128, "low": {"popularity": 0.3, "champion": 0.2}},
        "c4fe",
        "a candidate that has learned from the days that it was judged on: the wrong split. No score can make up for that",
    ),
    (
        False,
        {"champion": "c4fe", "low": {"popularity": 0.01, "champion": 0.0}},
        "c4fe",
        "a tie with itself: the candidate *is* the champion, byte for byte. There is nothing to ship",
    ),
    (
        True,
        {"low": {"popularity": -0.01, "champion": -0.005}},
        "c4fe",
        "a candidate whose intervals begin a little below 0, within the margin. A gate that wants a gain leaves old models in use",
    ),
    (
        True,
        {"low": {"popularity": -0.02, "champion": -0.02}},
        "c4fe",
        "a candidate whose lower ends are exactly minus the margin, which the rule of lesson 3.4 accepts",
    ),
    (
        True,
        {"margin": 0.05, "low": {"popularity": 0.01, "champion": -0.04}},
        "c4fe",
        "a candidate within a margin of 0.05: the margin stands in the report, and is not always 0.02",
    ),
    (
        False,
        {"margin": 0.0, "low": {"popularity": 0.01, "champion": -0.01}},
        "c4fe",
        "a candidate that may lose something, though the margin is 0",
    ),
    (
        False,
        {"low": {"popularity": 0.01, "champion": 0.01, "last year's model": -0.3}},
        "c4fe",
        "a candidate that lost a third duel. Whatever was judged must hold",
    ),
    (
        True,
        {"low": {"popularity": 0.01, "champion": 0.01, "last year's model": 0.04}},
        "c4fe",
        "a candidate that won a third duel as well. The wanted duels have to be there; one more does no harm",
    ),
    (
        False,
        {"champion": None, "low": {"champion": 0.01}},
        "c4fe",
        "a first model that was not held against popularity",
    ),
    (False, {"champion": None, "low": {"popularity": -0.03}}, "c4fe", "a first model that popularity may beat"),
    (False, {"low": {"popularity": _NAN, "champion": 0.01}}, "c4fe", "an interval against popularity that is NaN"),
]


def _check_gate(may_ship: Gate) -> None:
    accidents = [(report_of(**changed), sha256) for right, changed, sha256, _ in _CASES[5:12] if not right]
    with contextlib.suppress(KeyError):
        if all(may_ship(report, sha256) for report, sha256 in accidents):
            raise Incorrect(
                "all five accidents pass, as with the colleague. It is not enough to find no reason to stop: what was never looked "
                "at gives none."
            )
    for right, changed, sha256, what in _CASES:
        report = report_of(**changed)
        given = copy.deepcopy(report)
        try:
            got = may_ship(given, sha256)
        except KeyError as error:
            raise Incorrect(
                f"no entry {error} in the report: {what}. A duel may be missing; then say False, and do not fail."
                if not right
                else f"no entry {error} in the report. It was {what}."
            ) from None
        if got is None:
            raise Incorrect("the gate returned None: is a `return` missing? It should say True or False each time.")
        if not isinstance(got, (bool, np.bool_)):
            raise Incorrect(f"True or False is wanted, not {got!r}.")
        if repr(given) != repr(report):
            raise Incorrect("the report was changed. A gate reads.")
        if bool(got) != right:
            done = "let through" if got else "refused"
            raise Incorrect(f"your gate {done} {what}.")


ALWAYS_OPEN = Exercise(
    id="3.8.3",
    title="A gate that is always open",
    kind="figure it out",
    prompt="""
    A colleague's gate stands above. Five of the eight reports are accidents, and it lets every one of them through. Find out why, and
    write `may_ship(report, sha256)` that stops them, and only them. A file may ship if

    - it is the one that was judged, and not the champion itself;
    - it learned from nothing that it was judged on (`learned_until` may equal `judged_from`);
    - the duels that must be there are there: with popularity, and with the champion, if there is one;
    - and in *each* duel of the report the lower end of the interval is at least minus the margin.
    """,
    reference=lambda: _may_ship,
    check=_check_gate,
    hints=(
        "The colleague asks whether something bad was found. Turn it round: what must be *there*, and true, before anything ships?",
        '`sha256 == report["candidate"]` and `sha256 != report["champion"]`; the set of wanted duels must be a subset of '
        '`set(report["low"])`; then `all(low >= -report["margin"] for low in report["low"].values())`.',
    ),
    wrong=(
        WrongAnswer("the colleague's", lambda: colleagues_gate, "as with the colleague"),
        WrongAnswer("passes when nothing was judged", lambda: _gate_without("empty"), "`all([])` is True"),
        WrongAnswer("needs no champion's duel", lambda: _gate_without("one duel"), "never met the champion"),
        WrongAnswer("passes NaN", lambda: _gate_without("nan"), "comparison with NaN"),
        WrongAnswer("any file will do", lambda: _gate_without("file"), "trained again"),
        WrongAnswer("the wrong split", lambda: _gate_without("split"), "wrong split"),
        WrongAnswer("ships the champion again", lambda: _gate_without("tie"), "tie with itself"),
        WrongAnswer("refuses the first model", lambda: _gate_without("first"), "very first model"),
        WrongAnswer("an exact margin is refused", lambda: _gate_without("strict"), "exactly minus the margin"),
        WrongAnswer("wants a gain", lambda: _gate_without("gain"), "old models in use"),
        WrongAnswer("a margin of its own", lambda: _gate_without("fixed"), "stands in the report"),
        WrongAnswer("one duel won is enough", lambda: _gate_without("any"), "below minus the margin"),
        WrongAnswer("looks at the wanted duels only", lambda: _gate_without("named"), "a third duel"),
        WrongAnswer("no third duel allowed", lambda: _gate_without("exact"), "won a third duel"),
        WrongAnswer("no split is early enough", lambda: _gate_without("strict split"), "the very moment"),
        WrongAnswer("the split turned round", lambda: _gate_without("split turned"), "a sound candidate"),
    ),
    points=3,
    explanation="The colleague's gate looks for a reason to stop, and what was never measured gives none. A gate must ask for reasons to go: "
    "a test that did not run has not passed. Each of the five accidents has happened to real teams: a job that judged nothing and ended with 0, "
    "a NaN from an empty set of judges, a model trained anew while the image was built, a score on the training days, and a candidate "
    "that was the champion, so that a new image went out each week with nothing new in it.",
    expected=example("may_ship(report, 'c4fe') for a sound report", lambda: np.array(True)),
)

# ------------------------------------------------------------------ 3.8.4 a rollout
Share = int | str
Rollout = Callable[[int, Share, Share, float], Any]


def _of(n: int, share: Share, up: bool) -> int:
    if isinstance(share, str):
        exact = n * int(share.rstrip("%")) / 100
        return math.ceil(exact) if up else math.floor(exact)
    return share


def _rollout(n: int, surge: Share, unavailable: Share, start: float) -> tuple[int, int, float]:
    more, fewer = _of(n, surge, up=True), _of(n, unavailable, up=False)
    if more == 0 and fewer == 0:
        fewer = 1
    return n - fewer, n + more, math.ceil(n / (more + fewer)) * start


def _rollout_wrongly(how: str) -> Rollout:
    def rollout(n: int, surge: Share, unavailable: Share, start: float) -> tuple[int, int, float]:
        if how == "share first" and isinstance(surge, str):  # 0.14 x 50 is a little more than 7
            surge = math.ceil(n * (int(surge.rstrip("%")) / 100))
        more = _of(n, surge, up=how != "surge down")
        fewer = _of(n, unavailable, up=how == "unavailable up")
        if more == 0 and fewer == 0:
            if how == "stuck":
                return n, n, math.inf
            more, fewer = (1, 0) if how == "surge instead" else (0, 1)
        at_once = {"surge only": more or fewer, "unavailable only": fewer or more}.get(how, more + fewer)
        waves = n / at_once
        if how != "no ceil":
            waves = math.ceil(waves)
        if how == "all at once":
            waves = 1
        if how == "one by one":
            waves = n
        if how == "a wave more":
            waves += 1
        least, most = n - fewer, n + more
        if how == "both bounds":
            least = n - fewer + more
        if how == "most forgets":
            most = n + more - fewer
        if how == "turned":
            least, most = most, least
        return least, most, waves * start

    return rollout


def _check_rollout(rollout: Rollout) -> None:
    cases: list[tuple[int, Share, Share, float]] = [
        (10, 1, 0, 60.0),
        (10, 0, 1, 60.0),
        (10, "25%", "25%", 60.0),
        (4, "50%", 0, 30.0),
        (7, 0, "30%", 10.0),
        (3, "10%", "10%", 20.0),
        (2, "0%", "25%", 45.0),
        (3, 0, "25%", 10.0),
        (1, 0, "25%", 5.0),
        (6, "100%", 0, 50.0),
        (5, 2, 1, 12.0),
        (8, "13%", "37%", 1.0),
        (12, 3, "50%", 2.5),
        (1, 1, 0, 7.0),
        (50, "14%", 0, 60.0),
    ]
    messages = {
        "surge down": "a share of the surge is rounded *up*, so that 10 % of three pods is one more, and the rollout can move.",
        "unavailable up": "a share of what may be away is rounded *down*: never fewer pods ready than was promised.",
        "stuck": "where both come to 0 pods (25 % of two or three, rounded down), Kubernetes lets one pod be away, or the rollout would never begin.",
        "surge instead": "where both come to 0 pods, it is *unavailable* that becomes 1: there may be no room for one more.",
        "surge only": "in each round, what is over and what may be away are replaced together: surge + unavailable pods.",
        "unavailable only": "in each round, surge + unavailable pods are replaced, not only those that may be away.",
        "no ceil": "the last round may be smaller, but it takes a whole start: round the number of rounds up.",
        "all at once": "only surge + unavailable pods start at the same time; the next round begins when they are ready.",
        "one by one": "pods start in rounds, surge + unavailable of them at a time, not one by one.",
        "a wave more": "one round too many: the old pods that go last do not have to be waited for.",
        "both bounds": "the fewest that are ready: just after a round began, all of its pods are still starting.",
        "most forgets": "the most that run at once, ready or starting: n + surge.",
        "turned": "first the fewest that are ready, then the most that run.",
        "share first": "50 x 0.14 is 7.000000000000001 for a computer, and rounded up that is 8. Multiply by the whole number first: n * 14 / 100.",
    }
    for n, surge, unavailable, start in cases:
        what = f"rollout({n}, {surge!r}, {unavailable!r}, {start:g})"
        try:
            got = rollout(n, surge, unavailable, start)
        except ZeroDivisionError:
            raise Incorrect(f"{what} divides by 0: {messages['stuck']}") from None
        if got is None:
            raise Incorrect(f"{what} gave None: is a `return` missing?")
        if not isinstance(got, (tuple, list, np.ndarray)) or len(got) != 3:
            raise Incorrect(f"{what}: three numbers are wanted (fewest ready, most running, seconds), not {got!r}.")
        numbers = tuple(number(value, part) for value, part in zip(got, ("the fewest", "the most", "the seconds")))
        want = _rollout(n, surge, unavailable, start)
        if is_same(numbers, want):
            continue
        for how, message in messages.items():
            if is_same(numbers, _rollout_wrongly(how)(n, surge, unavailable, start)):
                raise Incorrect(f"{what}: {message}")
        same(numbers, want, what=what)


ROLLOUT = Exercise(
    id="3.8.4",
    title="How long, and with how few?",
    kind="build",
    prompt="""
    Write `rollout(n, surge, unavailable, start)`: `n` pods are replaced, each new one needs `start` seconds until it is ready. Return three
    numbers: the fewest pods that are ready during the rollout, the most that run at once (ready or starting), and the seconds until all
    new pods are ready.

    `surge` and `unavailable` are each a number of pods, or a text such as `"25%"`, a share of `n`. Kubernetes rounds a share of the *surge* up, and a
    share of the *unavailable* down. If both come to no pods at all, it lets one be unavailable.
    """,
    reference=lambda: _rollout,
    check=_check_rollout,
    hints=(
        "Turn both into whole numbers first; a helper with an argument for the rounding does. Then the formula above gives the rounds.",
        '`share = n * int(text.rstrip("%")) / 100`, with `math.ceil` for the surge and `math.floor` for the other; if both are 0, the second '
        "becomes 1. The result is `n - u, n + s, math.ceil(n / (s + u)) * start`.",
    ),
    wrong=tuple(
        WrongAnswer(name, functools.partial(_rollout_wrongly, how), says)
        for name, how, says in (
            ("the surge rounded down", "surge down", "rounded *up*"),
            ("unavailable rounded up", "unavailable up", "rounded *down*"),
            ("two zeros stand still", "stuck", "never begin"),
            ("two zeros surge", "surge instead", "no room for one more"),
            ("rounds by the surge alone", "surge only", "what may be away are replaced together"),
            ("part of a round", "no ceil", "a whole start"),
            ("all at once", "all at once", "start at the same time"),
            ("one by one", "one by one", "not one by one"),
            ("one round too many", "a wave more", "one round too many"),
            ("the fewest after the start", "both bounds", "still starting"),
            ("the most without the surge", "most forgets", "n + surge"),
            ("the order turned", "turned", "first the fewest"),
            ("a share as a fraction", "share first", "7.000000000000001"),
        )
    ),
    points=2,
    explanation="`surge` is paid in machines, `unavailable` in capacity, and the time of a start is paid once for each round. With a model that needs a "
    "minute, ten pods and `surge: 1` it takes ten minutes to go forward, *and ten to go back*. The two roundings are chosen so that a rollout is "
    "careful and still moves.",
    expected=example("rollout(10, '25%', '25%', 60)", lambda: tuple(map(np.array, _rollout(10, "25%", "25%", 60)))),
)

# ------------------------------------------------------------------ 3.8.5 the bill
HOURS = 730
Bill = Callable[[Sequence[float], float, float, float, int, int], Any]


def _bill(
    load: Sequence[float], one_bears: float, usd_an_hour: float, busy: float, least: int, most: int
) -> tuple[list[int], float, float] | None:
    instances = [max(least, math.ceil(part / (busy * one_bears))) for part in load]
    if max(instances) > most:
        return None
    usd = HOURS * usd_an_hour * sum(instances) / len(instances)
    millions = sum(load) / len(load) * 3600 * HOURS / 1e6
    return instances, usd, usd / millions


def _bill_wrongly(how: str) -> Bill:
    def bill(
        load: Sequence[float], one_bears: float, usd_an_hour: float, busy: float, least: int, most: int
    ) -> tuple[list[int], float, float] | None:
        share = 1.0 if how == "no busy" else busy
        exact = [part / (share * one_bears) for part in load]
        if how == "busy turned":
            exact = [part * busy / one_bears for part in load]
        n = [int(e) if how == "floor" else round(e) if how == "round" else math.ceil(e) for e in exact]
        if how == "one more":
            n = [int(e) + 1 for e in exact]
        if how == "of the mean":
            n = [math.ceil(sum(load) / len(load) / (busy * one_bears))] * len(load)
        if how != "no least":
            n = [max(least, k) for k in n]
        if how == "capped":
            n = [min(most, k) for k in n]
        elif how == "refuses the bound":
            if max(n) >= most:
                return None
        elif max(n) > most:
            return None
        paid = max(n) if how == "peak" else sum(n) if how == "sum" else sum(n) / len(n)
        usd = (24 * 30 if how == "720" else 24 * 31 if how == "744" else HOURS) * usd_an_hour * paid
        requests = {"peak load": max(load), "sum of the load": sum(load)}.get(how, sum(load) / len(load))
        millions = requests * (60 if how == "minutes" else 3600) * HOURS / 1e6
        return n, usd, millions / usd if how == "inverse" else usd / millions

    return bill


def _check_bill(bill: Bill) -> None:
    cases: list[tuple[list[float], float, float, float, int, int]] = [
        ([40, 400, 1000, 130], 200, 0.05, 0.7, 2, 10),
        ([100, 101, 10], 100, 0.10, 0.5, 2, 3),
        ([0, 30, 0, 0], 20, 0.20, 1.0, 1, 4),
        ([35, 140], 50, 0.04, 0.7, 1, 9),
        ([500, 20], 100, 0.05, 0.5, 2, 9),
        ([500, 20], 100, 0.05, 0.5, 2, 10),
        ([12.5], 10, 1.0, 0.625, 1, 2),
        ([1, 2, 3], 500, 0.03, 0.6, 3, 3),
        ([90, 10, 60], 25, 0.08, 0.8, 1, 20),
    ]
    messages = {
        "no busy": "instances are kept at the share `busy` of what they bear, so each counts for busy * one_bears.",
        "busy turned": "`busy` belongs below the line: an instance that is kept at 70 % bears *less*, so you need more of them.",
        "floor": "rounded down, the last requests have no instance: round up.",
        "round": "rounded to the nearest, a part of the day is short of an instance: round up.",
        "one more": "where the load fits exactly, no further instance is needed: round up, and not down plus one.",
        "of the mean": "the instances follow the load of each part of the day, not its mean.",
        "no least": "at night `least` instances run all the same.",
        "capped": "`most` instances do not bear this load. A bill that says otherwise hides that requests are not served: return None.",
        "refuses the bound": "exactly `most` instances are allowed.",
        "peak": "you pay for the peak all day long. An autoscaler costs the mean of its instances.",
        "sum": "each part of the day is only a share of it: take the mean of the instances, not their sum.",
        "720": "a month has 730 hours (365 x 24 / 12).",
        "744": "a month has 730 hours (365 x 24 / 12).",
        "peak load": "for a million requests, divide by the requests that really come: the mean load.",
        "sum of the load": "for a million requests, divide by the *mean* load: each part is only a share of the day.",
        "minutes": "the load is in requests a *second*, and an hour has 3,600 of them.",
        "inverse": "dollars for a million requests: the dollars above the line.",
    }
    for case in cases:
        load = case[0]
        given = list(load)
        got = bill(given, *case[1:])
        want = _bill(*case)
        what = f"bill({', '.join(map(str, case))})"
        if given != load:
            raise Incorrect("`load` was changed.")
        if want is None:
            if got is not None:
                raise Incorrect(f"{what}: {messages['capped']}")
            continue
        if got is None:
            if max(want[0]) == case[-1]:
                raise Incorrect(f"{what}: {messages['refuses the bound']} (Or is a `return` missing?)")
            raise Incorrect(f"{what} gave None, though {max(want[0])} instances bear this load. Is a `return` missing?")
        if not isinstance(got, (tuple, list)) or len(got) != 3:
            raise Incorrect(f"{what}: three things are wanted (instances, dollars a month, dollars a million).")
        for how, message in messages.items():
            wrong = _bill_wrongly(how)(*case)
            if wrong is not None and is_same(_flat(got), _flat(wrong)) and not is_same(_flat(wrong), _flat(want)):
                raise Incorrect(f"{what}: {message}")
        same(
            list(got[0]) if isinstance(got[0], (tuple, np.ndarray, pd.Series)) else got[0],
            want[0],
            what=f"{what}, instances",
        )
        same(number(got[1], "the dollars a month"), want[1], what=f"{what}, dollars a month")
        same(
            number(got[2], "the dollars a million"), want[2], rtol=1e-9, what=f"{what}, dollars for a million requests"
        )


def _flat(got: Any) -> list[float]:
    try:
        return [*map(float, got[0]), float(got[1]), float(got[2])]
    except (TypeError, ValueError):
        return []


THE_BILL = Exercise(
    id="3.8.5",
    title="The bill",
    kind="build",
    prompt="""
    Write the three formulas above as `bill(load, one_bears, usd_an_hour, busy, least, most)`. `load` is a list of requests a second, one number for each of
    equally long parts of the day. Return the list of instances, the dollars a month, and the dollars for a million requests. Where the load needs
    more than `most` instances, return None: the service would not bear it, and its price means nothing.
    """,
    reference=lambda: _bill,
    check=_check_bill,
    hints=(
        "First a list: for each part of the day, how many instances at `busy * one_bears` requests a second each, rounded up, and not fewer than `least`?",
        "`instances = [max(least, math.ceil(part / (busy * one_bears))) for part in load]`. The month: `730 * usd_an_hour` times their mean. Millions of "
        "requests: the mean load times 3,600 times 730, divided by a million.",
    ),
    wrong=tuple(
        WrongAnswer(name, functools.partial(_bill_wrongly, how), says)
        for name, how, says in (
            ("instances at their limit", "no busy", "kept at the share"),
            ("busy above the line", "busy turned", "bears *less*"),
            ("rounded down", "floor", "rounded down"),
            ("rounded to the nearest", "round", "to the nearest"),
            ("one more each time", "one more", "fits exactly"),
            ("instances of the mean load", "of the mean", "not its mean"),
            ("no lower bound", "no least", "at night"),
            ("capped without a word", "capped", "hides that requests"),
            ("the bound itself refused", "refuses the bound", "exactly `most`"),
            ("the peak is paid all day", "peak", "all day long"),
            ("the sum of the parts", "sum", "not their sum"),
            ("months of thirty days", "720", "730 hours"),
            ("a million of the peak", "peak load", "really come"),
            ("a million of all parts", "sum of the load", "the *mean* load"),
            ("requests a minute", "minutes", "a *second*"),
            ("requests for a dollar", "inverse", "above the line"),
        )
    ),
    points=2,
    explanation="It is arithmetic, and it holds three decisions. `busy` buys short waits, `least` buys a night without an outage, and `most` is the largest bill that you "
    "are willing to pay. The one number that no table has is `one_bears`: it belongs to *this* model, on this machine, with this share of kept answers, and must be measured.",
    expected=example(
        "bill([40, 400, 130], one_bears=200, usd_an_hour=0.05, busy=0.7, least=2, most=10)",
        lambda: tuple(map(np.array, _bill([40, 400, 130], 200, 0.05, 0.7, 2, 10) or ())),
    ),
)

EXERCISES = [WHO_KILLS, WHICH_TOOL, ALWAYS_OPEN, ROLLOUT, THE_BILL]


# ------------------------------------------------------------------ quiz: keys are computed
def _key_autoscaler() -> str:
    """Kubernetes' rule: pods that are not ready count as idle where it would scale up."""
    ready, starting, busy, target = 2, 2, 1.0, 0.7
    n = ready + starting
    ratio = (ready * busy + starting * 0.0) / n / target
    wanted = n if ratio <= 1 else math.ceil(n * ratio)
    return {6: "a", 4: "b", 3: "c"}[wanted]


def _key_drain() -> str:
    """How many pods may be evicted: those ready beyond the least that must be."""
    ready, min_available = 2, 2
    return {0: "c", 1: "a", 2: "b"}[ready - min_available]


def _key_layers() -> str:
    """An image is a pile of layers. A later one can hide a file, and the earlier one is shipped all the same."""
    layers: list[dict[str, str | None]] = [{"/app/.netrc": "a key"}, {"/app/library": "code"}, {"/app/.netrc": None}]
    seen: dict[str, str | None] = {}
    for layer in layers:
        seen |= layer
    hidden = seen["/app/.netrc"] is None
    shipped = any("a key" in layer.values() for layer in layers)
    return "c" if hidden and shipped else "a" if hidden else "b"


def _key_old_code() -> str:
    """A model in a newer format, and the code of last week."""
    import json

    from recsys_lab import datasets, registry, storage
    from recsys_lab.errors import DataError

    with tempfile.TemporaryDirectory() as place:
        path = storage.save(registry.make("bias").fit(datasets.toy().ratings), Path(place) / "model.npz")
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(arrays["header"].tobytes())
        header["version"] = storage.VERSION + 1
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        np.savez(path, **arrays)
        try:
            storage.load(path)
        except DataError:
            return "b"
    return "a"


def _key_slower() -> str:
    """A day with a quiet night; the model becomes twice as slow."""
    load = [20.0] * 12 + [300.0] * 12
    asked = {"usd_an_hour": 0.05, "busy": 0.7, "least": 2, "most": 10}
    before, after = (shipping.cost(load, one_bears=bears, **asked).usd_a_month for bears in (200.0, 100.0))  # type: ignore[arg-type]
    ratio = after / before
    return "b" if 1 < ratio < 1.9 else "a" if ratio < 2.1 else "c"


QUIZ = [
    Question(
        "The autoscaler's target is 70 %. Two pods are ready, both 100 % busy; two more have been starting for three minutes, because the model is large. "
        "What does Kubernetes do now?",
        {
            "a": "It asks for six pods: 4 x 100 / 70, rounded up.",
            "b": "Nothing: it waits for the two that are starting.",
            "c": "It goes down to three: 2 x 100 / 70, rounded up.",
        },
        _key_autoscaler,
        {
            "a": "Pods that are not ready count as idle here, so that a slow start is not answered by ever more slow starts.",
            "b": "Yes. With the two starting ones as idle, the mean is 50 %, below the target. So until they are ready, users wait: the time "
            "of a start is the time of the autoscaler's reaction.",
            "c": "Where the corrected ratio points the other way, it does nothing at all.",
        },
    ),
    Question(
        "Two pods run at night, the autoscaler's least. The disruption budget says `minAvailable: 2`. The platform team drains the node of one of them for "
        "an update. What happens?",
        {
            "a": "The pod is moved, then the drain goes on.",
            "b": "Both pods are moved at once.",
            "c": "The drain waits for ever: no pod may be evicted.",
        },
        _key_drain,
        {
            "a": "To be moved it must be evicted, and then one would be left: the budget forbids that.",
            "b": "That is what a budget is there to prevent.",
            "c": "Yes: 2 ready minus 2 that must be are 0 that may go. `maxUnavailable: 1`, as in our file, lets one go at any size.",
        },
    ),
    Question(
        "A Dockerfile copies a `.netrc` with the key of a private package index, installs from it, and removes the file in a later step. Who can read the key?",
        {
            "a": "Nobody: the file is not in the image.",
            "b": "Only processes in the container.",
            "c": "Everybody who can pull the image.",
        },
        _key_layers,
        {
            "a": "It is not *visible* in a container. The layer that brought it is still pulled, whole.",
            "b": "There it is hidden, by the last layer. The layers themselves are files on every machine that pulled them.",
            "c": "Yes. A later layer hides and does not remove. Use a secret mount of the build, or keep that step in a stage from which only "
            "the result is copied (and not pushed itself).",
        },
    ),
    Question(
        "The models come as a volume. This week's release can write a new format, and since Monday's training the champion is in it. On Tuesday "
        "you roll the *code* back to last week's. What do the new pods serve?",
        {
            "a": "The champion, as before: only the code went back.",
            "b": "What is popular: the old code refuses a newer format.",
            "c": "The model of last week, by itself.",
        },
        _key_old_code,
        {
            "a": "Old code cannot know a format that came after it.",
            "b": "Yes, flagged, and for everybody. Code and model are two versions with *one* compatibility: first ship code that reads the new "
            "format, and write it only when you no longer want to go back.",
            "c": "Nobody put it there. You can: take the publication back as well (`recsys-lab pipeline rollback`).",
        },
    ),
    Question(
        "Half of the day is quiet (20 requests a second), half is busy (300). A new model is twice as slow: an instance bears 100 a second instead of 200, "
        "kept at 70 %, and two run at least. By what does the bill grow?",
        {"a": "To twice as much.", "b": "To less than twice as much.", "c": "To more than twice as much."},
        _key_slower,
        {
            "a": "By day the instances nearly double. At night two bear the load of the slow model as well.",
            "b": "Yes: from 3 to 5 by day, and 2 at night either way: 7 / 5 of the bill. The *latency* is another matter.",
            "c": "Rounding up can do that where instances are few. Here it works the other way.",
        },
    ),
]
