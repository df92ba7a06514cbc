"""Makes the tables of figures in these pages from ``benchmarks/results``.

    python docs/renew.py figures

writes each table between its marks, ``<!-- figures: NAME -->`` and ``<!-- end of figures -->``.
Figures of other systems that this repository cannot measure are constants here; the pages say so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs/performance.md")
_MARKED = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_CORPORA = ("MedMentions full", "MedMentions ST21pv", "BC5CDR", "NCBI Disease", "CRAFT captions")


def renewed(page: str) -> str:
    """Returns a page with its tables made again."""
    return _MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], page)


def _figures(name: str) -> Any:
    return json.loads((ROOT / f"benchmarks/results/{name}.json").read_text("utf-8"))["figures"]


def _table(head: str, rows: Iterable[Iterable[object]]) -> str:
    titles = head.split("|")
    lines = [titles, ["---"] * len(titles), *([str(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _share(value: float) -> str:
    return f"{value:.3f}".lstrip("0")


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 0.1 else f"{value:.2g} s"


def _link_f1(corpus: str) -> str:
    """Returns the F1 of place and concept."""
    found = _figures("accuracy")[corpus]["end_to_end"]
    return _share(found[0]["measures"]["strict concept"]["f1"]["value"]) if found else "–"


def summary() -> str:
    """Compared with other systems: the five rows of the README."""
    search, found = _figures("candidates")["systems"], _figures("end_to_end")["systems"]
    large = _figures("candidates_scale")["11M"]
    scispacy = _figures("accuracy")["MedMentions full"]["end_to_end"][-1]["measures"]
    text = [found[name] for name in ("quickumls", "gilda", "medcat")]
    hard = [
        _share(search[name]["mentions_hard"]["recall@1"])
        for name in ("concept_linker", "scispacy", "quickumls", "gilda")
    ]
    rows: list[list[object]] = [
        ["Text to concepts, F1", f"**{_share(found['concept_linker']['concept']['f1'])}**",
         _share(scispacy["strict concept"]["f1"]["value"]),
         *(_share(one["concept"]["f1"]) for one in text)],
        ["Misspelt or reworded name, right concept first", f"**{hard[0]}**", *hard[1:], "–"],
        ["Captions per second, one core", found["concept_linker"]["captions_per_s"], "107",
         *(one["captions_per_s"] for one in text)],
        ["Opening 11 million names", f"**{_seconds(large['open_s'])}**", "20 to 53 s", *"–––"],
        ["Private memory of each process then", f"**{large['private_mb']} MB**", "11 GB", *"–––"],
    ]  # fmt: skip
    return _table(
        "|concept_linker|scispaCy 0.6|QuickUMLS 1.4|gilda 1.6|MedCAT 2.9, untrained", rows
    )


def compared() -> str:
    """Compared with other systems: all rows."""
    search, found = _figures("candidates")["systems"], _figures("end_to_end")["systems"]
    large = _figures("candidates_scale")["11M"]
    ours, *others = "concept_linker", "quickumls", "gilda", "medcat"
    text = [found.get(name) for name in others]
    names = [search[name] for name in (ours, "scispacy", "quickumls", "gilda")]
    scispacy = _figures("accuracy")["MedMentions full"]["end_to_end"][-1]["measures"]
    rows: list[list[object]] = [
        ["**Text to concepts**: F1 of place and concept",
         f"**{_share(found[ours]['concept']['f1'])}**",
         f"{_share(scispacy['strict concept']['f1']['value'])} ¹",
         *(_share(one["concept"]["f1"]) if one else "–" for one in text)],
        ["captions per second, one core", found[ours]["captions_per_s"], "107 ²",
         *(one["captions_per_s"] if one else "–" for one in text)],
        ["**Name to concept**: right one first",
         *(_share(one["mentions"]["recall@1"]) for one in names)],
        ["the same, misspelt or reworded",
         *(_share(one["mentions_hard"]["recall@1"]) for one in names)],
        ["names per second, one core", *(f"{one['mentions']['batch_per_s']:,}" for one in names)],
        ["index of 100,000 names", _seconds(search[ours]["built_s"]), "927 s ²",
         *(_seconds(one["built_s"]) for one in names[2:])],
        ["**Like all of UMLS**, 11 million names: opened in", _seconds(large["open_s"]),
         "20 to 53 s ³"],
        ["memory of a process", f"{large['private_mb']} MB, and files shared by all", "11 GB ³"],
        ["**Installing**: wheels alone", "yes", "yes, with numpy < 2", "no", "yes", "yes"],
        ["never uses the network", "yes", "no", "no ⁴", "no", "–"],
        ["finds misspelt names", "yes", "yes", "yes", "no", "–"],
        ["score is a probability", "yes", "no", "no", "no", "–"],
    ]  # fmt: skip
    head = "|concept_linker|scispaCy 0.6|QuickUMLS 1.4|gilda 1.6|MedCAT 2.9, untrained"
    return _table(head, ([*row, *"–" * (6 - len(row))] for row in rows))


def accuracy() -> str:
    """Given mentions: R@1 compared with the baselines."""
    rows = []
    for corpus in _CORPORA:
        results = _figures("accuracy")[corpus]["gold_mentions"]
        ours = results[0]["recall_at"]["strict"]
        exact, scispacy = (result["recall_at"]["listed"] for result in results[1:])
        first = ours["1"]
        interval = f"{_share(first['low'])} to {_share(first['high'])}"
        error = results[0]["calibration"]["error"]
        rows.append(
            [corpus, f"{results[0]['mentions']:,}", f"**{_share(first['value'])}**", interval,
             _share(ours["30"]["value"]), _share(exact["1"]["value"]),
             _share(scispacy["1"]["value"]), _share(error)]
        )  # fmt: skip
    return _table(
        "|mentions|R@1|95 % interval|R@30|exact match, R@1|scispaCy's method, R@1|"
        "calibration error",
        rows,
    )


def end_to_end() -> str:
    """Given text: F1 of place and concept compared with the baselines."""
    rows = []
    for corpus in _CORPORA:
        results = _figures("accuracy")[corpus]["end_to_end"]
        if results:
            f1 = [_share(one["measures"]["strict concept"]["f1"]["value"]) for one in results]
            places = results[0]["measures"]["strict mention"]["f1"]["value"]
            document = results[0]["measures"]["document concept"]["f1"]["value"]
            rows.append([corpus, _share(places), f"**{f1[0]}**", *f1[1:], _share(document)])
    return _table(
        "|place, F1|place and concept, F1|exact match|scispaCy's method|concepts of a document, F1",
        rows,
    )


def others() -> str:
    """Given text, compared with other systems."""
    titles = {
        "concept_linker": "concept_linker",
        "gilda": "gilda 1.6.1",
        "quickumls": "QuickUMLS 1.4.2",
        "mmlite": "mmlite 0.1.4",
        "medcat": "MedCAT 2.9.0, untrained",
    }
    return _table(
        "|place, F1|place and concept: P|R|F1|concepts of a document, F1|captions per second",
        [
            [titles[name], _share(one["place"]["f1"]),
             *(_share(one["concept"][part]) for part in ("precision", "recall", "f1")),
             _share(one["document"]["f1"]), one["captions_per_s"]]
            for name, one in _figures("end_to_end")["systems"].items()
        ],
    )  # fmt: skip


def speed() -> str:
    """By detector: F1 of places, and captions a second."""
    return _table(
        "detector|places, F1 (MedMentions)|recall on CRAFT captions|captions per second",
        [
            [f"`{name}`", _share(one["medmentions"]["f1"]), _share(one["craft_captions"]["recall"]),
             f"{one['speed']['captions_per_s']:,}"]
            for name, one in _figures("mentions")["detectors"].items()
            if name in ("hybrid", "ner", "dictionary")
        ],
    )  # fmt: skip


def candidates() -> str:
    """Names to concepts, compared with other systems."""
    names = {
        "concept_linker": "concept_linker",
        "scispacy": "scispaCy 0.6.2, candidate generator",
        "tfidf": "exact TF-IDF, scikit-learn and sparse_dot_topn",
        "simstring": "simstring, cosine from 0.6 on",
        "quickumls": "QuickUMLS 1.4.2",
        "gilda": "gilda 1.6.1 (equal names only)",
        "mmlite": "mmlite 0.1.4 (equal names only)",
    }
    by = _figures("candidates")["systems"]
    return _table(
        "|built in|names per second|R@1|R@30|R@1, hard|R@30, hard",
        [
            [title, "927 s ¹" if name == "scispacy" else _seconds(by[name]["built_s"]),
             f"{by[name]['mentions']['batch_per_s']:,}",
             *(_share(by[name][which][f"recall@{k}"])
               for which in ("mentions", "mentions_hard") for k in (1, 30))]
            for name, title in names.items()
        ],
    )  # fmt: skip


def scale() -> str:
    """Search by the size of the knowledge base."""
    return _table(
        "names|opened in|new names per second, similarity ≥ .7|≥ .5|as they come in captions|"
        "memory of a process",
        [
            [f"{one['names']:,}", _seconds(one["open_s"]), f"{one['cold_per_s_at_0.7']:,}",
             f"{one['cold_per_s_at_0.5']:,}", f"{one['stream_per_s']:,}", f"{one['private_mb']} MB"]
            for one in _figures("candidates_scale").values()
        ],
    )  # fmt: skip


def building() -> str:
    """Costs of building a knowledge base."""
    rows = [
        [name, f"{one['names']:,}", f"{one['seconds']:.0f} s", f"{one['megabytes']:,} MB"]
        for name, one in _figures("kb_build").items()
        if isinstance(one, dict)
    ]
    large = _figures("kb_build_large")
    rows.append(
        [f"RRF of {large['rows']:,} rows", f"{large['names']:,}", f"{large['seconds']:,} s",
         f"{large['megabytes']:,} MB"]
    )  # fmt: skip
    return _table("source|names|time|memory", rows)


def starting() -> str:
    """Start-up times."""
    return _table(
        "|time", [[name, _seconds(value)] for name, value in _figures("start_up").items()]
    )


TABLES: dict[str, Callable[[], str]] = {
    "summary": summary,
    "compared": compared,
    "accuracy": accuracy,
    "end_to_end": end_to_end,
    "others": others,
    "speed": speed,
    "candidates": candidates,
    "scale": scale,
    "building": building,
    "starting": starting,
}
