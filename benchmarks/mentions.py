"""Finding mentions: how many are found, how many are right, and how fast, for each detector.

    python benchmarks/mentions.py [--detectors dictionary ner hybrid en_core_sci_sm …]

One row a detector, without ``--detectors`` all of ours and every installed spaCy model:

*   MedMentions full, dev: strict spans, the detector alone; recall of ST21pv mentions.
*   CRAFT captions, dev: gold mentions overlapped by a mention (recall), mentions that overlap
    a gold one (precision); of a discontinuous mention any part counts.
*   A hundred ROCO captions read by hand (``tests/data/captions_gold.jsonl``): strict and overlap.
*   ROCO, 5,898 captions: end to end with linking on one core, median of 3 with empty caches, and
    the share of each stage.

On captions noise is left out (``detection/noise.py``).  Below the table: abbreviations and
negation, which no detector has a part in.  What the linker does not call yet is timed apart and
added.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from machine import data_folder, save

ROOT = Path(__file__).resolve().parents[1]
GOLD = ROOT / "tests/data/captions_gold.jsonl"
OURS = ("dictionary", "ner", "hybrid")
RUNS = 3
# What is in the linker's own namespace once it calls it: stage and function.
STAGES = {
    "abbreviations": "find_abbreviations",
    "noise": "without_noise",
    "negation": "negated",
}
Spans = set[tuple[int, int]]


def rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSONL file, packed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open() as lines:
        return [json.loads(line) for line in lines]


def scores(right: int, gold: int, found: int, right_found: int | None = None) -> dict[str, float]:
    """Precision, recall and F1; ``right_found`` where more found ones may share a gold one."""
    recall = right / gold if gold else 0.0
    precision = (right if right_found is None else right_found) / found if found else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def overlap(gold: Iterable[list[tuple[int, int]]], found: Spans) -> tuple[int, int]:
    """How many gold mentions are touched, and how many found ones touch."""
    parts = list(gold)
    touched = sum(any(a < d and c < b for a, b in part for c, d in found) for part in parts)
    touching = sum(any(a < d and c < b for part in parts for a, b in part) for c, d in found)
    return touched, touching


def medmentions(detect: Callable[[list[str]], list[Spans]]) -> dict[str, Any]:
    """Strict spans on the dev split."""
    documents = rows(data_folder() / "medmentions/full_dev.jsonl.gz")
    counts: Counter[str] = Counter()
    for document, found in zip(documents, detect([d["text"] for d in documents]), strict=True):
        gold = {(m["start"], m["end"]): m["st21pv"] for m in document["mentions"]}
        counts["gold"] += len(gold)
        counts["found"] += len(found)
        counts["right"] += len(found & gold.keys())
        counts["st21pv"] += sum(gold.values())
        counts["st21pv right"] += sum(narrow and span in found for span, narrow in gold.items())
    strict = scores(counts["right"], counts["gold"], counts["found"])
    return {**strict, "st21pv_recall": round(counts["st21pv right"] / counts["st21pv"], 4)}


def craft(detect: Callable[[list[str]], list[Spans]]) -> dict[str, float]:
    """Overlap on the captions of the dev split."""
    figures = rows(data_folder() / "craft_captions/dev.jsonl.gz")
    gold = [[[tuple(s) for s in m["spans"]] for m in figure["mentions"]] for figure in figures]
    return overlap_scores(gold, detect([figure["caption"] for figure in figures]))


def overlap_scores(gold: list[list[list[tuple[int, int]]]], found: list[Spans]) -> dict[str, float]:
    """Precision, recall and F1 where touching is enough."""
    pairs = [overlap(some, spans) for some, spans in zip(gold, found, strict=True)]
    touched, touching = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    return scores(touched, sum(map(len, gold)), sum(map(len, found)), touching)


def hundred(captions: dict[str, str], detect: Callable[[list[str]], list[Spans]]) -> dict[str, Any]:
    """Strict and overlap on the captions read by hand."""
    read = rows(GOLD)
    gold = [[(m["start"], m["end"]) for m in row["mentions"]] for row in read]
    found = detect([captions[row["roco_id"]] for row in read])
    right = sum(len(set(some) & spans) for some, spans in zip(gold, found, strict=True))
    return {
        "strict": scores(right, sum(map(len, gold)), sum(map(len, found))),
        "overlap": overlap_scores([[[span] for span in some] for some in gold], found),
    }


def rules(captions: dict[str, str]) -> dict[str, Any]:
    """Abbreviations and negation on the captions and phrases read by hand."""
    from concept_linker.detection.abbreviations import find_abbreviations
    from concept_linker.detection.negation import negated

    read = rows(GOLD)
    counts: Counter[str] = Counter()
    for row in read:
        gold = {(a["short"], a["long_start"], a["long_end"]) for a in row["abbreviations"]}
        found = {
            (a.short, a.long_start, a.long_end)
            for a in find_abbreviations(captions[row["roco_id"]])
        }
        counts += Counter(gold=len(gold), found=len(found), right=len(gold & found))
        spans = [(m["start"], m["end"]) for m in row["mentions"]]
        answers = negated(captions[row["roco_id"]], spans)
        counts["mentions"] += len(spans)
        counts["answers right"] += sum(
            m["negated"] == answer for m, answer in zip(row["mentions"], answers, strict=True)
        )
    return {
        "abbreviations": scores(counts["right"], counts["gold"], counts["found"]),
        "negation accuracy": round(counts["answers right"] / counts["mentions"], 4),
        "mentions": counts["mentions"],
        "negated": sum(m["negated"] for row in read for m in row["mentions"]),
        "abbreviations in gold": counts["gold"],
    }


class Clock:
    """Adds up the time spent in functions, by stage."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time counted."""

        def call(*args: Any, **options: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.spent[stage] += time.perf_counter() - begin

        return call


class TimedDetector:
    """A detector whose time is counted."""

    def __init__(self, detector: Any, clock: Clock) -> None:
        self._detector, self._clock = detector, clock

    def detect(self, texts: Sequence[str]) -> Any:
        """See ``MentionDetector``."""
        from concept_linker.detection.detector import Detected

        detected = self._clock.timed("detection", self._detector.detect)(texts)
        return Detected(
            self._clock.timed("detection", lambda: detected.spans),
            self._clock.timed("detection", detected.groups),
        )


def inside(name: str, clock: Clock) -> None:
    """Counts what our own networks do inside their detection."""
    if name in {"ner", "hybrid"}:
        from concept_linker.detection.gazetteer import Gazetteer
        from concept_linker.detection.ner.network import Network

        Gazetteer.find = clock.timed("dictionary", Gazetteer.find)  # type: ignore[method-assign]
        Network.scores = clock.timed("NER network", Network.scores)  # type: ignore[method-assign]


def speed(name: str, kb: Any, captions: list[str]) -> dict[str, Any]:
    """Captions a second end to end, and the share of each stage."""
    import concept_linker.passage_linker as linker_module
    from concept_linker import ConceptLinker
    from concept_linker.detection import abbreviations, negation, noise
    from concept_linker.detection.registry import open_detector

    clock = Clock()
    inside(name, clock)
    homes = (abbreviations, noise, negation)
    functions = {
        stage: clock.timed(stage, getattr(home, function))
        for home, (stage, function) in zip(homes, STAGES.items(), strict=True)
    }
    linked = {s: f for s, f in STAGES.items() if hasattr(linker_module, f)}
    for stage, function in linked.items():
        setattr(linker_module, function, functions[stage])
    list(ConceptLinker.load(kb, detector=open_detector(name, kb)).link_many(captions[:300]))
    runs = []
    for _ in range(RUNS):
        detector = TimedDetector(open_detector(name, kb), clock)
        linker = ConceptLinker.load(kb, detector=detector)
        for owner, method, stage in (
            (kb, "nearest", "candidates"),
            (linker.ranker, "rank_many", "ranking"),
        ):
            setattr(owner, method, clock.timed(stage, getattr(owner, method)))
        clock.spent.clear()
        begin = time.perf_counter()
        annotations = list(linker.link_many(captions))
        for stage in STAGES.keys() - linked.keys():
            for annotation in annotations:
                spans = [(mention.start, mention.end) for mention in annotation]
                functions[stage](annotation.text, *([] if stage == "abbreviations" else [spans]))
        total = time.perf_counter() - begin
        del kb.rows.nearest
        runs.append((len(captions) / total, shares(name, clock.spent, total)))
    rate, parts = sorted(runs, key=lambda run: run[0])[RUNS // 2]
    return {
        "captions_per_s": round(rate),
        "spread": [round(min(r for r, _ in runs)), round(max(r for r, _ in runs))],
        "shares": parts,
        "timed_apart": sorted(STAGES.keys() - linked.keys()),
    }


def shares(name: str, spent: Counter[str], total: float) -> dict[str, float]:
    """Seconds by stage as shares, each counted once."""
    parts = dict(spent)
    detection = parts.pop("detection")
    if name in {"ner", "hybrid"}:
        parts["decoding"] = detection - parts["dictionary"] - parts["NER network"]
    else:
        parts["dictionary" if name == "dictionary" else "spaCy"] = detection
    parts["ranking"] -= parts["candidates"]  # which are looked up in it
    parts["the rest"] = total - sum(parts.values())
    order = ("dictionary", "NER network", "spaCy", "decoding", *STAGES)
    return {
        stage: round(parts[stage] / total, 3)
        for stage in (*order, "candidates", "ranking", "the rest")
        if stage in parts
    }


def measure(name: str) -> dict[str, Any]:
    """All figures of one detector."""
    from concept_linker import KnowledgeBase
    from concept_linker.detection.detector import detect_stream
    from concept_linker.detection.noise import without_noise
    from concept_linker.detection.registry import open_detector

    kb = KnowledgeBase.open("default", quiet=True)
    detector = open_detector(name, kb)
    captions = {r["roco_id"]: r["caption"] for r in rows(data_folder() / ROCO)}

    def detect(texts: list[str]) -> list[Spans]:
        return [{span[:2] for span in spans} for spans in detect_stream(detector, texts)]

    def without(texts: list[str]) -> list[Spans]:
        found = zip(texts, detect_stream(detector, texts), strict=True)
        return [{span[:2] for span in without_noise(text, spans)} for text, spans in found]

    return {
        "medmentions": medmentions(detect),
        "craft_captions": craft(without),
        "hundred_captions": hundred(captions, without),
        "speed": speed(name, kb, list(captions.values())),
    }


ROCO = "captions/roco_cc_by.jsonl.gz"


def in_own_process(name: str) -> dict[str, Any] | str:
    """The figures of one detector on one core, or why there are none."""
    done = subprocess.run(
        ["taskset", "-c", "0", sys.executable, __file__, "--measure", name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it ended with an error"])[-1]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def show(results: dict[str, dict[str, Any] | str]) -> None:
    """Prints the table."""
    print(f"{'':16} {'MedMentions strict':^21} {'ST21pv':>6}  {'CRAFT overlap':^12}", end="  ")
    print(f"{'100: strict, overlap':^27}  {'captions/s':>10}")
    print(f"{'detector':16} {'P':>6} {'R':>6} {'F1':>6} {'R':>7}  {'R':>6} {'P':>6}", end="  ")
    print(f"{'P':>5} {'R':>5} {'F1':>5}  {'F1':>5}")
    for name, figures in results.items():
        if isinstance(figures, str):
            print(f"{name:16} {figures}")
            continue
        full, caught = figures["medmentions"], figures["craft_captions"]
        strict, loose = (figures["hundred_captions"][way] for way in ("strict", "overlap"))
        print(
            f"{name:16} {full['precision']:6.3f} {full['recall']:6.3f} {full['f1']:6.3f} "
            f"{full['st21pv_recall']:7.3f}  {caught['recall']:6.3f} {caught['precision']:6.3f}  "
            f"{strict['precision']:5.3f} {strict['recall']:5.3f} {strict['f1']:5.3f}  "
            f"{loose['f1']:5.3f}      {figures['speed']['captions_per_s']:10,}"
        )
    for name, figures in results.items():
        if not isinstance(figures, str):
            parts = (f"{stage} {share:.0%}" for stage, share in figures["speed"]["shares"].items())
            print(f"{name}: {', '.join(parts)}")


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detectors", nargs="+", metavar="NAME")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    results = {name: in_own_process(name) for name in options.detectors or everything()}
    captions = {r["roco_id"]: r["caption"] for r in rows(data_folder() / ROCO)}
    read = rules(captions)
    show(results)
    print("abbreviations and negation, 100 captions:", json.dumps(read))
    given = f" --detectors {' '.join(options.detectors)}" if options.detectors else ""
    figures = {"detectors": results, "rules": read}
    save("mentions", f"python benchmarks/mentions.py{given}", figures)


def everything() -> list[str]:
    """Our detectors and the spaCy models that are installed."""
    try:
        from spacy.util import get_installed_models
    except ImportError:
        return [*OURS]
    return [*OURS, *get_installed_models()]


if __name__ == "__main__":
    main()
