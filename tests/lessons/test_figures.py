"""The text form of a figure changes when what is drawn changes, and only then."""

from __future__ import annotations

import base64

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("agg")
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb

from recsys_lab.course.figures import MAX_PNG, as_png, figure_alt, fingerprint
from recsys_lab.course.style import PALETTE


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def drawing(**changes):
    """A figure with one of everything. `changes` alters one part."""
    part = {
        "line": [1, 2, 4], "bars": [3, 1], "dots": [0.5, 0.25], "image": [[1, 2], [3, 4]], "title": "T", "xlabel": "X",
        "ylabel": "Y", "legend": "squares", "ticks": ["a", "b"], "note": "here", "suptitle": "S", "area": [1, 2], "hist": [1, 1, 2],
        "mesh": [[1, 2], [3, 5]], "level": 0.5, "alt": "All kinds.",
    } | changes  # fmt: skip
    fig, axes = plt.subplots(2, 4)
    axes = axes.ravel()
    axes[0].plot(part["line"], label=part["legend"])
    axes[0].set(title=part["title"], xlabel=part["xlabel"], ylabel=part["ylabel"])
    axes[0].legend()
    axes[1].bar([0, 1], part["bars"])
    axes[1].set_xticks([0, 1], part["ticks"])
    axes[2].scatter([1, 2], part["dots"], c=[1, 2])
    axes[2].annotate(part["note"], (1, 0.5))
    axes[3].imshow(part["image"])
    axes[4].fill_between([0, 1], part["area"])
    axes[5].hist(part["hist"], bins=3)
    axes[6].pcolormesh(part["mesh"])
    axes[7].axhline(part["level"])
    axes[7].vlines([1, 2], 0, part["level"])
    fig.suptitle(part["suptitle"])
    figure_alt(fig, part["alt"])
    return fingerprint(fig)


@pytest.fixture(scope="module")
def plain():
    return drawing()


def test_the_same_drawing_has_the_same_text(plain):
    assert drawing() == plain
    assert plain.startswith("Figure: All kinds.\ntitle: S\naxes 1; title 'T'; x 'X'; y 'Y'; legend squares\n")


@pytest.mark.parametrize(
    "change",
    [
        {"line": [1, 2, 5]},
        {"line": [1, 2, 4, 4]},
        {"bars": [3, 1.01]},
        {"dots": [0.5, 0.2501]},
        {"image": [[1, 2], [3, 5]]},
        {"title": "U"},
        {"xlabel": "Z"},
        {"ylabel": "Z"},
        {"legend": "cubes"},
        {"ticks": ["a", "c"]},
        {"note": "there"},
        {"suptitle": "R"},
        {"area": [1, 3]},
        {"hist": [1, 2, 2]},
        {"bars": [1, 3]},
        {"mesh": [[1, 2], [3, 6]]},
        {"level": 0.6},
        {"alt": "Something else."},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_change_shows(change, plain):
    assert drawing(**change) != plain


def test_rounding_noise_does_not_show(plain):
    noise = {"line": [1 + 1e-9, 2, 4], "dots": [0.5, 0.25 - 1e-12], "bars": [3, 1 + 1e-13]}
    assert drawing(**noise) == plain
    fig, ax = plt.subplots()
    ax.plot([-1.0, 1.0 + 2e-16])
    assert "y -1 / 0 / 1 ~ 0.3333" in fingerprint(fig)


def test_missing_values_dates_categories_and_nothing():
    fig, axes = plt.subplots(1, 4)
    axes[0].plot([1.0, np.nan, 3.0])
    axes[1].plot(np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]"), [1, 2])
    axes[2].bar(["red", "blue"], [1, 2])
    axes[3].scatter([], [])
    text = fingerprint(fig)
    assert "y 1 / 2 / 3 ~ 2.333" in text
    assert "x ticks red, blue" in text
    assert "scatter: n 0" in text
    assert fingerprint(plt.figure()) == "Figure: no description"


def test_the_picture_is_small_and_carries_its_description():
    rng = np.random.default_rng(0)
    fig, ax = plt.subplots(figsize=(8, 4), dpi=100)
    ax.scatter(*rng.normal(size=(2, 20_000)), c=rng.random(20_000), s=4)
    figure_alt(fig, "A cloud\n   of points.")
    data, metadata = as_png(fig)
    assert metadata == {"alt": "A cloud of points."}
    assert len(base64.b64decode(data)) < 2 * MAX_PNG
    assert as_png(fig)[0] == data, "the same bytes again"


def test_colours_stand_out_from_white_and_from_each_other():
    def luminance(colour):
        channels = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return np.dot(channels, [0.2126, 0.7152, 0.0722])

    assert len(set(PALETTE)) == len(PALETTE)
    assert all(1.05 / (luminance(c) + 0.05) >= 2.0 for c in PALETTE)
