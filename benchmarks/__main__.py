"""`make bench`: measure everything anew, then write the page; about fifty minutes.

python -m benchmarks                    everything, from the beginning
python -m benchmarks --resume           only what is not yet in benchmarks/results/
python -m benchmarks lists growth page  these parts, the first two anew
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from benchmarks import (
    accuracy,
    ann,
    everybody,
    machine,
    neighbours,
    page,
    pictures,
    prose,
    seeds,
    spark,
    start,
    store,
    surprise_table,
)
from benchmarks.serving import __main__ as serving


def checks() -> None:
    from benchmarks import mutation  # not above: it sets the environment for the lessons that it runs

    mutation.main()


def write() -> None:
    pictures.main()
    ann.draw()
    page.main()


# part: (what measures it, the files it fills)
PARTS: dict[str, tuple[Callable[[], None], str]] = {
    "machine": (machine.main, "machine"),
    "lists": (accuracy.lists, "lists"),
    "neighbours": (neighbours.main, "neighbours"),
    "seeds": (seeds.main, "seeds"),
    "ratings": (partial(accuracy.ratings, "ml-100k"), "ratings-ml-100k"),
    "ratings-small": (partial(accuracy.ratings, "ml-small-2016"), "ratings-ml-small-2016"),
    "surprise-table": (surprise_table.main, surprise_table.PART),
    "everybody": (everybody.main, "everybody"),
    "start": (start.start, "start"),
    "growth": (start.grow, "growth"),
    "spark": (spark.main, "spark"),
    "serving": (serving.measure, "serving"),
    "ann": (ann.measure, "ann"),
    "mutation": (checks, "mutation"),
    "lessons": (prose.main, "lessons"),
    "page": (write, ""),
}


SHORT = (
    "machine",
    "seeds",
    "surprise-table",
    "everybody",
    "mutation",
    "lessons",
    "serving",
    "spark",
    "ann",
)  # measured in one go; the others go on where they were interrupted


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write the page of results.")
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; by default all"
    )
    parser.add_argument("--resume", action="store_true", help="keep what benchmarks/results/ has")
    asked = parser.parse_args()
    for name in asked.parts or PARTS:
        measure, file = PARTS[name]
        if asked.resume and name in SHORT and store.kept(file):
            continue
        if file and not asked.resume:
            store.forget(file)
        print(f"{name} ...", flush=True)
        measure()


if __name__ == "__main__":
    main()
