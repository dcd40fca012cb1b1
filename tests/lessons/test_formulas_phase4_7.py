r"""The formula of lesson 4.7, as printed, against the lesson's cell, and against bars that are measured in a figure."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from formula_checks import close, formula, functions_of


@formula("4.7", r"L = \frac{(y - b) / (x - b) - 1}{y / x - 1}")
def test_the_lie_factor_of_drawn_bars(sides):
    _, lie = sides
    lie_factor = functions_of("4.7", "lie_factor")
    for x, y, b in ((0.37, 0.385, 0.35), (2.0, 3.0, 0.0), (10.0, 8.0, 5.0)):
        fig, ax = plt.subplots()
        bars = ax.bar(["first", "second"], [x, y])
        ax.set_ylim(b, 1.1 * max(x, y))
        pixels = [np.clip(bar.get_window_extent().y1, ax.bbox.y0, ax.bbox.y1) - ax.bbox.y0 for bar in bars]
        plt.close(fig)
        drawn, real = pixels[1] / pixels[0] - 1, y / x - 1
        close(lie(x=x, y=y, b=b), drawn / real, atol=1e-6)
        close(lie(x=x, y=y, b=b), lie_factor(x, y, b))
