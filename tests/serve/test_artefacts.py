"""The model in use: exchanged for a sound artefact, kept in the face of any other."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys_lab import datasets, registry, storage
from recsys_lab.base import Recommender
from recsys_lab.serve import schemas

KEY = "correct-horse"
RELOAD = {"url": "/v1/admin/reload", "headers": {"X-API-Key": KEY}}
USER = {"url": "/v1/users/42/recommendations", "headers": {"X-API-Key": KEY}}
RAN = Path("/tmp") / f"recsys-lab-pickle-{os.getpid()}"


class Bomb:
    def __reduce__(self) -> Any:
        return (Path.touch, (RAN,))


def version(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def header(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the header of an artefact, its checksum made right, as somebody hostile would."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    told = json.loads(arrays["header"].tobytes())
    told.pop("sha256")
    change(told)
    told["sha256"] = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    arrays["header"] = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
    np.savez(path, **arrays)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def later_version(path: Path) -> None:
    header(path, lambda told: told.update(version=2, library="9.0.0"))


def of_another_library(path: Path) -> None:
    np.savez(path, factors=np.ones((3, 3)))


def of_another_program(path: Path) -> None:
    header(path, lambda told: told.update(format="a model of somebody else"))


def pickle_bomb(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb()))


def pickle_bomb_inside(path: Path) -> None:
    np.savez(path, header=np.array([Bomb()], dtype=object))


def a_member_of_4_gb(path: Path) -> None:
    """The header's own NumPy header says that 4 GB follow."""
    claim = io.BytesIO()
    np.lib.format.write_array_header_1_0(claim, {"descr": "|u1", "fortran_order": False, "shape": (2**32,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.npy", claim.getvalue() + b"{}")


def a_header_of_4_gb(path: Path) -> None:
    """NumPy's format 2.0 has four bytes for the length of its header: they say 4 GB."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.npy", b"\x93NUMPY\x02\x00" + (2**32 - 1).to_bytes(4, "little") + b"{}")


def wrong_scores(path: Path) -> None:
    """Sound as a file, but its factors are of fewer items than its ratings."""
    header(path, lambda told: told["model"]["state"].update(item_factors_={"array": "user_factors_"}))


def too_few_scores(path: Path) -> None:
    """It counts as many items as there are users, and nothing fails."""
    storage.save(registry.make("popularity").fit(storage.load(path).train_), path)
    header(path, lambda told: told["model"]["state"].update(counts_={"array": "fallback_.user"}))


def other_data(path: Path) -> None:
    rows = datasets.toy().ratings.assign(item=lambda frame: frame["item"] + 10_000)
    storage.save(registry.make("popularity").fit(rows), path)


BAD = {
    truncated: "cut short",
    empty: "cut short",
    later_version: "format 2, written by recsys_lab 9.0.0",
    of_another_library: "not a model that recsys_lab saved",
    of_another_program: "it belongs to another program",
    pickle_bomb: "not a model file",
    pickle_bomb_inside: "allow_pickle",
    a_member_of_4_gb: "claims an array of (4294967296,)",
    a_header_of_4_gb: "EOF",
    wrong_scores: "the model fails when it is tried (ValueError: operands could not be broadcast",
    too_few_scores: "(943,) scores for 1,682 items: it is damaged",
    other_data: "8 items that the data set does not have",
    Path.unlink: "no model at model.npz",
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda f: f.__name__)
def test_a_bad_artefact_is_refused_and_the_old_model_goes_on(
    serving: Any, saved: dict[str, Path], tmp_path: Path, spoil: Any, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(saved["als"].read_bytes())
    good = version(path)

    async def ask() -> None:
        async with serving(model=path, api_key=KEY) as (client, _):
            before = (await client.get(**USER)).json()
            spoil(path)
            outcome = schemas.Reloaded.model_validate_json((await client.post(**RELOAD)).content)
            assert (outcome.result, outcome.model) == ("refused", good)
            assert BAD[spoil] in outcome.message
            assert str(tmp_path) not in outcome.message, "no folder leaves"
            after = (await client.get(**USER)).json()
            assert {**after, "request_id": ""} == {**before, "request_id": ""}
            ready = (await client.get("/ready")).json()
            assert (ready["status"], ready["model"], ready["refused"]) == ("ready", good, outcome.message)
            result = "missing" if spoil is Path.unlink else "refused"
            assert f'recsys_reloads_total{{result="{result}"}} 1.0' in (await client.get("/metrics")).text

            path.write_bytes(saved["popularity"].read_bytes())  # and a sound one is taken
            assert (await client.post(**RELOAD)).json()["result"] == "loaded"
            assert (await client.get("/ready")).json()["refused"] is None

    asyncio.run(ask())
    lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines()]
    told = next(line for line in lines if line["event"] == "model refused")
    assert BAD[spoil].replace("model.npz", str(path)) in told["why"]
    assert told["in_use"] == good
    assert not RAN.exists(), "the pickle was run"


def test_a_new_artefact_is_noticed_and_takes_the_old_answers_with_it(
    serving: Any, saved: dict[str, Path], tmp_path: Path, als: Recommender, ease: Recommender
) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(saved["als"].read_bytes())

    async def ask() -> None:
        async with serving(model=path, reload_seconds=0.02) as (client, _):
            for name, model in (("als", als), ("ease", ease), ("als", als)):
                draft = tmp_path / "draft"
                draft.write_bytes(saved[name].read_bytes())
                draft.replace(path)
                for _ in range(500):
                    answer = (await client.get("/v1/users/42/recommendations")).json()
                    if answer["model"] == version(saved[name]):
                        break
                    await asyncio.sleep(0.02)
                assert answer["model"] == version(saved[name])
                assert [row["item"] for row in answer["items"]] == model.recommend(42)["item"].tolist()

    asyncio.run(ask())


def test_a_file_that_is_only_touched_keeps_the_model_and_its_answers(
    serving: Any, saved: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(saved["als"].read_bytes())

    async def ask() -> None:
        async with serving(model=path, api_key=KEY) as (client, app):
            snapshot = app.state.holders["champion"].current
            path.touch()
            assert (await client.post(**RELOAD)).json()["result"] == "unchanged"
            assert app.state.holders["champion"].current is snapshot

    asyncio.run(ask())


def test_without_a_model_the_most_rated_are_answered_and_it_is_said(serving: Any, ml100k: Any) -> None:
    most = ml100k.ratings["item"].value_counts()

    async def ask() -> None:
        async with serving() as (client, _):
            ready = schemas.Ready.model_validate_json((await client.get("/ready")).content)
            assert (ready.status, ready.model) == ("degraded", None)
            assert ready.refused == "no model at model.npz: `recsys-lab save` writes one."
            answer = await client.get("/v1/users/42/recommendations?n=5")
            told = schemas.Recommendations.model_validate_json(answer.content)
            assert (told.model, told.fallback, told.fallback_reason) == (None, True, "no-model")
            assert [row.score for row in told.items] == most.head(5).tolist()
            history = {"history": [{"item": told.items[0].item, "rating": 5}], "exclude": [told.items[1].item], "n": 5}
            new = schemas.Recommendations.model_validate_json(
                (await client.post("/v1/recommendations", json=history)).content
            )
            assert [row.item for row in new.items][:3] == [row.item for row in told.items][2:]
            alike = schemas.Similar.model_validate_json((await client.get("/v1/items/50/similar?n=3")).content)
            assert (alike.fallback_reason, alike.items[0].score) == ("no-model", 1.0)
            genres = ml100k.items.set_index("item")["genres"]
            assert genres[alike.items[0].item] == genres[50]

    asyncio.run(ask())


def test_what_the_model_cannot_do_is_answered_without_it(serving: Any, saved: dict[str, Path]) -> None:
    async def ask() -> None:
        async with serving(model=saved["popularity"]) as (client, _):
            for url, reason in (
                ("/v1/users/4242/recommendations", "unknown-user"),
                ("/v1/users/ann/recommendations", "unknown-user"),
                ("/v1/users/1_0/recommendations", "unknown-user"),
                ("/v1/items/50/similar", "unsupported"),
            ):
                answer = (await client.get(url)).json()
                assert (answer["fallback"], answer["fallback_reason"]) == (True, reason)
                assert len(answer["items"]) == 10
            for history in ([], [{"item": 10**6, "rating": 3}]):
                answer = (await client.post("/v1/recommendations", json={"history": history})).json()
                assert answer["fallback_reason"] == "unknown-history"
                assert answer["ignored"] == [row["item"] for row in history]

    asyncio.run(ask())


def test_text_ids_are_served_too(serving: Any, tmp_path: Path) -> None:
    toy = datasets.toy()
    path = storage.save(registry.make("item-knn", k=3).fit(toy.ratings), tmp_path / "model.npz")

    async def ask() -> None:
        async with serving(model=path, data="toy") as (client, _):
            answer = (await client.get("/v1/users/fay/recommendations?n=2")).json()
            assert answer["fallback"] is False
            assert (await client.get("/v1/users/1/recommendations")).json()["fallback_reason"] == "unknown-user"

    asyncio.run(ask())


def test_a_challenger_answers_who_asks_for_it_and_is_exchanged_alone(
    serving: Any, saved: dict[str, Path], tmp_path: Path, als: Recommender, ease: Recommender
) -> None:
    path, other = tmp_path / "model.npz", tmp_path / "other.npz"
    path.write_bytes(saved["als"].read_bytes())
    other.write_bytes(saved["ease"].read_bytes())

    async def ask() -> None:
        async with serving(model=path, challenger=other, api_key=KEY) as (client, _):
            versions = version(path), version(other)
            ready = (await client.get("/ready")).json()
            assert (ready["model"], ready["challenger"]) == versions
            history = {"history": [{"item": 50, "rating": 5}], "n": 4}
            for _ in range(2):  # the second time they are kept
                for which, model, expected in zip(("champion", "challenger"), (als, ease), versions):
                    params = {"n": 4, "which": which}
                    answer = (await client.get(**USER, params=params)).json()
                    assert answer["model"] == expected
                    assert [row["item"] for row in answer["items"]] == model.recommend(42, 4)["item"].tolist()
                    answer = (await client.get("/v1/items/50/similar", params=params, headers=USER["headers"])).json()
                    assert answer["model"] == expected
                    told = {**history, "which": which}
                    answer = await client.post("/v1/recommendations", json=told, headers=USER["headers"])
                    assert [r["item"] for r in answer.json()["items"]] == model.recommend_for({50: 5.0}, 4)[
                        "item"
                    ].tolist()
            truncated(other)
            outcome = (await client.post(**RELOAD, params={"which": "challenger"})).json()
            assert (outcome["result"], outcome["model"]) == ("refused", versions[1])
            assert (await client.post(**RELOAD)).json()["model"] == versions[0]
            assert (await client.get("/ready")).json()["refused"] == outcome["message"]

    asyncio.run(ask())


def test_without_a_challenger_none_can_be_asked(serving: Any, saved: dict[str, Path]) -> None:
    async def ask() -> None:
        async with serving(model=saved["als"]) as (client, _):
            for url in ("/v1/users/1/recommendations", "/v1/items/50/similar"):
                answer = await client.get(url, params={"which": "challenger"})
                assert (answer.status_code, answer.json()["detail"][:28]) == (404, "There is no challenger: the ")

    asyncio.run(ask())
