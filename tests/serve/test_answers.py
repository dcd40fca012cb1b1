"""What is answered: what the library answers, in the shape that the description promises."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from recsys_lab.base import Recommender
from recsys_lab.datasets import Dataset
from recsys_lab.ratings import Ratings
from recsys_lab.serve import schemas

Saved = dict[str, Path]


def items(answer: httpx.Response) -> list[Any]:
    return [row["item"] for row in answer.json()["items"]]


@pytest.mark.parametrize("n", [3, 10, 40])  # of the lists made ahead, and longer than they are
def test_a_users_list_is_the_models(serving: Any, saved: Saved, als: Recommender, ml100k: Dataset, n: int) -> None:
    async def ask() -> None:
        async with serving(model=saved["als"]) as (client, _):
            for user in (1, 42, 943):
                answer = await client.get(f"/v1/users/{user}/recommendations?n={n}")
                told = schemas.Recommendations.model_validate_json(answer.content)
                expected = als.recommend(user, n)
                assert [row.item for row in told.items] == expected["item"].tolist()
                np.testing.assert_allclose([row.score for row in told.items], expected["score"], rtol=1e-12)
                assert [row.rank for row in told.items] == expected["rank"].tolist()
                assert (told.fallback, told.fallback_reason, told.ignored) == (False, None, [])
                film = ml100k.items.set_index("item").loc[told.items[0].item]
                assert told.items[0].title == f"{film['title']} ({film['year']})"
                assert told.items[0].reasons is None, "they were not asked for"

    asyncio.run(ask())


def test_a_history_is_folded_in_as_the_library_does(serving: Any, saved: Saved, als: Recommender) -> None:
    history = {50: 5.0, 181: 5.0, 1: 2.0}
    body = {"history": [{"item": i, "rating": r} for i, r in history.items()], "n": 5}

    async def ask() -> None:
        async with serving(model=saved["als"]) as (client, _):
            answer = await client.post("/v1/recommendations", json=body)
            expected = als.recommend_for(history, 5)
            assert items(answer) == expected["item"].tolist()
            scores = [row["score"] for row in answer.json()["items"]]
            np.testing.assert_allclose(scores, expected["score"], rtol=1e-12)

            best = expected["item"].tolist()[:2]
            without = await client.post("/v1/recommendations", json=body | {"exclude": [*best, 10**9, "no such"]})
            assert items(without)[:3] == expected["item"].tolist()[2:]

            more = {"history": [*body["history"], {"item": 9_999, "rating": 4}, {"item": "50", "rating": 4}], "n": 5}
            answer = await client.post("/v1/recommendations", json=more)
            assert answer.json()["ignored"] == [9_999, "50"], "the text is another id than the number"
            assert items(answer) == expected["item"].tolist()

            changed = {"history": [{"item": 1, "rating": 5}, *body["history"]], "n": 5}
            answer = await client.post("/v1/recommendations", json=changed)
            assert items(answer) == expected["item"].tolist(), "the last rating of an item counts"

    asyncio.run(ask())


def test_an_exact_copy_of_a_users_history_gets_their_list(serving: Any, saved: Saved, train: Ratings) -> None:
    columns, ratings = train.of(5)
    history = [{"item": i, "rating": r} for i, r in zip(train.items.ids[columns].tolist(), ratings.tolist())]

    async def ask() -> None:
        async with serving(model=saved["ease"]) as (client, _):
            known = await client.get(f"/v1/users/{train.users.ids[5]}/recommendations")
            new = await client.post("/v1/recommendations", json={"history": history})
            assert items(known) == items(new)

    asyncio.run(ask())


def test_reasons_say_what_the_user_liked_and_by_how_much(serving: Any, saved: Saved, ease: Recommender) -> None:
    history = {50: 5.0, 181: 4.0, 451: 1.0}

    async def ask() -> None:
        async with serving(model=saved["ease"]) as (client, _):
            answer = await client.get("/v1/users/42/recommendations?n=3&reasons=true")
            for row in answer.json()["items"]:
                expected = ease.explain(42, row["item"], n=10_000).set_index("id")
                assert 0 < len(row["reasons"]) <= 2
                for reason in row["reasons"]:
                    assert reason["weight"] == pytest.approx(expected.loc[reason["id"], "weight"])
                    assert reason["weight"] > 0
                    assert reason["text"].startswith("you rated ")

            body = {"history": [{"item": i, "rating": r} for i, r in history.items()], "n": 3, "reasons": True}
            for row in (await client.post("/v1/recommendations", json=body)).json()["items"]:
                assert row["reasons"]
                for reason in row["reasons"]:
                    assert reason["id"] != 451, "a film that was hated convinces nobody"
                    rest = {i: r for i, r in history.items() if i != reason["id"]}
                    assert reason["weight"] == pytest.approx(score(history, row["item"]) - score(rest, row["item"]))

    def score(rated: dict[int, float], item: int) -> float:
        return ease.recommend_for(rated, 1682).set_index("item")["score"][item]

    asyncio.run(ask())


def test_similar_items_are_the_models(serving: Any, saved: Saved, als: Recommender) -> None:
    async def ask() -> None:
        async with serving(model=saved["als"]) as (client, _):
            answer = await client.get("/v1/items/50/similar?n=7")
            assert schemas.Similar.model_validate_json(answer.content).fallback is False
            assert items(answer) == als.similar(50, 7)["item"].tolist()

    asyncio.run(ask())


def test_a_search_ignores_case_accents_and_order_and_puts_the_most_rated_first(serving: Any, saved: Saved) -> None:
    async def ask() -> None:
        async with serving() as (client, _):
            answer = await client.get("/v1/items", params={"query": "WARS star"})
            found = schemas.Items.model_validate_json(answer.content).items
            assert [(row.item, row.title, row.ratings) for row in found] == [(50, "Star Wars (1977)", 583)]
            assert found[0].genres == ["Action", "Adventure", "Romance", "Sci-Fi", "War"]
            assert items(await client.get("/v1/items", params={"query": "miserables"}))
            everything = (await client.get("/v1/items", params={"n": 100})).json()["items"]
            counts = [row["ratings"] for row in everything]
            assert counts == sorted(counts, reverse=True)
            assert items(await client.get("/v1/items", params={"query": "no such film"})) == []

    asyncio.run(ask())


def test_an_answer_that_was_given_is_kept_and_gets_the_id_of_each_request(serving: Any, saved: Saved) -> None:
    async def ask() -> None:
        async with serving(model=saved["als"]) as (client, app):
            url = "/v1/users/42/recommendations?n=10"
            first = await client.get(url, headers={"X-Request-ID": "mine-1"})
            second = await client.get(url, headers={"X-Request-ID": "mine-2"})
            assert (first.json()["request_id"], second.json()["request_id"]) == ("mine-1", "mine-2")
            assert second.headers["X-Request-ID"] == "mine-2"
            without = [{k: v for k, v in answer.json().items() if k != "request_id"} for answer in (first, second)]
            assert without[0] == without[1]
            assert first.headers["Content-Type"] == second.headers["Content-Type"] == "application/json"
            text = (await client.get("/metrics")).text
            assert 'recsys_answers_total{source="model"} 1.0' in text
            assert 'recsys_answers_total{source="kept"} 1.0' in text
            size = app.state.holders["champion"].current.answers.size
            for junk in ("n=10&x=1", "n=010", "reasons=1", "x"):
                assert (await client.get(f"/v1/users/42/recommendations?{junk}")).status_code == 200
            assert app.state.holders["champion"].current.answers.size == size, "other spellings push nothing out"

    asyncio.run(ask())


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", 'a"b'])
def test_a_strange_request_id_is_replaced(serving: Any, given: str) -> None:
    async def ask() -> None:
        async with serving() as (client, _):
            answer = await client.get("/v1/items", headers={"X-Request-ID": given})
            assert re.fullmatch(r"[0-9a-f]{16}", answer.json()["request_id"])

    asyncio.run(ask())


def test_every_answer_has_the_headers_that_keep_a_page_at_home(serving: Any, saved: Saved) -> None:
    async def ask() -> None:
        async with serving(model=saved["als"]) as (client, _):
            for url in (
                "/",
                "/page/index.html",
                "/v1/users/1/recommendations",
                "/nothing",
                "/v1/users/1/recommendations",
            ):
                answer = await client.get(url)
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
            page = (await client.get("/")).text
            assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page), "the page asks nobody else"

    asyncio.run(ask())


def test_the_description_has_an_example_of_every_shape_and_error(serving: Any) -> None:
    async def ask() -> None:
        async with serving(api_key="correct-horse") as (client, _):
            told = (await client.get("/openapi.json")).json()
            for name, schema in told["components"]["schemas"].items():
                assert schema.get("examples"), name
                getattr(schemas, name).model_validate_json(json.dumps(schema["examples"][0]))
            for path, methods in told["paths"].items():
                for operation in methods.values():
                    for status, response in operation["responses"].items():
                        if status != "200":
                            assert list(response["content"]) == ["application/problem+json"], path
                            schemas.Problem.model_validate(response["content"]["application/problem+json"]["example"])
                    assert ("security" in operation) == path.startswith("/v1/")

    asyncio.run(ask())


def test_metrics_of_two_apps_do_not_meet(serving: Any, tmp_path: Path) -> None:
    async def ask() -> None:
        async with serving() as (one, _), serving(events=f"sqlite:///{tmp_path / 'other.db'}") as (other, _):
            await one.get("/health")
            assert 'route="/health"' in (await one.get("/metrics")).text
            assert 'route="/health"' not in (await other.get("/metrics")).text

    asyncio.run(ask())
