"""The speed of ``concept-linker records``: records per second and peak memory of its commands.

    python benchmarks/records.py [ROWS]

ROWS (default 200,000) records with published offsets are made from the sample of MedConcept-23M and
the ROCO captions.  A dozen of them are broken, each in a different way, and every command must set
aside exactly these.  The benchmark also checks the sample itself: bytes, tokens, offsets.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import data_folder, save

from concept_linker import Annotation, Candidate, Mention
from concept_linker.triplets.agreement import text_of_tokens, token_stream
from concept_linker.triplets.conversion import repair
from concept_linker.triplets.from_annotation import to_record
from concept_linker.triplets.offsets import DecodedCaption, basic_words, visible
from concept_linker.triplets.record import dump, minimise
from concept_linker.triplets.wordpiece import WordPiece

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python benchmarks/records.py"
MAX_MEGABYTES = 300
#: Title → arguments, ending of the output, and the required records per second.
COMMANDS = {
    "validate": (["validate"], None, 20_000),
    "minimise": (["minimise"], ".jsonl", 20_000),
    "minimise --token-spans": (
        ["minimise", "--token-spans", "--max-tokens", "75"],
        ".parquet",
        20_000,
    ),
    "convert to Parquet": (["convert"], ".parquet", 20_000),
    "convert to .jsonl.zst": (["convert"], ".jsonl.zst", 20_000),
    "convert from Parquet": (["convert"], ".jsonl", 20_000),
    "repair": (["repair"], ".jsonl", 5_000),
}


def load_sample() -> list[str]:
    """The lines of the sample, without the double space, which is not part of the format."""
    text = (data_folder() / "medconcept_sample/full.jsonl").read_text(encoding="utf-8")
    return text.replace('"image":  ', '"image": ').splitlines()


def templates(wordpiece: WordPiece) -> list[str]:
    """The lines to repeat: the sample, and each ROCO caption with random spans."""
    chance = random.Random(6)
    lines = load_sample()
    with gzip.open(data_folder() / "captions/roco_cc_by.jsonl.gz", "rt", encoding="utf-8") as rows:
        for line in rows:
            row = json.loads(line)
            if not all(map(wordpiece.knows, basic_words(row["caption"]))):
                continue  # two of 5,898: without the vocabulary their offsets are ambiguous
            annotation = Annotation(row["caption"], tuple(mentions(row["caption"], chance)))
            record = to_record(
                annotation,
                image=row["image"],
                pmid="10000000",
                pmc="2000000",
                fig_id="f1",
                fig_label="Figure 1",
                graphic_ref="g1",
                href="g1",
                tokenizer=wordpiece,
                offsets="medconcept23m",
            )
            lines.append(dump(record))
    chance.shuffle(lines)
    return lines


def mentions(caption: str, chance: random.Random) -> Iterator[Mention]:
    """Random mentions of one or two words, as frequent as in the sample."""
    place = 0
    words = caption.split(" ")
    number = 0
    while number < len(words):
        length = chance.choice((1, 1, 2))
        text = " ".join(words[number : number + length])
        if visible(text) and len(text) > 3 and chance.random() < 0.08:
            best = Candidate(f"C{chance.randrange(10**7):07}", "", "", chance.uniform(0.8, 1), 0.9)
            yield Mention(place, place + len(text), text, best=best)
        place += len(text) + 1
        number += length


def broken(good: str) -> list[bytes]:
    """A good line, broken in every way that the commands must handle."""
    row = json.loads(good)
    span = {**row["umls_meta_info"][0]}
    return [
        good[: len(good) // 2].encode(),
        b"\xef\xbb\xbf" + good.encode(),
        good.encode() + b"\r",
        good.replace('"umls_similarity": ', '"umls_similarity": NaN, "x": ', 1).encode(),
        dump({**row, "pmid": 7}).encode(),
        good.replace('{"pmid"', '{"pmc": "1", "pmid"', 1).encode(),
        dump({**row, "caption": "x" * 10_000_000}).encode(),
        good.encode()[:-1] + b', "more": "\xff"}',
        good.replace('"image": "', '"image": "\\ud800', 1).encode(),
        dump({**row, "umls_meta_info": None}).encode(),
        dump({**row, "umls_meta_info": [{**span, "start_char": 10**9}]}).encode(),
        b"",
        b"[" * 100_000,
    ]


def make(path: Path, rows: int, lines: list[str]) -> tuple[list[int], list[int]]:
    """Writes the file; returns the numbers of all broken rows, and of those that repair fixes."""
    bad = broken(next(line for line in lines if '"umls_meta_info": [{' in line))
    step = rows // (len(bad) + 1)
    numbers = []
    with path.open("wb") as stream:
        for number in range(1, rows):
            if number % step == 0 and len(numbers) < len(bad):
                stream.write(bad[len(numbers)] + b"\n")
                numbers.append(number)
                continue
            _, _, rest = lines[number % len(lines)].partition('"fig_caption"')
            stream.write(f'{{"pmid": "{number}", "pmc": "{number}", "fig_caption"{rest}\n'.encode())
        stream.write(lines[0][:-20].encode())  # the last line is truncated
    return [*numbers, rows], numbers[1:3]


def run(arguments: list[str], compiled: Path) -> tuple[float, float]:
    """Wall time in seconds and peak resident megabytes of a command in a new process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "concept_linker", "records", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: there are bad rows, as expected
        sys.exit(f"records {' '.join(arguments)} ended with {process.returncode}")
    per_megabyte = 1e6 if sys.platform == "darwin" else 1e3  # bytes on macOS, kilobytes elsewhere
    return seconds, usage.ru_maxrss / per_megabyte


def check_sample(wordpiece: WordPiece) -> dict[str, str]:
    """How much of the sample is reproduced."""
    lines = load_sample()
    minimised = (data_folder() / "medconcept_sample/minimized.jsonl").read_text(encoding="utf-8")
    records = [json.loads(line) for line in lines]
    counts = dict.fromkeys(("tokens and positions", "published offsets", "repaired spans"), 0)
    spans = 0
    for record in records:
        stream, _ = token_stream(record["caption"], wordpiece)
        decoded = DecodedCaption(record["caption"], wordpiece)
        exact, _ = repair(record)
        spans += len(record["umls_meta_info"])
        for old, new in zip(record["umls_meta_info"], exact["umls_meta_info"], strict=True):
            here = record["caption"][new["start_char"] : new["end_char"]]
            counts["tokens and positions"] += (
                stream[old["start_token"] : old["end_token"]] == old["tokens"]
            )
            counts["published offsets"] += decoded.from_caption(
                new["start_char"], new["end_char"]
            ) == (old["start_char"], old["end_char"])
            counts["repaired spans"] += visible(here) == text_of_tokens(old["tokens"])
    same = sum(dump(record) == line for record, line in zip(records, lines, strict=True))
    small = sum(
        dump(minimise(record)[0]) == line
        for record, line in zip(records, minimised.splitlines(), strict=True)
    )
    return {
        "records byte-identical": f"{same}/{len(records)}",
        "minimised byte-identical": f"{small}/{len(records)}",
        **{name: f"{count}/{spans}" for name, count in counts.items()},
    }


def main() -> None:
    """Measures, prints and saves the tables; exit status 1 if a target is missed."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    [vocabulary] = (data_folder() / "wordpiece").glob("*vocab.txt")
    wordpiece = WordPiece.load(vocabulary)
    sample = check_sample(wordpiece)
    for name, share in sample.items():
        print(f"{name:28}{share:>10}")
    good = all(one == whole for one, whole in (share.split("/") for share in sample.values()))
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("CONCEPT_LINKER_SCRATCH")) as place:
        path = Path(place) / "records.jsonl"
        bad, repaired = make(path, rows, templates(wordpiece))
        size = path.stat().st_size / 1e6
        # The first run compiles modules, including pandas, which Arrow imports if installed.
        compiled, small = Path(place) / "compiled", Path(place) / "small.jsonl"
        small.write_text("".join(f"{line}\n" for line in load_sample()), encoding="utf-8")
        run(["convert", str(small), "-o", str(small.with_suffix(".parquet")), "-q"], compiled)
        print(f"\n{rows:,} records, {size:,.0f} MB, {len(bad)} of them broken")
        print(f"{'records …':26}{'a second':>10}{'at least':>10}{'MB':>6}  set aside")
        for title, (arguments, ending, least) in COMMANDS.items():
            source, expected = (
                path,
                [row for row in bad if title != "repair" or row not in repaired],
            )
            if title == "convert from Parquet":
                source, expected = Path(place) / "convert to Parquet.parquet", []
            output = Path(place) / f"{title}{ending}"
            target = ["-o", str(output)] if ending else []
            seconds, megabytes = run([*arguments, str(source), *target, "--quiet"], compiled)
            aside = True
            if ending:
                quarantine = output.with_name(output.name + ".quarantine.jsonl")
                lines = quarantine.read_text().splitlines() if quarantine.exists() else []
                aside = [json.loads(line)["line"] for line in lines] == expected
            if title != "convert to Parquet":
                output.unlink(missing_ok=True)
            rate = rows / seconds
            within = rate >= least and megabytes <= MAX_MEGABYTES and aside
            good &= within
            figures[title] = {
                "records_a_second": round(rate),
                "at_least": least,
                "megabytes": round(megabytes),
                "set_aside_as_wanted": aside,
                "within": within,
            }
            shown = "as expected" if aside else "OTHERS"
            print(
                f"{title:26}{rate:>10,.0f}{least:>10,}{megabytes:>6.0f}  {shown if ending else '-'}"
                f"{'' if within else ': MISSED'}"
            )
    name = "records" if rows == 200_000 else f"records_{rows}"
    save(name, COMMAND, {"rows": rows, "sample": sample, "commands": figures})
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
