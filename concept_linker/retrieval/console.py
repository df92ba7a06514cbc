"""The report as lines of text, for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from concept_linker.retrieval.measures import CUTOFFS
from concept_linker.retrieval.parts import SHOWN
from concept_linker.retrieval.report import Report
from concept_linker.retrieval.scoring import DIRECTIONS

__all__ = ["published_table", "table"]

_NAMES = {"image_to_text": "image to text", "text_to_image": "text to image"}
_MEASURES = (*(f"R@{k}" for k in CUTOFFS), "MRR", "mean_rank", "median_rank")
_CONFUSIONS = 8


def table(made: Report) -> str:
    """The figures, without the misses."""
    return "\n".join(_lines(made))


def published_table(figures: Mapping[str, Any], note: str, encoder: str = "") -> str:
    """The figures of the published protocol, marked as such; of an encoder, if it has a name."""
    of = f" of {encoder}" if encoder else ""
    lines = [f"Published protocol{of}: {note}.", "", *_section("", figures)]
    return "\n".join(lines)


def _lines(made: Report) -> Iterator[str]:
    figures = made.figures
    if made.encoder:
        yield f"Encoder {made.encoder}{f', beside {made.other}' if made.other else ''}."
    yield (
        f"{figures['rows']:,} pairs of {figures['dimensions']:,} dimensions. 95 % intervals from "
        f"{figures['resamples']:,} draws of {figures['units']:,} units."
    )
    for side in ("images", "texts"):
        if figures[f"zero_{side}"]:
            yield f"{figures[f'zero_{side}']:,} {side} are rows of zeros: as near to everything."
    yield ""
    if figures["several_positives"]:
        yield from _section("any right answer", figures["all_positives"])
        yield ""
        yield from _section("own row only", figures["one_positive"])
    else:
        yield from _section("", figures["all_positives"])
    bounds = figures["bounds"]
    if bounds["optimistic"] != bounds["pessimistic"]:
        yield ""
        yield from _bounds(bounds["optimistic"], bounds["pessimistic"])
    yield from _differences(made)
    yield from _parts(made)
    for direction in DIRECTIONS:
        some = [one for one in made.confusions if one.direction == direction][:_CONFUSIONS]
        if some:
            yield ""
            yield f"{_NAMES[direction]}, wrong first answers: right concept → shown instead"
            for one in some:
                yield f"  {one.misses:>5,} × {one.group:5} {one.wanted} → {one.shown}"


def _section(title: str, figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"{title:18}" + "".join(f"{name:^36}" for name in _NAMES.values()).rstrip()
    for measure in _MEASURES:
        if f"image_to_text_{measure}" not in figures:
            continue
        form = "10,.1f" if measure.endswith("rank") else "10.4f"
        cells = []
        for direction, short in DIRECTIONS.items():
            cell = f"{figures[f'{direction}_{measure}']:{form}}"
            interval = figures.get(f"{short}_{measure}_CI")
            if interval:
                low, high = (f"{end:{form[2:]}}" for end in interval)
                cell += f"  ({low} to {high})"
            cells.append(f"{cell:36}")
        yield f"{measure.replace('_', ' '):18}" + "".join(cells).rstrip()


def _bounds(best: Mapping[str, Any], worst: Mapping[str, Any]) -> Iterator[str]:
    yield "all ties for the encoder, and all against it"
    for measure in _MEASURES:
        form = "10,.1f" if measure.endswith("rank") else "10.4f"
        cells = (
            f"{best[f'{name}_{measure}']:{form}}   {worst[f'{name}_{measure}']:{form[2:]}}"
            for name in DIRECTIONS
        )
        yield f"{measure.replace('_', ' '):18}" + "".join(f"{cell:36}" for cell in cells).rstrip()


def _differences(made: Report) -> Iterator[str]:
    for direction, differences in made.differences.items():
        yield ""
        yield f"{_NAMES[direction]}, less {made.other or 'the other encoder'}"
        for name, one in differences.items():
            low, high = one.difference.low, one.difference.high
            shown = f"{one.difference.value:+.4f} ({low:+.4f} to {high:+.4f})"
            yield f"  {name.replace('_', ' '):16}{shown:36}p = {one.p_value:.4f}"


def _parts(made: Report) -> Iterator[str]:
    if not made.parts:
        return
    head = "".join(f"{name:>8}" for name in SHOWN)
    yield ""
    yield f"{'':32}{'':8}{'image to text':>24}  {'text to image':>24}"
    yield f"{'part':32}{'pairs':>8}{head}  {head}"
    for part in made.parts:
        sides = (part.image_to_text, part.text_to_image)
        cells = "  ".join("".join(f"{value:8.3f}" for value in side.values()) for side in sides)
        yield f"{part.kind + ': ' + part.name:32.32}{part.pairs:>8,}{cells}"
