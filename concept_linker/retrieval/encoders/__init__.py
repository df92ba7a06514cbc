"""Encoders turn images and texts into vectors, so that the two can be compared."""

from __future__ import annotations

from concept_linker.retrieval.encoders.encoder import Encoder, FunctionEncoder
from concept_linker.retrieval.encoders.encoding import Encoded, encode
from concept_linker.retrieval.encoders.registry import load_encoder

__all__ = ["Encoded", "Encoder", "FunctionEncoder", "encode", "load_encoder"]
