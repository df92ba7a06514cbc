"""Small collections of records with known leaks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WORDS = [a + b for a in "ba ce di fo gu la me ni po ru".split() for b in "ko ta ve xi zu".split()]
SPAN = {"umls_similarity": 1.0, "tokens": ["x"], "start_token": 0, "end_token": 1}


def record(pmc: str, image: str, caption: str, concepts: tuple[str, ...] = ()) -> dict:
    spans = [
        {"umls_cui": cui, **SPAN, "start_char": 2 * i, "end_char": 2 * i + 1}
        for i, cui in enumerate(concepts)
    ]
    keys = "pmid pmc fig_caption fig_id fig_label fig_list-items graphic_ref href".split()
    head = dict.fromkeys(keys, "") | {"pmc": pmc, "fig_caption": caption, "fig_list-items": []}
    order = ["umls_cui", "umls_similarity", "start_char", "end_char", "tokens"]
    spans = [{key: one[key] for key in [*order, "start_token", "end_token"]} for one in spans]
    return {**head, "caption": caption, "image": image, "umls_meta_info": spans}


def sentence(random: np.random.Generator, length: int = 14) -> str:
    return " ".join(random.choice(WORDS, length))


def collection(seed: int = 0, articles: int = 120) -> list[dict]:
    """Articles of one to five figures; every seventh repeats a caption of another, every ninth
    all but one word of it, every eleventh the path of its image."""
    random = np.random.default_rng(seed)
    records: list[dict] = []
    for number in range(articles):
        for figure in range(int(random.integers(1, 6))):
            caption = f"{['CT', 'MRI', 'Photograph'][number % 3]} of {sentence(random)}."
            image = f"PMC{number}/f{figure}.jpg"
            if records and number % 7 == 0:
                caption = records[int(random.integers(len(records)))]["caption"].upper()
            elif records and number % 9 == 0:
                words = records[int(random.integers(len(records)))]["caption"].split()
                caption = " ".join([*words[:-1], "changed"])
            elif records and number % 11 == 0:
                image = records[int(random.integers(len(records)))]["image"]
            records.append(record(str(number), image, caption, ("C0000001",) * (number % 3)))
    return records


def write(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="ascii")
    return path


def main_group(concepts) -> str:
    return "DISO" if any(True for _ in concepts) else "none"
