"""What a client can learn of the service before it asks for a list."""

from __future__ import annotations

import asyncio
from pathlib import Path


def test_the_models_the_data_and_the_scale_are_told(serving, saved, tmp_path) -> None:
    async def ask() -> tuple[dict, dict]:
        async with serving(model=saved["ease"], challenger=saved["als"]) as (client, app):
            both = (await client.get("/v1/models")).json()
            versions = {which: holder.version for which, holder in app.state.holders.items()}
        assert {model["which"]: model["version"] for model in both["models"]} == versions
        Path(tmp_path / "model.npz").write_bytes(b"no model")
        async with serving() as (client, _):
            return both, (await client.get("/v1/models")).json()

    both, broken = asyncio.run(ask())
    assert (both["data"], both["scale"]) == ("ml-100k", [1.0, 5.0])
    assert [model["kind"] for model in both["models"]] == ["EASE", "BiasedALS"]
    assert both["models"][0]["about"] == "each item of your history adds its weight, found in closed form"
    assert [model["refused"] for model in both["models"]] == [None, None]
    (model,) = broken["models"]
    assert (model["which"], model["version"], model["kind"], model["about"]) == ("champion", None, None, None)
    assert "model.npz" in model["refused"]
    assert str(tmp_path) not in model["refused"]
