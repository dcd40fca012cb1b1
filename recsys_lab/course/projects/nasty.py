"""Requests that a service meets sooner or later: some must be refused, all must be survived."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Request(NamedTuple):
    """refuse : 4xx is demanded; else only that it is no 5xx and that an answer comes."""

    about: str
    method: str
    path: str
    options: dict[str, Any]
    refuse: bool


def requests(limits: bool = True) -> list[Request]:
    """About seventy, always the same.

    limits : what goes beyond project 3's own limits (lists of 100, histories of 500, ids of 64 letters) is to be refused;
    False: a service with other limits may answer it.
    """
    made: list[Request] = []

    def get(about: str, path: str, refuse: bool = True, method: str = "GET") -> None:
        made.append(Request(about, method, path, {}, refuse))

    def post(about: str, path: str, body: str | bytes, refuse: bool = True) -> None:
        content = body.encode() if isinstance(body, str) else body
        made.append(Request(about, "POST", path, {"content": content, "headers": _JSON}, refuse))

    for n in ("0", "-1", "101", "abc", "1.5", "1e9", "NaN", "9" * 30, "", "%00"):
        get(f"n={n[:12]}", f"/v1/users/1/recommendations?n={n}", refuse=limits or n != "101")
    get("no such address", "/v1/nothing")
    get("a way out of the folder", "/v1/%2e%2e/%2e%2e/etc/passwd")
    get("another method", "/v1/users/1/recommendations", method="DELETE")
    get("another method", "/v1/events", method="GET")
    for user in ("%00", "%ff", "-1", "1.0", "1e3", "9" * 40, "x" * 3000, "%F0%9F%8E%AC", "%27%20OR%201=1--", "²", "٣"):
        get(f"user {user[:12]}", f"/v1/users/{user}/recommendations", refuse=False)

    rated, event = '{"item": 50, "rating": 5}', {"id": "nasty", "kind": "click", "user": 1, "item": 50}
    for path in ("/v1/recommendations", "/v1/events"):
        name = path.rpartition("/")[2]
        for about, body in _NO_JSON.items():
            post(f"{name}: {about}", path, body)
    for rating in ("0", "6", "-1", "NaN", "Infinity", "1e400", "null", '"good"', "[]", "true"):
        post(f"rating {rating}", "/v1/recommendations", f'{{"history": [{{"item": 50, "rating": {rating}}}]}}')
    for item in ("null", "1.5", "[]", "{}", "9" * 30, LONG, '""', r'"\ud800"'):
        body = f'{{"history": [{{"item": {item}, "rating": 5}}]}}'
        post(f"item {item[:12]}", "/v1/recommendations", body, refuse=limits or item != LONG)
    for n in ("0", "101", '"ten"', "1.5", "9" * 30):
        body = f'{{"history": [{rated}], "n": {n}}}'
        post(f"history, n={n[:12]}", "/v1/recommendations", body, refuse=limits or n != "101")
    post("an empty history", "/v1/recommendations", '{"history": []}', refuse=limits)
    post("501 ratings", "/v1/recommendations", f'{{"history": [{", ".join([rated] * 501)}]}}', refuse=limits)
    post("the same film twice", "/v1/recommendations", f'{{"history": [{rated}, {rated}]}}', refuse=False)
    post("an unknown film", "/v1/recommendations", '{"history": [{"item": 999999, "rating": 5}]}', refuse=False)
    post("a film by a text", "/v1/recommendations", '{"history": [{"item": "50", "rating": 5}]}', refuse=False)

    spoiled: list[dict[str, Any]] = [{"kind": "glance"}, {"user": None}, {"item": 1.5}, {"id": ""}, {"id": "x" * 65}]
    spoiled += [
        {"id": "\ud800"},
        {"user": "\ud800"},
        {"item": 10**30},
        {"user": ["a"]},
        {"item": {"a": 1}},
        {"id": None},
    ]
    for change in spoiled:
        body, long = json.dumps({"events": [event | change]}), change == {"id": "x" * 65}
        post(f"event with {json.dumps(change)[:30]}", "/v1/events", body, refuse=limits or not long)
    post("an event of nobody", "/v1/events", '{"events": [{"id": "nasty", "kind": "click", "item": 50}]}')
    post("no events", "/v1/events", '{"events": []}')
    many = json.dumps({"events": [event | {"id": f"nasty-{i}"} for i in range(501)]})
    post("501 events", "/v1/events", many, refuse=limits)
    return made


LONG = f'"{"x" * 65}"'
_JSON = {"content-type": "application/json"}
_NO_JSON: dict[str, str | bytes] = {
    "nothing": "",
    "no JSON": "{history",
    "bytes": b"\xff\xfe\x00",
    "null": "null",
    "a number": "1",
    "a list": "[]",
    "another name": '{"story": []}',
    "no list": '{"history": 1, "events": 1}',
    "null in the list": '{"history": [null], "events": [null]}',
    "ten thousand brackets": "[" * 10_000,
    "NaN": "NaN",
}
