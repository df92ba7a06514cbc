"""The page of ``evaluate`` in a real browser: no legend overlaps the next chart."""

from __future__ import annotations

from typing import Any

import pytest

from concept_linker.evaluation.page import STYLE
from concept_linker.reporting.charts import Series, line_chart

NAMES = ["concept_linker", "exact match", "scispaCy's method", "a_system_of_a_name_" * 5]


@pytest.mark.parametrize("width", [1280, 900, 420])
def test_legends_stay_under_their_charts(browser: Any, width: int) -> None:
    series = [Series(f"{name}, error 0.123", [(0, 0), (1, 1)]) for name in NAMES]
    chart = line_chart("Calibration: share right by score.", "x", "y", series)
    browser.open(f'<style>{STYLE}</style><div class="charts">{3 * chart}</div>', width=width)
    outside = browser.run(
        "return [...document.querySelectorAll('.key')].filter(key => {"
        "  const own = key.getBoundingClientRect();"
        "  const chart = key.closest('figure').getBoundingClientRect();"
        "  return own.right > chart.right + 1 || own.left < chart.left - 1; }).length"
    )
    assert outside == 0
    assert len(browser.texts(".key")) == 3 * len(NAMES)
