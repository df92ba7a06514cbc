"""Encoders: what makes vectors of images and of texts, so that the two can be compared."""

from __future__ import annotations

from concept_linker.retrieval.encoders.encoder import Encoder, FunctionEncoder, load_encoder
from concept_linker.retrieval.encoders.encoding import Encoded, encode

__all__ = ["Encoded", "Encoder", "FunctionEncoder", "encode", "load_encoder"]
