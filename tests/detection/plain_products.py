"""What :mod:`concept_linker.detection.ner.products` does, in numpy."""

from __future__ import annotations

import numpy as np


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The product of two matrices in double precision."""
    return left.astype(np.float64) @ right
