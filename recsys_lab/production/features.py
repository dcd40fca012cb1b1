"""Features of users, films and clicks as they were known at a moment: DuckDB SQL over ratings and events.

A feature row says what became known, and when. Its `known_at` is one second after the last row that it counts: the
clock of MovieLens has whole seconds, and a row that counts the ratings of a second cannot be known within that second.
So a training row at time t may use the latest feature row with known_at <= t (`as_of`), and its own rating is never in
it. Counting rows up to t, that one included, is the commonest leak of all: the mean rating of a user with one rating
then *is* the rating to predict.

The serving side asks the same table for the latest row of a user. One SQL text for both sides is what keeps training
and serving from drifting apart; feature_store.py gives both sides to Feast.

Needs DuckDB: pip install 'recsys-lab[course]'.
"""

from __future__ import annotations

import pandas as pd

from recsys_lab.errors import DataError, MissingExtraError
from recsys_lab.ratings import require_columns

WEEK = 7 * 86_400  # seconds
_COUNTED = ("ratings", "mean_rating", "ratings_7d")

# One row for each (key, second) of activity. `running` counts all of the past, `week` the last seven days; both end
# with the rows of this second, and the row is known one second later.
_RATINGS_SQL = """
with seconds as (
    select "{key}", timestamp as t, count(*) as n, sum(rating) as stars
    from ratings
    group by all
)
select
    "{key}",
    t + 1                                     as known_at,
    cast(sum(n) over running as bigint)       as ratings,
    sum(stars) over running / sum(n) over running as mean_rating,
    cast(sum(n) over week as bigint)          as ratings_7d
from seconds
window
    running as (partition by "{key}" order by t),
    week    as (partition by "{key}" order by t range between {week} - 1 preceding and current row)
order by "{key}", known_at
"""

_EVENTS_SQL = """
with seconds as (
    select
        "user",
        cast(floor("at") as bigint)               as t,
        count(*) filter (kind = 'impression')   as shown,
        count(*) filter (kind = 'click')        as clicked
    from events
    group by all
)
select
    "user",
    t + 1                                       as known_at,
    cast(sum(shown) over week as bigint)        as impressions_7d,
    cast(sum(clicked) over week as bigint)      as clicks_7d
from seconds
window week as (partition by "user" order by t range between {week} - 1 preceding and current row)
order by "user", known_at
"""


def user_features(ratings: pd.DataFrame) -> pd.DataFrame:
    """What is known of each user: columns user, known_at, ratings, mean_rating, ratings_7d; a row when they change.

    ratings : frame with columns user, item, rating, timestamp (seconds since 1970). known_at is in the same seconds;
    ratings_7d counts the ratings of the seven days that end with the row. Time O(n log n).

    Raises DataError for missing columns, MissingExtraError without DuckDB.

    >>> from recsys_lab import datasets
    >>> user_features(datasets.toy().ratings).query("user == 'ann'").tail(2)
      user    known_at  ratings  mean_rating  ratings_7d
    3  ann  1700018001        4         4.25           4
    4  ann  1700025201        5         4.00           5
    """
    return _of_ratings(ratings, "user")


def item_features(ratings: pd.DataFrame) -> pd.DataFrame:
    """What is known of each film: columns item, known_at, ratings, mean_rating, ratings_7d. See `user_features`."""
    return _of_ratings(ratings, "item")


def event_features(events: pd.DataFrame) -> pd.DataFrame:
    """How each user met the lists shown: columns user, known_at, impressions_7d, clicks_7d.

    events : frame with columns kind ("impression" or "click"), user, at (seconds since 1970, with fractions), as
    serve.events and simulate.Audience give them.
    """
    require_columns(events, kind="kind", user="user", at="at")
    return _ask(_EVENTS_SQL.format(week=WEEK), events=events)


def as_of(rows: pd.DataFrame, features: pd.DataFrame, key: str) -> pd.DataFrame:
    """`rows` with the features that were known at each row's `timestamp`: a point-in-time join.

    rows : frame with the columns `key` and timestamp, and whatever else; its order and index are kept.
    features : of user_features, item_features or event_features. The new columns are theirs but for `key`, and NaN
    where nothing was known yet; `known_at` tells how old the knowledge is.

    >>> from recsys_lab import datasets
    >>> ratings = datasets.toy().ratings
    >>> rows = as_of(ratings, user_features(ratings), "user")
    >>> rows[["user", "item", "rating", "ratings", "mean_rating"]].head(3)
      user  item  rating  ratings  mean_rating
    0  ann     1     5.0     <NA>          NaN
    1  ann     2     5.0        1          5.0
    2  ann     3     4.0        2          5.0
    """
    require_columns(rows, **{key: key, "timestamp": "timestamp"})
    require_columns(features, **{key: key, "known_at": "known_at"})
    new = [column for column in features.columns if column != key]
    if clash := [column for column in new if column in rows.columns]:
        raise DataError(f"rows already have the columns {', '.join(clash)}: rename them, or join once.")
    ordered = rows.reset_index(drop=True).rename_axis("place").reset_index()
    columns = ", ".join(f'features."{column}"' for column in new)
    joined = _ask(
        f"select {columns} from ordered asof left join features "
        f'on ordered."{key}" = features."{key}" and ordered.timestamp >= features.known_at order by place',
        ordered=ordered[["place", key, "timestamp"]],
        features=features,
    )
    return pd.concat([rows, joined.set_axis(rows.index)], axis=1)


def audit(rows: pd.DataFrame, ratings: pd.DataFrame, key: str, *, sample: int = 200, seed: int = 0) -> pd.DataFrame:
    """Recount the features of some rows from the raw past, one row at a time, and return those that differ.

    rows : frame with the columns `key`, timestamp, ratings, mean_rating, ratings_7d, however it was joined.
    ratings : the raw ones. sample : how many rows to recount, drawn by `seed`.

    Returns a row for each difference: `key`, timestamp, feature, found (in `rows`) and true (from the ratings strictly
    before the timestamp). Empty means that none was found; a feature that counts its own row or later ones is found.
    Time O(sample * ratings of one key). The recount shares no code with the SQL: what checks must not err alike.
    """
    require_columns(rows, **{name: name for name in (key, "timestamp", *_COUNTED)})
    require_columns(ratings, **{key: key}, rating="rating", timestamp="timestamp")
    raw = dict(tuple(ratings.groupby(key)))
    wrong = []
    for row in rows.sample(min(sample, len(rows)), random_state=seed).to_dict("records"):
        theirs = raw.get(row[key], ratings.head(0))
        past = theirs[theirs["timestamp"] < row["timestamp"]]
        last = past["timestamp"].max()
        true = dict(zip(_COUNTED, (len(past), past["rating"].mean(), int((past["timestamp"] > last - WEEK).sum()))))
        for name, value in true.items():
            found = row[name]
            same = len(past) == 0 if pd.isna(found) else abs(found - value) < 1e-9
            if not same:
                wrong.append((row[key], row["timestamp"], name, found, value))
    return pd.DataFrame(wrong, columns=[key, "timestamp", "feature", "found", "true"])


def _of_ratings(ratings: pd.DataFrame, key: str) -> pd.DataFrame:
    require_columns(ratings, **{key: key}, rating="rating", timestamp="timestamp")
    return _ask(_RATINGS_SQL.format(key=key, week=WEEK), ratings=ratings[[key, "rating", "timestamp"]])


def _ask(sql: str, **tables: pd.DataFrame) -> pd.DataFrame:
    """The answer to an SQL query over frames. One thread: the order of sums, and so their last digits, stay the same.

    No progress bar either: DuckDB shows one in a notebook as soon as a query takes two seconds.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("features need DuckDB: pip install 'recsys-lab[course]'.") from error
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set enable_progress_bar = false")
        for name, table in tables.items():
            connection.register(name, table)
        return connection.sql(sql).df()
