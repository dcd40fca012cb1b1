"""The content model: its terms and weights against scikit-learn, its formulas against plain loops, films nobody rated."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from recsys_lab import content, datasets
from recsys_lab.baselines import BiasBaseline
from recsys_lab.biases import DAMPING_USER
from recsys_lab.content import TfidfContent
from recsys_lab.errors import DataError
from recsys_lab.metrics import rmse
from recsys_lab.ratings import Ratings
from recsys_lab.split import random_split
from recsys_lab.tfidf import documents, tfidf, words


@pytest.fixture(scope="module")
def credited() -> pd.DataFrame:
    return datasets.with_credits("ml-100k")


@pytest.fixture(scope="module")
def fitted(ml100k):
    return TfidfContent().fit(ml100k.ratings, ml100k.items)


# ---------------------------------------------------------------------- terms
@pytest.mark.parametrize(
    ("title", "want"),
    [
        ("Schindler's List", ["schindler's", "list"]),
        ("M. Hulot’s Holiday", ["m", "hulot's", "holiday"]),
        ("Misérables, Les", ["miserables", "les"]),
        ("Mise\u0301rables", ["miserables"]),  # the same accent, written as a letter of its own
        ("Apollo 13", ["apollo", "13"]),
        ("Cry_Wolf: 'Tis -- 'n'", ["cry", "wolf", "tis", "n"]),
        ("섬 Ёлки", ["섬", "елки"]),
        ("...", []),
    ],
)
def test_words(title, want):
    assert words(title) == want


def test_documents_from_every_kind_of_cell(infer_string):
    items = pd.DataFrame(
        {
            "item": ["a", "b", "c"],
            "title": ["The Nan", None, np.nan],
            "year": [1984, 1985, 1986],
            "genres": ["Drama| Sci-Fi |", "", None],
            "actor": pd.Categorical(["m.1|m.2", None, "m.2"]),
            "seen": [True, False, True],
            "blank": [None, None, None],
        }
    )
    first = ["title: the", "title: nan", "genres: Drama", "genres: Sci-Fi", "actor: m.1", "actor: m.2"]
    assert documents(items) == [first, [], ["actor: m.2"]], "a missing title is not the word nan"
    assert documents(items, "genres")[0] == ["genres: Drama", "genres: Sci-Fi"]
    with pytest.raises(DataError, match="no text column 'year'; it has title, genres, actor, blank"):
        documents(items, "title|year")


# ---------------------------------------------------------------------- weights
@pytest.mark.parametrize(("sublinear", "smooth", "min_df"), list(product([False, True], [False, True], [1, 2, 40])))
def test_equals_scikit_learn(ml100k, credited, sublinear, smooth, min_df):
    for items in (ml100k.items, credited):
        texts = documents(items)
        assert any(len(text) > len(set(text)) for text in texts), "some term repeats, so tf matters"
        x, terms = tfidf(texts, sublinear=sublinear, smooth=smooth, min_df=min_df)
        peer = TfidfVectorizer(analyzer=list, sublinear_tf=sublinear, smooth_idf=smooth, min_df=min_df)
        want = peer.fit_transform(texts)
        assert terms.tolist() == peer.get_feature_names_out().tolist()
        assert abs(x - want).max() < 1e-10
        model = TfidfContent(sublinear=sublinear, smooth=smooth, min_df=min_df)
        model.x_ = x
        columns = np.arange(0, len(items), 400)
        got = np.array([model._similar(column) for column in columns])
        np.testing.assert_allclose(np.nan_to_num(got), cosine_similarity(want[columns], want), atol=1e-10)


def literal_tfidf(documents, sublinear, smooth, min_df):
    n, df = len(documents), {}
    for document in documents:
        for term in set(document):
            df[term] = df.get(term, 0) + 1
    rows = []
    for document in documents:
        row = {}
        for term in document:
            if df[term] >= min_df:
                tf = 1 + np.log(document.count(term)) if sublinear else document.count(term)
                row[term] = tf * (1 + np.log((n + 1) / (df[term] + 1) if smooth else n / df[term]))
        length = np.sqrt(sum(w**2 for w in row.values()))
        rows.append({term: w / length for term, w in row.items()})
    return rows


@pytest.mark.parametrize(("sublinear", "smooth", "min_df"), list(product([False, True], [False, True], [1, 2])))
def test_equals_the_formula(sublinear, smooth, min_df):
    texts = [["a", "b", "a", "a"], ["b", "c"], [], ["d"], ["b", "a"]]
    x, terms = tfidf(texts, sublinear=sublinear, smooth=smooth, min_df=min_df)
    for row, want in zip(x.toarray(), literal_tfidf(texts, sublinear, smooth, min_df)):
        np.testing.assert_allclose(row, [want.get(term, 0.0) for term in terms], atol=1e-12)


# ---------------------------------------------------------------------- the model
def literal_score(model, user, item):
    """cos(p_u, x_j), and p_u . x_j / (|p_u| + damping), from dense vectors."""
    train, x = model.train_, model.x_.toarray()
    u, j = int(train.users.known([user])[0]), int(train.items.known([item])[0])
    profile = np.zeros(x.shape[1])
    for i in train.matrix[[u]].indices:
        r = train.matrix[u, i]
        profile += (r - model.fallback_.at(u, i) if model.centring == "bias" else r) * x[i]
    length = np.linalg.norm(profile)
    return profile @ x[j] / length, profile @ x[j] / (length + model.damping)


@pytest.mark.parametrize("centring", ["bias", "none"])
def test_scores_and_stars_equal_the_formula(toy, centring):
    model = TfidfContent(centring=centring, damping=2.0).fit(Ratings.from_frame(toy.ratings, scale=(1, 5)), toy.items)
    lists = model.recommend(toy.ratings["user"].unique(), n=8, exclude_seen=False)
    want = np.array(
        [literal_score(model, user, item) for user, item in lists[["user", "item"]].itertuples(index=False)]
    )
    np.testing.assert_allclose(lists["score"], want[:, 0], atol=1e-12)
    rows, columns = model.train_.users.rows(lists["user"]), model.train_.items.rows(lists["item"])
    stars = np.clip(model.fallback_.at(rows, columns) + model.slope_ * want[:, 1], 1, 5)
    np.testing.assert_allclose(model.predict(lists, fallback=False), stars, atol=1e-12)


def literal_slope(model):
    """For each rating the profile is built anew without it, and b_u too."""
    train, (mu, _, b_item), x = model.train_, model.fallback_, model.x_.toarray()
    above, below = 0.0, 0.0
    for u in range(train.n_users):
        mine = train.matrix[[u]]
        for out in range(mine.nnz):
            rest, values = np.delete(mine.indices, out), np.delete(mine.data, out)
            b_u = (values - mu - b_item[rest]).sum() / (DAMPING_USER + len(rest))
            d = values - mu - b_u - b_item[rest] if model.centring == "bias" else values
            p, i = d @ x[rest], mine.indices[out]
            resemblance = p @ x[i] / max(np.linalg.norm(p) + model.damping, 1e-9)
            above += resemblance * (mine.data[out] - mu - b_u - b_item[i])
            below += resemblance**2
    return above / below


@pytest.mark.parametrize(("centring", "damping"), list(product(["bias", "none"], [0.0, 3.0])))
def test_slope_is_that_of_profiles_without_the_rating(ml100k, toy, centring, damping):
    few = ml100k.ratings[ml100k.ratings["user"] <= 12]
    for data, ratings in ((ml100k, few), (toy, toy.ratings)):
        model = TfidfContent(centring=centring, damping=damping).fit(ratings, data.items)
        assert model.slope_ == pytest.approx(literal_slope(model), rel=1e-9)


@pytest.mark.parametrize("block", [7, 2**17])
def test_blocks_of_pairs_change_nothing(toy, monkeypatch, block):
    want = TfidfContent().fit(toy.ratings, toy.items)
    monkeypatch.setattr(content, "_BLOCK", block)
    got = TfidfContent().fit(toy.ratings, toy.items)
    assert got.slope_ == pytest.approx(want.slope_, rel=1e-12)


def test_predicts_better_than_the_biases(ml100k, credited):
    train, test = random_split(ml100k.ratings, test=0.2, seed=11)
    truth = test["rating"].to_numpy()
    bias, plain, full = (
        rmse(truth, model.fit(train, items).predict(test))
        for model, items in ((BiasBaseline(), None), (TfidfContent(), ml100k.items), (TfidfContent(), credited))
    )
    assert plain < bias - 0.010
    assert full < plain - 0.003


def test_slope_holds_on_ratings_that_were_held_out(ml100k):
    """In-sample residuals are smaller than those of new ratings; the slope must be that of new ones."""
    train, test = random_split(ml100k.ratings, test=0.2, seed=12)
    model = TfidfContent().fit(Ratings.from_frame(train, scale=(1, 5)), ml100k.items)
    rows, columns = model.train_.users.rows(test["user"]), model.train_.items.rows(test["item"])
    base = model.fallback_.at(rows, columns)
    resemblance = (model._predict(rows, columns) - base) / model.slope_
    ok = ~np.isnan(resemblance)
    best = (test["rating"].to_numpy() - base)[ok] @ resemblance[ok] / (resemblance[ok] @ resemblance[ok])
    assert 0.8 < model.slope_ / best < 1.05


# ---------------------------------------------------------------------- films that nobody rated
def test_recommends_films_that_nobody_rated(ml100k):
    """Every tenth film loses all its ratings. Its fans, whose taste is known from other films, must still find it."""
    hidden = ml100k.items["item"][::10]
    train = ml100k.ratings[~ml100k.ratings["item"].isin(hidden)]
    unseen = ml100k.ratings[ml100k.ratings["item"].isin(hidden)]
    model = TfidfContent().fit(train, ml100k.items)
    assert model.train_.n_items == 1_682
    lists = model.recommend(train["user"].unique(), n=10)
    assert 0.05 < lists["item"].isin(hidden).mean() < 0.2, "a tenth of the films, about a tenth of the places"
    # Sensible: among the hidden films that a user rated, those ranked higher are rated higher.
    asked = unseen.merge(model.recommend(train["user"].unique(), n=200, items=hidden), on=["user", "item"])
    by_user = asked.groupby("user").filter(lambda mine: len(mine) >= 10).groupby("user")
    agree = by_user[["score", "rating"]].apply(lambda mine: mine["score"].corr(mine["rating"], method="spearman"))
    assert agree.mean() > 0.1
    assert (agree > 0).mean() > 0.6
    # And in stars: better than what is known without the text, mu + b_u.
    want = unseen["rating"].to_numpy()
    known = BiasBaseline().fit(train).predict(unseen)
    assert rmse(want, model.predict(unseen)) < rmse(want, known) - 0.005


def test_a_sequel_that_nobody_rated_is_found_by_the_fans_of_the_first(ml100k):
    title = ml100k.items.set_index("item").title
    sequel = int(title.index[title == "Godfather: Part II, The"][0])
    model = TfidfContent().fit(ml100k.ratings[ml100k.ratings["item"] != sequel], ml100k.items)
    assert model.similar(127, n=1)["item"].tolist() == [sequel]
    assert model.recommend_for({127: 5.0}, n=1)["item"].tolist() == [sequel]
    assert sequel not in set(model.recommend_for({127: 1.0}, n=1_000)["item"])


# ---------------------------------------------------------------------- reasons
def test_reasons_add_up_to_the_score(ml100k, fitted):
    genres = ml100k.items.set_index("item").genres
    for user in (7, 42, 405):
        best = fitted.recommend(user, n=5)
        for item, score in zip(best["item"], best["score"]):
            reasons = fitted.explain(user, item, n=1_000)
            assert set(reasons["kind"]) == {"term"}
            assert reasons["weight"].sum() == pytest.approx(score, abs=1e-12)
            mine = ml100k.ratings[ml100k.ratings["user"] == user].set_index("item").rating
            for term, rating in zip(reasons["id"], reasons["rating"]):
                field, tag = term.split(": ", 1)
                if field == "genres":
                    assert rating == pytest.approx(mine[[tag in genres[i].split("|") for i in mine.index]].mean())


def test_similar_items_are_by_cosine_and_ties_by_id(toy):
    model = TfidfContent(fields="genres").fit(toy.ratings, toy.items)
    got = model.similar(6)  # Comedy; only Two Left Feet is one too
    assert got["item"].tolist() == [5]
    idf = np.log(9 / 3) + 1  # Comedy and Romance are in two of eight films each
    assert got["score"].item() == pytest.approx(idf / np.hypot(idf, idf))
    near = model.similar(2).set_index("item").score  # 1 and 3 share Sci-Fi with it, and have one rare genre each
    assert near[1] == near[3]
    assert [item for item in near.index if item in (1, 3)] == [1, 3]
    assert model.similar(7).empty, "the only thriller"


# ---------------------------------------------------------------------- nothing to go by
def test_empty_profiles_and_items_without_text_fall_back(toy):
    ratings = toy.ratings.assign(rating=4.0)
    model = TfidfContent().fit(Ratings.from_frame(ratings, scale=(1, 5)), toy.items)
    assert model.slope_ == 0.0
    assert model.recommend("ann").empty, "every rating was as expected: nothing is known of anybody's taste"
    assert model.explain("ann", 4).empty
    assert model.predict(ratings).tolist() == [4.0] * len(ratings)

    bare = toy.items.copy()
    bare.loc[bare["item"] == 4, ["title", "genres"]] = None
    model = TfidfContent().fit(toy.ratings, bare)
    assert 4 not in set(model.recommend("ben", n=8)["item"])
    assert model.similar(4).empty
    assert model.explain("ben", 4).empty
    pair = pd.DataFrame({"user": ["ben"], "item": [4]})
    assert np.isnan(model.predict(pair, fallback=False)).all()
    biases = BiasBaseline().fit(toy.ratings)
    np.testing.assert_allclose(model.predict(pair), biases.predict(pair))


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": "title|plot"}, "no text column 'plot'; it has title, genres"),
        ({"fields": "year"}, "no text column 'year'"),
        ({"fields": ""}, "no text column ''"),
        ({"fields": 3}, "fields=3: names of columns"),
        ({"centring": "mean"}, "centring='mean': choose one of bias, none"),
        ({"sublinear": 1}, "sublinear=1: choose True or False"),
        ({"smooth": "yes"}, "smooth='yes': choose True or False"),
        ({"min_df": 0}, "min_df=0: a term must be in"),
        ({"min_df": 1.5}, "choose a whole number from 1"),
        ({"min_df": 9}, "empty vocabulary: no term is in min_df=9 of the 8 items; lower min_df"),
        ({"damping": -1.0}, "damping=-1.0: a length of profile"),
        ({"damping": np.nan}, "damping=nan"),
    ],
)
def test_refuses(toy, options, message):
    model = TfidfContent(**options)
    with pytest.raises(DataError, match=message):
        model.fit(toy.ratings, toy.items)
    assert not hasattr(model, "train_")


def test_refuses_tables_without_text_or_without_rated_items(toy):
    with pytest.raises(DataError, match="TfidfContent learns from descriptions"):
        TfidfContent().fit(toy.ratings)
    for items in (toy.items[["item", "year"]], toy.items.assign(title=None, genres="")):
        with pytest.raises(DataError, match="empty vocabulary: no item has a word or a tag"):
            TfidfContent().fit(toy.ratings, items)
    with pytest.raises(DataError, match="lacks 1 of the 8 rated items, such as 4"):
        TfidfContent().fit(toy.ratings, toy.items[toy.items["item"] != 4])
    with pytest.raises(DataError, match="names an item twice"):
        TfidfContent().fit(toy.ratings, pd.concat([toy.items, toy.items]))


def test_order_and_extra_rows_of_the_table(toy):
    """The table's order does not matter; a film without ratings joins the catalogue."""
    new = pd.DataFrame({"item": [0], "title": ["Star Robot"], "genres": ["Sci-Fi"]})
    table = pd.concat([toy.items, new], ignore_index=True)
    a = TfidfContent().fit(toy.ratings, table)
    b = TfidfContent().fit(toy.ratings, table.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(a.recommend("ann"), b.recommend("ann"), check_exact=True)
    assert a.recommend("cat", n=1)["item"].tolist() == [0], "Cat loves science fiction"
