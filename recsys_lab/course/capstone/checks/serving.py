"""The service: by its own command with its page, then beside an empty endpoint, asked well and badly.

Project 3 asks for a service of one's own; here the same questions are put to whatever the project serves with.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from recsys_lab.course.capstone.bench import Bench, Lost, once
from recsys_lab.course.projects import service
from recsys_lab.course.projects.asking import Answer, Client, started
from recsys_lab.course.projects.service import POPULAR, RATIO, STRANGER, N
from recsys_lab.errors import DataError
from recsys_lab.serve.running import process

SHARED = 0.5  # of a known user's list must be in that of a newcomer with the same history, over a few users
_MOST = 500  # items of a history that is posted


def page(bench: Bench) -> str:
    """`serve` starts, says where, shows a page, and gives known users the lists that `recommend` gave."""
    events = f"sqlite:///{(bench.place / 'own.db').as_posix()}"
    options = ("--model", bench.artefact, "--events", events, "--port", 0)
    wanted = _lists(bench)
    command = [bench.python, "-m", bench.package, "serve", *map(str, options)]
    try:
        with (
            process(command, bench.place / "serve.log", bench.variables(), inherit=False) as server,
            Client(server.url, []) as client,
        ):
            shown, health = client.ask("GET", "/"), client.ask("GET", "/health")
            if health.status != 200:
                raise Lost(f"GET /health: {health}")
            if shown.status != 200 or not shown.kind.startswith("text/html"):
                raise Lost(f"GET / should be the demo page, and is {shown.kind or 'nothing'}: {shown.status}.")
            for user, items in list(wanted.items())[:3]:
                if why := _is_list(service.patiently(lambda user=user: client.user(user)), user, items):  # type: ignore[misc]
                    raise Lost(why)
    except DataError as error:
        raise Lost(f"`python -m {bench.package} serve` did not start: {str(error).splitlines()[-1][:300]}") from error
    return "it starts, shows its page, and serves the lists of `recommend`"


class Asked(NamedTuple):
    """Complaints of one start by line, "" where there is none; `nobody`: known users do not get their lists."""

    nobody: str
    stranger: str
    newcomer: str
    fast: str
    refuses: str


def stranger(bench: Bench) -> str:
    return _fine(_asked(bench).stranger, f"{N} of the most popular, flagged")


def newcomer(bench: Bench) -> str:
    return _fine(_asked(bench).newcomer, "whoever posts a known user's history gets much of that user's list")


def fast(bench: Bench) -> str:
    asked = _asked(bench)
    return _fine(asked.nobody or asked.fast, f"at most {RATIO:g} times the empty endpoint's")


def refuses(bench: Bench) -> str:
    asked = _asked(bench)
    return _fine(asked.nobody or asked.refuses, "each of some eighty was refused or answered")


def _fine(complaint: str, else_: str) -> str:
    if complaint:
        raise Lost(complaint)
    return else_


@once
def _asked(bench: Bench) -> Asked:
    shim = bench.place / "shim" / "the_service.py"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(f"from {bench.package}.service import create_app\n", encoding="utf-8")
    wanted = _lists(bench)
    popular = set(bench.subject.rated(bench.train)["item"].value_counts().index[:POPULAR].tolist())
    options: Any = {"python": bench.python, "variables": bench.variables()}
    try:
        with started(shim, bench.artefact, bench.place / "events.db", **options) as (client, _):
            users = list(wanted)
            nobody = next(filter(None, (_is_list(client.user(u), u, wanted[u]) for u in users[:3])), "")
            return Asked(
                nobody,
                service.is_popular(client.user(STRANGER), popular),
                nobody or _newcomer(client, bench, wanted),
                nobody or service.fast(client, users[10:70]),
                service.refuses(client, limits=False)[0],
            )
    except DataError as error:
        why = f"`create_app` in service.py did not start: {str(error).splitlines()[-1][:300]}"
        return Asked(why, why, why, why, why)


def _lists(bench: Bench) -> dict[int, list[int]]:
    """User -> the items that `recommend` gave, in their order, in an order of users that depends on the seed."""
    bench.installed  # noqa: B018
    by_user = bench.lists.sort_values("rank").groupby("user")["item"].agg(list)
    return by_user.iloc[np.random.default_rng(bench.seed).permutation(len(by_user))].to_dict()


def _is_list(answer: Answer, user: int, items: list[int]) -> str:
    if answer.status != 200:
        return f"user {user}: {answer}"
    if answer.get("fallback") is not False:
        return f"user {user}: `fallback` is {answer.get('fallback')!r}, and the model knows them."
    if answer.items != items:
        return f"user {user}: the service's items are not those of `recommend`, in that order."
    return ""


def _newcomer(client: Client, bench: Bench, wanted: dict[int, list[int]]) -> str:
    """Known users' histories, posted by nobody: who reads them comes near these users' lists, and not to what is popular."""
    rows = bench.subject.rated(bench.train)
    counts, popular = rows["user"].value_counts(), rows["item"].value_counts().index.tolist()
    shares, personal = [], False
    for user in [u for u in wanted if 20 <= counts.get(u, 0) <= _MOST][:8]:
        mine = rows[rows["user"] == user]
        history = dict(zip(mine["item"].tolist(), mine["rating"].tolist(), strict=True))
        answer = service.patiently(lambda history=history: client.history(history))  # type: ignore[misc]
        if answer.status != 200 or answer.get("fallback") is not False:
            return f"the history of user {user}, {len(history)} items, posted by nobody: {answer}"
        if repeated := set(answer.items) & set(history):
            return f"item {min(repeated)} is in the history that was posted."
        shares.append(len(set(answer.items) & set(wanted[user])) / N)
        unseen = [item for item in popular if item not in history]
        personal |= len(set(answer.items) & set(unseen[: N + 2])) < N - 2  # ties in popularity aside
    if not personal:
        return "whatever is posted, the list is what is popular: is the history used?"
    if np.mean(shares) < SHARED:
        return f"with a known user's history, {np.mean(shares):.0%} of the list is that user's: is the history used?"
    return ""
