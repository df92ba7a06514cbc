from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import ENTRIES
from tokenizers import Tokenizer
from tokenizers.models import WordPiece as Model
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from concept_linker.errors import SettingsError
from concept_linker.triplets.agreement import token_stream
from concept_linker.triplets.wordpiece import MEDCONCEPT_VOCABULARY, WordPiece

VOCABULARY = {entry: number for number, entry in enumerate(ENTRIES)}


def whole_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(Model(vocab=VOCABULARY, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


OURS, THEIRS = WordPiece(VOCABULARY), whole_tokenizer()


@given(st.text(alphabet="lungsheart LEFT(.5)é語✞-'ﬁ\u0301\t"))
def test_tokens_equal_those_of_tokenizers(text: str) -> None:
    tokens, begins = token_stream(text, OURS)
    assert tokens == THEIRS.encode(text).tokens
    assert len(begins) == len(tokens) + 1


def test_a_very_long_word_is_unknown() -> None:
    assert OURS.knows("a" * 100)
    assert not OURS.knows("a" * 101)


def test_from_a_file_a_folder_and_json(vocabulary: Path, tmp_path: Path) -> None:
    checksum = hashlib.sha256(vocabulary.read_bytes()).hexdigest()
    THEIRS.save(str(tmp_path / "tokenizer.json"))
    for path in (vocabulary, vocabulary.parent, tmp_path, tmp_path / "tokenizer.json"):
        loaded = WordPiece.load(path)
        assert loaded.sha256 == checksum
        assert loaded.pieces("lungs") == ("lung", "##s")
        assert not loaded.is_medconcept
        assert pickle.loads(pickle.dumps(loaded)).sha256 == checksum  # noqa: S301


def test_the_published_vocabulary(published: WordPiece) -> None:
    assert published.is_medconcept
    assert published.to_dict() == {
        "wordpiece_entries": 30_522,
        "wordpiece_sha256": MEDCONCEPT_VOCABULARY,
    }


def test_the_published_tokens(sample: list[dict[str, Any]], published: WordPiece) -> None:
    spans = 0
    for record in sample:
        tokens, _ = token_stream(record["caption"], published)
        for span in record["umls_meta_info"]:
            assert tokens[span["start_token"] : span["end_token"]] == span["tokens"]
            spans += 1
    assert spans == 157


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("vocab.txt", "a\nb\n", "has no \\[UNK\\]"),
        ("vocab.txt", "[UNK]\na\na\n", "occurs twice"),
        ("vocab.txt", b"\xff\xfe", "not a WordPiece vocabulary"),
        ("tokenizer.json", "{}", "it has no 'model'"),
        ("tokenizer.json", '{"model": {"type": "BPE"}, "normalizer": {"type": "x"}}', "is BPE"),
        (
            "tokenizer.json",
            json.dumps(
                {
                    "model": {"type": "WordPiece", "vocab": {"[UNK]": 0}},
                    "normalizer": {"type": "BertNormalizer", "lowercase": False},
                }
            ),
            "keeps case",
        ),
        ("tokenizer_config.json", '{"do_lower_case": false}', "do_lower_case is false"),
    ],
)
def test_an_invalid_vocabulary_is_an_error(
    tmp_path: Path, name: str, text: str | bytes, expected: str
) -> None:
    (tmp_path / "vocab.txt").write_text("[UNK]\n")
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError, match=expected):
        WordPiece.load(tmp_path)


def test_a_missing_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"vocab\.txt or tokenizer\.json"):
        WordPiece.load(tmp_path)
    with pytest.raises(SettingsError, match="No such file"):
        WordPiece.load(tmp_path / "vocab.txt")
