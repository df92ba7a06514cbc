"""Retrieval, near-duplicates and held-out sets: right, fast, and small.

    python benchmarks/retrieval.py [exact] [coverage] [cost] [images] [holdout]

Without arguments everything.  ``exact``: figures against sorting the whole matrix, and
``--profile`` against the published protocol carried out as published.  ``coverage``: how often
intervals contain the true value, over 1,000 synthetic sets, for ours and the published bootstrap.
``cost``: time and memory by the number of pairs.  ``images``: recall and false pairs of hashes by
distance, and a million hashes searched.  ``holdout``: a set out of the JATS articles and the ROCO
captions, built, verified and scored with the baselines.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from machine import RESULTS, data_folder, save

from concept_linker.retrieval import (
    Positives,
    paired,
    published_figures,
    score,
)
from concept_linker.retrieval.measures import CUTOFFS, MEASURES

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python benchmarks/retrieval.py"


def embeddings(rows: int, dimensions: int, noise: float, seed: int) -> list[np.ndarray]:
    """Images and texts that share a latent vector, in single precision."""
    random = np.random.default_rng(seed)
    latent = random.standard_normal((rows, dimensions), np.float32)
    return [latent + noise * random.standard_normal(latent.shape, np.float32) for _ in range(2)]


# exact ---------------------------------------------------------------------------------------


def sorted_figures(images: np.ndarray, texts: np.ndarray, ids: list[list[int]]) -> dict[str, float]:
    """The figures by sorting every row; ties by the mean over both ends of each tied run.

    With one right item a tie, the expected hit at k, rank and reciprocal rank are means over the
    places of the run; with several, the first right one's place has the distribution that drawing
    without replacement gives.
    """
    unit = [
        x.astype(float) / np.linalg.norm(x.astype(float), axis=1)[:, None] for x in (images, texts)
    ]
    matrix = np.round(unit[0] @ unit[1].T, 11)
    together = set(zip(*ids, strict=True))
    right = np.array([[(a, b) in together for b in ids[1]] for a in ids[0]])
    figures = {}
    for name, m, r in (("image_to_text", matrix, right), ("text_to_image", matrix.T, right.T)):
        table = []
        for row, own in zip(m, r, strict=True):
            order = np.argsort(-row, kind="stable")
            level = row[order][own[order]][0]
            begin = int(np.searchsorted(-row[order], -level, side="left"))
            run = order[row[order] == level]
            good, left, places = int(own[run].sum()), 1.0, []
            for place in range(len(run) - good + 1):  # nothing right before, then a right one
                remaining = len(run) - place
                places.append((begin + place + 1, left * good / remaining))
                left *= (remaining - good) / remaining
            hits = [sum(p for rank, p in places if rank <= k) for k in CUTOFFS]
            mean = sum(rank * p for rank, p in places)
            table.append([*hits, mean, sum(p / rank for rank, p in places)])
        means = np.array(table).mean(axis=0)
        figures |= {f"{name}_{key}": value for key, value in zip(MEASURES, means, strict=True)}
        ranks = np.sort(np.array(table)[:, MEASURES.index("mean_rank")])
        figures[f"{name}_median_rank"] = ranks[(len(ranks) - 1) // 2]
    return figures


def published_by_sorting(images: np.ndarray, texts: np.ndarray, resamples: int, seed: int) -> dict:
    """The published protocol, step by step: the whole matrix, drawn both ways, sorted each time."""
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, texts)]
    logits = np.float32(100) * unit[0] @ unit[1].T
    own = np.arange(len(logits))
    random = np.random.default_rng(seed)
    draws = [random.integers(0, len(own), len(own)) for _ in range(resamples)]

    def positions(matrix: np.ndarray) -> np.ndarray:
        order = np.argsort(-matrix, axis=1, kind="stable")
        return np.argwhere(order == own[:, None])[:, 1]

    figures: dict[str, Any] = {}
    for long, short, matrix in (
        ("image_to_text", "i2t", logits),
        ("text_to_image", "t2i", logits.T),
    ):
        found = positions(matrix)
        figures[f"{long}_mean_rank"] = found.mean() + 1
        figures[f"{long}_median_rank"] = np.sort(found)[(len(found) - 1) // 2] + 1
        drawn = np.array([positions(matrix[draw][:, draw]) for draw in draws])
        for k in CUTOFFS:
            figures[f"{long}_R@{k}"] = (found < k).mean()
            figures[f"{short}_R@{k}_CI"] = np.percentile((drawn < k).mean(axis=1), [2.5, 97.5])
    return figures


def exact() -> bool:
    """The largest difference to brute force."""
    rows, figures = 700, {}
    for title, ties, groups in (
        ("no ties, one positive", False, False),
        ("ties, one positive", True, False),
        ("no ties, groups", False, True),
        ("ties, groups", True, True),
    ):
        worst = 0.0
        for seed in range(5):
            images, texts = embeddings(rows, 16, 1.0, seed)
            random = np.random.default_rng(seed)
            if ties:
                images = images[random.integers(0, rows // 2, rows)]
                texts = texts[random.integers(0, rows // 3, rows)]
                texts[:9] = 0
                texts[:9, 0] = 1
            ids = [list(range(rows))] * 2
            if groups:
                ids = [random.integers(0, rows // 2, rows).tolist() for _ in range(2)]
            found = score(images, texts, Positives.by_ids(*ids)).figures(resamples=1)
            reference = sorted_figures(images, texts, ids)
            for key, value in reference.items():
                worst = max(worst, abs(found["all_positives"][key] - value) / max(1, abs(value)))
        figures[title] = worst
        print(f"{title:32}largest difference {worst:.1e}, 5 seeds of {rows} pairs")
    worst = 0.0
    for seed in range(3):
        images, texts = embeddings(400, 16, 1.0, seed)
        found = published_figures(*paired(images, texts), resamples=50, seed=seed)
        for key, value in published_by_sorting(images, texts, 50, seed).items():
            worst = max(worst, float(np.abs(np.subtract(found[key], value)).max()))
    figures["as published"] = worst
    print(f"{'as published, 50 draws':32}largest difference {worst:.1e}, 3 seeds of 400 pairs")
    save("retrieval_exact", f"{COMMAND} exact", figures)
    return max(figures.values()) <= 1e-12


# coverage ------------------------------------------------------------------------------------


def coverage(sets: int = 1000) -> bool:
    """How often 95 % intervals contain the true value."""
    names = (*(f"R@{k}" for k in CUTOFFS[:4]), "MRR", "mean_rank")
    values, intervals, published = [], [], []
    for seed in range(sets):
        images, texts = embeddings(400, 32, 1.0, seed)
        found = score(images, texts).figures(resamples=1000, seed=seed)["all_positives"]
        values.append(
            [found[f"{way}_{m}"] for way in ("image_to_text", "text_to_image") for m in names]
        )
        intervals.append([found[f"{way}_{m}_CI"] for way in ("i2t", "t2i") for m in names])
        other = published_figures(*paired(images, texts), resamples=1000, seed=seed)
        published.append([other[f"{way}_{m}_CI"] for way in ("i2t", "t2i") for m in names[:4]])
    truth = np.mean(values, axis=0)
    inside = _inside(np.array(intervals), truth)
    keep = [i for i in range(len(truth)) if i % len(names) < 4]
    theirs = iter(_inside(np.array(published), truth[keep]))
    figures: dict[str, Any] = {"sets": sets, "pairs": 400}
    print(f"{'':30}{'truth':>10}{'ours':>9}{'published':>11}   of {sets:,} sets of 400 pairs")
    for number, (mean, share) in enumerate(zip(truth, inside, strict=True)):
        way, name = ("i2t", "t2i")[number // len(names)], names[number % len(names)]
        other_share = float(next(theirs)) if number in keep else None
        figures[f"{way}_{name}"] = {"truth": mean, "ours": share, "published": other_share}
        shown = "" if other_share is None else f"{other_share:11.3f}"
        print(f"{way + ' ' + name:30}{mean:10.3f}{share:9.3f}{shown}")
    save("retrieval_coverage", f"{COMMAND} coverage", figures)
    return bool((np.abs(inside - 0.95) <= 0.015).all())


def _inside(intervals: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return ((intervals[:, :, 0] <= truth) & (truth <= intervals[:, :, 1])).mean(axis=0)


# cost ----------------------------------------------------------------------------------------

_MEASURE = """
import json, sys, time
began = time.perf_counter()
from pathlib import Path
from concept_linker.retrieval import read_array, score
images, texts = (read_array(Path(name)) for name in sys.argv[1:])
score(images[:64], texts[:64]).figures(resamples=2)  # imports, and code that is compiled once
ready = time.perf_counter()
scores = score(images, texts)
ranked = time.perf_counter()
scores.figures(resamples=1000)
done = time.perf_counter()
print(json.dumps([ready - began, ranked - ready, done - ranked]))
"""


def cost() -> bool:
    """Seconds and megabytes by the number of pairs, each in a separate process."""
    figures: dict[str, Any] = {}
    print(f"{'pairs':>8}{'ranking s':>11}{'1,000 draws s':>15}{'together s':>12}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as place:
        for rows in (1_000, 3_000, 9_000, 30_000, 100_000):
            files = [str(Path(place) / name) for name in ("images.npy", "texts.npy")]
            for file, array in zip(files, embeddings(rows, 512, 3.0, rows), strict=True):
                np.save(file, array)
            (_, ranking, drawing), megabytes, _ = _run(["-c", _MEASURE, *files])
            figures[str(rows)] = {
                "ranking_s": round(ranking, 3),
                "bootstrap_s": round(drawing, 3),
                "megabytes": round(megabytes),
            }
            print(
                f"{rows:>8,}{ranking:>11.2f}{drawing:>15.2f}{ranking + drawing:>12.2f}"
                f"{megabytes:>9.0f}"
            )
            if rows == 9_000:
                options = ["--images", files[0], "--texts", files[1], "--json", "-q"]
                _, megabytes, seconds = _run(["-m", "concept_linker", "retrieval", *options])
                figures["the command, 9,000"] = {
                    "seconds": round(seconds, 2), "megabytes": round(megabytes)
                }  # fmt: skip
                print(f"    the command: {seconds:.2f} s from start to exit, {megabytes:.0f} MB")
    save("retrieval_cost", f"{COMMAND} cost", figures)
    _plot(figures)
    small, large = figures["9000"], figures["100000"]
    return (
        small["ranking_s"] + small["bootstrap_s"] <= 3
        and large["ranking_s"] + large["bootstrap_s"] <= 360
        and large["megabytes"] <= 2000
    )


def _run(arguments: list[str]) -> tuple[Any, float, float]:
    """What a process printed, its peak megabytes, and its seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{arguments} ended with {process.returncode}")
    return (
        json.loads(printed),
        usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3),
        seconds,
    )


def _plot(figures: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "retrieval"
    from matplotlib import pyplot

    rows = [int(name) for name in figures if name.isdigit()]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for name, label in (("ranking_s", "ranking, both directions"), ("bootstrap_s", "1,000 draws")):
        left.loglog(rows, [figures[str(row)][name] for row in rows], "o-", label=label)
    last = figures[str(rows[-1])]["ranking_s"]
    square = [last * (row / rows[-1]) ** 2 for row in rows]
    left.loglog(rows, square, ":", color="gray", label="growth with the square")
    left.set(xlabel="pairs, 512 dimensions", ylabel="seconds, 2 cores")
    left.legend(frameon=False)
    right.semilogx(rows, [figures[str(row)]["megabytes"] for row in rows], "o-")
    right.set(xlabel="pairs, 512 dimensions", ylabel="peak resident megabytes", ylim=(0, None))
    figure.savefig(RESULTS / "retrieval_cost.svg", metadata={"Date": None})


# images --------------------------------------------------------------------------------------


def images() -> bool:
    """Recall of changed images and false pairs by distance; a million hashes."""
    from PIL import Image

    from concept_linker.retrieval.near_duplicates.hamming import HashIndex
    from concept_linker.retrieval.near_duplicates.hashing import hash_image

    def jpeg(image: Image.Image) -> Image.Image:
        room = BytesIO()
        image.save(room, "JPEG", quality=50)
        return Image.open(room)

    def half(image: Image.Image) -> Image.Image:
        return jpeg(image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS))

    def crop(image: Image.Image) -> Image.Image:
        x, y = round(0.016 * image.width), round(0.016 * image.height)
        return image.crop((x, y, image.width - x, image.height - y))

    paths = sorted((data_folder() / "medconcept_sample/images").iterdir())
    own = np.array([hash_image(path) for path in paths], np.uint64)
    figures: dict[str, Any] = {"images": len(paths)}
    changed = {}
    with tempfile.TemporaryDirectory() as place:
        for title, change in (
            ("JPEG 50", jpeg),
            ("half size, JPEG 50", half),
            ("crop 1.6 %", crop),
        ):
            hashes = []
            for path in paths:
                file = Path(place) / "changed.png"
                with Image.open(path) as image:
                    change(image.convert("RGB")).save(file)
                hashes.append(hash_image(file))
            changed[title] = np.array(hashes, np.uint64)
    print(f"{'bits':>6}" + "".join(f"{title:>20}" for title in changed) + f"{'false pairs':>14}")
    for distance in (0, 2, 4, 6, 8, 10, 12, 14, 16):
        index = HashIndex(own, distance)
        found = {
            title: sum(query == number for query, number, _ in index.near(hashes))
            for title, hashes in changed.items()
        }
        false = len(index.pairs()) + sum(
            int(query != number)
            for hashes in changed.values()
            for query, number, _ in index.near(hashes)
        )
        figures[str(distance)] = {
            **{t: int(n) for t, n in found.items()},
            "false_pairs": int(false),
        }
        cells = "".join(f"{f'{n} of {len(paths)}':>20}" for n in found.values())
        print(f"{distance:>6}{cells}{false:>14}")
    print("false pairs: different images, among the originals and between changed ones and others")
    return _million(figures) and figures["8"]["false_pairs"] == 0


def _million(figures: dict[str, Any]) -> bool:
    from concept_linker.retrieval.near_duplicates.hamming import HashIndex

    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, 1_000_000, dtype=np.uint64)
    copied = random.choice(1_000_000, 20_000, replace=False)
    planted = hashes[copied]
    for i in range(len(planted)):
        for bit in random.choice(64, i % 9, replace=False):
            planted[i] ^= np.uint64(1) << np.uint64(bit)
    HashIndex(hashes[:300], 8).pairs()  # compiled once
    HashIndex(hashes[:3000], 8).pairs()
    began = time.perf_counter()
    found = HashIndex(hashes, 8).near(planted)
    looked_up = time.perf_counter() - began
    pairs = set(zip(found[:, 0].tolist(), found[:, 1].tolist(), strict=True))
    missed = sum((i, int(place)) not in pairs for i, place in enumerate(copied))
    distinct, place = np.unique(np.concatenate([hashes, planted]), return_inverse=True)
    began = time.perf_counter()
    among = HashIndex(distinct, 8).pairs()
    joined = time.perf_counter() - began
    pairs = set(zip(among[:, 0].tolist(), among[:, 1].tolist(), strict=True))
    ends = np.sort(np.stack([place[1_000_000:], place[copied]], axis=1), axis=1)
    missed += sum(a != b and (int(a), int(b)) not in pairs for a, b in ends)
    print(
        f"1,000,000 random hashes, 20,000 planted within 8 bits: looked up in {looked_up:.2f} s "
        f"(index included), all pairs of all in {joined:.2f} s, missed {missed}"
    )
    figures["a million hashes"] = {
        "planted": len(planted),
        "missed": int(missed),
        "look_up_s": round(looked_up, 2),
        "all_pairs_s": round(joined, 2),
    }
    save("retrieval_images", f"{COMMAND} images", figures)
    return missed == 0 and looked_up <= 60 and joined <= 60


# holdout -------------------------------------------------------------------------------------


def holdout() -> bool:
    """From articles and captions to a scored set, by the commands."""
    from concept_linker import ConceptLinker
    from concept_linker.triplets.from_annotation import to_record
    from concept_linker.triplets.reading import read_records
    from concept_linker.triplets.writing import open_writer

    figures: dict[str, Any] = {}

    def command(*words: object) -> str:
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "concept_linker", *map(str, words), "-q"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{words}: {done.stderr}")
        print(
            f"$ concept-linker {' '.join(map(str, words))}   # {time.perf_counter() - began:.1f} s"
        )
        return done.stdout

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        command(
            "pmc", "extract", data_folder() / "jats/articles.tar.xz", "--link",
            "-o", place / "jats.jsonl",
        )  # fmt: skip
        linker = ConceptLinker.load(quiet=True)
        with gzip.open(data_folder() / "captions/roco_cc_by.jsonl.gz", "rt") as stream:
            captions = [json.loads(line) for line in stream]
        with open_writer(place / "all.jsonl") as writer:
            for _, record in read_records(place / "jats.jsonl"):
                writer.write({key: one for key, one in record.items() if key != "provenance"})
            linked = linker.link_many(one["caption"] for one in captions)
            for one, annotation in zip(captions, linked, strict=True):
                [pmc] = re.findall(r"^PMC(\d+)_", one["image"])
                writer.write(to_record(annotation, image=one["image"], pmc=pmc))
        held = place / "held"
        built = command(
            "holdout", "build", place / "all.jsonl", "-o", held, "--size", 1000, "--verify"
        )
        print(built)
        manifest = json.loads((held / "holdout.json").read_text())
        figures["holdout"] = {key: manifest[key] for key in ("collection", "holdout", "removed")}
        figures["verified"] = "verified" in built
        shares = [
            (part["collection"] / manifest["collection"]["pairs"], part["holdout"] / 1000)
            for part in manifest["strata"].values()
        ]
        figures["largest_difference_of_a_stratum"] = max(abs(a - b) for a, b in shares)
        print(
            f"largest difference between a stratum's shares of collection and set: "
            f"{figures['largest_difference_of_a_stratum']:.3f}"
        )
        for model in ("concepts", "concepts-halves"):
            out = place / model
            command("encode", held, "--model", model, "-o", out)
            options = ["--images", out / "images.npy", "--texts", out / "texts.npy"]
            options += ["--groups", held / "groups.csv", "--triplets", held, "--json"]
            made = json.loads(command("retrieval", *options))
            own = made["all_positives"]
            figures[model] = {key: own[key] for key in own if not key.startswith("t2i_mean")}
            low, high = own["i2t_R@1_CI"]
            print(
                f"{model}: image to text R@1 {own['image_to_text_R@1']:.3f} ({low:.3f} to "
                f"{high:.3f}), R@10 {own['image_to_text_R@10']:.3f}, "
                f"mean rank {own['image_to_text_mean_rank']:.1f}"
            )
    save("retrieval_holdout", f"{COMMAND} holdout", figures)
    return bool(figures["verified"])


PARTS = {"exact": exact, "coverage": coverage, "cost": cost, "images": images, "holdout": holdout}


def main() -> None:
    """Runs the named parts; exits with status 1 if a check fails."""
    chosen = sys.argv[1:] or list(PARTS)
    missed = []
    for name in chosen:
        print(f"== {name}")
        if not PARTS[name]():
            missed.append(name)
    if missed:
        sys.exit(f"failed checks: {', '.join(missed)}")


if __name__ == "__main__":
    main()
