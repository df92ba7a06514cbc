"""How time and memory grow with the length of a text, for texts of many shapes.

    python benchmarks/attack_texts.py [--largest 1000000] [--rules 10000000]

Each shape is repeated until the text has 1,000, 10,000 … characters.  ``rules`` is the time of the
text rules alone (passages, abbreviations, negation, noise), up to ten million characters; ``link``
is the time of ``ConceptLinker.link``, up to one million, with each text in a new process; memory is
the peak of that process.  Microseconds per character must not grow with the length.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import time
from typing import Any

from machine import save

#: Texts that once took quadratic time, and others.
SHAPES = {
    "a list that an or closes": "no a, ",
    "an unclosed legend": "computed ",
    "one short form, often": "CT ",
    "prose with one short form": "no mass in the liver and a nodule in the lung; ",
    "open brackets": "(",
    "closing brackets": ")",
    "one word": "a",
    "capitals": "ABCD ",
    "names": "lung, ",
    "definitions": "ant bear (AB) and AB; ",
    "line breaks": "pneumo-\nthorax\n",
    "blanks": "  ",
    "units": "mg L−1 ",
    "dots": ".",
    "invisible characters": "a\u200b",
    "mixed marks": "(a) [b] {c} <d> \"e\" 'f' ",
    "unknown words": "",
}
_BEGINNINGS = {
    "a list that an or closes": "lung, ",
    "an unclosed legend": "CT, ",
    "one short form, often": "computed tomography (CT) ",
    "prose with one short form": "computed tomography (CT) ",
}


def text_of(shape: str, size: int) -> str:
    """Returns a text of about this number of characters."""
    if shape == "unknown words":
        chance = random.Random(1)
        letters = "abcdefghijklmnoprstuv"
        lengths = (chance.randint(3, 9) for _ in range(size // 7))
        return " ".join("".join(chance.choices(letters, k=length)) for length in lengths)
    return _BEGINNINGS.get(shape, "") + SHAPES[shape] * (size // len(SHAPES[shape]))


def rules(text: str) -> float:
    """Returns the seconds that the rules take."""
    from concept_linker.detection.detector import Span
    from concept_linker.detection.negation import negated
    from concept_linker.detection.noise import without_noise
    from concept_linker.detection.preprocessing import preprocess

    begin = time.perf_counter()
    for passage in preprocess(text).passages:
        spans = [Span(*word.span()) for word in re.finditer(r"\w+", passage.text)]
        negated(passage.text, without_noise(passage.text, spans))
    return time.perf_counter() - begin


def link(shape: str, size: int) -> dict[str, Any]:
    """Returns seconds, mentions and memory of one text, measured in a new process."""
    command = [sys.executable, __file__, "--one", shape, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shape}, {size}: status {done.returncode}\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def one(shape: str, size: int) -> None:
    """Links one text and prints seconds, mentions and memory."""
    from concept_linker import ConceptLinker

    linker = ConceptLinker.load()
    linker.link("CT shows a nodule (arrow).")
    text = text_of(shape, size)
    begin = time.perf_counter()
    mentions = len(linker.link(text))
    seconds = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": round(seconds, 3), "mentions": mentions, "mebibytes": memory}))


def main() -> None:
    """Measures all shapes."""
    parser = argparse.ArgumentParser(description="Time and memory of texts of any shape.")
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--rules", type=int, default=10_000_000)
    parser.add_argument("--one", nargs=2, metavar=("SHAPE", "SIZE"))
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one[0], int(arguments.one[1]))
        return
    figures = {}
    print(f"{'':28}{'rules, µs per character':>32}{'link, µs per character':>28}{'MiB':>7}")
    for shape in SHAPES:
        sizes = [10**n for n in range(3, 8) if 10**n <= arguments.rules]
        by_rules = {size: round(rules(text_of(shape, size)) / size * 1e6, 2) for size in sizes}
        linked = {size: link(shape, size) for size in sizes if size <= arguments.largest}
        by_link = {size: round(it["seconds"] / size * 1e6, 1) for size, it in linked.items()}
        memory = max(it["mebibytes"] for it in linked.values())
        figures[shape] = {"rules": by_rules, "link": by_link, "mebibytes": memory}
        cells = ["".join(f"{value:7.2f}" for value in by_rules.values())]
        cells.append("".join(f"{value:7.1f}" for value in by_link.values()))
        print(f"{shape:28}{cells[0]:>36}{cells[1]:>30}{memory:7}", flush=True)
    save("attack_texts", "python benchmarks/attack_texts.py", figures)


if __name__ == "__main__":
    main()
