"""Your own ratings: found by title, kept whole or not at all, never touched by builds and CI."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from recsys_lab.course import my_ratings
from recsys_lab.errors import DataError, UnknownIdError


@pytest.fixture(scope="module")
def films(ml100k):
    return my_ratings.shelf(ml100k)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    file = tmp_path / "deep" / "mine.json"
    monkeypatch.setenv("RECSYS_LAB_RATINGS", str(file))
    return file


FIVE = {"Star Wars": 5, "Fargo": 4, "Titanic": 1, "Toy Story": 3, "Alien": 2}


# ------------------------------------------------------------------ films by title
def test_the_shelf_counts_and_averages(ml100k, films):
    star_wars = ml100k.ratings.query("item == 50")["rating"]
    assert films.loc[50].tolist() == ["Star Wars", 1977, len(star_wars), star_wars.mean()]
    assert films["ratings"].sum() == len(ml100k.ratings)


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("Godfather, The", "The Godfather"),
        ("Fish Called Wanda, A", "A Fish Called Wanda"),
        ("Postino, Il", "Il Postino"),
        ("Good, The Bad and The Ugly, The", "The Good, The Bad and The Ugly"),
        ("Sex, Lies", "Sex, Lies"),
        ("Alien", "Alien"),
        ("", ""),
    ],
)
def test_articles_come_first(stored, read):
    assert my_ratings.readable(stored) == read


@pytest.mark.parametrize("text", ["star wars", "STAR WARS", "Star-Wars!", "starwars"])
def test_a_film_is_found_however_it_is_typed(films, text):
    assert my_ratings.find(text, films).index[0] == 50


def test_the_most_rated_come_first_and_at_most_n(films):
    found = my_ratings.find("star trek", films, 3)
    assert len(found) == 3
    assert found["ratings"].is_monotonic_decreasing
    assert found["title"].str.contains("Star Trek").all()


def test_nothing_is_found_for_nothing(films):
    assert my_ratings.find("", films).empty
    assert my_ratings.find("qqqqqq", films).empty


def test_titles_and_ids_become_ids(films):
    given = {"the godfather": 5, "Alien (1979)": 4.5, 313: 2, "Fargo": ..., "Les Miserables": 3, "Toy Story": None}
    assert my_ratings.by_id(given, films) == {127: 5.0, 183: 4.5, 313: 2.0, _id(films, "Les Misérables"): 3.0}


def _id(films: pd.DataFrame, title: str) -> int:
    return int(films.index[films["title"] == title][0])


def test_a_year_chooses_among_equal_titles(films):
    same = films[films["title"] == "Sabrina"]
    assert len(same) == 2  # 1954 and 1995
    for item, year in same["year"].items():
        assert my_ratings.by_id({f"Sabrina ({year})": 4}, films) == {item: 4.0}
    assert my_ratings.by_id({"Sabrina": 4}, films) == {same["ratings"].idxmax(): 4.0}


def test_part_of_a_title_will_do_if_it_is_the_only_one(films):
    assert my_ratings.by_id({"Independence Day": 1}, films) == {121: 1.0}
    with pytest.raises(UnknownIdError, match=r"no film called 'star trek'.*Did you mean 'Star Trek"):
        my_ratings.by_id({"star trek": 1}, films)


@pytest.mark.parametrize("stars", [0, 6, -1, float("nan"), float("inf"), "5", True, [5]])
def test_stars_off_the_scale_are_refused(films, stars):
    with pytest.raises(DataError, match=r"'Fargo'.*is not a rating"):
        my_ratings.by_id({"Fargo": stars}, films)


def test_a_film_named_twice_is_refused(films):
    with pytest.raises(DataError, match="rated twice"):
        my_ratings.by_id({"Star Wars": 5, 50: 4}, films)


def test_an_unknown_title_says_what_is_near(films):
    with pytest.raises(UnknownIdError, match="Did you mean 'Star Wars'"):
        my_ratings.by_id({"Star Wers": 5}, films)


# ------------------------------------------------------------------ the demo
def test_the_demo_profile_is_what_its_comments_say(films):
    said = ["Fargo", "Pulp Fiction", "The Usual Suspects", "Monty Python and the Holy Grail", "Toy Story"]
    said += ["Raiders of the Lost Ark", "Star Wars", "Titanic", "Independence Day (ID4)", "Liar Liar"]
    assert films["title"][list(my_ratings.DEMO)].tolist() == said
    assert sum(my_ratings.DEMO.values()) == 36  # the quiz of lesson 00 says that the mean is 3.6


# ------------------------------------------------------------------ whose ratings
def test_enough_ratings_are_yours_and_come_back(films, kept):
    mine = my_ratings.profile(FIVE, films)
    assert (mine.name, len(mine.ratings)) == ("you", 5)
    assert "saved" in mine.note
    assert my_ratings.load_ratings() == mine.ratings
    later = my_ratings.profile({"Star Wars": ...}, films)
    assert later.ratings == mine.ratings
    assert "saved before" in later.note


@pytest.mark.parametrize(
    ("stars", "says"),
    [({}, "Nothing is rated"), ({"Fargo": 4}, "1 of at least 5"), (dict.fromkeys(FIVE, 5), "are equal")],
)
def test_too_little_to_go_on_means_the_demo(films, kept, stars, says):
    demo = my_ratings.profile(stars, films)
    assert (demo.name, demo.ratings) == ("Dana", my_ratings.DEMO)
    assert says in demo.note
    assert not kept.exists()


@pytest.mark.parametrize(
    ("name", "value"), [("CI", "true"), ("RECSYS_LAB_PROGRESS", "off"), ("RECSYS_LAB_RATINGS", "OFF")]
)
def test_builds_and_ci_use_the_demo(films, monkeypatch, name, value):
    for other in ("CI", "PYTEST_VERSION", "RECSYS_LAB_PROGRESS", "RECSYS_LAB_RATINGS"):
        monkeypatch.delenv(other, raising=False)
    assert my_ratings.path().name == "my_ratings.json"
    monkeypatch.setenv(name, value)
    assert my_ratings.path() is None
    assert my_ratings.save_ratings({50: 5.0}) is None
    assert my_ratings.load_ratings() == my_ratings.DEMO


# ------------------------------------------------------------------ the file
def test_bad_ratings_leave_the_file_alone(kept):
    my_ratings.save_ratings({50: 5.0})
    with pytest.raises(DataError, match="Nothing was saved"):
        my_ratings.save_ratings({50: 4.0, 100: 9.0})
    assert my_ratings.load_ratings() == {50: 5.0}
    assert [f.name for f in kept.parent.iterdir()] == ["mine.json"]  # no temporary file is left


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"version": 2}', '{"version": 1, "dataset": "ml-100k", "ratings": {"50": 7}}']
)
def test_a_damaged_file_is_named(kept, content):
    kept.parent.mkdir()
    kept.write_text(content)
    with pytest.raises(DataError, match=r"mine\.json is damaged"):
        my_ratings.load_ratings()


def test_ratings_of_another_data_set_are_not_mixed_in(kept):
    my_ratings.save_ratings({1: 5.0}, dataset="ml-1m")
    assert my_ratings.load_ratings() == my_ratings.DEMO
    assert my_ratings.load_ratings(dataset="ml-1m") == {1: 5.0}
    assert json.loads(kept.read_text())["dataset"] == "ml-1m"


def test_a_default_is_copied():
    my_ratings.load_ratings().clear()
    assert len(my_ratings.DEMO) == 10
