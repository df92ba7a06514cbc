"""The report as one HTML page: nothing is fetched, and texts of corpora are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import isnan
from pathlib import Path

from concept_linker._version import __version__
from concept_linker.evaluation.error_analysis import Mistake, Mistakes
from concept_linker.evaluation.ranks import TIE_RULES
from concept_linker.evaluation.report import Report
from concept_linker.evaluation.results import KS, EndToEndResult, GoldMentionResult
from concept_linker.files import write_text
from concept_linker.reporting.charts import Bar, Series, bar_chart, line_chart
from concept_linker.reporting.intervals import Interval, PairedTest
from concept_linker.reporting.numbers import format_figure

__all__ = ["page", "write_page"]

_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e4e8ee);
  --paper: light-dark(#ffffff, #14181f); --faint: light-dark(#d9dee6, #333b47);
  --quiet: light-dark(#5a6675, #9aa6b5); --mark: light-dark(#ffe9a8, #5c4a10);
  --c0: light-dark(#0b62c4, #6cb2ff); --c1: light-dark(#c2410c, #ff9d6c);
  --c2: light-dark(#15803d, #6fd08c); --c3: light-dark(#7e22ce, #c79bff);
  --c4: light-dark(#0e7490, #67d5e8); --c5: light-dark(#a21caf, #f08bff); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
p.about { color: var(--quiet); }
table { border-collapse: collapse; margin: .6rem 0 1.2rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .7rem; border-bottom: 1px solid var(--faint);
  vertical-align: top; }
th:first-child, td:first-child, td.text { text-align: left; }
td.text { overflow-wrap: anywhere; } td small { color: var(--quiet); white-space: nowrap; }
.scroll { overflow-x: auto; } mark { background: var(--mark); color: inherit; }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem; }
figure { margin: 0; flex: 1 1 22rem; max-width: 28rem; } figure.wide { max-width: 46rem; }
figcaption { font-size: .85rem; color: var(--quiet); }
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

_TIES = (
    "Of equal scores the right concept comes last (strict), in any order (sampled: the "
    "expectation), first (lenient), or as the system gives them (listed). A composite mention is "
    "right with any of its concepts; mentions without an id are left out. 95 % bootstrap intervals "
    "over documents."
)
_MEASURES = (
    "neleval's measures: strict wants equal start and end; partial counts the share of "
    "characters that overlap; document counts the set of a document's concepts."
)


def write_page(report: Report, path: Path) -> None:
    """Writes the page; a file that is there is replaced."""
    write_text(path, page(report))


def page(report: Report) -> str:
    """The whole page."""
    systems = [result.system for result in report.gold_mentions or report.end_to_end]
    title = escape(f"{report.corpus}: linking accuracy of {', '.join(systems[:1])}")
    about = (
        f"{report.documents:,} documents, {report.mentions:,} gold mentions"
        + (f", {report.bad:,} bad rows left out" if report.bad else "")
        + (f"; training corpus {report.train}" if report.train else "")
        + (f". Beside {systems[0]}: {', '.join(systems[1:])}" if systems[1:] else "")
        + f". Base {report.base_name}, {report.concepts:,} concepts. "
        f"concept_linker {__version__}, {report.options.resamples:,} resamples, "
        f"seed {report.options.seed}. For research only."
    )
    body = [f"<h1>{title}</h1>", f'<p class="about">{escape(about)}</p>']
    if report.gold_mentions:
        body += _gold(report.gold_mentions, report.tests.get("gold_mentions", {}))
    if report.end_to_end:
        body += _end_to_end(report.end_to_end, report.tests.get("end_to_end", {}))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _gold(results: Sequence[GoldMentionResult], tests: dict[str, PairedTest]) -> list[str]:
    own = results[0]
    body = [
        "<h2>Mentions given</h2>",
        f'<p class="about">{own.mentions:,} mentions with an id, of which the base has '
        f"{own.in_base:,} ({own.in_base / max(own.mentions, 1):.1%}); {own.without_id:,} without. "
        f"{escape(_TIES)}</p>",
    ]
    parts = (
        ("over all mentions", "recall_at"),
        ("over mentions whose concept is in the base", "recall_at_in_base"),
    )
    for title, attribute in parts:
        rows = [
            [result.system, rule, *(_interval(getattr(result, attribute)[rule][k]) for k in KS)]
            for result in results
            for rule in TIE_RULES
        ]
        body.append(f"<h3>Recall {title}</h3>")
        body.append(_table(["system", "ties", *(f"R@{k}" for k in KS)], rows))
    body += _tests(own.system, "R@1, strict ties", tests)
    decisions = [
        [
            result.system,
            f"{result.linked:,}",
            _interval(result.precision),
            _interval(result.candidate_recall),
            f"{result.calibration.error:.3f}" if result.calibration else "",
            f"{result.seconds:.1f}",
        ]
        for result in results
    ]
    head = ["system", "linked", "right of those", "candidate recall", "calibration error", "s"]
    body.append("<h3>Linked at the default threshold</h3>" + _table(head, decisions))
    firsts = [(result.system, result.recall_at["strict"][1]) for result in results]
    bars = [Bar(name, i.value, i.low, i.high) for name, i in firsts if not isnan(i.value)]
    body.append(bar_chart("R@1 over all mentions, strict ties", bars))
    rows = [
        [
            part.kind,
            part.name,
            f"{part.mentions:,}",
            f"{part.in_base:.3f}",
            f"{part.recall_at_1:.3f}",
            f"{part.recall_at_30:.3f}",
        ]
        for part in own.subgroups
    ]
    head = ["parts", "name", "mentions", "in the base", "R@1", "R@30"]
    body.append(f"<h3>Parts, {escape(own.system)}, strict ties</h3>" + _table(head, rows))
    body.append(_charts(results))
    body += _mistakes(own.system, own.mistakes)
    return body


def _end_to_end(results: Sequence[EndToEndResult], tests: dict[str, PairedTest]) -> list[str]:
    rows = [
        [measure, result.system, *(_interval(i) for i in (prf.precision, prf.recall, prf.f1))]
        for measure in results[0].measures
        for result in (results[:1] if measure.endswith("mention") else results)
        for prf in [result.measures[measure]]
    ]
    own = results[0]
    body = [
        "<h2>End to end</h2>",
        f'<p class="about">{own.found:,} mentions found, {own.linked:,} linked. '
        f"{escape(_MEASURES)} The others link the mentions that {escape(own.system)} finds.</p>",
        _table(["measure", "system", "precision", "recall", "F1"], rows),
    ]
    body += _tests(own.system, "F1 of strict concepts", tests)
    groups = [
        [
            group.name,
            *(f"{count:,}" for count in (group.mentions, group.found, group.right)),
            format_figure(group.accuracy),
        ]
        for group in own.groups
    ]
    head = ["semantic group", "mentions", "found", "right", "right of found"]
    body.append(f"<h3>Semantic groups, {escape(own.system)}</h3>" + _table(head, groups))
    body.append(_charts(results))
    body += _mistakes(own.system, own.mistakes)
    return body


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
    own = results[0].thresholds
    by_threshold = [
        Series("precision", [(p.threshold, p.precision) for p in own if p.linked]),
        Series("recall", [(p.threshold, p.recall) for p in own if p.linked]),
    ]
    return (
        '<div class="charts">'
        + line_chart(
            "Calibration: share right by score in 15 bins (larger: more mentions), and its error.",
            "mean score",
            "share right",
            calibrated,
            diagonal=True,
        )
        + line_chart("Precision and recall by threshold.", "recall", "precision", curves)
        + line_chart(
            f"{results[0].system}: what a threshold on the score buys.",
            "threshold",
            "share",
            by_threshold,
        )
        + "</div>"
    )


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts]


def _tests(system: str, measure: str, tests: dict[str, PairedTest]) -> list[str]:
    if not tests:
        return []
    rows = [
        [name, _interval(test.difference, signed=True), format_figure(test.p_value, ".4f")]
        for name, test in tests.items()
    ]
    title = f"{system} less the others: {measure}"
    return [
        f"<h3>{escape(title)}</h3>",
        _table(["other", "difference", "p (approximate randomisation)"], rows),
    ]


def _mistakes(system: str, mistakes: Mistakes) -> list[str]:
    total = sum(mistakes.counts.values()) or 1
    counts = [
        [kind, f"{count:,}", f"{count / total:.1%}"] for kind, count in mistakes.counts.items()
    ]
    body = [
        f"<h3>What goes wrong, {escape(system)}</h3>",
        _table(["kind", "mentions", "share"], counts),
    ]
    for kind in mistakes.counts:
        examples = [one for one in mistakes.examples if one.kind == kind]
        if examples:
            body.append(
                f"<details><summary>{escape(kind)}: the most frequent strings</summary>"
                f"{_examples(examples)}</details>"
            )
    return body


def _examples(examples: Iterable[Mistake]) -> str:
    rows = "".join(
        f'<tr><td class="text">{escape(one.before)}<mark>{escape(one.mention)}</mark>'
        f'{escape(one.after)}</td><td class="text">{escape(" ".join(one.gold))}</td>'
        f'<td class="text">{escape(one.given)}</td><td>{one.score:.2f}</td></tr>'
        for one in examples
    )
    return (
        '<div class="scroll"><table><tr><th>text</th><th>gold</th><th>given</th><th>score</th></tr>'
        f"{rows}</table></div>"
    )


def _interval(interval: Interval, *, signed: bool = False) -> str:
    """A value with its interval, blank where there is none."""
    if isnan(interval.value):
        return ""
    form = "+.3f" if signed else ".3f"
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def _cell(cell: str) -> str:
    """An interval in brackets behind its value is set small."""
    value, bracket, rest = escape(cell).partition(" (")
    return f"{value} <small>({rest}</small>" if bracket else value
