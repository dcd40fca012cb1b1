r"""The formula of lesson 3.2, as printed, against its loop, the library's SQL, and the stars of MovieLens 100K."""

from __future__ import annotations

import pandas as pd
from formula_checks import close, formula, functions_of

from recsys_lab.production.features import as_of, user_features


@formula("3.2", r"n = |P| \qquad\qquad \bar r = \frac{1}{n} \sum_{j \in P} r_j")
def test_what_was_known_of_a_user(sides, ml100k):
    _, number, _, mean = sides
    ratings = ml100k.ratings
    ratings = ratings[ratings["user"].isin([405, 214, 1])].reset_index(drop=True)
    stars = dict(enumerate(ratings["rating"], start=1))
    known_before = functions_of("3.2", "known_before")
    asked = ratings.sample(40, random_state=0)
    by_sql = as_of(asked, user_features(ratings), "user")
    for row, (_, found) in zip(asked.itertuples(), by_sql.iterrows()):
        earlier = (ratings["user"] == row.user) & (ratings["timestamp"] < row.timestamp)
        P = {int(j) + 1 for j in ratings.index[earlier]}
        n, r_bar = known_before(ratings, row.user, row.timestamp)
        close(n, number(P=P))
        if not P:
            assert pd.isna(r_bar)
            assert pd.isna(found["mean_rating"])
            continue
        close(r_bar, mean(n=n, P=P, r=stars))
        close(found["ratings"], number(P=P))
        close(found["mean_rating"], mean(n=len(P), P=P, r=stars))
