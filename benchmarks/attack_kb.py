"""Flips single bits and bytes of a knowledge base.

    python benchmarks/attack_kb.py [--flips 200] [--open]

The flips are distributed over all files of a small trained base (arrays, manifest, priors).  After
each, a new process opens the base, searches it, looks up concepts and links captions.  It must
report the damage, or answer as before: no crash, no other answer, no error of other kinds.  This is
done once with small arrays checked when the base is opened, as is the default, once with every
array checked on first use, as large ones are, and with ``--open`` also on a copy of the default
base.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import save

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.corpora.gold import GoldCorpus, GoldDocument, GoldMention
from concept_linker.errors import ConceptLinkerError
from concept_linker.knowledge_base import mapping
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.training import train

PARTS = ("lesion", "oedema", "cirrhosis", "effusion", "carcinoma", "abscess", "fracture", "cyst")
PLACES = ("liver", "left lung", "hippocampus", "femur", "pleura", "kidney", "right atrium")
CAPTIONS = [
    "CT shows a lesion of the liver (LOL) and no oedema of the left lung.",
    "Fracture of the femur; cirrhosis, and an efusion of the pleura.",
    "Hepatic lesions, abscess of kidney.",
]
WORDS = ["lesion of liver", "efusion of pleura", "cyst", "carcinoma of the femur", "zzz", "liver"]
OUTCOMES = ("reported", "equal", "another answer", "another error", "crash")


def small_base(folder: Path) -> Path:
    """Builds and trains a base of 56 concepts with names, types, definitions and other ids."""
    ids = {
        f"{part} of {place}": f"C{number:07}"
        for number, (part, place) in enumerate(
            ((part, place) for part in PARTS for place in PLACES), 1
        )
    }
    source = SourceTables.from_rows(
        SourceInfo("table", "small"),
        names=[
            row
            for name, one in ids.items()
            for row in ((one, name, 0, "X"), (one, " ".join(reversed(name.split(" of "))), 1, "Y"))
        ],
        types=[(one, ("T047", "T190", "T191")[int(one[1:]) % 3]) for one in ids.values()],
        same_as=[(f"X:{one[1:]}", one, True) for one in ids.values()],
        definitions=[(one, f"what {name} is") for name, one in ids.items()],
    )
    build_knowledge_base([source], folder / "plain")
    texts = [f"A {name} was seen." for name in list(ids)[::5]]
    gold = GoldCorpus(
        "gold",
        tuple(
            GoldDocument(
                str(number),
                text,
                (GoldMention(((2, len(text) - 10),), (ids[text[2:-10]],), ("T047",)),),
            )
            for number, text in enumerate(texts)
        ),
    )
    train(gold, folder / "taught", kb=folder / "plain")
    return folder / "taught"


def answers(folder: Path) -> str:
    """Returns the answers of a base to all queries, as JSON."""
    kb = KnowledgeBase.open(folder)
    ids = [kb.rows.head(row)[0] for row in range(0, len(kb), max(len(kb) // 50, 1))]
    concepts = [repr(kb.concept(one)) for one in ids]
    found = [[one.to_dict() for one in some] for some in kb.search_many(WORDS, k=5)]
    linker = ConceptLinker.load(folder, detector="dictionary")
    linked = [one.to_dict() for one in linker.link_many(CAPTIONS)]
    return json.dumps([repr(kb.info), concepts, found, linked])


def answers_of_child(folder: Path) -> tuple[str, str]:
    """Queries the base in a child process; returns the outcome, and the answer or message."""
    read, written = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            result = ("answer", answers(folder))
        except ConceptLinkerError as error:
            result = ("reported", str(error))
        except BaseException as error:
            result = ("another error", repr(error))
        with os.fdopen(written, "w") as stream:
            json.dump(result, stream)
        os._exit(0)
    os.close(written)
    with os.fdopen(read) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    if status or not text:
        return "crash", f"status {status}"
    outcome, message = json.loads(text)
    return outcome, message


def attack(folder: Path, flips: int, seed: int, show: Callable[[str], Any]) -> Counter[str]:
    """Flips bits and bytes in all files in turn; returns the number of each outcome."""
    outcome, expected = answers_of_child(folder)
    assert outcome == "answer", expected
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    draw = random.Random(seed)
    counts: Counter[str] = Counter()
    for number in range(flips):
        path = files[number % len(files)]
        at = draw.randrange(path.stat().st_size)
        with path.open("r+b") as stream:
            stream.seek(at)
            [before] = stream.read(1)
            after = before ^ (1 << draw.randrange(8) if number % 2 else draw.randrange(1, 256))
            stream.seek(at)
            stream.write(bytes([after]))
        outcome, message = answers_of_child(folder)
        if outcome == "answer":
            outcome = "equal" if message == expected else "another answer"
        elif outcome == "reported" and ("\n" in message or str(folder) not in message):
            outcome = "another error"
        counts[outcome] += 1
        if outcome not in ("reported", "equal"):
            show(f"{path.name}, byte {at}, {before} → {after}: {outcome}: {message[:200]}")
        with path.open("r+b") as stream:
            stream.seek(at)
            stream.write(bytes([before]))
    outcome, message = answers_of_child(folder)
    assert (outcome, message) == ("answer", expected), "a byte was not restored"
    return counts


def main() -> None:
    """Runs the attack, prints a table, saves JSON; exit status 1 after any bad outcome."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--open", action="store_true", help="also attack the default base")
    options = parser.parse_args()
    figures: dict[str, dict[str, int]] = {}
    print(f"{'':40} {'flips':>6} " + " ".join(f"{one:>15}" for one in OUTCOMES))
    with tempfile.TemporaryDirectory() as place:
        small = small_base(Path(place))
        answers(small)  # compiles the kernels
        rows = [("a small base, checked when opened", small, mapping.SMALL)]
        rows += [("a small base, checked on first use", small, 0)]
        if options.open:
            copy = Path(shutil.copytree(KnowledgeBase.open().path, Path(place) / "open"))
            rows.append(("a copy of the default base", copy, mapping.SMALL))
        for number, (name, folder, limit) in enumerate(rows):
            mapping.SMALL = limit
            counts = attack(folder, options.flips, number, lambda line: print(line, flush=True))
            figures[name] = {"flips": options.flips, **{one: counts[one] for one in OUTCOMES}}
            cells = " ".join(f"{counts[one]:>15}" for one in OUTCOMES)
            print(f"{name:40} {options.flips:>6} {cells}", flush=True)
    save("attack_kb", f"python benchmarks/attack_kb.py {' '.join(sys.argv[1:])}".strip(), figures)
    if any(row[one] for row in figures.values() for one in OUTCOMES[2:]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
