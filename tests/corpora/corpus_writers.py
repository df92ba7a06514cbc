"""Plain writers of corpus formats: the readers must read what they write."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from concept_linker.corpora.gold import GoldDocument


def pubtator(documents: list[GoldDocument], path: Path) -> Path:
    blocks = []
    for one in documents:
        title, abstract = one.text[:4], one.text[5:]
        assert one.text[4] == " "
        lines = [f"{one.id}|t|{title}", f"{one.id}|a|{abstract}"]
        for m in one.mentions:
            surface = one.text[m.start : m.end]
            cells = (one.id, m.start, m.end, surface, m.types[0], "|".join(m.ids) or "-1")
            lines.append("\t".join(map(str, cells)))
        lines.append(f"{one.id}\tCID\tD000001\tD000002")
        blocks.append("\n".join(lines) + "\n")
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def jsonl(documents: list[GoldDocument], path: Path) -> Path:
    rows = [
        {
            "id": one.id,
            "text": one.text,
            "mentions": [
                {"spans": list(map(list, m.spans)), "ids": list(m.ids), "label": m.types[0]}
                if len(m.spans) > 1
                else {"start": m.start, "end": m.end, "ids": list(m.ids), "label": m.types[0]}
                for m in one.mentions
            ],
        }
        for one in documents
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _bioc(one: GoldDocument) -> dict[str, object]:
    annotations = [
        {
            "infons": {"type": m.types[0], "identifier": ";".join(m.ids) or "-"},
            "text": one.surface(m),
            "locations": [{"offset": b, "length": e - b} for b, e in m.spans],
        }
        for m in one.mentions
    ]
    passages = [
        {"offset": 0, "text": one.text[:4], "annotations": []},
        {"offset": 5, "text": one.text[5:], "annotations": annotations},
    ]
    return {"id": one.id, "passages": passages}


def bioc_json(documents: list[GoldDocument], path: Path, *, lines: bool = False) -> Path:
    rows = list(map(_bioc, documents))
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text if lines else json.dumps({"documents": rows}, indent=1), "utf-8")
    return path


def bioc_xml(documents: list[GoldDocument], path: Path) -> Path:
    root = ET.Element("collection")
    for one in map(_bioc, documents):
        element = ET.SubElement(root, "document")
        ET.SubElement(element, "id").text = str(one["id"])
        for passage in one["passages"]:  # type: ignore[attr-defined]
            part = ET.SubElement(element, "passage")
            ET.SubElement(part, "offset").text = str(passage["offset"])
            ET.SubElement(part, "text").text = passage["text"]
            for annotation in passage["annotations"]:
                made = ET.SubElement(part, "annotation", id="1")
                for key, value in annotation["infons"].items():
                    ET.SubElement(made, "infon", key=key).text = value
                for place in annotation["locations"]:
                    ET.SubElement(made, "location", {k: str(v) for k, v in place.items()})
                ET.SubElement(made, "text").text = annotation["text"]
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


def brat(documents: list[GoldDocument], path: Path) -> Path:
    path.mkdir()
    for one in documents:
        lines = []
        for number, m in enumerate(one.mentions, 1):
            spans = ";".join(f"{b} {e}" for b, e in m.spans)
            lines.append(f"T{number}\t{m.types[0]} {spans}\t{one.surface(m)}")
            lines += [f"N{number}{n}\tReference T{number} {i}\tx" for n, i in enumerate(m.ids)]
        lines.append("R1\tCauses Arg1:T1 Arg2:T2")
        (path / f"{one.id}.ann").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (path / f"{one.id}.txt").write_bytes(one.text.encode())
    return path
