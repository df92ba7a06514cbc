"""What encoders on torch share."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from concept_linker.errors import SettingsError

__all__ = ["as_array", "extra"]


def extra(*names: str) -> list[Any]:
    """Imports the packages of the extra ``clip``, told to stay offline.

    Raises:
        SettingsError: one is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the packages are imported
    try:
        return [import_module(name) for name in names]
    except ImportError as error:
        raise SettingsError(
            f"this model needs the extra: pip install 'concept-linker[clip]' ({error})"
        ) from None


def as_array(compute: Callable[[], Any]) -> NDArray[Any]:
    """What torch computes, without gradients, in single precision."""
    [torch] = extra("torch")
    with torch.inference_mode():
        rows: NDArray[Any] = compute().float().cpu().numpy()
    return rows
