"""Factorize ratings with Spark's ALS: the script that goes to a cluster. It imports Spark and nothing of this library.

    spark-submit spark_job.py s3a://bucket/ratings s3a://bucket/factors --checkpoints s3a://bucket/checkpoints \\
        --factors 50 --epochs 10 --reg 0.1 --blocks 200

In: Parquet with the columns user, item (whole numbers below 2^31) and rating. Out: three folders of Parquet, `items` (item,
bias, factors), `users` (user, bias, factors) and `about` (the mean and the parameters, one row); `spark.from_job` makes a
Recommender of them. Where it runs and with how much memory is said to spark-submit, not here: a laptop and a cluster run
the same file.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def factorize(rest: DataFrame, factors: int, epochs: int, reg: float, blocks: int, seed: int) -> Any:
    """Spark's ALS on (user, item, rating): the ALSModel whose userFactors and itemFactors are frames of id, features.

    Spark minimises sum (r_ui - p_u . q_i)^2 + reg (sum_u n_u |p_u|^2 + sum_i n_i |q_i|^2), as in Zhou et al. 2008.
    Each side is cut into `blocks`. Every half-step sends each factor once to each block that needs it.
    """
    from pyspark.ml.recommendation import ALS

    als = ALS(userCol="user", itemCol="item", ratingCol="rating", rank=factors, maxIter=epochs, regParam=reg, seed=seed)
    return als.setNumBlocks(blocks).fit(rest)


def damped(ratings: DataFrame, of: str, value: Any, damping: float) -> DataFrame:
    """The damped mean of `value` for each user or item: columns `of` and bias_`of`. A GROUP BY, so one shuffle."""
    from pyspark.sql import functions as f

    return ratings.groupBy(of).agg((f.sum(value) / (damping + f.count("*"))).alias(f"bias_{of}"))


def run(
    ratings: DataFrame, out: str, factors: int, epochs: int, reg: float, damping: float, blocks: int, seed: int
) -> None:
    """Take off the mean and one turn of damped biases, factorize what is left, and write both sides."""
    from pyspark.sql import functions as f

    ratings = ratings.select("user", "item", "rating").repartition(blocks, "user").cache()
    mean = ratings.agg(f.avg("rating")).first()[0]  # type: ignore[index]
    items = damped(ratings, "item", f.col("rating") - mean, damping)
    ratings = ratings.join(items, "item")
    users = damped(ratings, "user", f.col("rating") - mean - f.col("bias_item"), damping)
    rest = ratings.join(users, "user").select(
        "user", "item", (f.col("rating") - mean - f.col("bias_item") - f.col("bias_user")).cast("float").alias("rating")
    )
    model = factorize(rest, factors, epochs, reg, blocks, seed)
    for side, biases, vectors in (("item", items, model.itemFactors), ("user", users, model.userFactors)):
        named = vectors.withColumnRenamed("id", side).withColumnRenamed("features", "factors")
        whole = biases.withColumnRenamed(f"bias_{side}", "bias").join(named, side)
        whole.write.mode("overwrite").parquet(f"{out}/{side}s")
    about = {"mean": mean, "factors": factors, "epochs": epochs, "reg": reg, "damping": damping, "blocks": blocks}
    row = ratings.sparkSession.range(1).select(*[f.lit(v).alias(k) for k, v in (about | {"seed": seed}).items()])
    row.write.mode("overwrite").parquet(f"{out}/about")


def main(argv: list[str]) -> None:
    from pyspark.sql import SparkSession

    parser = argparse.ArgumentParser(description="Factorize ratings with Spark's ALS.")
    parser.add_argument("ratings", help="Parquet: user, item, rating")
    parser.add_argument("out", help="folder for the items' and the users' factors")
    parser.add_argument("--checkpoints", help="folder that all machines reach: the lineage is cut there")
    parser.add_argument("--factors", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--reg", type=float, default=0.1)
    parser.add_argument("--damping", type=float, default=5.0)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = vars(parser.parse_args(argv))
    spark = SparkSession.builder.appName("als").getOrCreate()
    if checkpoints := asked.pop("checkpoints"):
        spark.sparkContext.setCheckpointDir(checkpoints)
    run(spark.read.parquet(asked.pop("ratings")), **asked)
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
