"""The report as one self-contained HTML page; texts of corpora are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import isnan
from pathlib import Path

from concept_linker._version import __version__
from concept_linker.evaluation.error_analysis import ErrorAnalysis, LinkingError
from concept_linker.evaluation.report import Report, Section
from concept_linker.evaluation.results import EndToEndResult, GoldMentionResult
from concept_linker.files import write_text
from concept_linker.reporting import html
from concept_linker.reporting.charts import CHART_STYLE, Bar, Series, bar_chart, line_chart
from concept_linker.reporting.tables import html_table

__all__ = ["STYLE", "page", "write_page"]

STYLE = (
    html.STYLE
    + CHART_STYLE
    + """
body { max-width: 62rem; } :root { --mark: light-dark(#ffe9a8, #5c4a10); }
mark { background: var(--mark); color: inherit; }
figure { margin: 0; flex: 1 1 22rem; max-width: 28rem; } figure.wide { max-width: 46rem; }
"""
)

_TIES = (
    "Among candidates with equal scores, the right concept counts as last (strict), in random "
    "order (sampled: the expectation), first (lenient), or as the system orders them (listed). A "
    "composite mention is right with any of its concepts. 95 % bootstrap intervals over documents."
)
_MEASURES = (
    "Measures of neleval: strict requires equal start and end; partial counts the share of "
    "characters that overlap; document compares the sets of concepts of each document."
)


def write_page(report: Report, path: Path) -> None:
    """Writes the page; an existing file is replaced."""
    write_text(path, page(report))


def page(report: Report) -> str:
    """Returns the page."""
    systems = [result.system for result in report.gold_mentions or report.end_to_end]
    title = f"{report.corpus}: linking accuracy of {', '.join(systems[:1])}"
    others = f" Compared with: {', '.join(systems[1:])}." if systems[1:] else ""
    about = (
        f"{report.summary()}.{others} concept_linker {__version__}, {report.resamples:,} "
        f"resamples, seed {report.seed}. For research only."
    )
    body = [f"<h1>{escape(title)}</h1>", f'<p class="about">{escape(about)}</p>']
    sections = iter(report.sections())
    if report.gold_mentions:
        body += _section(next(sections), _TIES, report.gold_mentions)
        body.append(_first_candidates(report.gold_mentions))
    if report.end_to_end:
        body += _section(next(sections), _MEASURES, report.end_to_end)
    return html.html_page(title, STYLE, body)


def _section(
    section: Section, note: str, results: Sequence[GoldMentionResult] | Sequence[EndToEndResult]
) -> Iterator[str]:
    yield f"<h2>{escape(section.title)}</h2>"
    yield f'<p class="about">{escape(f"{section.text} {note}")}</p>'
    yield from map(html_table, section.tables)
    yield from _examples(results[0].errors)
    yield _charts(results)


def _first_candidates(results: Iterable[GoldMentionResult]) -> str:
    firsts = [(result.system, result.recall_at["strict"][1]) for result in results]
    bars = [Bar(name, i.value, i.low, i.high) for name, i in firsts if not isnan(i.value)]
    return bar_chart("R@1 over all mentions, strict ties", bars)


def _charts(results: Sequence[GoldMentionResult] | Sequence[EndToEndResult]) -> str:
    calibrated = [
        Series(
            f"{result.system}, error {result.calibration.error:.3f}",
            [(bin.score, bin.right) for bin in result.calibration.bins],
            _shares([bin.count for bin in result.calibration.bins]),
        )
        for result in results
        if result.calibration
    ]
    curves = [
        Series(result.system, [(p.recall, p.precision) for p in result.thresholds if p.linked])
        for result in results
    ]
    points = [point for point in results[0].thresholds if point.linked]
    by_threshold = [
        Series("precision", [(point.threshold, point.precision) for point in points]),
        Series("recall", [(point.threshold, point.recall) for point in points]),
    ]
    return (
        '<div class="charts">'
        + line_chart(
            "Calibration: share right by score in 15 bins (larger dots: more mentions).",
            "mean score",
            "share right",
            calibrated,
            diagonal=True,
        )
        + line_chart("Precision and recall by threshold.", "recall", "precision", curves)
        + line_chart(
            f"{results[0].system}: precision and recall for each threshold on the score.",
            "threshold",
            "share",
            by_threshold,
        )
        + "</div>"
    )


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts]


def _examples(errors: ErrorAnalysis) -> Iterator[str]:
    for kind in errors.counts:
        examples = [one for one in errors.examples if one.kind == kind]
        if examples:
            rows = "".join(map(_example, examples))
            yield (
                f"<details><summary>{escape(kind)}: the most frequent strings</summary>"
                '<div class="scroll"><table><tr><th class="text">text</th><th class="text">gold'
                '</th><th class="text">given</th><th>score</th></tr>'
                f"{rows}</table></div></details>"
            )


def _example(one: LinkingError) -> str:
    return (
        f'<tr><td class="text">{escape(one.before)}<mark>{escape(one.mention)}</mark>'
        f'{escape(one.after)}</td><td class="text">{escape(" ".join(one.gold))}</td>'
        f'<td class="text">{escape(one.given)}</td><td>{one.score:.2f}</td></tr>'
    )
