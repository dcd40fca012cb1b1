"""A real Feast repository over MovieLens: what training saw is what serving sees, and no row is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_lab.errors import DataError
from recsys_lab.production.feature_store import FEATURES, FeatureRepository
from recsys_lab.production.features import as_of, audit, item_features, user_features


@pytest.fixture(scope="module")
def ratings(ml100k):
    return ml100k.ratings


@pytest.fixture(scope="module")
def repository(ratings, tmp_path_factory):
    repository = FeatureRepository.create(tmp_path_factory.mktemp("features"), ratings)
    repository.materialize(ratings.timestamp.max() + 1)
    return repository


@pytest.fixture(scope="module")
def rows(ratings):
    return ratings.sample(2000, random_state=0)


@pytest.fixture(scope="module")
def training(repository, rows):
    return repository.training_rows(rows)


@pytest.mark.parametrize(("key", "features"), [("user", user_features), ("item", item_features)])
def test_training_rows_are_point_in_time(training, rows, ratings, key, features):
    pd.testing.assert_frame_equal(training[rows.columns], rows)
    ours = as_of(rows, features(ratings), key)
    theirs = training.rename(columns=lambda name: name.removeprefix(f"{key}_activity__"))
    for name in FEATURES:
        np.testing.assert_allclose(theirs[name].astype(float), ours[name].astype(float))
    assert audit(theirs, ratings, key, sample=500).empty


@pytest.mark.parametrize(("key", "features"), [("user", user_features), ("item", item_features)])
def test_offline_and_online_agree_for_every_id(repository, ratings, key, features):
    """Training-serving skew is a difference between these two."""
    ids = np.sort(ratings[key].unique())
    online = repository.online(key, ids)
    now = pd.DataFrame({"user": ratings.user.iloc[0], "item": ratings.item.iloc[0], key: ids})
    offline = repository.training_rows(now.assign(timestamp=ratings.timestamp.max() + 1))
    latest = features(ratings).groupby(key).last().loc[ids]
    for name in FEATURES:
        np.testing.assert_allclose(online[name].astype(float), offline[f"{key}_activity__{name}"].astype(float))
        np.testing.assert_allclose(online[name].astype(float), latest[name].astype(float))


def test_materialize_stops_where_it_is_told(ratings, tmp_path):
    repository = FeatureRepository.create(tmp_path, ratings)
    assert repository.online("user", [1]).ratings.isna().all()
    middle = int(ratings[ratings.user == 1].timestamp.quantile(0.5))
    repository.materialize(middle)
    before = ((ratings.user == 1) & (ratings.timestamp < middle)).sum()
    assert repository.online("user", [1]).ratings.tolist() == [before]


def test_unknown_ids_have_no_values(repository):
    found = repository.online("user", [1, 99_999])
    assert found.ratings.notna().tolist() == [True, False]
    with pytest.raises(DataError, match="key='film': choose"):
        repository.online("film", [1])


def test_the_file_store_loses_rows_and_that_is_refused(ratings, tmp_path, rows):
    """Feast's default offline store keeps one row for each (entities, second): ratings of the same second collapse."""
    FeatureRepository.create(tmp_path, ratings)
    settings = tmp_path / "feature_store.yaml"
    settings.write_text(settings.read_text().replace("type: duckdb  ", "type: file  "))
    crowded = ratings[ratings.duplicated(["user", "timestamp"], keep=False)].head(4000)
    answer = FeatureRepository(tmp_path).store.get_historical_features(
        entity_df=crowded[["user"]].assign(
            event_timestamp=pd.to_datetime(crowded.timestamp, unit="s", utc=True).astype("datetime64[us, UTC]")
        ),
        features=["user_activity:ratings"],
    )
    assert len(answer.to_df()) < 0.5 * len(crowded)
    same_film = crowded.assign(item=1)
    with pytest.raises(DataError, match=r"got 4,000 rows and returned \d,\d\d\d: check its type"):
        FeatureRepository(tmp_path).training_rows(same_film)


def test_feasts_own_command_reads_the_repository(repository):
    shown = subprocess.run(
        [Path(sys.executable).with_name("feast"), "feature-views", "list"],
        cwd=repository.folder,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "HOME": str(repository.folder), "FEAST_USAGE": "False"},
    )
    assert "user_activity" in shown.stdout
    assert "item_activity" in shown.stdout


def test_feast_leaves_the_counters_of_a_service_alone(repository):
    """On its own, a request to Feast makes prometheus_client share counters between processes, and keep them in files."""
    code = "import os, sys; from recsys_lab.production.feature_store import FeatureRepository as R; R(sys.argv[1]).of_user(1); "
    code += (
        "import prometheus_client.values as v; print(v.ValueClass.__name__, 'PROMETHEUS_MULTIPROC_DIR' in os.environ)"
    )
    command = [sys.executable, "-c", code, repository.folder]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["MutexValue", "False"]


def test_what_is_no_repository_is_refused(tmp_path, ratings):
    with pytest.raises(DataError, match=r"no feature_store.yaml"):
        FeatureRepository(tmp_path)
    with pytest.raises(DataError, match="whole numbers"):
        FeatureRepository.create(tmp_path, ratings.astype({"user": str}))
    assert list(tmp_path.iterdir()) == []
