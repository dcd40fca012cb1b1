"""Project 2: a recommender. Fill in the three functions, then: recsys-lab project grade 2

You may write the model by hand, take one of recsys_lab, or combine several. Only one thing is not allowed: ratings that
`fit` was not given. The grader judges the lists by nDCG@10; films that a user hid with four stars or more are hits.
"""

import pandas as pd


def fit(train: pd.DataFrame, items: pd.DataFrame):
    """Learn from ratings; return whatever the other two functions need.

    train: columns user, item, rating, timestamp. items: item, title, year, genres ("Comedy|Drama").
    """
    ...  # your code here


def recommend(model, users: list, n: int) -> pd.DataFrame:
    """The n best films for each user that the user has not rated: columns user, item, rank (1 is the best).

    A user may be unknown. They get a list as well: think what a shop shows to somebody who has just come in.
    """
    ...  # your code here


def recommend_new(model, history: dict, n: int) -> pd.DataFrame:
    """The n best films for a newcomer with these ratings, {item: stars}: columns item, rank. Nothing is fitted anew."""
    ...  # your code here
