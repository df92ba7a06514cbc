"""Helpers shared by the encoders that use torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from concept_linker.errors import SettingsError

__all__ = ["as_array", "import_clip_extra"]


def import_clip_extra(*names: str) -> list[Any]:
    """Imports packages of the extra ``clip``, in offline mode.

    Raises:
        SettingsError: a package is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the packages are imported
    try:
        return [import_module(name) for name in names]
    except ImportError as error:
        raise SettingsError(
            f"this model needs the extra: pip install 'concept-linker[clip]' ({error})"
        ) from None


def as_array(compute: Callable[[], Any]) -> NDArray[Any]:
    """Returns what ``compute`` returns as an array of float32, computed without gradients."""
    [torch] = import_clip_extra("torch")
    with torch.inference_mode():
        rows: NDArray[Any] = compute().float().cpu().numpy()
    return rows
