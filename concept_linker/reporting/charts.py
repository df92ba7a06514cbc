"""Small charts as SVG text, without a plotting library; the page's style sheet sets the colours.

Every text is escaped here; all other values are numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import repeat
from typing import NamedTuple

__all__ = ["CHART_STYLE", "Bar", "Series", "bar_chart", "line_chart"]

_WIDTH, _HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 46
_ROW = 26


#: The style sheet of the charts; uses colours of :data:`~concept_linker.reporting.html.STYLE`.
CHART_STYLE = """
:root { --c0: light-dark(#0b62c4, #6cb2ff); --c1: light-dark(#c2410c, #ff9d6c);
  --c2: light-dark(#15803d, #6fd08c); --c3: light-dark(#7e22ce, #c79bff);
  --c4: light-dark(#0e7490, #67d5e8); --c5: light-dark(#a21caf, #f08bff); }
svg text { font: 12px system-ui, sans-serif; fill: var(--quiet); }
.grid { stroke: var(--faint); fill: none; } .line { fill: none; stroke-width: 2; }
.diagonal { stroke: var(--quiet); stroke-dasharray: 4 4; fill: none; }
.bar { fill: var(--c0); opacity: .75; } .whisker { stroke: var(--ink); stroke-width: 2; }
.key { display: inline-block; margin-right: .8rem; overflow-wrap: anywhere; }
.key::before { content: "■ "; } .legend { display: block; }
""" + "".join(
    f".s{i} {{ stroke: var(--c{i}); }} .dot.s{i} {{ fill: var(--c{i}); stroke: none; }} "
    f".key.s{i}::before {{ color: var(--c{i}); }}\n"
    for i in range(6)
)


class Series(NamedTuple):
    """A line of a chart.

    Args:
        name: its name in the legend.
        points: its points, both coordinates from 0 to 1.
        shares: the share of the whole that each point represents, which sets its size.
    """

    name: str
    points: Sequence[tuple[float, float]]
    shares: Sequence[float] = ()


class Bar(NamedTuple):
    """A bar from 0 to 1 with its interval, and a note that is shown on hovering."""

    name: str
    value: float
    low: float
    high: float
    note: str = ""


def line_chart(
    title: str, x: str, y: str, series: Iterable[Series], *, diagonal: bool = False
) -> str:
    """Returns a chart of lines over axes from 0 to 1.

    Args:
        title: its caption.
        x: the label of the horizontal axis.
        y: the label of the vertical axis.
        series: the lines; there are six colours.
        diagonal: whether to draw the line of equal values.
    """
    parts = [_axes(x, y)]
    if diagonal:
        parts.append(_line([(0, 0), (1, 1)], "diagonal"))
    legend = []
    for number, one in enumerate(series):
        kind = f"s{number % 6}"
        parts.append(_line(one.points, f"line {kind}"))
        parts += (
            f'<circle class="dot {kind}" cx="{_x(px):.1f}" cy="{_y(py):.1f}" '
            f'r="{1.5 + 9 * math.sqrt(share):.1f}">'
            f"<title>{escape(one.name)}: {px:.3f}, {py:.3f}</title></circle>"
            for (px, py), share in zip(one.points, one.shares or repeat(0.01), strict=False)
        )
        legend.append(f'<span class="key {kind}">{escape(one.name)}</span>')
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
        f'<figcaption>{escape(title)} <span class="legend">{" ".join(legend)}</span></figcaption>'
        "</figure>"
    )


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """Returns a chart of horizontal bars with their intervals."""
    left, width = 190, 640
    height = _ROW * len(bars) + 24
    span = width - left - 60
    parts = []
    for number, bar in enumerate(bars):
        top = number * _ROW + 6
        low, high, value = (left + span * v for v in (bar.low, bar.high, bar.value))
        middle = top + 8
        parts.append(
            f'<text class="label" x="{left - 8}" y="{middle + 4}" text-anchor="end">'
            f"{escape(_short(bar.name))}</text>"
            f'<rect class="bar" x="{left}" y="{top}" width="{max(0.0, value - left):.1f}" '
            f'height="16"><title>{escape(f"{bar.name}: {bar.value:.3f} {bar.note}")}</title></rect>'
            f'<path class="whisker" d="M{low:.1f} {middle}H{high:.1f}"/>'
            f'<text class="label" x="{max(value, high) + 6:.1f}" y="{middle + 4}">'
            f"{bar.value:.3f}</text>"
        )
    return (
        f'<figure class="wide"><svg viewBox="0 0 {width} {height}" role="img">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )


def _short(name: str) -> str:
    return name if len(name) <= 30 else name[:29] + "…"


def _x(value: float) -> float:
    return _LEFT + value * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float) -> float:
    return _HEIGHT - _BOTTOM - value * (_HEIGHT - _TOP - _BOTTOM)


def _line(points: Iterable[tuple[float, float]], kind: str) -> str:
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{path}"/>'


def _axes(x: str, y: str) -> str:
    parts = []
    for step in range(6):
        value = step / 5
        parts.append(
            f'<path class="grid" d="M{_x(0):.1f} {_y(value):.1f}H{_x(1):.1f}'
            f'M{_x(value):.1f} {_y(0):.1f}V{_y(1):.1f}"/>'
            f'<text class="label" x="{_x(value):.1f}" y="{_y(0) + 16:.1f}" '
            f'text-anchor="middle">{value:.1f}</text>'
            f'<text class="label" x="{_x(0) - 8:.1f}" y="{_y(value) + 4:.1f}" '
            f'text-anchor="end">{value:.1f}</text>'
        )
    middle = _y(0.5)
    parts.append(
        f'<text class="label" x="{_x(0.5):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f'{escape(x)}</text><text class="label" x="12" y="{middle:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 12 {middle:.1f})">{escape(y)}</text>'
    )
    return "".join(parts)
