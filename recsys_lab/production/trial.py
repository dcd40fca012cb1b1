"""An A/B test of the two models of a running service, with the simulator's audience as its users.

Three steps, each leaving a file in one folder, so that nothing is decided after the data are seen:

    plan    plan.json    the question, the split, the size, the spread that the sequential test expects
    run     run.json     visits over HTTP: a list is asked for, looked at, clicked, and every event posted back
    judge   report.json  from the service's own log alone; the truth, which only the simulator knows, stands beside it

The unit is the user: each sees one model's lists for the whole experiment (the hash of recsys_lab.experiment.assign).
The metric is the click rate, clicks per impression, a ratio with the user as its unit. Clicks per user are reported
beside it, but they grow as users come back, so their effect after three days is not that after seven: a sequential
test, whose intervals all hold one and the same effect, needs a metric that does not grow.
Clicks are those of simulate.Audience, so the true effect is known: the difference of what both models' lists are worth
to all users, for each film shown.

Needs httpx and SQLAlchemy: pip install 'recsys-lab[phase3]'.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from recsys_lab.errors import DataError, MissingDataError, MissingExtraError
from recsys_lab.experiment import (
    Comparison,
    Experiment,
    best_tau,
    by_variant,
    days_needed,
    msprt,
    non_inferior,
    plan_means,
    ratio,
    srm,
    welch,
)
from recsys_lab.records import plain, write
from recsys_lab.simulate import DAY, START, Audience

MODELS = ("champion", "challenger")  # of the service: which= in its requests, and the variants of the experiment
_BATCH = 400  # events of a post; the service takes 500
_LENGTH = 10  # films of a list
FALLBACK_MARGIN = 0.01  # how much larger the share of fallback answers may be


class Plan(NamedTuple):
    """What was decided before the first visit.

    effect : on the click rate, the smallest that is worth finding. variance : of the click rate's linear form, one value
    a user (PairStats.ratio().variance of an earlier log).
    users : in both variants. days : whole weeks. tau : of the sequential test, from the planned standard error.
    """

    name: str
    effect: float
    variance: float
    alpha: float
    power: float
    users: int
    days: int
    tau: float

    @property
    def experiment(self) -> Experiment:
        return Experiment(self.name, variants=MODELS)


def plan(
    folder: Path,
    name: str,
    effect: float,
    variance: float,
    users_per_day: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Plan:
    """Write the plan; refuses to replace one, since a plan that is changed after the run is none."""
    size = plan_means(effect, variance, alpha=alpha, power=power)
    days = days_needed(size, users_per_day)
    error = float(np.sqrt(variance / size.n_control + variance / size.n_treatment))
    made = Plan(name, effect, variance, alpha, power, size.n, days, best_tau(error, alpha))
    _ = made.experiment  # refuses a bad name before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "plan.json").exists():
        raise DataError(f"{folder / 'plan.json'} exists: an experiment has one plan. Choose another folder.")
    _write(folder / "plan.json", made._asdict())
    return made


def read_plan(folder: Path) -> Plan:
    """The plan in this folder. Raises MissingDataError where there is none."""
    try:
        return Plan(**json.loads((folder / "plan.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise MissingDataError(f"no plan.json in {folder}: `recsys-lab experiment plan` writes one.") from None
    except (ValueError, TypeError) as error:
        raise DataError(f"{folder / 'plan.json'} is damaged: {error}") from error


# ---------------------------------------------------------------------- the run
def run(folder: Path, url: str, audience: Audience, *, days: int | None = None, key: str = "") -> dict[str, Any]:
    """Let the audience visit the service for the planned days, or for `days`; returns and writes what happened.

    Each visit asks for a new list and posts its impressions and clicks; a post counts when the service acknowledged it.
    Any answer but 200 ends the run: an experiment with holes in its log is not analysed but repeated.
    """
    made = read_plan(folder)
    if (folder / "run.json").exists():
        raise DataError(f"{folder / 'run.json'} exists: this experiment was run. Choose another folder and name.")
    days = made.days if days is None else days
    assigned = dict(zip(audience.users.tolist(), made.experiment.assign(audience.users)))
    with _Client(url, key) as client:
        truth = _truth(client, audience)
        visits = stored = fallbacks = 0
        for day in range(days):
            arrivals = audience.arrivals()
            for turn in range(int(arrivals.max(initial=0))):
                users = audience.users[arrivals > turn].tolist()
                lists = {user: client.recommended(user, assigned[user]) for user in users}
                events = _visited(audience, lists, assigned, made.name, day)
                stored += client.post(events)
                visits += len(users)
                fallbacks += sum(answer["fallback"] for answer in lists.values())
    done = {"days": days, "visits": visits, "events": stored, "fallbacks": fallbacks, **truth}
    _write(folder / "run.json", done)
    return done


def _visited(
    audience: Audience, lists: dict[int, Any], assigned: dict[int, str], name: str, day: int
) -> list[dict[str, Any]]:
    """One visit of each of these users, as events to be posted."""
    events = audience.visit(_frame(lists), day=day, experiment=name)
    events["variant"] = events["user"].map(assigned)
    events["request_id"] = events["user"].map(lambda user: lists[user]["request_id"])
    # A list that is not the model's is not logged as the model's.
    events["model"] = events["user"].map(lambda user: None if lists[user]["fallback"] else lists[user]["model"])
    return events.astype(object).where(events.notna(), None).to_dict("records")  # type: ignore[return-value]


def _truth(client: _Client, audience: Audience) -> dict[str, float]:
    """The click rates that both models' lists have among all users, and their difference."""
    rates = {}
    for which in MODELS:
        lists = _frame({user: client.recommended(user, which) for user in audience.users.tolist()})
        rates[which] = audience.value(lists) / _LENGTH
    champion, challenger = (rates[which] for which in MODELS)
    return {"true_rate_champion": champion, "true_rate_challenger": challenger, "true_effect": challenger - champion}


def _frame(lists: dict[int, Any]) -> pd.DataFrame:
    rows = [(user, film["item"], film["rank"]) for user, answer in lists.items() for film in answer["items"]]
    return pd.DataFrame(rows, columns=["user", "item", "rank"])


class _Client:
    """The service over HTTP."""

    def __init__(self, url: str, key: str):
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError(
                "experiments ask the service with httpx: pip install 'recsys-lab[phase3]'."
            ) from error
        self._failed = httpx.HTTPError
        headers = {"X-API-Key": key} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def recommended(self, user: int, which: str) -> Any:
        return self._ask("GET", f"/v1/users/{user}/recommendations", params={"n": _LENGTH, "which": which})

    def post(self, events: list[dict[str, Any]]) -> int:
        """How many events the service stored."""
        batches = (events[start : start + _BATCH] for start in range(0, len(events), _BATCH))
        return sum(self._ask("POST", "/v1/events", json={"events": batch})["stored"] for batch in batches)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, path, **more)
        except self._failed as error:
            raise MissingDataError(
                f"{self._http.base_url} does not answer ({error}): start it, and run again."
            ) from error
        if answer.status_code != 200:
            raise DataError(f"{method} {path} was answered with {answer.status_code}: {answer.text[:300]}")
        return answer.json()


# ---------------------------------------------------------------------- the judgement
def per_user(events: pd.DataFrame, name: str) -> pd.DataFrame:
    """One row for each user of the experiment: user, variant, impressions, clicks, fallbacks (shares of impressions).

    Raises DataError where a user is logged under two variants: then the split is broken, and no test repairs it.
    """
    return _totals(_by_day(events, name))


def _by_day(events: pd.DataFrame, name: str) -> pd.DataFrame:
    """A row for each user and day of the experiment: user, variant, day, impressions, clicks, fallbacks (how many)."""
    ours = events[events["experiment"] == name]
    if ours.empty:
        raise MissingDataError(f"the log holds no events of experiment {name!r}.")
    variants = ours.groupby("user")["variant"].nunique(dropna=False)
    if (variants > 1).any():
        raise DataError(
            f"{(variants > 1).sum():,} users are logged under two variants of {name!r}: the split is broken."
        )
    shown = ours["kind"] == "impression"
    marked = ours[["user", "variant"]].assign(
        day=((ours["at"] - START) // DAY).astype(int),
        impressions=shown,
        clicks=ours["kind"] == "click",
        fallbacks=shown & ours["model"].isna(),
    )
    return marked.groupby(["user", "variant", "day"], as_index=False, dropna=False).sum()


def _totals(days: pd.DataFrame) -> pd.DataFrame:
    """A row for each user, from rows for each user and day; fallbacks as a share of the impressions."""
    counted = days.drop(columns="day").groupby(["user", "variant"], as_index=False, dropna=False).sum()
    return counted.assign(fallbacks=counted["fallbacks"] / counted["impressions"].clip(lower=1))


class Judgement(NamedTuple):
    """What the log says. days : a row for each look, with the sequential test's interval of the click rate."""

    users: dict[str, int]
    split_p_value: float
    clicks: Comparison
    rate: Comparison
    fallback_worst: float
    fallback_passed: bool
    days: pd.DataFrame
    verdict: str


def judge(folder: Path, events: pd.DataFrame) -> Judgement:
    """The analysis that the plan asks for, from the log. Writes report.json."""
    made = read_plan(folder)
    days = _by_day(events, made.name)
    users = _totals(days)
    counts = users["variant"].value_counts().to_dict()
    split = srm(counts, made.experiment.shares)
    confidence = 1 - made.alpha
    champion, challenger = MODELS
    clicks = by_variant(users, "clicks")
    rates = by_variant(users, "clicks", "impressions")
    worst, passed = _guardrail(users)
    outcome = Judgement(
        {which: counts[which] for which in MODELS},
        split.p_value,
        welch(clicks[champion], clicks[challenger], confidence),
        ratio(rates[champion], rates[challenger], confidence),
        worst,
        passed,
        _looks(days, made),
        "",
    )
    outcome = outcome._replace(verdict=_verdict(outcome, made))
    _write(folder / "report.json", _named(outcome))
    return outcome


def _guardrail(users: pd.DataFrame) -> tuple[float, bool]:
    """How much more often the challenger may be answering with what is popular, and whether that is within the margin."""
    if not users["fallbacks"].any():
        return 0.0, True
    share = by_variant(users, "fallbacks")
    guard = non_inferior(share[MODELS[0]], share[MODELS[1]], FALLBACK_MARGIN, higher_is_better=False)
    return guard.worst, guard.passed


def _looks(days: pd.DataFrame, made: Plan) -> pd.DataFrame:
    """After each day: users, effect on the click rate, and the interval that holds at all looks."""
    rows = []
    for last in range(days["day"].max() + 1):
        rates = by_variant(_totals(days[days["day"] <= last]), "clicks", "impressions")
        if len(rates) == 2 and all(arm.n >= 2 for arm in rates.values()):
            found = ratio(rates[MODELS[0]], rates[MODELS[1]])
            rows.append((last + 1, sum(arm.n for arm in rates.values()), found.effect, found.standard_error))
    looks = pd.DataFrame(rows, columns=["day", "users", "effect", "standard_error"])
    always = msprt(looks["effect"], looks["standard_error"], made.tau, alpha=made.alpha)
    return looks.assign(low=always.low, high=always.high, p_value=always.p_value)


def _verdict(outcome: Judgement, made: Plan) -> str:
    if outcome.split_p_value < 0.001:
        return "invalid: the split is not what was planned; find out who is missing before anything else is read"
    if not outcome.fallback_passed:
        return "stop: the challenger answers with what is popular too often"
    if sum(outcome.users.values()) < made.users:
        short = f"{sum(outcome.users.values()):,} users came, {made.users:,} were planned"
        return f"undecided: {short}" if outcome.rate.p_value >= made.alpha else f"{_direction(outcome)}, though {short}"
    if outcome.rate.p_value >= made.alpha:
        return "undecided: no difference was found that luck would not explain"
    return _direction(outcome)


def _direction(outcome: Judgement) -> str:
    return "ship the challenger" if outcome.rate.effect > 0 else "keep the champion"


def _named(outcome: Judgement) -> dict[str, Any]:
    named = outcome._asdict()
    named |= {"clicks": outcome.clicks._asdict(), "rate": outcome.rate._asdict()}
    return named | {"days": outcome.days.to_dict("records")}


def _write(path: Path, content: dict[str, Any]) -> None:
    write(path, json.dumps(plain(content), indent=2) + "\n")
