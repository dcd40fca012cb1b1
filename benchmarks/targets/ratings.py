"""Targets of the models that predict ratings."""

from __future__ import annotations

import math
import statistics

from benchmarks import store
from benchmarks.targets.numbers import ML, Target, far, least, level, mean, ratios, seconds, size_of, times


def funk_as_surprise() -> Target:
    pairs, n = store.kept("seeds")["pairs"], size_of()[0]
    fast, fast64 = (sorted(p["theirs_s"] / p[who] for p in pairs) for who in ("ours_s", "ours64_s"))
    ours, ours64, theirs = ([p[who] for p in pairs] for who in ("ours", "ours64", "theirs"))
    same, took = statistics.mean(ours) - statistics.mean(theirs), statistics.median(p["ours_s"] for p in pairs)
    error = math.sqrt(sum(_variance_within(values) / len(values) for values in (ours, theirs)))
    return Target(
        "FunkSVD.surprise(), the same settings, float32",
        f"Surprise SVD, RMSE {statistics.mean(theirs):.4f} in {statistics.median(p['theirs_s'] for p in pairs):.2f} s a fold",
        ">= 10x, same RMSE",
        "15x",
        f"RMSE {statistics.mean(ours):.4f}: {same:+.4f}, standard error {error:.4f} ({len(pairs) // 5} starts a fold), "
        f"{took:.3f} s. In float64 {statistics.mean(ours64):.4f}, {times(fast64)}; from one start Surprise's numbers, by test",
        times(fast),
        level((statistics.median(fast), 10, 15), (-abs(same), -0.0005 - error, None)),
        far(
            took,
            least(gflop32=20 * n * 100 * 10 / 1e9),
            "each step waits for the one before; 100 factors fill registers for 128, two of the three vectors that a "
            "step reads are written back; a third of the time is the biases, the start values and predicting",
        ),
    )


def _variance_within(values: list[float]) -> float:
    """Of the starts of one fold, on average over the folds; the folds differ by more, and alike for everybody."""
    size = len(values) // 5
    return statistics.mean(statistics.variance(values[f : f + size]) for f in range(0, len(values), size))


def svdpp() -> Target:
    ours, theirs = "here: SVDpp", "surprise: SVD++"
    fast, (n, users, _) = ratios(ML, theirs, ours), size_of()
    rmse = mean(ML, ours, "rmse")
    closing = (n * 64**2 + users * 64**3 / 3) / 1e9
    return Target(
        "SVDpp, its defaults",
        f"Surprise SVD++, RMSE {mean(ML, theirs, 'rmse'):.4f} in {seconds(ML, theirs):.1f} s a fold",
        ">= 25x, RMSE <= .918",
        "60x",
        f"RMSE {rmse:.4f}, {seconds(ML, ours):.2f} s a fold",
        times(fast),
        level((statistics.median(fast), 25, 60), (-rmse, -0.918, None)),
        far(
            seconds(ML, ours),
            least(gflop32=40 * n * 64 * 14 / 1e9, gflop64=closing),
            "40 epochs of 64 factors, where Surprise does 20 of 20; each rating's step needs the one before, as above",
        ),
    )


def neighbours() -> Target:
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
        level((min(fast.values()), 40, 100), (-worst, -1e-6, None)),
        f"{name}: similarities "
        + far(fit, least(gflop64=size["pairs_of_users"] * 4 / 1e9), "sums land at scattered places, so no vectors")
        + "; predictions "
        + far(
            both - fit,
            least(gb=per_test * 20),
            f"finding the 40 nearest of {per_test * 4e9 / size['ratings']:.0f} candidates a pair",
        ),
    )


def als() -> Target:
    ours, theirs = "here: BiasedALS", "lenskit: BiasedMF ALS-50"
    fast, rmse, (n, users, _) = ratios(ML, theirs, ours, ["fit"]), mean(ML, ours, "rmse"), size_of()
    work = least(gflop32=10 * 2 * n * 50 * 16 / 1e9, gflop64=(n * 50**2 + users * 50**3 / 3) / 1e9)
    return Target(
        "BiasedALS, 50 factors, fit only",
        f"LensKit, RMSE {mean(ML, theirs, 'rmse'):.4f}",
        ">= 1.5x, RMSE <= .9185",
        "3x",
        f"RMSE {rmse:.4f}, {seconds(ML, ours, ['fit']):.2f} s a fold",
        times(fast),
        level((statistics.median(fast), 1.5, 3), (-rmse, -0.9185, None)),
        far(
            seconds(ML, ours, ["fit"]), work, "rows of 50 numbers are gathered from all over q for two operations each"
        ),
    )


def funk() -> Target:
    key, (n, users, _) = "here: FunkSVD", size_of()
    rmse, took = mean(ML, key, "rmse"), seconds(ML, key)
    work = least(gflop32=100 * n * 128 * 10 / 1e9, gflop64=(n * 128**2 + users * 128**3 / 3) / 1e9)
    return Target(
        "FunkSVD, its defaults",
        "a plain kernel .9088 in .6 s",
        "RMSE <= .910, <= 1 s",
        ".906",
        f"RMSE {rmse:.4f}, {took:.2f} s a fold",
        "",
        level((-rmse, -0.910, -0.906), (-took, -1, None)),
        far(took, work, "float32 and 128 numbers a step fill the vector units; loading p and q remains"),
    )


def default_neighbours() -> Target:
    found = {key.split()[1]: mean(ML, key, "rmse") for key in ("here: ItemKNN", "here: UserKNN")}
    best = min(found, key=lambda k: found[k])
    return Target(
        "neighbourhood model, its defaults",
        f"LensKit ItemKNN-20 {mean(ML, 'lenskit: ItemKNN-20', 'rmse'):.4f}",
        "RMSE <= .9155",
        ".912",
        ", ".join(f"{k} {v:.4f}" for k, v in found.items()),
        times(ratios(ML, "lenskit: ItemKNN-20", f"here: {best}")),
        level((-found[best], -0.9155, -0.912)),
        "as k-NN above; what is missing to the aim is error, not time: the weights of neighbours are similarities and not learned, "
        "as those of SVDpp and BayesianMF are",
    )


def _bayes_row(ours: str, theirs: str, rmse_must: float, s_must: float, s_aim: float, per_factor: int) -> Target:
    rmse, took, n = mean(ML, ours, "rmse"), seconds(ML, ours), size_of()[0]
    work = least(gflop64=200 * 17 * n * per_factor / 1e9)
    return Target(
        f"{ours.split(': ')[1]}, its defaults",
        f"myFM {mean(ML, theirs, 'rmse'):.4f} in {seconds(ML, theirs):.1f} s a fold",
        f"RMSE <= {rmse_must}, <= {s_must:g} s",
        f"{s_aim:g} s",
        f"RMSE {rmse:.4f}, {took:.1f} s a fold",
        times(ratios(ML, theirs, ours)),
        level((-rmse, -rmse_must, None), (-took, -s_must, -s_aim)),
        far(
            took,
            work,
            "a factor at a time goes through all ratings by index, one number each: no vectors, much waiting",
        ),
    )


def bayes() -> Target:
    return _bayes_row("here: BayesianMF(implicit=False)", "myfm: Bayesian MF", 0.898, 10, 5, 14)


def bayes_implicit() -> Target:
    return _bayes_row("here: BayesianMF", "myfm: Bayesian MF, flipped", 0.882, 25, 15, 38)


def blend() -> Target:
    rmse = mean(ML, "here: RatingBlend", "rmse")
    best = min(mean(ML, key, "rmse") for key in store.kept(ML)["rows"] if not key.startswith("here"))
    return Target(
        "best blend, weights never from the test fold",
        f"best single peer {best:.4f}",
        "RMSE <= .880",
        ".875",
        f"RMSE {rmse:.4f}, {seconds(ML, 'here: RatingBlend'):.0f} s a fold",
        "",
        level((-rmse, -0.880, -0.875)),
        f"its models', each fitted twice; BayesianMF alone has {mean(ML, 'here: BayesianMF', 'rmse'):.4f}, and "
        "svdpp and item-knn beside it mend no more than the rest",
    )
