from __future__ import annotations

from typing import Any

import pytest

from concept_linker.errors import InputError
from concept_linker.triplets.provenance import Provenance


def test_round_trip() -> None:
    article = Provenance("PMC1", 2, "CC BY", "https://example.org/a.xml", "2026-11-22")
    linked = article.linked(
        version="0.1.0", kb="default", kb_sha256="ab", settings={"b": 1, "a": 2}
    )
    assert linked.settings == '{"a": 2, "b": 1}'
    assert Provenance.from_dict(linked.to_dict()) == linked
    assert Provenance.from_dict({}) == Provenance()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "is list, expected an object"),
        ({"license": "CC BY"}, "has the key 'license'"),
        ({"licence": None}, "'licence' is NoneType, expected str"),
        ({"version": "2"}, "'version' is str, expected int or null"),
        ({"version": True}, "'version' is bool"),
        ({"retrieved": "22.11.2026"}, "expected YYYY-MM-DD"),
    ],
)
def test_invalid_provenance(values: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        Provenance.from_dict(values)
