"""The report as one HTML page: nothing is fetched, pictures are in it, captions are escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from concept_linker._version import __version__
from concept_linker.errors import ImageError
from concept_linker.images.files import find_image
from concept_linker.images.pixels import read_rgb
from concept_linker.retrieval.measures import CUTOFFS
from concept_linker.retrieval.parts import SHOWN
from concept_linker.retrieval.report import Miss, Report
from concept_linker.retrieval.scoring import DIRECTIONS

__all__ = ["page", "thumbnails"]

#: Gives a picture as the address of an ``img``, or says why it cannot.
Picture = Callable[[str], tuple[str, str]]

_NAMES = {"image_to_text": "Image to text", "text_to_image": "Text to image"}
_WIDEST = 260

_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e4e8ee);
  --paper: light-dark(#ffffff, #14181f); --faint: light-dark(#d9dee6, #333b47);
  --quiet: light-dark(#5a6675, #9aa6b5); --card: light-dark(#f6f7f9, #1b212a);
  --bar: light-dark(#0b62c4, #6cb2ff); --wrong: light-dark(#b3261e, #ff9d94);
  --right: light-dark(#15803d, #6fd08c); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
p.about { color: var(--quiet); max-width: 52rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0 1.2rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--faint);
  vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child, .names :is(th, td):not(:last-child) { text-align: left; }
td small { display: block; color: var(--quiet); }
.charts { display: flex; flex-wrap: wrap; gap: 2rem; } figure { margin: 0; flex: 1 1 26rem; }
figcaption { font-size: .85rem; color: var(--quiet); }
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


def thumbnails(folder: Path) -> Picture:
    """Small pictures out of a folder, as data addresses.

    Args:
        folder: what image paths start from.
    """

    def picture(path: str) -> tuple[str, str]:
        try:
            small = read_rgb(find_image(folder, path))
        except ImageError as error:
            return "", f"{path[:60]} cannot be read: {error.problem}"
        small.thumbnail((2 * _WIDEST, 2 * _WIDEST))
        room = BytesIO()
        small.save(room, "JPEG", quality=80)
        return f"data:image/jpeg;base64,{b64encode(room.getvalue()).decode()}", ""

    return picture


def page(made: Report, *, title: str = "", picture: Picture | None = None) -> str:
    """The whole page.

    Args:
        made: the report.
        title: its heading; empty for one that names the encoders.
        picture: what gives the pictures; without it there are captions only.
    """
    title = title or "Cross-modal retrieval" + (f": {made.encoder}" if made.encoder else "")
    figures = made.figures
    units = ""
    if figures["units"] < figures["rows"]:
        units = f" of {figures['units']:,} units, in which copies and articles are drawn as one"
    about = (
        f"{figures['rows']:,} pairs, {figures['dimensions']:,} dimensions. 95 % intervals from "
        f"{figures['resamples']:,} bootstrap draws{units}. Ties count by expectation. "
        f"concept_linker {__version__}, seed {figures['seed']}. For research only."
    )
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="about">{escape(about)}</p>',
        _figures(figures),
        "<h2>Where the right answer stands</h2>",
        '<div class="charts">',
        *(_histogram(name, bars) for name, bars in made.histograms.items()),
        "</div>",
    ]
    if made.differences:
        other = escape(made.other or "the other encoder")
        body += [f"<h2>Less {other}</h2>", _differences(made)]
    if made.parts:
        body += ["<h2>By part of the set</h2>", _parts(made)]
    if made.confusions:
        body += [
            "<h2>Concepts taken for another</h2>",
            '<p class="about">In first answers that are wrong: a concept of the right caption that '
            "the first one lacks, and one that it has instead.</p>",
            _confusions(made),
        ]
    for name in DIRECTIONS:
        own = [miss for miss in made.misses if miss.direction == name]
        if own and made.pairs:
            cards = "".join(_miss(miss, made, picture) for miss in own)
            body.append(
                f'<h2>{_NAMES[name]}: the worst misses</h2><div class="misses">{cards}</div>'
            )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _figures(figures: dict[str, object]) -> str:
    measures = (*(f"R@{k}" for k in CUTOFFS), "MRR", "mean_rank", "median_rank")
    sections = [("all_positives", "any positive")]
    if figures["several_positives"]:
        sections.append(("one_positive", "own row only, as published"))
    rows = []
    for direction, short in DIRECTIONS.items():
        for section, name in sections:
            own = figures[section]
            cells = []
            for measure in measures:
                form = ",.1f" if measure.endswith("rank") else ".3f"
                value, (low, high) = own[f"{direction}_{measure}"], own[f"{short}_{measure}_CI"]  # type: ignore[index]
                cells.append(f"{value:{form}}<small>{low:{form}} to {high:{form}}</small>")
            if figures["several_positives"]:
                rows.append([f"{_NAMES[direction]}<small>{name}</small>", *cells])
            else:
                rows.append([_NAMES[direction], *cells])
    return _table(["", *(measure.replace("_", " ") for measure in measures)], rows)


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
    caption = f"{_NAMES[name]}: rank of the best right answer, and how many queries"
    return (
        f'<figure><svg viewBox="0 0 500 {26 * len(bars) + 12}" role="img">'
        f"<title>{escape(caption)}</title>{''.join(parts)}</svg>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _differences(made: Report) -> str:
    rows = [
        [
            _NAMES[direction],
            escape(name.replace("_", " ")),
            "",
            f"{one.p_value:.4f}",
        ]
        for direction, measures in made.differences.items()
        for name, one in measures.items()
    ]
    return _table(["direction", "measure", "difference", "p"], rows)


def _parts(made: Report) -> str:
    rows = [
        [
            escape(f"{part.kind}: {part.name}"),
            f"{part.pairs:,}",
            *(f"{value:.3f}" for value in part.image_to_text.values()),
            *(f"{value:.3f}" for value in part.text_to_image.values()),
        ]
        for part in made.parts
    ]
    head = [f"{short} {name}" for short in DIRECTIONS.values() for name in SHOWN]
    return _table(["part", "pairs", *head], rows)


def _confusions(made: Report) -> str:
    rows = [
        [
            _NAMES[one.direction],
            escape(one.group),
            escape(one.wanted),
            escape(one.shown),
            f"{one.misses:,}",
        ]
        for one in made.confusions
    ]
    head = ["direction", "group", "right", "shown instead", "misses"]
    return _table(head, rows, kind="names")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """Cells are HTML already."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table class="{kind}"><tr>{top}</tr>{body}</table></div>'


def _miss(miss: Miss, made: Report, picture: Picture | None) -> str:
    asked = "picture" if miss.direction == "image_to_text" else "caption"
    return (
        f'<div class="miss"><h3>Row {miss.row:,}: right answer at rank {miss.rank:,.1f}</h3>'
        f'<div class="right"><h4>The {asked} asked for this pair</h4>'
        f"{_pair(miss.row, made, picture)}</div>"
        f'<div class="wrong"><h4>First came row {miss.first:,}</h4>'
        f"{_pair(miss.first, made, picture)}</div></div>"
    )


def _pair(row: int, made: Report, picture: Picture | None) -> str:
    pair = made.pairs[row]
    shown = ""
    if picture is not None:
        address, problem = picture(pair.image)
        shown = (
            f'<img src="{escape(address)}" alt="the image of row {row}">'
            if address
            else f'<div class="none">{escape(problem)}</div>'
        )
    return f"{shown}<p>{escape(pair.caption)}</p>"
