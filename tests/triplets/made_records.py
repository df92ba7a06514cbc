"""Records and a vocabulary for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Every ASCII character and a few words, so that pieces and an unknown word occur.
WORDS = "the left right lung heart lesion arrow patient show ct of in a with no mass"
ENTRIES = list(
    dict.fromkeys(
        [
            "[PAD]",
            "[UNK]",
            *(chr(code) for code in range(33, 127)),
            *(f"##{chr(code)}" for code in range(33, 127)),
            *WORDS.split(),
            "µ",
        ]
    )
)


def record(
    caption: str, spans: list[tuple[str, float, int, int, list[str], int]]
) -> dict[str, Any]:
    return {
        "pmid": "1",
        "pmc": "22",
        "fig_caption": caption,
        "fig_id": "F1",
        "fig_label": "Fig. 1",
        "fig_list-items": [],
        "graphic_ref": "g1",
        "href": "g1",
        "caption": caption,
        "image": "a/b.jpg",
        "umls_meta_info": [
            {
                "umls_cui": cui,
                "umls_similarity": similarity,
                "start_char": start,
                "end_char": end,
                "tokens": tokens,
                "start_token": first,
                "end_token": first + len(tokens),
            }
            for cui, similarity, start, end, tokens, first in spans
        ],
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
