"""The features of features.py in a Feast store: one table for training rows of the past and for requests of now.

Feast keeps history in an offline store (here Parquet files read by DuckDB) and the latest values in an online store
(here SQLite). `training_rows` asks the first, point in time; `online` asks the second, by key, in under a millisecond.
`materialize` copies from one to the other, so both give the same values: tested on every user.

The repository's folder holds copies of feature_repo/feature_store.yaml and definitions.py, so Feast's own command works
there too: `cd FOLDER && feast feature-views list`.

Needs Feast: pip install 'recsys-lab[features]'.
"""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.production.features import item_features, user_features
from recsys_lab.ratings import require_columns
from recsys_lab.storage import atomic

SERVICE = "rating_features"
VIEWS = ("user_activity", "item_activity")
FEATURES = ("ratings", "mean_rating", "ratings_7d")


class FeatureRepository:
    """A Feast repository in a folder: write, materialize, ask.

    Parameters
    ----------
    folder : of the repository. `create` makes it; asking needs one that was created and materialized.

    Raises MissingExtraError without Feast, DataError for a folder that holds no repository.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder).resolve()
        if not (self.folder / "feature_store.yaml").is_file():
            raise DataError(f"{self.folder}: no feature_store.yaml. Make a repository with FeatureRepository.create.")
        self.store = _feast().FeatureStore(repo_path=str(self.folder))

    @classmethod
    def create(cls, folder: str | os.PathLike[str], ratings: pd.DataFrame) -> FeatureRepository:
        """A new or renewed repository with the features of `ratings` (user, item, rating, timestamp), applied.

        Whole-number ids only: the views declare them so. Files are written under another name first and then renamed,
        so that a reader sees the old table or the new one.
        """
        require_columns(ratings, user="user", item="item", rating="rating", timestamp="timestamp")
        for column in "user", "item":
            if not pd.api.types.is_integer_dtype(ratings[column]):
                raise DataError(f"column {column!r} holds {ratings[column].dtype}: the views declare whole numbers.")
        _feast()
        folder = Path(folder)
        (folder / "data").mkdir(parents=True, exist_ok=True)
        source = resources.files("recsys_lab.production.feature_repo")
        for name in "feature_store.yaml", "definitions.py":
            (folder / name).write_bytes((source / name).read_bytes())
        for view, table in zip(VIEWS, (user_features(ratings), item_features(ratings))):
            _write(table, folder / "data" / f"{view}.parquet")
        repository = cls(folder)
        with _quiet():
            known = runpy.run_path(str(folder / "definitions.py"))
            repository.store.apply([known[name] for name in ("user", "item", *VIEWS, SERVICE)])
        return repository

    def training_rows(self, rows: pd.DataFrame) -> pd.DataFrame:
        """`rows` (user, item, timestamp, and whatever else) with the features known at each row's time, in their order.

        New columns are named view__feature, such as user_activity__mean_rating. A store that returns another number of
        rows than it got has lost or doubled training data: that is refused here, and it does happen.
        """
        require_columns(rows, user="user", item="item", timestamp="timestamp")
        asked = rows.reset_index(drop=True).rename_axis("row").reset_index()
        asked["event_timestamp"] = _moments(asked["timestamp"])
        with _quiet():
            answer = self.store.get_historical_features(
                entity_df=asked[["row", "user", "item", "event_timestamp"]],
                features=self.store.get_feature_service(SERVICE),
                full_feature_names=True,
            ).to_df()
        if len(answer) != len(rows):
            raise DataError(f"the feature store got {len(rows):,} rows and returned {len(answer):,}: check its type.")
        names = [f"{view}__{feature}" for view in VIEWS for feature in FEATURES]
        return pd.concat([rows, answer.sort_values("row")[names].set_axis(rows.index)], axis=1)

    def materialize(self, until: float) -> None:
        """Copy the latest values known at `until` (seconds since 1970) to the online store."""
        with _quiet():
            self.store.materialize(datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(until, UTC))

    def online(self, key: str, ids: Iterable[int]) -> pd.DataFrame:
        """The latest values of these users (key "user") or films (key "item"): a row an id, NaN for unknown ones."""
        if f"{key}_activity" not in VIEWS:
            raise DataError(f"key={key!r}: choose 'user' or 'item'.")
        answer = self.store.get_online_features(
            features=[f"{key}_activity:{feature}" for feature in FEATURES],
            entity_rows=[{key: int(i)} for i in ids],
        ).to_dict()
        return pd.DataFrame({name: answer[name] for name in (key, *FEATURES)})

    def of_user(self, user: int) -> dict[str, float | None]:
        """The latest values of one user, by name: what the service asks (`recsys-lab serve --features FOLDER`)."""
        return self.online("user", [user]).iloc[0][list(FEATURES)].to_dict()


def _write(table: pd.DataFrame, path: Path) -> None:
    table = table.assign(event_timestamp=_moments(table["known_at"])).drop(columns="known_at")
    with atomic(path) as file:
        # Feast reads microseconds, pandas writes nanoseconds.
        table.to_parquet(file, index=False, coerce_timestamps="us")


def _moments(seconds: pd.Series) -> pd.Series:
    return pd.to_datetime(seconds, unit="s", utc=True).astype("datetime64[us, UTC]")


def _feast() -> Any:
    os.environ.setdefault("FEAST_USAGE", "False")  # no telemetry, and no wait for it offline
    # Importing Feast switches prometheus_client to counters in files that processes share, for this process and those
    # it starts. A service counts for itself; prometheus_client decides when it is imported, so it is imported before.
    with contextlib.suppress(ImportError):
        import prometheus_client  # noqa: F401
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    try:
        with _quiet():
            import feast
    except ImportError as error:
        raise MissingExtraError("the feature store needs Feast: pip install 'recsys-lab[features]'.") from error
    if shared is None:
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    return feast


@contextlib.contextmanager
def _quiet() -> Any:
    """Feast prints progress, and its libraries warn of each other's old names: neither is for our reader.

    Not for `online`: standard output belongs to the whole process, and a service asks from several threads.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
