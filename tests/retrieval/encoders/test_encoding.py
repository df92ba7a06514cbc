"""Encoding: rows in their order, runs that are cut go on, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concept_linker.errors import InputError, SettingsError
from concept_linker.retrieval import read_ids, score
from concept_linker.retrieval.encoders import FunctionEncoder, encode, load_encoder
from concept_linker.retrieval.encoders.checksums import model_checksum
from concept_linker.retrieval.encoders.concepts import ConceptEncoder
from concept_linker.retrieval.encoders.encoding import encoder_of
from concept_linker.retrieval.encoders.registry import BASELINES, MODELS
from concept_linker.retrieval.pairs import Pair
from concept_linker.runtime.registry import Entry

PAIRS = [
    Pair(n + 1, f"{n}.jpg", f"caption {n}", "PMC1", concepts=(f"C{n:07}", "C0000001"))
    for n in range(23)
]


def numbers(prefix: str, calls: list[int], fail_at: int = -1) -> FunctionEncoder:
    """Encodes the number in a path or a caption, and counts the calls."""

    def rows(values: list[object]) -> np.ndarray:
        if len(calls) == fail_at:
            raise OSError("3.jpg cannot be read as an image")
        calls.append(len(values))
        found = [int("".join(c for c in str(value) if c.isdigit())) for value in values]
        return np.array([[one, one + 0.5] for one in found], np.float32)

    return FunctionEncoder(prefix, rows, rows)


def test_an_encoder_has_a_name(tmp_path: Path) -> None:
    done = encode(PAIRS, numbers("mine 2", []), tmp_path / "a")
    assert encoder_of(done.images) == "mine 2"
    done = encode(PAIRS, numbers(f"open_clip {tmp_path / 'my model'}", []), tmp_path / "b")
    assert encoder_of(done.images) == "open_clip my model"
    for content in ("{", "[]", "{}", '{"encoder": 3}'):
        (tmp_path / "b" / "encoding.json").write_text(content)
        assert encoder_of(done.images) == "b"
    assert encoder_of(tmp_path / "clip_images.npy") == "clip_images"


def test_rows_stand_in_the_order_of_the_pairs(tmp_path: Path) -> None:
    seen: list[int] = []
    calls: list[int] = []
    done = encode(PAIRS, numbers("a", calls), tmp_path / "out", batch_size=5, progress=seen.append)
    for path in (done.images, done.texts):
        array = np.load(path)
        assert array.dtype == np.float32
        assert (array == [[n, n + 0.5] for n in range(23)]).all()
    assert sum(seen) == 46
    assert read_ids(done.ids, 23).articles is not None
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "encoding.json",
        "ids.csv",
        "images.npy",
        "texts.npy",
    ]
    again = encode(PAIRS, numbers("a", calls), tmp_path / "out", batch_size=5)
    assert again.resumed == 46
    assert len(calls) == 10


@pytest.mark.parametrize("fail_at", range(10))
def test_a_run_that_fails_goes_on_where_it_was(tmp_path: Path, fail_at: int) -> None:
    calls: list[int] = []
    with pytest.raises(OSError, match=r"3\.jpg cannot be read"):
        encode(PAIRS, numbers("a", calls, fail_at), tmp_path / "out", batch_size=5)
    assert not (tmp_path / "out/texts.npy").exists()
    done = encode(PAIRS, numbers("a", calls), tmp_path / "out", batch_size=5)
    assert len(calls) == 10
    assert done.resumed == min(5 * fail_at, 23) + 5 * max(0, fail_at - 5)
    assert (np.load(done.texts)[:, 0] == np.arange(23)).all()


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, {tests!r})
from test_encoding import PAIRS
from concept_linker.retrieval.encoders import FunctionEncoder, encode
def rows(values):
    time.sleep(0.02)
    return np.array([[float("".join(c for c in str(v) if c.isdigit())), 1] for v in values])
print("begun", flush=True)
encode(PAIRS, FunctionEncoder("slow", rows, rows), Path({out!r}), batch_size=2)
"""


def test_killed_runs_give_the_same_files(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    root = Path(__file__).resolve().parents[2]
    code = KILLED.format(tests=str(Path(__file__).parent), out=str(tmp_path / "out"))
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for _ in range(6):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(float(random.uniform(0.05, 0.25)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (tmp_path / "out/ids.csv").exists():
            break
    subprocess.run(command, env=environment, check=True, capture_output=True)
    for name in ("images", "texts"):
        assert (np.load(tmp_path / f"out/{name}.npy")[:, 0] == np.arange(23)).all()


def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    encode(PAIRS, numbers("a", []), tmp_path / "out", batch_size=5)
    for pairs, name, size, message in (
        (PAIRS, "b", 5, "differs in encoder"),
        (PAIRS, "a", 6, "differs in batch_size"),
        ([*PAIRS[1:], PAIRS[0]], "a", 5, "differs in other pairs"),
    ):
        with pytest.raises(InputError, match=message):
            encode(pairs, numbers(name, []), tmp_path / "out", batch_size=size)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").touch()
    with pytest.raises(InputError, match="contains no encoding"):
        encode(PAIRS, numbers("a", []), tmp_path / "thesis")


def of_files(folder: Path, model: str = "", meanwhile: Callable[[], object] = int) -> Any:
    """Encodes the size of a file."""

    def rows(paths: list[Path]) -> np.ndarray:
        found = np.array([[path.stat().st_size, 1.0] for path in paths])
        meanwhile()
        return found

    return FunctionEncoder("size", rows, lambda texts: np.ones((len(texts), 2)), folder, model)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A file for each pair."""
    folder = tmp_path / "images"
    folder.mkdir()
    for pair in PAIRS:
        (folder / pair.image).write_text("x" * (pair.row + 5))
    return folder


def test_a_run_with_other_images_or_another_model(images: Path, tmp_path: Path) -> None:
    """Contents of equal length and equal times, too."""
    out = tmp_path / "out"
    encode(PAIRS, of_files(images), out)
    assert encode(PAIRS, of_files(images), out).resumed == 46
    with pytest.raises(InputError, match="differs in the model's weights or settings,"):
        encode(PAIRS, of_files(images, "2"), out)
    path = images / PAIRS[9].image
    times = path.stat()
    path.write_text("y" * 15)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(InputError, match="differs in the content of images,"):
        encode(PAIRS, of_files(images), out)


def test_images_that_change_while_they_are_encoded(images: Path, tmp_path: Path) -> None:
    changed = images / PAIRS[9].image
    encoder = of_files(images, meanwhile=lambda: changed.write_text("other"))
    with pytest.raises(InputError, match=r"'9\.jpg' has changed while it was encoded"):
        encode(PAIRS, encoder, tmp_path / "out", batch_size=5)
    assert not (tmp_path / "out/images.npy").exists()
    with pytest.raises(InputError, match="differs in the content of images,"):
        encode(PAIRS, of_files(images), tmp_path / "out", batch_size=5)


def test_the_baseline_that_was_fitted_on_others(tmp_path: Path) -> None:
    for number, seen in enumerate((PAIRS, PAIRS, PAIRS[:9])):
        encoder = ConceptEncoder()
        encoder.fit(seen)
        if number < 2:
            encode(PAIRS, encoder, tmp_path / "out")
            continue
        with pytest.raises(InputError, match="differs in the model's weights or settings,"):
            encode(PAIRS, encoder, tmp_path / "out")


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("gone", [{0}, {4, 5, 22}, set(range(1, 23))])
def test_images_that_are_not_there_cost_their_rows(
    images: Path, tmp_path: Path, batch_size: int, gone: set[int]
) -> None:
    for number in gone:
        (images / PAIRS[number].image).unlink()
    done = encode(PAIRS, of_files(images), tmp_path / "out", batch_size=batch_size)
    assert done.unreadable == len(gone)
    rows = np.load(done.images)
    for number, pair in enumerate(PAIRS):
        assert rows[number].tolist() == ([0, 0] if number in gone else [pair.row + 5, 1])


def test_a_run_of_an_earlier_version(tmp_path: Path) -> None:
    encode(PAIRS, numbers("a", []), tmp_path / "out")
    run = json.loads((tmp_path / "out/encoding.json").read_text())
    for old in ({key: run[key] for key in run if key != "images"}, ["no run"]):
        (tmp_path / "out/encoding.json").write_text(json.dumps(old))
        with pytest.raises(InputError, match="of another version"):
            encode(PAIRS, numbers("a", []), tmp_path / "out")


def test_the_checksum_of_a_model(tmp_path: Path) -> None:
    """Every file beside the configuration counts, and code below; what is hidden does not."""
    (tmp_path / "code").mkdir()
    seen = {model_checksum(tmp_path)}
    for name in ("config.json", "model.safetensors", "merges.txt", "code/own.py"):
        for text in ("1", "2"):
            (tmp_path / name).write_text(text)
            seen.add(model_checksum(tmp_path))
    (tmp_path / "merges.txt").rename(tmp_path / "vocab.txt")
    seen.add(model_checksum(tmp_path))
    assert len(seen) == 10
    (tmp_path / ".cache").mkdir()
    for name in (".cache/own.py", ".lock", "code/vectors.npy"):
        (tmp_path / name).write_text("1")
    assert model_checksum(tmp_path) in seen


@pytest.mark.parametrize(
    "rows", [np.ones((4, 2)), np.ones(23), np.ones((23, 2), int), np.full((23, 2), "x")]
)
def test_rows_that_are_none(tmp_path: Path, rows: np.ndarray) -> None:
    encoder = FunctionEncoder("bad", lambda _: rows, lambda _: rows)
    with pytest.raises(InputError, match="expected 23 rows of floats"):
        encode(PAIRS, encoder, tmp_path / "out")
    with pytest.raises(InputError, match="no pairs"):
        encode([], encoder, tmp_path / "other")


def test_the_baseline_knows_concepts_and_nothing_else() -> None:
    sets = [("A", "B"), ("B", "A"), ("A",), ("C", "D", "E"), (), ("C", "D", "F")]
    pairs = [Pair(n, "", "", "", concepts=own) for n, own in enumerate(sets)]
    encoder = ConceptEncoder()
    encoder.fit(pairs)
    rows = encoder.texts(pairs)
    assert (rows == encoder.images(pairs)).all()
    assert (rows[0] == rows[1]).all()
    assert not rows[4].any()
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)
    cosines = unit @ unit.T
    assert cosines[3, 5] > 0.4
    assert abs(cosines[0, 3]) < 0.15
    figures = score(rows, rows).figures(resamples=2)["all_positives"]
    hits = [0.5, 0.5, 1, 1, 1 / 6, 1]
    assert figures["image_to_text_R@1"] == pytest.approx(np.mean(hits))
    halves = ConceptEncoder(halves=True)
    halves.fit(pairs)
    assert (halves.images(pairs)[3] != halves.texts(pairs)[3]).any()
    assert not halves.texts(pairs)[2].any()


@pytest.mark.parametrize(
    ("model", "images", "message"),
    [
        ("gone", None, "expected concepts, concepts-halves, or a folder"),
        ("model", None, "name their folder with --images"),
    ],
)
def test_models_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, images: None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    Path("model/config.json").write_text("{}")
    with pytest.raises(SettingsError, match=message):
        load_encoder(model, images)


@pytest.mark.parametrize("entry", [*BASELINES.values(), *MODELS.values()], ids=lambda e: e.code)
def test_every_entry_of_the_registry_loads(entry: Entry) -> None:
    assert callable(entry.load())


@pytest.mark.parametrize("file", [kind.config for kind in MODELS.values()])
def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    (tmp_path / file).write_text("{}")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingsError, match=r"pip install 'concept-linker\[clip\]'"):
        load_encoder(str(tmp_path), tmp_path)
