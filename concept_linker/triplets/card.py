"""The data set card, ``README.md``, of a data set of triplets for Hugging Face."""

from __future__ import annotations

import json
import re
from collections import Counter

from concept_linker.errors import InputError
from concept_linker.triplets.statistics import OTHERS, Statistics, one_line

__all__ = ["card"]

_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"),
)

_MAX_LICENCES = 100
#: Characters, and ``www.``, that have a meaning in Markdown or in its mathematics.
_SIGNS = re.compile(r"([\\`*_{}()\[\]<>!|~&:@$#=]|(?<=www)\.)", re.IGNORECASE)

_USE = """\
## Responsible use

- **Research only.** These triplets are made by a program and have errors. They are not for \
clinical use: not for diagnosis, treatment or any other decision about a patient.
- **No identification of persons.** Do not try to find out who is shown or described in a figure, \
and do not link these data with other data for that purpose.
- Each figure is under the licence of its article. Cite the article when you show its figure, and \
share only what that licence allows; `NC` forbids commercial use, `ND` changed copies.
- An article may have been corrected or retracted since it was retrieved.
- Images and captions are from the PMC Open Access Subset of the National Library of Medicine, \
which does not endorse this data set.
"""


def card(statistics: Statistics, *, title: str, data_file: str, licence: str | None = None) -> str:
    """Returns the card's text: YAML front matter, contents, and responsible use.

    Args:
        statistics: the counts of the data set.
        title: the data set's name.
        data_file: the name, or pattern, of the data files, relative to the card.
        licence: Hugging Face's id of the data set's licence; by default inferred from the records,
            and ``other`` if they differ.

    Raises:
        InputError: the input contains no valid record.
    """
    if not statistics.records:
        raise InputError("the input contains no valid record to describe")
    return "\n".join(
        [
            _front_matter(statistics, title, data_file, licence),
            f"# {_plain(title)}\n",
            "Figures of biomedical articles with their captions, and the UMLS concepts that the "
            "captions mention: image-text-concept triplets in the form of MedConcept-23M, made "
            "with concept_linker.\n",
            _counts(statistics),
            _filters(statistics),
            _licences(statistics),
            _USE,
        ]
    )


def _front_matter(statistics: Statistics, title: str, data_file: str, licence: str | None) -> str:
    licence = licence or _one_licence(statistics.licences)
    size = next((name for most, name in _SIZES if statistics.records < most), "10B<n<100B")
    lines = [
        "---",
        f"pretty_name: {_quoted(title)}",
        f"license: {_quoted(licence)}",
    ]
    if licence == "other":
        lines += [
            "license_name: per-article",
            "license_link: https://pmc.ncbi.nlm.nih.gov/about/copyright/",
        ]
    lines += [
        "language:",
        "- en",
        "task_categories:",
        "- zero-shot-image-classification",
        "- image-to-text",
        "- feature-extraction",
        "tags:",
        "- medical",
        "- biology",
        "- image-text-concept",
        "- umls",
        "size_categories:",
        f"- {size}",
        "configs:",
        "- config_name: default",
        "  data_files:",
        "  - split: train",
        f"    path: {_quoted(data_file)}",
        "---",
        "",
    ]
    return "\n".join(lines)


def _one_licence(licences: Counter[str]) -> str:
    """Hugging Face's id; PMC does not say which version of Creative Commons applies."""
    names = {name.upper().replace("-", " ") for name in licences}
    if names == {"CC0"}:
        return "cc0-1.0"
    if names and all(name.startswith("CC") for name in names):
        return "cc"
    return "other"


def _quoted(text: str) -> str:
    return json.dumps(one_line(text), ensure_ascii=False)  # JSON's strings are YAML's


def _plain(text: str) -> str:
    """A text from a file that Markdown shows literally."""
    return _SIGNS.sub(r"\\\1", one_line(text))


def _code(text: str) -> str:
    """A text from a file as inline code that nothing in it can end."""
    text = one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " * (len(fence) > 1)
    return f"{fence}{pad}{text}{pad}{fence}"


def _counts(statistics: Statistics) -> str:
    rows = [
        ("records", statistics.records),
        ("articles", statistics.articles),
        ("concept spans", statistics.spans),
        ("distinct concepts", len(statistics.concepts)),
        ("records without a span", statistics.spans_a_record[0]),
        ("spans after token 75", statistics.past_context),
    ]
    lines = ["## Counts\n", "| | |", "|---|---:|"]
    lines += [f"| {name} | {number:,} |" for name, number in rows]
    if statistics.groups:
        lines += ["\n| semantic group | spans |", "|---|---:|"]
        lines += [f"| {name} | {number:,} |" for name, number in statistics.groups.most_common()]
    return "\n".join(lines) + "\n"


def _filters(statistics: Statistics) -> str:
    lines = ["## How it was made\n"]
    for (version, kb, checksum, settings), records in statistics.linked_by.most_common():
        linker = f"concept_linker {_plain(version)}" if version else "unknown linker"
        sha256 = _plain(checksum) or "unknown"
        base = f", knowledge base {_plain(kb)} (SHA-256 {sha256})" if kb else ""
        lines.append(f"- {records:,} records: {linker}{base}")
        if settings:
            lines.append(f"  - settings and filters: {_code(settings)}")
    if not statistics.linked_by:
        lines.append("The records have no provenance.")
    if statistics.offsets["medconcept23m"]:
        number = statistics.offsets["medconcept23m"]
        lines.append(
            f"- Offsets of {number:,} records do not index `caption` but the text of "
            "MedConcept-23M; `concept-linker records repair` makes them exact."
        )
    else:
        lines.append("- `start_char` and `end_char` index `caption`, in Unicode code points.")
    return "\n".join(lines) + "\n"


def _licences(statistics: Statistics) -> str:
    lines = ["## Licences\n", "| licence of the article | records |", "|---|---:|"]
    named = [row for row in statistics.licences.most_common() if row[0] != OTHERS]
    most = named[:_MAX_LICENCES]
    lines += [f"| {_plain(name)} | {number:,} |" for name, number in most]
    if others := statistics.licences.total() - sum(number for _, number in most):
        lines.append(f"| {OTHERS} | {others:,} |")
    missing = statistics.records - sum(statistics.licences.values())
    if missing:
        lines.append(f"| unknown | {missing:,} |")
    return "\n".join(lines) + "\n"
