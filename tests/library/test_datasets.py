"""Names to frames: shapes, types, the toy set's sums, freshness, and every reader on its original's format."""

from __future__ import annotations

import io
import os
import pickle
import time

import numpy as np
import pandas as pd
import pytest
from archives import grouplens_zip, zipped

from recsys_lab import Ratings, datasets, fetch, formats
from recsys_lab.errors import DataError


@pytest.fixture(scope="module")
def ml_100k() -> datasets.Dataset:
    return datasets.load("ml-100k")


# ------------------------------------------------------------------ ml-100k
def test_ml_100k_is_what_grouplens_published(ml_100k: datasets.Dataset) -> None:
    ratings, items, users = ml_100k.ratings, ml_100k.items, ml_100k.users
    assert users is not None
    assert (len(ratings), ratings.user.nunique(), ratings["item"].nunique()) == (100_000, 943, 1_682)
    # The counts of each star in GroupLens' u.data.
    assert ratings.rating.value_counts().sort_index().tolist() == [6_110, 11_370, 27_145, 34_174, 21_201]
    assert ratings.timestamp.agg(["min", "max"]).tolist() == [874_724_710, 893_286_638]
    assert ratings.groupby("user").size().min() == 20
    first = ratings.query("user == 196 and item == 242").iloc[0]  # the first line of u.data: 196 242 3 881250949
    assert (first.rating, first.timestamp) == (3.0, 881_250_949)
    toy_story = items.iloc[0]
    assert (toy_story.title, toy_story.year, toy_story.genres) == ("Toy Story", 1995, "Animation|Children's|Comedy")
    flags = items.genres.str.get_dummies("|").sum()
    assert (flags["Drama"], flags["Comedy"], flags["Film-Noir"], len(flags)) == (725, 505, 24, 18)
    assert items.loc[items.year.isna(), "title"].tolist() == ["unknown"]
    assert items.set_index("item").title[1633] == "Á köldum klaka (Cold Fever)"
    assert items.set_index("item").loc[1412, ["title", "year"]].tolist() == [
        "Land Before Time III: The Time of the Great Giving",
        1995,
    ]
    assert users.iloc[0].tolist() == [1, 24, "M", "technician", "85711"]
    assert users.zip.str.len().eq(5).all()  # leading zeros survive
    assert Ratings.from_frame(ratings, scale=ml_100k.scale).n_ratings == 100_000


def test_column_types(ml_100k: datasets.Dataset) -> None:
    assert ml_100k.ratings.dtypes.astype(str).to_dict() == {
        "user": "int64",
        "item": "int64",
        "rating": "float64",
        "timestamp": "int64",
    }
    assert str(ml_100k.items.year.dtype) == "Int64"


def test_pandas_3_text_is_used_where_it_is_switched_on(ml_100k: datasets.Dataset) -> None:
    with pd.option_context("future.infer_string", True):
        items = datasets.load("ml-100k").items
    assert items.title.dtype == "str"
    assert items.title.tolist() == ml_100k.items.title.tolist()


def test_loads_are_fresh_and_fast(ml_100k: datasets.Dataset) -> None:
    mine = datasets.load()
    mine.ratings.loc[:, "rating"] = 0.0
    mine.items.loc[:, "title"] = "x"
    start = time.process_time()
    again = datasets.load()
    assert time.process_time() - start < 0.2
    pd.testing.assert_frame_equal(again.ratings, ml_100k.ratings)
    pd.testing.assert_frame_equal(again.items, ml_100k.items)


def test_grouplens_format_gives_the_same_tables_to_the_bit(ml_100k: datasets.Dataset) -> None:
    frames = formats.read("ml-100k", io.BytesIO(grouplens_zip(ml_100k)), limit=20_000_000)
    assert formats.digest(formats.to_arrays(frames)) == fetch.entry("ml-100k").tables_sha256


def test_credits_link_films_through_people(ml_100k: datasets.Dataset) -> None:
    credits = datasets.credits()
    assert set(credits.relation) == {"actor", "director", "writer", "subject"}
    assert not credits.duplicated().any()
    assert 1_250 < credits["item"].nunique() < 1_400
    title = ml_100k.items.set_index("item").title
    directed = (
        credits[credits.relation == "director"].groupby("entity")["item"].agg(lambda ids: {title[i] for i in ids})
    )
    hitchcock = directed.loc["m.0j_c"]  # Freebase's id of Alfred Hitchcock
    assert {"Vertigo", "Rear Window", "Psycho", "Birds, The"} <= hitchcock
    assert {"Jaws", "Jurassic Park", "Schindler's List"} <= directed.loc["m.06pj8"]  # Steven Spielberg
    assert not hitchcock & directed.loc["m.06pj8"]


def test_credits_agree_with_genres(ml_100k: datasets.Dataset) -> None:
    """With ids that do not fit, two random films of one director would share a genre no more often than any two."""
    directors = datasets.credits().query("relation == 'director'")[["item", "entity"]]
    pairs = directors.merge(directors, on="entity").query("item_x < item_y")
    flags = ml_100k.items.set_index("item").genres.str.get_dummies("|")

    def share_a_genre(x: pd.Series, y: pd.Series) -> float:
        return float((flags.loc[x].to_numpy() * flags.loc[y].to_numpy()).any(axis=1).mean())

    shuffled = pairs.item_y.sample(frac=1, random_state=0)
    assert share_a_genre(pairs.item_x, pairs.item_y) > share_a_genre(pairs.item_x, shuffled) + 0.1


def test_items_with_credits(ml_100k: datasets.Dataset, infer_string: bool) -> None:
    items, credits = datasets.with_credits(), datasets.credits()
    pd.testing.assert_frame_equal(items[ml_100k.items.columns], datasets.load().items)
    assert items.columns.tolist() == ["item", "title", "year", "genres", "actor", "director", "subject", "writer"]
    vertigo = items[items.title == "Vertigo"].iloc[0]
    for relation in ("actor", "director", "subject", "writer"):
        known = credits[(credits["item"] == vertigo["item"]) & (credits.relation == relation)]
        assert vertigo[relation] == "|".join(known.entity)
        assert (items.loc[~items["item"].isin(credits["item"]), relation] == "").all()
    with pytest.raises(DataError, match="has no credits"):
        datasets.with_credits("filmtrust")


# ------------------------------------------------------------------ names
def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'ml-100k'"):
        datasets.load("ml100k")
    with pytest.raises(DataError, match="Known: ml-100k, "):
        datasets.path("netflix")
    with pytest.raises(DataError, match="'filmtrust' has no credits"):
        datasets.credits("filmtrust")
    with pytest.raises(DataError, match="call credits"):
        datasets.load("movielens-credits")


def test_describe_lists_every_set(ml_100k: datasets.Dataset) -> None:
    table = datasets.describe().set_index("name")
    assert table.index.tolist() == datasets.names()
    assert table.loc["ml-100k", ["ratings", "users", "items", "fetched"]].tolist() == [100_000, 943, 1_682, True]
    assert datasets.verify("ml-100k") == fetch.entry("ml-100k").tables_sha256


def test_registry_is_complete() -> None:
    for entry in fetch.registry().values():
        assert entry.cite
        assert entry.terms
        assert entry.scale[0] < entry.scale[1]
        assert entry.unpacked_mb > 0
        assert bool(entry.sources) != bool(entry.made_by)
        for source in entry.sources:
            assert len(bytes.fromhex(source.sha256)) == 32
            assert source.reader in formats.READERS
            assert bool(source.url) != bool(source.pip)
            assert source.url.startswith("https://") or "==" in source.pip


# ------------------------------------------------------------------ toy
def test_toy_sums_are_those_of_its_table() -> None:
    data = datasets.toy()
    by_hand = [[float(c) if c != "." else None for c in row.split()] for row in _toy_table()]
    table = data.ratings.pivot_table(index="user", columns="item", values="rating")
    assert table.index.tolist() == ["ann", "ben", "cat", "dan", "eve", "fay"]
    np.testing.assert_array_equal(table.to_numpy(), np.array(by_hand, dtype=float)[:6, :8])
    np.testing.assert_array_equal(table.mean(axis=1), [row[8] for row in by_hand[:6]])
    np.testing.assert_array_equal(table.mean(), by_hand[6][:8])
    assert data.ratings.rating.mean() == by_hand[6][8] == 3.0
    both = table.loc[["ann", "ben"]].dropna(axis=1)
    assert both.T.corr().iloc[0, 1] == pytest.approx(1.0)
    assert not data.ratings.duplicated(["user", "timestamp"]).any()
    assert set(data.ratings["item"]) <= set(data.items["item"])


def _toy_table() -> list[str]:
    """The numbers of the docstring's table: six users and the means."""
    lines = (datasets.toy.__doc__ or "").splitlines()
    return [
        line.split(None, 1)[1]
        for line in lines
        if line.split()[:1]
        and line.split()[0] in {"ann", "ben", "cat", "dan", "eve", "fay", "mean"}
        and line.split()[1][0] in "12345."
    ]


# ------------------------------------------------------------------ readers
def test_movielens_dat_format() -> None:
    archive = zipped(
        {
            "ml-1m/ratings.dat": b"2::20::3::978300760\n1::10::5::978300761\n",
            "ml-1m/movies.dat": "10::Mis\xe9rables, Les (1995)::Drama|Musical\n20::Ed: The Movie (1996)::Comedy\n".encode(
                "latin-1"
            ),
            "ml-1m/users.dat": b"1::F::1::10::48067\n2::M::56::16::01234\n",
        }
    )
    frames = _through_storage("ml-1m", archive)
    assert frames["ratings"].to_numpy().tolist() == [[1, 10, 5.0, 978300761], [2, 20, 3.0, 978300760]]
    assert frames["items"].title.tolist() == ["Misérables, Les", "Ed: The Movie"]
    assert frames["users"].zip.tolist() == ["48067", "01234"]
    assert frames["users"].columns.tolist() == ["user", "age", "gender", "occupation", "zip"]


def test_movielens_10m_format() -> None:
    archive = zipped(
        {
            "ml-10M100K/ratings.dat": b"1::122::5::838985046\n1::185::4.5::838983525\n",
            "ml-10M100K/movies.dat": "122::Boomerang (1992)::Comedy|Romance\n185::Amélie (2001)::Romance\n".encode(),
        }
    )
    frames = _through_storage("ml-10m", archive)
    assert frames["ratings"].rating.tolist() == [5.0, 4.5]
    assert frames["items"].title.tolist() == ["Boomerang", "Amélie"]


def test_movielens_csv_format() -> None:
    movies = (
        "movieId,title,genres\n"
        '11,"American President, The (1995)",Romance|Comedy\n'
        "12,Babylon 5,(no genres listed)\n"
        "13,Death Note: Desu nôto (2006–2007),Crime\n"
        '14,"""Great Performances"" Cats (1998)",Musical\n'
    )
    ratings = "userId,movieId,rating,timestamp\n1,11,4.5,964982703\n1,14,0.5,964981247\n"
    for root in ("ml-latest-small", "ml-25m", "ml-32m"):
        archive = zipped({f"{root}/movies.csv": movies.encode(), f"{root}/ratings.csv": ratings.encode()})
        frames = _through_storage(root, archive)
        assert frames["items"].title.tolist() == [
            "American President, The",
            "Babylon 5",
            "Death Note: Desu nôto",
            '"Great Performances" Cats',
        ]
        assert frames["items"].year.fillna(0).tolist() == [1995, 0, 2006, 1998]
        assert frames["items"].genres.tolist() == ["Comedy|Romance", "", "Crime", "Musical"]
        assert frames["ratings"].rating.tolist() == [4.5, 0.5]


def _through_storage(reader: str, archive: bytes) -> formats.Frames:
    frames = formats.read(reader, io.BytesIO(archive), limit=1_000_000)
    return formats.to_frames(formats.to_arrays(frames))


# ------------------------------------------------------------------ the pickle
def test_restricted_unpickler_reads_frames_and_nothing_else(tmp_path) -> None:
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "was-here"),))

    with pytest.raises(pickle.UnpicklingError, match="mkdir"):
        formats.restricted_unpickle(pickle.dumps(Evil()))
    assert not (tmp_path / "was-here").exists()
    with pytest.raises(pickle.UnpicklingError, match="holds a list"):
        formats.restricted_unpickle(pickle.dumps([1, 2]))
