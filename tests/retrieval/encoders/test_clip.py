"""Models of open_clip and transformers: tiny, randomly initialised, from a local folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from concept_linker.errors import InputError, SettingsError
from concept_linker.retrieval.encoders import encode, load_encoder
from concept_linker.retrieval.encoders.encoder import FunctionEncoder
from concept_linker.retrieval.pairs import Pair

torch = pytest.importorskip("torch", reason="needs the extra clip")
pytestmark = pytest.mark.filterwarnings("default")  # torch and its friends warn of each other
CAPTIONS = ["CT of the chest.", "MRI of the brain, axial.", "A photograph " + "of " * 400, "é"]


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(0)
    for number, mode in enumerate(("RGB", "L", "RGBA", "P")):
        pixels = random.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        image.fromarray(pixels).convert(mode).save(tmp_path / f"{number}.png")
    return [
        Pair(number + 1, f"{number}.png", caption, "PMC1")
        for number, caption in enumerate(CAPTIONS)
    ]


@pytest.fixture
def open_clip_folder(tmp_path: Path) -> Path:
    open_clip = pytest.importorskip("open_clip", reason="needs the extra clip")
    from safetensors.torch import save_file

    config = {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8
        },
        "text_cfg": {
            "context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1
        },
    }  # fmt: skip
    folder = tmp_path / "open_clip_model"
    folder.mkdir()
    preprocessing = {"mean": [0.5] * 3, "std": [0.5] * 3, "size": 32}
    written = {"model_cfg": config, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(written))
    torch.manual_seed(0)
    state = open_clip.CLIP(**config).state_dict()
    save_file({name: one.contiguous() for name, one in state.items()},
              folder / "open_clip_model.safetensors")  # fmt: skip
    return folder


@pytest.fixture
def transformers_folder(tmp_path: Path) -> Path:
    transformers = pytest.importorskip("transformers", reason="needs the extra clip")
    letters = [chr(c) for c in range(33, 127)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    files = tmp_path / "tokenizer"
    files.mkdir()
    (files / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (files / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer.from_pretrained(files)
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    config = transformers.CLIPConfig(
        text_config={
            **size, "num_attention_heads": 2, "vocab_size": len(words),
            "max_position_embeddings": 24, "bos_token_id": 0, "eos_token_id": 1,
        },
        vision_config={**size, "num_attention_heads": 2, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path / "transformers_model"
    transformers.CLIPModel(config).save_pretrained(folder)
    pictures = transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    transformers.CLIPProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["open_clip", "transformers"])
def test_a_tiny_model(
    kind: str, pairs: list[Pair], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(f"{kind}_folder")
    encoder = load_encoder(str(folder), tmp_path)
    assert isinstance(encoder, FunctionEncoder)
    done = encode(pairs, encoder, tmp_path / "out", batch_size=3)
    images, texts = np.load(done.images), np.load(done.texts)
    for rows in (images, texts):
        assert rows.shape == (4, 16)
        assert rows.dtype == np.float32
        assert np.isfinite(rows).all()
        assert len(np.unique(rows.round(4), axis=0)) == 4
    # One at a time, the rows are the same: padding and batches change nothing.
    alone = np.concatenate([encoder.texts([pair]) for pair in pairs])
    np.testing.assert_allclose(alone, texts, atol=1e-4)
    alone = np.concatenate([encoder.images([pair]) for pair in pairs])
    np.testing.assert_allclose(alone, images, atol=1e-4)


@pytest.mark.parametrize("kind", ["open_clip", "transformers"])
def test_an_image_that_cannot_be_read_costs_its_row(
    kind: str, pairs: list[Pair], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(f"{kind}_folder")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:200])
    done = encode(pairs, load_encoder(str(folder), tmp_path), tmp_path / "out", batch_size=3)
    assert done.unreadable == 1
    assert np.load(done.images).any(axis=1).tolist() == [True, True, False, True]
    assert np.load(done.texts).any(axis=1).all()


@pytest.mark.parametrize("kind", ["open_clip", "transformers"])
def test_other_weights_are_another_run(
    kind: str, pairs: list[Pair], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(f"{kind}_folder")
    encode(pairs, load_encoder(str(folder), tmp_path), tmp_path / "out")
    assert encode(pairs, load_encoder(str(folder), tmp_path), tmp_path / "out").resumed == 8
    [weights] = folder.glob("*.safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match="differs in the model's weights or settings"):
        encode(pairs, load_encoder(str(folder), tmp_path), tmp_path / "out")


@pytest.mark.parametrize("file", ["config.json", "open_clip_config.json"])
def test_a_folder_that_is_no_model(tmp_path: Path, file: str) -> None:
    pytest.importorskip("transformers" if file == "config.json" else "open_clip")
    (tmp_path / file).write_text('{"model_type": "clip"}')
    with pytest.raises(SettingsError, match="cannot be loaded by"):
        load_encoder(str(tmp_path), tmp_path)
