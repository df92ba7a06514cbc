"""Checks what a built wheel carries: the models, and no licensed vocabulary.

python .ci/check_wheel.py WHEEL
"""

from __future__ import annotations

import json
import re
import sys
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq

MUST_HAVE = (
    "concept_linker/py.typed",
    "concept_linker/models/open_kb/SOURCES.md",
    "concept_linker/models/open_kb/compiled/compiled.json",
    "concept_linker/models/open_kb/compiled/concepts.parquet",
    "concept_linker/models/open_kb/compiled/names.parquet",
    "concept_linker/models/ranker/priors/strings_hashes.npy",
    "concept_linker/models/ranker/weights/first_stage/trees_roots.npy",
    "concept_linker/models/mention_ner/weights/network.npy",
    "concept_linker/models/dictionary/everyday.txt",
    "concept_linker/models/dictionary/words.txt",
    "concept_linker/models/ranker/weights/short_forms/trees_roots.npy",
    "concept_linker/viewing/static/browser/page.html",
)
#: The vocabularies that names may come from; all are open.
OPEN_SOURCES = set(
    "MSH HGNC MONDO GO MEDMENTIONS HPO UBERON CHEBI DOID NCBI DRUGBANK CL EFO CAPTION".split()
)
LICENSED_FILE = re.compile(r"(?i)\.rrf|mrconso|mrsty|snomed|\.nlm$|metathesaurus")
LARGEST = 60_000_000
LARGEST_BASE = 20_000_000


def main(path: str) -> list[str]:
    """What is wrong with a wheel."""
    wrong = []
    with zipfile.ZipFile(path) as wheel:
        sizes = {info.filename: info.file_size for info in wheel.infolist()}
        wrong += [f"{name} is missing" for name in MUST_HAVE if name not in sizes]
        wrong += [f"{name} looks licensed" for name in sizes if LICENSED_FILE.search(name)]
        wrong += [
            f"{name} is a pickle" for name in sizes if re.search(r"\.(pkl|pickle|joblib)$", name)
        ]
        if not any(name.endswith("licenses/LICENSE") for name in sizes):
            wrong.append("LICENSE is missing")
        if sum(sizes.values()) > LARGEST:
            wrong.append(f"{sum(sizes.values()):,} bytes, expected at most {LARGEST:,}")
        base = sum(n for name, n in sizes.items() if "open_kb/compiled/" in name)
        if base > LARGEST_BASE:
            wrong.append(f"the open base has {base:,} bytes, expected at most {LARGEST_BASE:,}")
        if wrong:
            return wrong
        folder = "concept_linker/models/open_kb/compiled/"
        names = _table(wheel, f"{folder}names.parquet")
        foreign = set(names["source"].unique().to_pylist()) - OPEN_SOURCES
        wrong += [f"names come from {source}" for source in sorted(foreign)]
        concepts = _table(wheel, f"{folder}concepts.parquet")
        if concepts["definition"].null_count != concepts.num_rows:
            wrong.append("the open base has definitions")
        head = json.loads(wheel.read(f"{folder}compiled.json"))
        wrong += [f"{s['name']} has no licence" for s in head["sources"] if not s["licence"]]
    return wrong


def _table(wheel: zipfile.ZipFile, name: str) -> pa.Table:
    # In one thread and from memory: reading a Python file in Arrow's threads was seen to abort
    # when the interpreter ended.
    data = pa.BufferReader(wheel.read(name))
    return pq.read_table(data, use_threads=False, pre_buffer=False)


if __name__ == "__main__":
    problems = main(sys.argv[1])
    for problem in problems:
        print(f"{sys.argv[1]}: {problem}", file=sys.stderr)
    sys.exit(bool(problems))
