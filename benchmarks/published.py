"""Compares our links with those of the published sample of MedConcept-23M, forty records.

    python benchmarks/published.py [--show]

The published offsets index another text, so each span is first put where its tokens are
(``triplets.conversion``).  Counted are published spans that ours finds with the same bounds, that
ours touches, and those touched with the same concept; what ours says of the others is listed with
``--show``.  Neither side is a gold standard.  Results, counts only, go to
``benchmarks/results/published.json``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter

from machine import data_folder, save

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.triplets.conversion import repair
from concept_linker.triplets.record import Record


def main() -> None:
    """Counts, prints and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="list every published span")
    show = parser.parse_args().show
    kb = KnowledgeBase.open("default", quiet=True)
    linker = ConceptLinker.load(kb)
    counts: Counter[str] = Counter()
    with (data_folder() / "medconcept_sample/full.jsonl").open(encoding="utf-8") as lines:
        records: list[Record] = [json.loads(line) for line in lines]
    for record in records:
        caption = record["caption"]
        mentions = linker.link(caption).mentions
        counts["our mentions"] += len(mentions)
        counts["ours with a CUI"] += sum(
            bool(m.best and m.best.concept_id.startswith("C")) for m in mentions
        )
        for span in repair(record)[0]["umls_meta_info"]:
            start, end, cui = span["start_char"], span["end_char"], span["umls_cui"]
            touching = [m for m in mentions if m.start < end and m.end > start]
            counts["published spans"] += 1
            counts["in the open base"] += cui in kb
            counts["same bounds"] += any((m.start, m.end) == (start, end) for m in touching)
            counts["touched"] += bool(touching)
            same = any(m.best and m.best.concept_id == cui for m in touching)
            counts["same concept"] += same
            counts["same among candidates"] += any(
                cui in {c.concept_id for c in m.candidates} for m in touching
            )
            if show:
                theirs = kb.concept(cui).name if cui in kb else "?"
                ours = "; ".join(
                    f"{m.text} = {m.best.concept_id} {m.best.name}"
                    if m.best
                    else f"{m.text} = none"
                    for m in touching
                )
                mark = "=" if same else "#"
                print(f"{mark} {caption[start:end]!r} {cui} {theirs} | {ours or 'nothing'}")
    for name, count in counts.items():
        print(f"{count:>6,}  {name}")
    save("published", "python benchmarks/published.py", {"records": len(records), **counts})


if __name__ == "__main__":
    main()
