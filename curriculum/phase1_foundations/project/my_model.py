"""Project 1: predict ratings from features. Fill in the three functions, then: recsys-lab project grade 1

Everything may be used that the lessons of phase 1 taught, and scikit-learn too. Only one thing is not allowed: ratings
that `fit` was not given. The grader calls your functions with ratings cut anew, so compute everything inside them.
"""

import numpy as np
import pandas as pd


def fit(train: pd.DataFrame, users: pd.DataFrame, items: pd.DataFrame):
    """Learn from ratings; return whatever `predict` needs.

    train: columns user, item, rating, timestamp. users: user, age, gender, occupation, zip.
    items: item, title, year, genres ("Comedy|Drama").
    """
    ...  # your code here


def predict(model, pairs: pd.DataFrame) -> np.ndarray:
    """One rating from 1 to 5 for each row of `pairs` (columns user, item), in their order.

    A user or a film may be new: `train` did not hold them. The prediction of a pair must not depend on the others.
    """
    ...  # your code here


def validate(train: pd.DataFrame, users: pd.DataFrame, items: pd.DataFrame) -> float:
    """Your honest estimate of the RMSE that `fit` and `predict` will have on ratings which they have not seen.

    The grader compares it with the truth: 0.015 stars of difference are allowed.
    """
    ...  # your code here
