"""Where an encoder is loaded from: the baselines by name, and models by the files of their folder.

Adding a kind of model is a module with a loader and a line in :data:`MODELS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from concept_linker.errors import SettingsError
from concept_linker.retrieval.encoders.encoder import Encoder
from concept_linker.runtime.registry import Entry, list_names

__all__ = ["BASELINES", "MODELS", "ModelKind", "load_encoder"]


@dataclass(frozen=True, slots=True)
class ModelKind(Entry):
    """A kind of model; its loader takes ``(folder, images, *, device, trust_code)``.

    Args:
        config: the file by which a folder with such a model is recognised.
    """

    config: str


#: Encoders without a model, by name; their loaders take no arguments.
BASELINES: Final[Mapping[str, Entry]] = {
    "concepts": Entry(
        "concept_linker.retrieval.encoders.concepts:ConceptEncoder",
        "all concepts of the caption on both sides; sees no image",
    ),
    "concepts-halves": Entry(
        "concept_linker.retrieval.encoders.concepts:halves_encoder",
        "one half of the caption's concepts on each side; sees no image",
    ),
}

#: Kinds of models. A folder with the files of several kinds is the first of them.
MODELS: Final[Mapping[str, ModelKind]] = {
    "open_clip": ModelKind(
        "concept_linker.retrieval.encoders.open_clip_models:open_clip_encoder",
        "a model of open_clip (extra clip)",
        "open_clip_config.json",
    ),
    "transformers": ModelKind(
        "concept_linker.retrieval.encoders.transformers_models:transformers_encoder",
        "a model of transformers (extra clip)",
        "config.json",
    ),
}


def load_encoder(
    model: str, images: Path | None = None, *, device: str = "cpu", trust_code: bool = False
) -> Encoder:
    """Loads an encoder. Nothing is downloaded.

    Args:
        model: the name of a baseline (:data:`BASELINES`), or the folder of a model
            (:data:`MODELS`).
        images: the folder that image paths are relative to; required for a model.
        device: where torch computes.
        trust_code: whether a model of transformers may run the code in its folder.

    Raises:
        SettingsError: there is no such model, the folder of images is missing, or the extra
            ``clip`` is not installed.
    """
    if model in BASELINES:
        return cast(Encoder, BASELINES[model].load()())
    folder = Path(model)
    kind = next((one for one in MODELS.values() if (folder / one.config).is_file()), None)
    if kind is None:
        configs = list_names([one.config for one in MODELS.values()])
        raise SettingsError(
            f"model is {model!r}, expected {', '.join(BASELINES)}, or a folder with {configs}; "
            "models are not downloaded"
        )
    if images is None:
        raise SettingsError(f"model {model!r} encodes pictures: name their folder with --images")
    return cast(Encoder, kind.load()(folder, images, device=device, trust_code=trust_code))
