"""One day in a shop (shop.py): its sessions, what is looked at in each, and what becomes of it.

Everything here counts in rows and columns, not in ids, and takes the day's own random numbers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

DAY = 86_400
OPEN = DAY - 3 * 3600  # seconds after midnight until which sessions begin; none runs past the next midnight
AT_MOST = 100  # views in a session
READING = 5, 35.0  # seconds on a page: at least, and the mean of what comes on top
CRAWL = 400  # pages that a program reads in a session
PAYING = 60  # seconds from the last page to the purchase
BACK = 3, 21  # days until a purchase comes back


def visits(
    people: np.ndarray,
    bots: np.ndarray,
    pull: np.ndarray,
    stock: np.ndarray,
    views: float,
    anonymous: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The views of a day: columns session (0 is the first to begin), customer, bot, anonymous, item, at, seconds.

    people, bots : the customer of each session of a person, and of each session of a program.
    pull : (len(people), n_items), what each view of a person is drawn in proportion to. stock : (n_items,), bool.
    at : seconds after midnight at which the page is opened. seconds : how long it is looked at.
    """
    customer, is_bot = np.append(people, bots), np.arange(len(people) + len(bots)) >= len(people)
    length = np.minimum(rng.geometric(1 / views, len(people)), AT_MOST)
    crawls = [rng.permutation(np.flatnonzero(stock))[:CRAWL] for _ in bots]
    items = np.concatenate([draw(pull, np.repeat(np.arange(len(people)), length), rng), *crawls])
    visitor = np.repeat(np.arange(len(customer)), np.append(length, [len(pages) for pages in crawls]).astype(int))
    begins = rng.integers(0, OPEN, len(customer))
    hidden = rng.random(len(customer)) < anonymous
    table = pd.DataFrame(
        {
            "session": np.argsort(np.argsort(begins, kind="stable"))[visitor],
            "customer": customer[visitor],
            "bot": is_bot[visitor],
            "anonymous": hidden[visitor],
            "item": items,
            "at": begins[visitor],
        }
    ).drop_duplicates(["session", "item"], ignore_index=True)
    reading = READING[0] + rng.exponential(READING[1], len(table)).astype(int)
    table["seconds"] = np.where(table["bot"], rng.integers(1, 4, len(table)), reading)
    table["at"] += table.groupby("session")["seconds"].cumsum() - table["seconds"]
    return table


def draw(weights: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each entry of `rows` a column, with the chance that its weight has in that row of `weights`.

    >>> draw(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0, 1, 1]), np.random.default_rng(0)).tolist()
    [0, 1, 1]
    """
    share = np.cumsum(weights, axis=1)
    share /= share[:, -1:]
    # Row r is moved to r .. r + 1: then all rows are one rising sequence, and one search does for all.
    ladder = (share + np.arange(len(share))[:, None]).ravel()
    return np.searchsorted(ladder, rows + rng.random(len(rows)), side="right") - rows * weights.shape[1]


def outcomes(
    views: pd.DataFrame, chance: np.ndarray, checkout: float, returns: float, rng: np.random.Generator
) -> pd.DataFrame:
    """All events of a day: the views, and the baskets, purchases and returns that follow; one more column, event.

    chance : of a basket, for each view. checkout, returns : the chances of a purchase, and of its return. What is in the
    basket is paid together, after the last page of the session. A program buys nothing.
    """
    wanted = (rng.random(len(views)) < chance) & ~views["bot"]
    baskets = views.assign(at=views["at"] + views["seconds"] // 2)[wanted]
    leaves = (views["at"] + views["seconds"]).groupby(views["session"]).transform("max")
    bought = baskets.assign(at=leaves[wanted] + PAYING)[rng.random(len(baskets)) < checkout]
    later = rng.integers(BACK[0] * DAY, BACK[1] * DAY, len(bought))
    returned = bought.assign(at=bought["at"] + later)[rng.random(len(bought)) < returns]
    kinds = {"view": views, "basket": baskets, "purchase": bought, "return": returned}
    return pd.concat([rows.assign(event=kind) for kind, rows in kinds.items()], ignore_index=True)
