"""The table of events, in whatever database a SQLAlchemy URL names."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from recsys_lab.errors import DataError


class Id(sa.TypeDecorator[int | str]):
    """An id as JSON text, so that 5 and "5" stay two ids."""

    impl, cache_ok = sa.Text, True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:
        return json.dumps(value.item() if hasattr(value, "item") else value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return json.loads(value)


EVENTS = sa.Table(
    "events",
    sa.MetaData(),
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("user", Id, nullable=False),
    sa.Column("item", Id, nullable=False),
    sa.Column("rank", sa.Integer),
    sa.Column("request_id", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("experiment", sa.Text),
    sa.Column("variant", sa.Text),
    sa.Column("at", sa.Float(53), nullable=False, index=True),
)
COLUMNS = [column.name for column in EVENTS.columns]


def engine(url: str) -> sa.Engine:
    """The database, with SQLite set to write to the disk what it commits. Raises DataError for one in memory."""
    if sa.make_url(url).get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    if sa.make_url(url).database in (None, "", ":memory:"):
        raise DataError(f"events={url!r} would be gone with the process: give a file, such as sqlite:///events.db.")
    made = sa.create_engine(url, connect_args={"timeout": 30})

    @sa.event.listens_for(made, "connect")
    def _durable(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return made


def without_password(url: str) -> str:
    """The URL as a message may show it."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "..."
