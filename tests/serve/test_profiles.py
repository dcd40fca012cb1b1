"""The feature store beside the model: profiles are shown, few ratings are a reason for what is popular, a failure is not."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from recsys_lab.errors import DataError
from recsys_lab.production.feature_store import FeatureRepository
from recsys_lab.serve import Settings


@pytest.fixture(scope="module")
def repository(ml100k, tmp_path_factory) -> FeatureRepository:
    repository = FeatureRepository.create(tmp_path_factory.mktemp("features"), ml100k.ratings)
    repository.materialize(ml100k.ratings.timestamp.max() + 1)
    return repository


def asked(serving, *paths: str, **settings: Any) -> list[httpx.Response]:
    async def ask() -> list[httpx.Response]:
        async with serving(**settings) as (client, _):
            return [await client.get(path) for path in paths]

    return asyncio.run(ask())


def test_a_profile_is_what_the_online_store_holds(serving, saved, repository, ml100k):
    known, unknown, text = asked(
        serving,
        *(f"/v1/users/{user}/features" for user in ("1", "99999", "guest-7")),
        model=saved["ease"],
        features=repository.folder,
        lookup=repository.of_user,
    )
    theirs = ml100k.ratings[ml100k.ratings.user == 1]
    body = known.json()
    assert (body["user"], body["features"]["ratings"]) == ("1", len(theirs))
    assert body["features"]["mean_rating"] == pytest.approx(theirs.rating.mean())
    assert unknown.json()["features"] == dict.fromkeys(("ratings", "mean_rating", "ratings_7d"))
    assert text.json()["features"] == {}


def test_users_with_few_ratings_get_what_is_popular(serving, saved, repository, ml100k):
    counts = ml100k.ratings.user.value_counts()
    few, many = counts.index[-1], counts.index[0]
    paths = [f"/v1/users/{user}/recommendations" for user in (few, many, few, many)]  # again: kept answers must agree
    options = {"model": saved["ease"], "features": repository.folder, "lookup": repository.of_user}
    answers = [r.json() for r in asked(serving, *paths, min_ratings=int(counts.min()) + 1, **options)]
    assert [a["fallback_reason"] for a in answers] == ["few-ratings", None, "few-ratings", None]
    assert [a["fallback"] for a in answers] == [True, False, True, False]
    ratings = [item["score"] for item in answers[0]["items"]]
    assert ratings == sorted(ratings, reverse=True)
    assert ratings[0] > 400  # numbers of ratings: it is the popular list
    seen = set(ml100k.ratings[ml100k.ratings.user == few].item)
    assert not seen & {item["item"] for item in answers[0]["items"]}
    off = [r.json()["fallback"] for r in asked(serving, *paths[:2], **options)]
    assert off == [False, False]


def broken(user: int) -> dict[str, float]:
    raise OSError("the store is gone")


def late(user: int) -> dict[str, float]:
    time.sleep(2)
    return {"ratings": 0.0}


@pytest.mark.parametrize("lookup", [broken, late])
def test_a_store_that_fails_fails_no_list(serving, saved, repository, lookup):
    options = {"features": repository.folder, "lookup": lookup, "min_ratings": 5, "timeout_ms": 500}
    recommended, profile = asked(
        serving, "/v1/users/1/recommendations", "/v1/users/1/features", model=saved["ease"], **options
    )
    assert recommended.status_code == 200
    assert recommended.json()["fallback"] is False
    assert profile.status_code == 503
    assert profile.headers["content-type"] == "application/problem+json"
    assert "gone" not in profile.text


def test_without_a_store_there_are_no_profiles(serving, saved):
    (answer,) = asked(serving, "/v1/users/1/features", model=saved["ease"])
    assert answer.status_code == 404
    assert "--features" in answer.json()["detail"]
    with pytest.raises(DataError, match="min_ratings=3: ratings are counted by the feature store"):
        Settings(min_ratings=3)


def test_the_command_opens_the_repository(running, saved, repository):
    options = ("--model", saved["ease"], "--features", repository.folder, "--min-ratings", 10_000)
    with running(*options) as server:
        answer = httpx.get(f"{server.url}/v1/users/1/recommendations", timeout=30).json()
        profile = httpx.get(f"{server.url}/v1/users/1/features", timeout=30).json()
    assert answer["fallback_reason"] == "few-ratings"
    assert profile["features"]["ratings"] == 272
