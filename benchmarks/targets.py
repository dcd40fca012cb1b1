"""The figures that were to be reached, row by row: what was asked, what is, and how far the machine could still go.

Nothing is measured here: every number comes from benchmarks/results/.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from benchmarks import store
from benchmarks.everybody import MODELS as EVERYBODY

ML, SMALL = "ratings-ml-100k", "ratings-ml-small-2016"
LEVELS = ("below must", "must", "aim")


class Target(NamedTuple):
    """A row of the table; `level` is one of LEVELS."""

    work: str
    peer: str
    must: str
    aim: str
    reached: str
    ratio: str
    level: str
    limit: str


def targets() -> list[Target]:
    """All rows, in the order of the issue that set them."""
    rows = (
        _funk_as_surprise,
        _svdpp,
        _neighbours,
        _als,
        _funk,
        _default_neighbours,
        _bayes,
        _bayes_implicit,
        _blend,
        _ease,
        _lists_aim,
        _implicit_als,
        _untuned,
        _everybody,
        _first_calls,
        _grown_svd,
        _grown_items,
        _grown_users,
    )
    return [_or_gap(row) for row in rows]


def _or_gap(row: Callable[[], Target]) -> Target:
    try:
        return row()
    except (KeyError, statistics.StatisticsError) as error:
        return Target(
            row.__name__.strip("_").replace("_", " "), "", "", "", f"not measured: {error}", "", LEVELS[0], ""
        )


# ---------------------------------------------------------------------- numbers
def cells(part: str, key: str) -> dict[str, dict[str, float]]:
    return store.kept(part)["rows"][key]


def mean(part: str, key: str, metric: str) -> float:
    return statistics.mean(cell[metric] for cell in cells(part, key).values())


def seconds(part: str, key: str, what: Iterable[str] = ("fit", "answer")) -> float:
    """Median over the folds."""
    return statistics.median(sum(cell[w] for w in what) for cell in cells(part, key).values())


def ratios(part: str, theirs: str, ours: str, what: Iterable[str] = ("fit", "answer")) -> list[float]:
    """Fold by fold, how many times as fast; sorted."""
    a, b = cells(part, theirs), cells(part, ours)
    return sorted(sum(a[f][w] for w in what) / sum(b[f][w] for w in what) for f in b if f in a)


def _times(found: list[float]) -> str:
    return f"{statistics.median(found):.3g}x ({found[0]:.3g} to {found[-1]:.3g})"


def _level(*asked: tuple[float, float | None, float | None]) -> str:
    """From (reached, must, aim) of each condition; larger is better, so what is to be small is negated.

    "below must" where one must is missed, "aim" where there are aims and all are reached, otherwise "must".
    """
    if any(must is not None and reached < must for reached, must, _ in asked):
        return LEVELS[0]
    aims = [reached >= aim for reached, _, aim in asked if aim is not None]
    return LEVELS[2] if aims and all(aims) else LEVELS[1]


def least(gflop32: float = 0.0, gflop64: float = 0.0, gb: float = 0.0) -> float:
    """Seconds that this work takes at the machine's best speed."""
    m = store.kept("machine")
    return gflop32 / m["gflops_float32"] + gflop64 / m["gflops_float64"] + gb / m["copy_gb_s"]


def _far(took: float, best: float, why: str) -> str:
    smallest = f"{best:.2g} s" if best >= 1 else f"{best * 1000:.{0 if best > 0.01 else 1}f} ms"
    return f"{took / best:.2g} times {smallest}: {why}"


def _fold(what: str = "fold") -> tuple[float, float, float]:
    size = store.kept("machine")[what]
    return size["ratings"], size["users"], size["items"]


# ---------------------------------------------------------------------- predicting ratings
def _funk_as_surprise() -> Target:
    pairs, n = store.kept("seeds")["pairs"], _fold()[0]
    fast = sorted(pair["theirs_s"] / pair["ours_s"] for pair in pairs)
    ours, theirs = ([pair[who] for pair in pairs] for who in ("ours", "theirs"))
    same, took = statistics.mean(ours) - statistics.mean(theirs), statistics.median(pair["ours_s"] for pair in pairs)
    error = math.sqrt(sum(_variance_within(values) / len(values) for values in (ours, theirs)))
    return Target(
        "FunkSVD.surprise(), the same settings",
        f"Surprise SVD, RMSE {statistics.mean(theirs):.4f} in {statistics.median(p['theirs_s'] for p in pairs):.2f} s a fold",
        ">= 10x, same RMSE",
        "15x",
        f"RMSE {statistics.mean(ours):.4f}: {same:+.4f}, standard error {error:.4f} ({len(pairs) // 5} starts a fold; from one "
        f"start the same numbers, by test), {took:.3f} s",
        _times(fast),
        _level((statistics.median(fast), 10, 15), (-abs(same), -0.0005 - error, None)),
        _far(
            took,
            least(gflop64=20 * n * 100 * 10 / 1e9),
            "two of the three vectors that a step reads are written back, and q lies beyond the first cache; Surprise's "
            "loop is compiled C too, so vectors are all that is to be won in float64",
        ),
    )


def _variance_within(values: list[float]) -> float:
    """Of the starts of one fold, on average over the folds; the folds differ by more, and alike for everybody."""
    size = len(values) // 5
    return statistics.mean(statistics.variance(values[f : f + size]) for f in range(0, len(values), size))


def _svdpp() -> Target:
    ours, theirs = "here: SVDpp", "surprise: SVD++"
    fast, (n, users, _) = ratios(ML, theirs, ours), _fold()
    rmse = mean(ML, ours, "rmse")
    closing = (n * 64**2 + users * 64**3 / 3) / 1e9
    return Target(
        "SVDpp, its defaults",
        f"Surprise SVD++, RMSE {mean(ML, theirs, 'rmse'):.4f} in {seconds(ML, theirs):.1f} s a fold",
        ">= 25x, RMSE <= .918",
        "60x",
        f"RMSE {rmse:.4f}, {seconds(ML, ours):.2f} s a fold",
        _times(fast),
        _level((statistics.median(fast), 25, 60), (-rmse, -0.918, None)),
        _far(
            seconds(ML, ours),
            least(gflop32=40 * n * 64 * 14 / 1e9, gflop64=closing),
            "40 epochs of 64 factors, where Surprise does 20 of 20; each rating's step needs the one before, as above",
        ),
    )


def _neighbours() -> Target:
    found = store.kept("neighbours")["rows"]
    fast = {name: statistics.median(fold["theirs"] / fold["ours"] for fold in folds) for name, folds in found.items()}
    worst = max(fold["difference"] for folds in found.values() for fold in folds)
    name = "user basic, msd"
    size = store.kept("machine")["fold"]
    fit = statistics.median(fold["fit"] for fold in found[name])
    both = statistics.median(fold["ours"] for fold in found[name])
    per_test = 2 * size["pairs_of_users"] / 4 / 1e9  # a fold's test part has a quarter of the training ratings
    return Target(
        "user and item k-NN, eight cases",
        "Surprise, the same predictions",
        ">= 40x",
        "100x",
        f"{min(fast.values()):.0f}x to {max(fast.values()):.0f}x; largest difference {worst:.0e}",
        f"{statistics.median(fast.values()):.0f}x, median of the cases",
        _level((min(fast.values()), 40, 100), (-worst, -1e-6, None)),
        f"{name}: similarities "
        + _far(fit, least(gflop64=size["pairs_of_users"] * 4 / 1e9), "sums land at scattered places, so no vectors")
        + "; predictions "
        + _far(
            both - fit,
            least(gb=per_test * 20),
            f"finding the 40 nearest of {per_test * 4e9 / size['ratings']:.0f} candidates a pair",
        ),
    )


def _als() -> Target:
    ours, theirs = "here: BiasedALS", "lenskit: BiasedMF ALS-50"
    fast, rmse, (n, users, _) = ratios(ML, theirs, ours, ["fit"]), mean(ML, ours, "rmse"), _fold()
    work = least(gflop32=10 * 2 * n * 50 * 16 / 1e9, gflop64=(n * 50**2 + users * 50**3 / 3) / 1e9)
    return Target(
        "BiasedALS, 50 factors, fit only",
        f"LensKit, RMSE {mean(ML, theirs, 'rmse'):.4f}",
        ">= 1.5x, RMSE <= .9185",
        "3x",
        f"RMSE {rmse:.4f}, {seconds(ML, ours, ['fit']):.2f} s a fold",
        _times(fast),
        _level((statistics.median(fast), 1.5, 3), (-rmse, -0.9185, None)),
        _far(
            seconds(ML, ours, ["fit"]), work, "rows of 50 numbers are gathered from all over q for two operations each"
        ),
    )


def _funk() -> Target:
    key, (n, users, _) = "here: FunkSVD", _fold()
    rmse, took = mean(ML, key, "rmse"), seconds(ML, key)
    work = least(gflop32=100 * n * 128 * 10 / 1e9, gflop64=(n * 128**2 + users * 128**3 / 3) / 1e9)
    return Target(
        "FunkSVD, its defaults",
        "a plain kernel .9088 in .6 s",
        "RMSE <= .910, <= 1 s",
        ".906",
        f"RMSE {rmse:.4f}, {took:.2f} s a fold",
        "",
        _level((-rmse, -0.910, -0.906), (-took, -1, None)),
        _far(took, work, "float32 and 128 numbers a step fill the vector units; loading p and q remains"),
    )


def _default_neighbours() -> Target:
    found = {key.split()[1]: mean(ML, key, "rmse") for key in ("here: ItemKNN", "here: UserKNN")}
    best = min(found, key=lambda k: found[k])
    return Target(
        "neighbourhood model, its defaults",
        f"LensKit ItemKNN-20 {mean(ML, 'lenskit: ItemKNN-20', 'rmse'):.4f}",
        "RMSE <= .9155",
        ".912",
        ", ".join(f"{k} {v:.4f}" for k, v in found.items()),
        _times(ratios(ML, "lenskit: ItemKNN-20", f"here: {best}")),
        _level((-found[best], -0.9155, -0.912)),
        "as k-NN above; what is missing to the aim is error, not time: the weights of neighbours are similarities and not learned, "
        "as those of SVDpp and BayesianMF are",
    )


def _bayes_row(ours: str, theirs: str, rmse_must: float, s_must: float, s_aim: float, per_factor: int) -> Target:
    rmse, took, n = mean(ML, ours, "rmse"), seconds(ML, ours), _fold()[0]
    work = least(gflop64=200 * 17 * n * per_factor / 1e9)
    return Target(
        f"{ours.split(': ')[1]}, its defaults",
        f"myFM {mean(ML, theirs, 'rmse'):.4f} in {seconds(ML, theirs):.1f} s a fold",
        f"RMSE <= {rmse_must}, <= {s_must:g} s",
        f"{s_aim:g} s",
        f"RMSE {rmse:.4f}, {took:.1f} s a fold",
        _times(ratios(ML, theirs, ours)),
        _level((-rmse, -rmse_must, None), (-took, -s_must, -s_aim)),
        _far(
            took,
            work,
            "a factor at a time goes through all ratings by index, one number each: no vectors, much waiting",
        ),
    )


def _bayes() -> Target:
    return _bayes_row("here: BayesianMF(implicit=False)", "myfm: Bayesian MF", 0.898, 10, 5, 20)


def _bayes_implicit() -> Target:
    return _bayes_row("here: BayesianMF", "myfm: Bayesian MF, flipped", 0.882, 25, 15, 40)


def _blend() -> Target:
    rmse = mean(ML, "here: RatingBlend", "rmse")
    best = min(mean(ML, key, "rmse") for key in store.kept(ML)["rows"] if not key.startswith("here"))
    return Target(
        "best blend, weights never from the test fold",
        f"best single peer {best:.4f}",
        "RMSE <= .880",
        ".875",
        f"RMSE {rmse:.4f}, {seconds(ML, 'here: RatingBlend'):.0f} s a fold",
        "",
        _level((-rmse, -0.880, -0.875)),
        f"its models', each fitted twice; BayesianMF alone has {mean(ML, 'here: BayesianMF', 'rmse'):.4f}, and "
        "svdpp and item-knn beside it mend no more than the rest",
    )


# ---------------------------------------------------------------------- lists
def _ease() -> Target:
    ours, theirs = "here: EASE", "irspack: EASE, reg 300"
    fast, ndcg, items = ratios("lists", theirs, ours), mean("lists", ours, "ndcg"), _fold("split")[2]
    return Target(
        "EASE, fit and all lists",
        f"irspack, nDCG@10 {mean('lists', theirs, 'ndcg'):.4f} in {seconds('lists', theirs):.2f} s",
        ">= .3226, >= 2x",
        "",
        f"nDCG@10 {ndcg:.4f}, {seconds('lists', ours):.2f} s",
        _times(fast),
        _level((ndcg, 0.3226, None), (statistics.median(fast), 2, None)),
        _far(
            seconds("lists", ours),
            least(gflop32=items**3 / 1e9),
            "n^3 operations, a third of them in a Cholesky factor",
        ),
    )


def _lists_aim() -> Target:
    rows = {key: mean("lists", key, "ndcg") for key in store.kept("lists")["rows"]}
    ours = {k: v for k, v in rows.items() if k.startswith("here")}
    single = max((k for k in ours if "Blend" not in k), key=lambda k: ours[k])
    peer = max((k for k in rows if k not in ours), key=lambda k: rows[k])
    blend = ours["here: ListBlend"]
    return Target(
        "best lists",
        f"best peer {peer.replace(': ', ' ', 1)} {rows[peer]:.4f}",
        "",
        "nDCG@10 .325 single, .330 blend",
        f"{single.split(': ')[1]} {ours[single]:.4f}, ListBlend {blend:.4f}",
        "",
        _level((ours[single], None, 0.325), (blend, None, 0.330)),
        "",
    )


def _implicit_als() -> Target:
    ours, theirs = "here: ImplicitALS", "irspack: iALS, tuned"
    ndcg, (n, users, items) = mean("lists", ours, "ndcg"), _fold("split")
    grams = 10 * (users + items) * 64**2 * 2 * 5 / 1e9
    work = least(
        gflop32=10 * 2 * n * 64 * 16 / 1e9 + grams, gflop64=(n * 64**2 + users * 64**3 / 3 + users * items * 128) / 1e9
    )
    return Target(
        "ImplicitALS",
        f"irspack iALS {mean('lists', theirs, 'ndcg'):.4f} in {seconds('lists', theirs):.2f} s; "
        f"implicit {mean('lists', 'implicit: ALS, tuned', 'ndcg'):.4f}",
        "nDCG@10 >= .305",
        ".310",
        f"nDCG@10 {ndcg:.4f}, {seconds('lists', ours):.2f} s",
        _times(ratios("lists", theirs, ours)),
        _level((ndcg, 0.305, 0.310)),
        _far(seconds("lists", ours), work, "as BiasedALS; and every list is ranked"),
    )


def _untuned() -> Target:
    ours = {key: mean("lists", f"here: {key}", "ndcg") for key in ("EASE", "ImplicitALS")}
    theirs = ("irspack: EASE, its default", "irspack: iALS, its default", "implicit: ALS, its default")
    return Target(
        "untuned defaults, lists",
        "; ".join(f"{k.replace(': ', ' ')} {mean('lists', k, 'ndcg'):.3f}" for k in theirs),
        "nDCG@10 >= .30, both",
        ".315",
        ", ".join(f"{k} {v:.4f}" for k, v in ours.items()),
        "",
        _level((min(ours.values()), 0.30, 0.315)),
        "",
    )


def _everybody() -> Target:
    found = store.kept("everybody")["seconds"]
    ms = {name: 1000 * found[name] for name in EVERYBODY}
    table = {name: value for name, value in ms.items() if "knn" not in name}
    worst = max(table, key=lambda k: table[k])
    gflop = 943 * 1682 * 128 * 2 / 1e9
    return Target(
        "ten items for all 943 users, seen ones masked",
        "",
        "<= 60 ms",
        "20 ms",
        f"{min(table.values()):.0f} ms ({min(table, key=lambda k: table[k])}), svd {ms['svd']:.0f}, ease {ms['ease']:.0f}, "
        f"to {table[worst]:.0f} ({worst}); user-knn {ms['user-knn']:.0f}, item-knn {ms['item-knn']:.0f}",
        "",
        _level(*((-value, -60.0, -20.0) for value in ms.values())),
        "svd: "
        + _far(
            found["svd"],
            least(gflop64=gflop, gb=943 * 1682 * 8 * 3 / 1e9),
            "the product of p and q, and three passes over the scores; "
            "k-NN sums over the neighbours of every user and item, with no product to do it at once",
        ),
    )


# ---------------------------------------------------------------------- start and growth
def _first_calls() -> Target:
    rows = {row["model"]: row["cached"] for row in store.kept("start")["first_calls"]}
    worst = max(rows, key=lambda k: rows[k])
    return Target(
        f"first call in a new process, {len(rows)} models",
        "",
        "<= .5 s over warm",
        ".1 s",
        f"{statistics.median(rows.values()):.2f} s median, at most {rows[worst]:.2f} s ({worst})",
        "",
        _level((-rows[worst], -0.5, -0.1)),
        f"Numba reads machine code from the disk and links it; those without a loop of their own need {min(rows.values()):.3f} s",
    )


def _grown(model: str, factor: float) -> dict[str, Any]:
    return next(row for row in store.kept("growth")["rows"] if row["model"] == model and row["factor"] == factor)


def _grown_row(model: str, work: str, peer: str, must: str, limit: str, **most: float) -> Target:
    one, ten = _grown(model, 10), _grown(model, 100)
    took = [row["fit_s"] + row["predict_s"] for row in (one, ten)]
    linear = took[1] / took[0] / (ten["ratings"] / one["ratings"])
    conditions = [(-took[1], -most.get("s", 1e9), None), (-ten["peak_mb"], -most["mb"], None)]
    if "linear" in most:
        conditions.append((-linear, -most["linear"], None))
    return Target(
        work,
        peer,
        must,
        "",
        f"{took[0]:.1f} s, {one['peak_mb']:,.0f} MB at 1M; {took[1]:.1f} s, {ten['peak_mb']:,.0f} MB at 10M; "
        f"{linear:.2f} times linear",
        "",
        _level(*conditions),
        limit,
    )


def _grown_svd() -> Target:
    ten = _grown("svd", 100)
    return _grown_row(
        "svd",
        "FunkSVD.surprise() at 1M and 10M ratings",
        "Surprise 303 s, 3.2 GB at 10M (measured earlier)",
        "<= 25 s, <= 700 MB; linear within 30 %",
        _far(
            ten["fit_s"],
            least(gflop64=20 * ten["ratings"] * 1000 / 1e9),
            "as FunkSVD above, and q no longer fits the cache",
        ),
        s=25,
        mb=700,
        linear=1.3,
    )


def _grown_items() -> Target:
    ten = _grown("item-knn", 100)
    best = least(gflop64=ten["pairs_of_items"] * 10 / 1e9)
    return _grown_row(
        "item-knn",
        "item k-NN at 1M and 10M ratings",
        "Surprise 514 s, 6.9 GB at 10M (measured earlier)",
        "<= 25 s, <= 1.2 GB",
        _far(ten["fit_s"], best, "work grows with the pairs of items that share a user, not with the ratings"),
        s=25,
        mb=1200,
    )


def _grown_users() -> Target:
    ten = _grown("user-knn", 100)
    return _grown_row(
        "user-knn",
        f"user k-NN at 1M and 10M ratings ({ten['users']:,} users)",
        "impossible elsewhere (77 GB)",
        "<= 2 GB by blocks",
        "similarities are made anew for the users asked, block by block",
        mb=2000,
    )
