"""Linking accuracy on the development sets, compared with exact match and scispaCy's method.

    python benchmarks/accuracy.py --work FOLDER [--only CORPUS …]

Mentions given: MedMentions full and its subset ST21pv with a closed base; BC5CDR and NCBI Disease
with MeSH and the names of their training sets.  End to end: MedMentions, and figure captions of
CRAFT with the open base.  What the figures mean is in ``docs/evaluation.md``.  The bases are built
once and kept in FOLDER.  Training data is each corpus's TRAIN; DEV is only measured.

The two baselines were measured elsewhere before, on plain lower-cased strings and scikit-learn's
TF-IDF: ``PUBLISHED``.  They differ from those here by what normalisation finds equal.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import data_folder, save

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.corpora import read_corpus
from concept_linker.errors import KnowledgeBaseError
from concept_linker.evaluation.report import Report, evaluate
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.readers import read_source
from concept_linker.training import train


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        name: what it is called.
        corpus: the development set, in the data folder.
        train: the training set.
        base: the name of the base.
        subset: a flag that gold mentions must have.
        end_to_end: measure that too.
        floor: the R@1 that must be reached.
        recall: the recall at 30 that must be reached.
    """

    name: str
    corpus: str
    train: str
    base: str
    subset: str = ""
    end_to_end: bool = False
    floor: float | None = None
    recall: float | None = None


_DEV, _TRAIN = "medmentions/full_dev.jsonl.gz", "medmentions/full_train.jsonl.gz"
ROWS = (
    Row("MedMentions full", _DEV, _TRAIN, "medmentions", "", True, 0.64, 0.78),
    Row("MedMentions ST21pv", _DEV, _TRAIN, "medmentions", "st21pv", False, 0.60),
    Row("BC5CDR", "bc5cdr/dev.pubtator.txt.gz", "bc5cdr/train.pubtator.txt.gz", "bc5cdr", "",
        True, 0.90, 0.94),
    Row("NCBI Disease", "ncbi_disease/dev.pubtator.txt.gz", "ncbi_disease/train.pubtator.txt.gz",
        "ncbi_disease", "", True, 0.85, 0.88),
    Row("CRAFT captions", "craft_captions/dev.jsonl.gz", "craft_captions/train.jsonl.gz", "default",
        "", True),
)  # fmt: skip

#: Row → R@1 of exact match; of scispaCy's method with ties by id, and lenient.
PUBLISHED = {
    "MedMentions full": (0.513, 0.416, 0.651),
    "MedMentions ST21pv": (0.463, 0.430, 0.608),
    "BC5CDR": (0.794, 0.831, 0.841),
    "NCBI Disease": (0.686, 0.794, 0.806),
}


def base_for(row: Row, work: Path) -> KnowledgeBase:
    """The base of a row, built where it is missing or of another format."""
    if row.base == "default":
        return KnowledgeBase.open("default")
    folder = work / row.base
    try:
        return KnowledgeBase.open(folder)
    except KnowledgeBaseError:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"building {folder}", file=sys.stderr)
    if row.base == "medmentions":
        build_knowledge_base(
            [read_source("jsonl", data_folder() / "vocab/medmentions_kb.jsonl.gz")], folder
        )
    else:
        return train(data_folder() / row.train, folder, kb=mesh(work))
    return KnowledgeBase.open(folder)


def mesh(work: Path) -> KnowledgeBase:
    """The base of MeSH alone."""
    folder = work / "mesh"
    if not folder.is_dir():
        build_knowledge_base(
            [read_source("jsonl", data_folder() / "vocab/mesh_kb.jsonl.gz")], folder
        )
    return KnowledgeBase.open(folder)


def linker_for(kb: KnowledgeBase) -> ConceptLinker:
    """The linker that is measured."""
    return ConceptLinker.load(kb, k=30, detector="hybrid")


def measure(row: Row, work: Path) -> Report:
    """All figures of a row."""
    corpus = read_corpus(data_folder() / row.corpus)
    if row.subset:
        corpus = corpus.subset(row.subset)
    kb = base_for(row, work)
    train = read_corpus(data_folder() / row.train)
    return evaluate(corpus, linker_for(kb), train=train, end_to_end=row.end_to_end)


def table(head: Iterable[str], rows: list[list[str]]) -> None:
    """Prints columns, the first to the left."""
    cells = [list(head), *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        first = row[0].ljust(widths[0])
        print("  ".join([first, *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]))
    print()


def show_gold(reports: dict[str, Report]) -> None:
    """The table of mentions given: strict ties, over all mentions with an id."""
    rows = []
    for row in ROWS:
        if row.name not in reports:
            continue
        own, exact, nearest = reports[row.name].gold_mentions
        published = PUBLISHED.get(row.name)
        first = own.recall_at["strict"][1]
        rows.append(
            [
                row.name,
                f"{own.in_base / own.mentions:.3f}",
                f"{exact.recall_at['strict'][1].value:.3f}",
                f"{nearest.recall_at['listed'][1].value:.3f}; "
                f"{nearest.recall_at['lenient'][1].value:.3f}",
                "{}; {}; {}".format(*published) if published else "",
                f"{first.value:.3f} ({first.low:.3f} to {first.high:.3f})",
                f"{row.floor:.2f}" if row.floor else "",
                f"{own.recall_at['strict'][30].value:.3f}",
                f"{row.recall:.2f}" if row.recall else "",
                f"{nearest.recall_at['strict'][30].value:.3f}",
                f"{own.precision.value:.3f} of {own.linked / own.mentions:.2f}",
                f"{own.calibration.error:.3f}" if own.calibration else "",
            ]
        )
    print(
        "Mentions given; R@1 over all mentions with an id, strict ties (scispaCy's: by id; lenient)"
    )
    table(
        ["", "ceiling", "exact", "scispaCy's", "published", "ours", "wanted", "R@30", "wanted",
         "scispaCy's", "precision", "ECE"],
        rows,
    )  # fmt: skip


def show_end_to_end(reports: dict[str, Report]) -> None:
    """F1 of finding and linking."""
    rows = []
    measures: list[str] = []
    for name, report in reports.items():
        for result in report.end_to_end:
            measures = list(result.measures)
            figures = [f"{prf.f1.value:.3f}" for prf in result.measures.values()]
            rows.append([f"{name}: {result.system}", *figures, f"{result.seconds:.1f}"])
    print("End to end, F1")
    table(["", *measures, "s"], rows)


def show_craft(report: Report) -> None:
    """Accuracy of concepts on matched mentions, by ontology."""
    rows = [
        [group.name, *(f"{n:,}" for n in (group.mentions, group.found, group.right)),
         f"{group.right / max(group.found, 1):.3f}"]
        for group in report.end_to_end[0].groups
    ]  # fmt: skip
    print("CRAFT captions by ontology, end to end with the open base")
    table(["", "mentions", "found", "right", "right of found"], rows)


def shortened(report: Report) -> dict[str, Any]:
    """The figures without examples of texts and curves of the baselines."""
    figures = report.to_dict()
    figures["base"]["path"] = Path(figures["base"]["path"]).name
    for task in ("gold_mentions", "end_to_end"):
        for number, result in enumerate(figures[task]):
            del result["errors"]["examples"]
            if number:
                del result["thresholds"]
    return figures


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="where bases are kept")
    parser.add_argument("--only", nargs="+", help="parts of rows' names")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    chosen = [
        row
        for row in ROWS
        if not options.only or any(part.lower() in row.name.lower() for part in options.only)
    ]
    reports: dict[str, Report] = {}
    for row in chosen:
        print(row.name, file=sys.stderr)
        reports[row.name] = measure(row, options.work)
    show_gold(reports)
    show_end_to_end(reports)
    if "CRAFT captions" in reports:
        show_craft(reports["CRAFT captions"])
    if not options.only:
        figures = {name: shortened(report) for name, report in reports.items()}
        save("accuracy", "python benchmarks/accuracy.py --work FOLDER", figures)


if __name__ == "__main__":
    main()
