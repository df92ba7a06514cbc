"""The report as one self-contained HTML page: pictures are embedded, captions are escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from concept_linker._version import __version__
from concept_linker.errors import ImageError
from concept_linker.images.files import find_image
from concept_linker.images.pixels import read_rgb
from concept_linker.reporting import html
from concept_linker.reporting.tables import html_table
from concept_linker.retrieval.report import Miss, Report
from concept_linker.retrieval.scoring import DIRECTIONS
from concept_linker.retrieval.tables import DIRECTION_NAMES

__all__ = ["page", "thumbnails"]

#: An image path → the address of the picture, or ``""`` and why it cannot be shown.
Picture = Callable[[str], tuple[str, str]]

_THUMBNAIL = 520  # pixels of the longer side, twice the width that it is shown at

_STYLE = (
    html.STYLE
    + """
:root { --card: light-dark(#f6f7f9, #1b212a); --bar: light-dark(#0b62c4, #6cb2ff);
  --wrong: light-dark(#b3261e, #ff9d94); --right: light-dark(#15803d, #6fd08c); }
body { max-width: 72rem; } p.about { max-width: 52rem; } figure { margin: 0; flex: 1 1 26rem; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); } rect { fill: var(--bar); }
.misses { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 34rem), 1fr));
  gap: 1rem; }
.miss { background: var(--card); border: 1px solid var(--faint); border-radius: 8px;
  padding: .8rem 1rem; display: grid; grid-template-columns: 1fr 1fr; gap: .4rem 1rem;
  align-content: start; }
.miss h3 { grid-column: 1 / -1; font-size: .95rem; margin: 0; }
.miss h4 { font-size: .8rem; margin: 0 0 .3rem; font-weight: 600; }
.right h4 { color: var(--right); } .wrong h4 { color: var(--wrong); }
.miss img { max-width: 100%; max-height: 14rem; border-radius: 4px; background: #fff; }
.miss p { margin: .3rem 0 0; font-size: .85rem; overflow-wrap: anywhere; max-height: 11rem;
  overflow-y: auto; }
.none { color: var(--quiet); font-style: italic; font-size: .85rem; }
@media (max-width: 34rem) { .miss { grid-template-columns: 1fr; } }
"""
)


def thumbnails(folder: Path) -> Picture:
    """Returns a function that makes small pictures of a folder's images, as data addresses.

    Args:
        folder: the folder that image paths are relative to.
    """

    def picture(path: str) -> tuple[str, str]:
        try:
            small = read_rgb(find_image(folder, path))
        except ImageError as error:
            return "", f"{path[:60]} cannot be read: {error.problem}"
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
        buffer = BytesIO()
        small.save(buffer, "JPEG", quality=80)
        return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}", ""

    return picture


def page(report: Report, *, title: str = "", picture: Picture | None = None) -> str:
    """Returns the page.

    Args:
        report: the report.
        title: its heading; by default one that names the encoder.
        picture: finds pictures; ``None`` shows captions only.
    """
    title = title or "Cross-modal retrieval" + (f": {report.encoder}" if report.encoder else "")
    remarks = [*report.remarks(), f"concept_linker {__version__}.", "For research only."]
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="about">{escape(" ".join(remarks))}</p>',
        *map(html_table, report.tables()),
        "<h2>Ranks of the right answers</h2>",
        '<div class="charts">',
        *(_histogram(name, bars) for name, bars in report.histograms.items()),
        "</div>",
    ]
    for direction in DIRECTIONS:
        misses = [miss for miss in report.misses if miss.direction == direction]
        if misses and report.pairs:
            cards = "".join(_miss(miss, report, picture) for miss in misses)
            heading = f"{_title(direction)}: the worst misses"
            body.append(f'<h2>{heading}</h2><div class="misses">{cards}</div>')
    return html.html_page(title, _STYLE, body)


def _title(direction: str) -> str:
    return DIRECTION_NAMES[direction].capitalize()


def _histogram(name: str, bars: Sequence[tuple[str, int]]) -> str:
    total = sum(count for _, count in bars) or 1
    most = max(count for _, count in bars) or 1
    parts = []
    for place, (label, count) in enumerate(bars):
        top, width = 26 * place + 6, 260 * count / most
        parts.append(
            f'<text x="106" y="{top + 14}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="114" y="{top}" width="{width:.1f}" height="18"/>'
            f'<text x="{120 + width:.1f}" y="{top + 14}">{count:,} ({count / total:.1%})</text>'
        )
    caption = f"{_title(name)}: rank of the best right answer, and the number of queries"
    return (
        f'<figure><svg viewBox="0 0 500 {26 * len(bars) + 12}" role="img">'
        f"<title>{escape(caption)}</title>{''.join(parts)}</svg>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _miss(miss: Miss, report: Report, picture: Picture | None) -> str:
    query = "picture" if miss.direction == "image_to_text" else "caption"
    return (
        f'<div class="miss"><h3>Row {miss.row:,}: right answer at rank {miss.rank:,.1f}</h3>'
        f'<div class="right"><h4>The {query} is of this pair</h4>'
        f"{_pair(miss.row, report, picture)}</div>"
        f'<div class="wrong"><h4>The first answer is row {miss.first:,}</h4>'
        f"{_pair(miss.first, report, picture)}</div></div>"
    )


def _pair(row: int, report: Report, picture: Picture | None) -> str:
    pair = report.pairs[row]
    shown = ""
    if picture is not None:
        address, problem = picture(pair.image)
        shown = (
            f'<img src="{escape(address)}" alt="the image of row {row}">'
            if address
            else f'<div class="none">{escape(problem)}</div>'
        )
    return f"{shown}<p>{escape(pair.caption)}</p>"
