"""``encode``, with a model that replaces one of open_clip: these tests need no torch."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from collections_of_pairs import record, write

Image = pytest.importorskip("PIL.Image", reason="needs the extra images")
Run = Callable[..., Any]
NAMES = [f"{number}.png" for number in range(7)]


class Tensor(np.ndarray):
    """The part of a torch tensor that encoders use."""

    def to(self, device: str) -> Tensor:
        return self

    def float(self) -> Tensor:
        return self.astype(np.float32)

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return np.asarray(self)


@pytest.fixture
def room() -> list[int]:
    """How many batches fit on the disk."""
    return [1000]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch, room: list[int]) -> None:
    """A model that returns mean and deviation of an image, times its only weight."""

    def pretrained(source: str, device: str) -> tuple[Any, Any]:
        folder = Path(source.removeprefix("local-dir:"))
        weight = float((folder / "open_clip_model.safetensors").read_text())

        def rows(batch: np.ndarray) -> Tensor:
            room[0] -= 1
            if room[0] < 0:
                raise OSError(28, "No space left on device")
            return (np.stack([batch.mean(1), batch.std(1)], 1) * weight).view(Tensor)

        model = SimpleNamespace(eval=lambda: None, encode_image=rows, encode_text=rows)
        return model, lambda image: np.asarray(image.resize((8, 8)), float).ravel()

    torch = SimpleNamespace(
        stack=lambda rows: np.stack(rows).view(Tensor), inference_mode=contextlib.nullcontext
    )

    def tokenizer(texts: list[str]) -> Tensor:
        return np.array([[len(text), 1.0] for text in texts]).view(Tensor)

    open_clip = SimpleNamespace(
        __version__="0",
        create_model_from_pretrained=pretrained,
        get_tokenizer=lambda source: tokenizer,
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "open_clip", open_clip)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, seven images and their records."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/open_clip_config.json").write_text('{"preprocess_cfg": {}}')
    (tmp_path / "model/open_clip_model.safetensors").write_text("2.0")
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(0)
    for name in NAMES:
        pixels = random.integers(0, 256, (20, 20), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / name)
    records(tmp_path, NAMES)
    return tmp_path


def records(here: Path, names: list[str]) -> None:
    rows = [record(str(n + 1), name, f"CT, number {n}.") for n, name in enumerate(names)]
    write(here / "records.jsonl", rows)


def encode(run: Run, *more: str, output: str = "out") -> Any:
    options = ("--images", "images", "--batch-size", "3", "-q", *more)
    return run("encode", "records.jsonl", "--model", "model", "-o", output, *options)


def weights(here: Path) -> None:
    (here / "model/open_clip_model.safetensors").write_text("3.0")


def settings(here: Path) -> None:
    (here / "model/open_clip_config.json").write_text('{"preprocess_cfg": {"mean": [0, 0, 0]}}')


def vocabulary(here: Path) -> None:
    (here / "model/vocab.json").write_text("{}")


def image(here: Path) -> None:
    Image.new("L", (20, 20)).save(here / "images/6.png")


def image_gone(here: Path) -> None:
    (here / "images/6.png").unlink()


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (weights, "differs in the model's weights or settings,"),
        (settings, "differs in the model's weights or settings,"),
        (vocabulary, "differs in the model's weights or settings,"),
        (image, "differs in the content of images,"),
        (image_gone, "differs in the content of images,"),
    ],
)
def test_rows_of_another_run_are_not_reused(
    run: Run,
    here: Path,
    room: list[int],
    finished: bool,
    change: Callable[[Path], None],
    message: str,
) -> None:
    room[0] = 1000 if finished else 1
    assert (encode(run).status == 0) == finished
    room[0] = 1000
    change(here)
    done = encode(run)
    assert done.status == 2
    assert message in done.error
    assert encode(run, output="new").status in (0, 1)


def test_an_interrupted_run_continues(run: Run, here: Path, room: list[int]) -> None:
    room[0] = 1
    assert "no space left" in encode(run).error
    room[0] = 1000
    assert len(list((here / "out/parts").iterdir())) == 1
    (here / "model/.cache").mkdir()
    (here / "model/.cache/when.json").write_text("what a download leaves")
    assert encode(run).status == 0
    assert encode(run).status == 0
    assert encode(run, output="new").status == 0
    for name in ("images.npy", "texts.npy", "ids.csv"):
        assert (here / "out" / name).read_bytes() == (here / "new" / name).read_bytes()


def test_an_image_that_cannot_be_read_costs_its_row(run: Run, here: Path) -> None:
    assert encode(run, output="whole").status == 0
    (here / "secret.png").write_bytes((here / "images/0.png").read_bytes())
    (here / "images/out.png").symlink_to(here / "secret.png")
    (here / "images/torn.png").write_bytes((here / "images/0.png").read_bytes()[:100])
    bad = ["gone.png", "a\0.png", "x" * 5000, "out.png", "torn.png", "images"]
    records(here, [*NAMES, *bad])
    for _ in range(2):  # and again, when all is done
        done = encode(run)
        assert done.status == 1
        assert done.err == (
            "6 images cannot be read, their rows are zero: listed in out/unreadable.csv\n"
        )
    rows = np.load("out/images.npy")
    np.testing.assert_allclose(rows[:7], np.load("whole/images.npy"))
    assert not rows[7:].any()
    assert np.load("out/texts.npy").all()
    with open("out/unreadable.csv", newline="", encoding="utf-8") as stream:
        listed = list(csv.DictReader(stream))
    assert [int(one["row"]) for one in listed] == list(range(7, 13))
    assert [one["image"] for one in listed] == bad
    assert all(one["problem"] for one in listed)
    summary = json.loads(encode(run, "--json").out)
    assert (summary["unreadable"], summary["unreadable_list"]) == (6, "out/unreadable.csv")


def test_a_wide_grey_range_is_not_uniform(run: Run, here: Path) -> None:
    with Image.open("images/0.png") as picture:
        pixels = np.asarray(picture, np.uint16)
    Image.fromarray(pixels * 200 + 3000).save("images/1.png")
    assert encode(run).status == 0
    rows = np.load("out/images.npy")
    np.testing.assert_allclose(rows[1], rows[0], rtol=0.02)


@pytest.mark.parametrize(
    ("folder", "message"),
    [("nowhere", "--images nowhere: expected a folder"), ("model", "has none of the 7 images")],
)
@pytest.mark.parametrize("model", ["model", "concepts"])
def test_folders_without_images(
    run: Run, here: Path, folder: str, message: str, model: str
) -> None:
    arguments = ("--model", model, "--images", folder, "-o", "out", "-q")
    done = run("encode", "records.jsonl", *arguments)
    assert done.status == 2
    assert message in done.error
    assert not (here / "out").exists()


def test_no_image_at_all_can_be_read(run: Run, here: Path) -> None:
    for name in NAMES:
        (here / "images" / name).write_bytes(b"no picture")
    done = encode(run)
    assert done.status == 2
    assert "none of the 7 images can be read; the first, '0.png': is damaged" in done.error
