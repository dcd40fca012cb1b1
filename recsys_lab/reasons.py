"""Why this item? A model's explanation as a person would want to hear it: the two best reasons, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from recsys_lab.base import Reason, Recommender
from recsys_lab.errors import UnsupportedError

# A new user's reasons are found by leaving out each rating in turn; of a long history, the best rated are tried.
_TRIED = 30


def best(model: Recommender, row: int, column: int, n: int = 2) -> list[Reason]:
    """The n reasons that raised this known user's score most; [] where the model gives none."""
    try:
        return _convincing(model._explain(row, column), model.train_.scale, n)
    except UnsupportedError:
        return []


def of_history(
    model: Recommender, columns: np.ndarray, values: np.ndarray, wanted: Sequence[int], n: int = 2
) -> list[list[Reason]]:
    """For each wanted column, the n ratings of a new user without which its score would fall most.

    Parameters
    ----------
    columns, values : what the new user rated, and how, as `Recommender._fold_in` takes them.

    The weight of a rating is what the score loses when the user is folded in without it: for a model whose score is a
    sum over the ratings, that term of the sum. O(ratings, at most 30) folds. [] for each where there is one rating only.
    """
    full = model._fold_in(columns, values)[wanted]
    found: list[list[Reason]] = [[] for _ in wanted]
    ids = model.train_.items.ids
    for place in np.argsort(-values, kind="stable")[:_TRIED] if len(columns) > 1 else []:
        less = model._fold_in(np.delete(columns, place), np.delete(values, place))[wanted]
        for reasons, weight in zip(found, np.nan_to_num(full - less)):
            reasons.append(Reason("item", ids[columns[place]], float(values[place]), float(weight)))
    return [_convincing(reasons, model.train_.scale, n) for reasons in found]


def _convincing(reasons: Iterable[Reason], scale: tuple[float, float], n: int) -> list[Reason]:
    """A rating in the lower half of the scale can raise a score too (as a 2 from somebody who gives mostly 1), but it
    would not convince anybody."""
    raising = [r for r in reasons if r.weight > 0 and not r.rating < sum(scale) / 2]
    return sorted(raising, key=lambda r: -r.weight)[:n]


def in_words(reason: Reason, titles: Mapping[Any, str]) -> str:
    """What comes after "because".

    >>> in_words(Reason("item", 100, 5.0, 0.4), {100: "Fargo (1996)"})
    'you rated Fargo (1996) 5'
    """
    kind, id, rating, weight = reason
    match kind:
        case "item":
            return f"you rated {titles.get(id, id)} {rating:g}"
        case "user":
            return f"user {id}, who rates like you, gave it {rating:g}"
        case "item bias":
            return f"it is rated {weight:.1f} above the average"
        case "user bias":
            return f"you rate {weight:.1f} above the average"
        case "term":
            return f"you rate {id} {rating:.1f}"
        case "popularity":
            return f"{weight:,.0f} people rated it"
    return f"of {id}"
