"""Numbers as lessons show them: so many digits, written as people write them."""

from __future__ import annotations

import pytest

from recsys_lab.course.style import _number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (4.2e-5, "0.000042"),  # a small p-value is not 0
        (-3.14159e-5, "-0.00003142"),
        (0.000123456, "0.0001235"),
        (1 / 3, "0.3333"),
        (0.5, "0.5"),
        (12345.0, "12340"),
        (1234567.0, "1235000"),
        (1e-9, "1e-09"),
        (-0.0, "0"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_has_four_digits(value, shown):
    assert _number(value, 4) == shown
