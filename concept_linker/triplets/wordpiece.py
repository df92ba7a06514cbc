"""WordPiece: the tokens of a record's spans.

The vocabulary is not part of this library: the user gives the file, or a folder with it.  The
published records were made with that of BiomedBERT *abstract-fulltext* (PubMedBERT): ``vocab.txt``,
30,522 entries, SHA-256 ``79489a52be45…``.  The often-copied "abstract" vocabulary of 28,895 entries
gives different tokens.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from concept_linker.errors import SettingsError

__all__ = ["MEDCONCEPT_VOCABULARY", "UNKNOWN", "WordPiece"]

#: The SHA-256 of the vocabulary of the published records.
MEDCONCEPT_VOCABULARY: Final = "79489a52be45e6fa033521e8ce8e4f62aedc0a742ee2aa6fc04667e5b0b1454d"
#: The token of a word that is not a sequence of entries.
UNKNOWN: Final = "[UNK]"


class WordPiece:
    """A lower-casing BERT vocabulary that splits basic words into pieces.  Made by :meth:`load`.

    Attributes:
        sha256: the checksum of its ``vocab.txt``.
        size: how many entries it has.
    """

    def __init__(self, vocabulary: dict[str, int]) -> None:
        from tokenizers.models import WordPiece as Model

        lines = "".join(f"{entry}\n" for entry in sorted(vocabulary, key=vocabulary.__getitem__))
        self.sha256 = hashlib.sha256(lines.encode()).hexdigest()
        self.size = len(vocabulary)
        model = Model(vocab=vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=100)

        # One cache per vocabulary.  Captions repeat words (Zipf's law), so it hits nearly always.
        @lru_cache(maxsize=1 << 17)
        def pieces(word: str) -> tuple[str, ...]:
            return tuple(token.value for token in model.tokenize(word))

        self._pieces = pieces
        self._vocabulary = vocabulary

    def __repr__(self) -> str:
        return f"WordPiece({self.size:,} entries, sha256 {self.sha256[:12]})"

    def __reduce__(self) -> tuple[Any, ...]:
        return WordPiece, (self._vocabulary,)

    @classmethod
    def load(cls, path: Path | str) -> WordPiece:
        """Loads a ``vocab.txt``, a ``tokenizer.json``, or a folder with either.

        Raises:
            SettingsError: it does not exist, or is not a lower-casing WordPiece tokenizer.
        """
        path = Path(path)
        if path.is_dir():
            inside = [path / "tokenizer.json", path / "vocab.txt"]
            found = next((file for file in inside if file.is_file()), None)
            if found is None:
                raise SettingsError(f"{path}: expected a folder with vocab.txt or tokenizer.json")
            _refuse_cased(path / "tokenizer_config.json")
            path = found
        if path.exists() and not path.is_file():
            raise SettingsError(f"{path}: is a pipe or a device, expected a file")
        try:
            text = path.read_text(encoding="utf-8")
            vocabulary = _from_json(text) if path.suffix == ".json" else _from_lines(text)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path}: not a WordPiece vocabulary: {error}") from error
        return cls(vocabulary)

    @property
    def is_medconcept(self) -> bool:
        """Whether it is the vocabulary of the published records."""
        return self.sha256 == MEDCONCEPT_VOCABULARY

    def pieces(self, word: str) -> tuple[str, ...]:
        """The pieces of a basic word; ``("[UNK]",)`` if it is not a sequence of entries."""
        return self._pieces(word)

    def knows(self, word: str) -> bool:
        """Whether a basic word is a sequence of entries."""
        return self._pieces(word) != (UNKNOWN,)

    def to_dict(self) -> dict[str, Any]:
        """Size and checksum, for the metadata of a file."""
        return {"wordpiece_entries": self.size, "wordpiece_sha256": self.sha256}


def _from_lines(text: str) -> dict[str, int]:
    entries = text.removesuffix("\n").split("\n")
    vocabulary = {entry.removesuffix("\r"): number for number, entry in enumerate(entries)}
    if len(vocabulary) < len(entries):
        raise ValueError("an entry occurs twice")
    return _checked(vocabulary)


def _from_json(text: str) -> dict[str, int]:
    try:
        whole = json.loads(text)
        model, normalizer = whole["model"], whole["normalizer"]
        if model["type"] != "WordPiece" or normalizer["type"] != "BertNormalizer":
            raise ValueError(
                f"its model is {model['type']}, expected WordPiece with BertNormalizer"
            )
        if not normalizer["lowercase"] or normalizer.get("strip_accents") is False:
            raise ValueError("it keeps case or accents, expected one that removes both")
        return _checked(dict(model["vocab"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"it has no {error}") from error


def _checked(vocabulary: dict[str, int]) -> dict[str, int]:
    if UNKNOWN not in vocabulary:
        raise ValueError(f"it has no {UNKNOWN}; expected BERT's vocab.txt, one entry per line")
    return vocabulary


def _refuse_cased(config: Path) -> None:
    if not config.is_file():
        return
    try:
        lower = json.loads(config.read_text(encoding="utf-8")).get("do_lower_case", True)
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsError(f"{config}: cannot be read: {error}") from error
    if not lower:
        raise SettingsError(
            f"{config}: do_lower_case is false, expected a tokenizer that lower-cases"
        )
