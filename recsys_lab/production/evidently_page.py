"""The same two windows as Evidently sees them: interactive histograms of each column, to look for what our alarms mean.

Its verdicts are another matter. It compares rows and not users, with fixed limits for PSI and Jensen-Shannon distance:
they neither know how many events there are nor how many come from one person. Take the alarms from monitor.py.
Needs Evidently: pip install 'recsys-lab[phase3]'.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from recsys_lab.errors import MissingExtraError
from recsys_lab.production.measures import Span, read
from recsys_lab.ratings import Ratings


def columns(events: pd.DataFrame, train: Ratings, reference: Span, current: Span) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(reference, current): a row for each event, with kind, rank, fallback, and the film's training ratings (0: new)."""
    log = read(events, reference, current).events
    counts = np.append(np.bincount(train.matrix.indices, minlength=train.n_items), 0)
    table = pd.DataFrame(
        {
            "kind": log["kind"],
            "rank": log["rank"].astype(float),
            "fallback": log["model"].isna().map({True: "yes", False: "no"}),
            "training ratings": counts[train.items.rows(log["item"])].astype(float),
        }
    )
    return table[~log["now"]], table[log["now"]]


def evidently_report(events: pd.DataFrame, train: Ratings, reference: Span, current: Span, **options: Any) -> Any:
    """Evidently's data drift report: `.save_html(path)` writes the page (4 MB, no outside request), `.dict()` the figures.

    Parameters as those of `monitor`; options go to Evidently's DataDriftPreset, such as num_method="ks".
    Raises MissingExtraError without Evidently.
    """
    try:
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset
    except ImportError as error:
        raise MissingExtraError("this page needs Evidently: pip install 'recsys-lab[phase3]'.") from error
    kinds = DataDefinition(numerical_columns=["rank", "training ratings"], categorical_columns=["kind", "fallback"])
    before, now = (Dataset.from_pandas(table, kinds) for table in columns(events, train, reference, current))
    return Report([DataDriftPreset(**options)]).run(now, before)
