"""What Feast knows: two entities, a view of the features of each, and the service that asks for both together.

`feast apply` reads this file, in the repository's folder.
"""

from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64

DATA = Path(__file__).resolve().parent / "data"  # DuckDB would look for a relative path in the current folder

user = Entity(name="user", join_keys=["user"], value_type=ValueType.INT64, description="A user of MovieLens")
item = Entity(name="item", join_keys=["item"], value_type=ValueType.INT64, description="A film of MovieLens")


def activity(entity: Entity) -> FeatureView:
    """How often and how well this user or film was rated: the columns of recsys_lab.production.features."""
    return FeatureView(
        name=f"{entity.name}_activity",
        entities=[entity],
        ttl=timedelta(days=3650),  # how far back from its own time a training row may look: lesson 3.3
        schema=[
            Field(name="ratings", dtype=Int64),
            Field(name="mean_rating", dtype=Float64),
            Field(name="ratings_7d", dtype=Int64),
        ],
        source=FileSource(
            name=f"{entity.name}_activity_source",
            path=str(DATA / f"{entity.name}_activity.parquet"),
            timestamp_field="event_timestamp",
        ),
    )


user_activity = activity(user)
item_activity = activity(item)
rating_features = FeatureService(name="rating_features", features=[user_activity, item_activity])
