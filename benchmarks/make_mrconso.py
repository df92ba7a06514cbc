"""Writes a made-up UMLS release of any size: for measuring, with no content of the real one.

Names are open ones (``vocab/open_kb.tsv.gz`` of the data folder) and variations of them: words of
other names before or behind, plurals, inversions, capitals.  As in the Metathesaurus seven rows of
ten are English, one of seven is suppressed, a concept has about five rows, and two names of a
hundred are another concept's too.

    python benchmarks/make_mrconso.py FOLDER --rows 17000000
"""

from __future__ import annotations

import argparse
import gzip
import random
from collections.abc import Iterator
from pathlib import Path

from machine import data_folder

_LANGUAGES = ["ENG"] * 70 + ["SPA"] * 9 + ["JPN", "POR", "DUT", "FRE", "RUS", "GER", "ITA"] * 3
_SOURCES = ("SNOMEDCT_US", "MSH", "NCI", "MDR", "ICD10CM", "LNC", "RXNORM", "OMIM")
_TERM_TYPES = ("PT", "SY", "ET", "FN", "AB")


def real_names(path: Path) -> list[str]:
    """The names of the open vocabularies."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        next(stream)
        return [line.split("\t")[1].replace("|", " ") for line in stream]


def variation(name: str, words: list[str], rng: random.Random) -> str:
    """Another name that a vocabulary could have for the same concept."""
    kind = rng.random()
    word = words[int(rng.random() * len(words))]
    if kind < 0.3:
        return f"{name} {word}"
    if kind < 0.5:
        return f"{word} {name}"
    if kind < 0.65:
        return f"{name}, {word} {words[int(rng.random() * len(words))]}"
    if kind < 0.75:
        first, _, last = name.rpartition(" ")
        return f"{last}, {first}" if first else f"{name} ({word})"
    if kind < 0.85:
        return f"{name}s"
    if kind < 0.9:
        return name.upper()
    return f"{word} {name} {words[int(rng.random() * len(words))]}"


def rows(count: int, names: list[str], rng: random.Random) -> Iterator[tuple[int, str, bool]]:
    """Concept, name, and whether it is the concept's first, ``count`` times."""
    words = [word for name in names[:: max(1, len(names) // 300_000)] for word in name.split()]
    made = concept = 0
    while made < count:
        concept += 1
        name = names[int(rng.random() * len(names))]
        for number in range(min(count - made, 1 + int(rng.expovariate(0.25)))):
            if number and rng.random() < 0.02:
                yield concept, names[int(rng.random() * len(names))], False
            else:
                yield concept, variation(name, words, rng) if number else name, not number
            made += 1


def write(folder: Path, count: int, *, seed: int = 1) -> int:
    """Writes MRCONSO, MRSTY and MRRANK; returns the number of concepts."""
    rng = random.Random(seed)
    names = real_names(data_folder() / "vocab/open_kb.tsv.gz")
    folder.mkdir(parents=True, exist_ok=True)
    concept = 0
    with (folder / "MRCONSO.RRF").open("w", encoding="utf-8", newline="\n") as stream:
        for i, (concept, name, first) in enumerate(rows(count, names, rng)):
            language = "ENG" if first else _LANGUAGES[int(rng.random() * len(_LANGUAGES))]
            marks = "P|L{0:08d}|PF|S{0:08d}|Y" if first else "S|L{0:08d}|VO|S{0:08d}|N"
            suppressed = "O" if not first and rng.random() < 0.18 else "N"
            source = _SOURCES[int(rng.random() * len(_SOURCES))]
            term_type = "PT" if first else _TERM_TYPES[int(rng.random() * len(_TERM_TYPES))]
            stream.write(
                f"C{concept:07d}|{language}|{marks.format(i)}|A{i:08d}||||{source}|{term_type}"
                f"|{i:07d}|{name}|0|{suppressed}|256|\n"
            )
    with (folder / "MRSTY.RRF").open("w", encoding="utf-8", newline="\n") as stream:
        for number in range(1, concept + 1):
            stream.write(f"C{number:07d}|T{1 + number % 200:03d}|A1|x|AT{number:08d}|256|\n")
    with (folder / "MRRANK.RRF").open("w", encoding="utf-8", newline="\n") as stream:
        ranks = [f"{source}|{term_type}" for source in _SOURCES for term_type in _TERM_TYPES]
        for number, rank in enumerate(ranks):
            stream.write(f"{len(ranks) - number:04d}|{rank}|N|\n")
    return concept


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=17_000_000)
    arguments = parser.parse_args()
    made = write(arguments.folder, arguments.rows)
    print(f"{arguments.folder}: {arguments.rows:,} rows of {made:,} concepts")
