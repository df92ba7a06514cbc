from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from concept_linker.errors import SettingsError, SourceError
from concept_linker.knowledge_base.readers import read_source


def atom(
    cui: str, aui: str, text: str, *, flags: str = "S|VO|N", sab: str = "MSH", tty: str = "SY",
    lat: str = "ENG", suppress: str = "N",
) -> str:  # fmt: skip
    ts, stt, pref = flags.split("|")
    return f"{cui}|{lat}|{ts}|L1|{stt}|S1|{pref}|{aui}||||{sab}|{tty}|1|{text}|0|{suppress}|256|"


BEST = "P|PF|Y"
CONSO = [
    atom("C0000001", "A0000001", "thigh bone"),
    atom("C0000001", "A0000002", "FEM", tty="AB"),
    atom("C0000001", "A0000003", "Femur", flags=BEST),
    atom("C0000001", "A00000003", " thigh  bone "),
    atom("C0000001", "A0000005", "fémur", lat="FRE"),
    atom("C0000002", "A0000006", "old tibia", suppress="O"),
    atom("C0000002", "A0000007", "Tibia", tty="PT"),
    atom("C0000002", "A0000008", "shin bone", sab="NCI", flags="S|PF|Y"),
    atom("C0000001", "A0000009", "os femoris"),
]
NAMES = ["Femur", "thigh bone", "FEM", "os femoris", "Tibia", "shin bone"]
FILES = {
    "MRCONSO.RRF": CONSO,
    "MRSTY.RRF": [
        "C0000001|T023|A1|Body Part|AT1|256|",
        "C0000002|T023|A1|Body Part|AT2|256|",
        "C0000002|T047|A1|Disease|AT3|256|",
        "C0000009|T047|A1|Disease|AT4|256|",
    ],
    "MRDEF.RRF": [
        "C0000001|A1|AT1||NCI|Suppressed.|O||",
        "C0000001|A1|AT1||MSHFRE|L'os.|N||",
        "C0000001|A1|AT1||MSH|The  bone.|N||",
        "C0000001|A1|AT1||NCI|Another.|N||",
    ],
    "MRSAB.RRF": [
        "C1|C2|MTH2024AA|MTH|Names|MTH|2024AA|||||||||||||ENG|UTF-8|Y|Y|MTH||",
        "C1|C2|MSHFRE|MSHFRE|MeSH|MSH|2024|||||||||||||FRE|UTF-8|Y|Y|MSHFRE||",
    ],
}


def write(folder: Path, **changed: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (FILES | {f"{key}.RRF": lines for key, lines in changed.items()}).items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def preferred(tables: Any) -> list[str]:
    return [row["name"] for row in tables.names.to_pylist() if row["kind"] == 0]


def test_reads_a_folder(tmp_path: Path) -> None:
    tables = read_source("rrf", write(tmp_path / "META").parent)
    rows = tables.names.to_pylist()
    assert [row["name"] for row in rows] == NAMES
    assert [row["kind"] for row in rows] == [0, 1, 2, 1, 0, 1]
    assert [row["source"] for row in rows] == ["MSH"] * 5 + ["NCI"]
    assert tables.types["id"].to_pylist() == ["C0000001", "C0000002", "C0000002"]
    # Neither the suppressed one nor the French one, which stand before it.
    assert tables.definitions["definition"].to_pylist() == ["The bone."]
    assert (tables.info.name, tables.info.version) == ("UMLS", "2024AA")
    assert "Licence" in tables.info.licence
    assert set(tables.info.files) == set(FILES)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"languages": ["FRE"]}, ["fémur"]),
        ({"sources": ["NCI"]}, ["shin bone"]),
        ({"term_types": ["PT", "AB"]}, ["FEM", "Tibia"]),
        ({"semantic_types": ["T047"]}, ["Tibia", "shin bone"]),
        ({"keep_suppressed": True}, [*NAMES[:4], "old tibia", "Tibia", "shin bone"]),
        ({"semantic_types": []}, []),
    ],
)
def test_filters(tmp_path: Path, options: dict[str, Any], names: list[str]) -> None:
    assert read_source("rrf", write(tmp_path), options).names["name"].to_pylist() == names


def test_preferred_name(tmp_path: Path) -> None:
    ranks = ["0100|NCI|SY|N|", "0060|MSH|AB|N|", "0050|MSH|SY|N|"]
    # The flags where all three are set, else the first or, with MRRANK, the highest rank.
    assert preferred(read_source("rrf", write(tmp_path))) == ["Femur", "Tibia"]
    tables = read_source("rrf", write(tmp_path, MRRANK=ranks))
    assert preferred(tables) == ["Femur", "shin bone"]  # PT of MSH has no rank
    # Without an atom that has all flags: by rank first, by flags among equal ranks.
    unmarked = [row for row in CONSO if "|Femur|" not in row]
    unmarked.append(atom("C0000001", "A1", "femoral bone", flags="P|VO|Y"))
    tables = read_source("rrf", write(tmp_path, MRCONSO=unmarked, MRRANK=ranks))
    assert preferred(tables)[0] == "FEM"
    tables = read_source("rrf", write(tmp_path, MRCONSO=unmarked, MRRANK=ranks[::2]))
    assert preferred(tables)[0] == "femoral bone"


def test_columns_come_from_mrfiles(tmp_path: Path) -> None:
    listed = ["MRCONSO.RRF|x|STR,CUI,LAT,TS,STT,ISPREF,AUI,SAB,TTY,SUPPRESS|10|1|1|"]
    conso = ["Ulna|C0000003|ENG|P|PF|Y|A1|MSH|PT|N|"]
    tables = read_source("rrf", write(tmp_path, MRCONSO=conso, MRFILES=listed))
    assert tables.names["name"].to_pylist() == ["Ulna"]
    with pytest.raises(SourceError, match=r"MRCONSO\.RRF lacks the columns AUI") as caught:
        read_source(
            "rrf", write(tmp_path, MRFILES=["MRSTY.RRF|x||6|1|1|", "MRCONSO.RRF|x|CUI|1|1|1|"])
        )
    assert caught.value.line == 2


def content(name: str) -> bytes:
    return "".join(f"{line}\n" for line in FILES[name]).encode()


def test_gzip_files(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content(name)))
    assert read_source("rrf", tmp_path / "MRCONSO.RRF.gz").names["name"].to_pylist() == NAMES


def test_tar(tmp_path: Path) -> None:
    path = tmp_path / "release.tar.xz"
    with lzma.open(path, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name in FILES:
            entry = tarfile.TarInfo(f"2024AA/META/{name}")
            entry.size = len(content(name))
            archive.addfile(entry, io.BytesIO(content(name)))
    tables = read_source("rrf", path)
    assert tables.names["name"].to_pylist() == NAMES
    assert list(tables.info.files) == ["release.tar.xz"]


def test_release_zip_of_nlm_files_in_parts(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        conso = content("MRCONSO.RRF")
        cut = conso.index(b"FEM") + 1  # within a line
        for part, piece in (("ab", conso[cut:]), ("aa", conso[:cut])):
            archive.writestr(f"2024AA/META/MRCONSO.RRF.{part}.gz", gzip.compress(piece))
        archive.writestr("2024AA/META/release.dat", "umls.release.name=2024AB\n")
    path = tmp_path / "umls-2024AA-full.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2024AA-full/2024aa-1-meta.nlm", inner.getvalue())
        archive.writestr("2024AA-full/README.txt", "x")
    tables = read_source("rrf", path)
    assert tables.names["name"].to_pylist() == NAMES
    assert tables.info.version == "2024AB"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (atom("C0000003", "A0000010", "x")[:-5], "17 columns, expected 19"),
        (atom("C0000003", "A0000010", "x|y"), "20 columns, expected 19"),
        (atom("", "A0000010", "x"), "empty id"),
        (atom("C0000003", "A0000010", " "), "empty name"),
        (atom("C0000003", "A0000010", "x\0"), r"control character U\+0000"),
        (atom("C0000003", "A0000001", "x"), r"duplicate atom \(AUI\)"),
    ],
)
def test_bad_row(tmp_path: Path, check_bad, bad: str, problem: str) -> None:  # type: ignore[no-untyped-def]
    folder = write(tmp_path / "META", MRCONSO=[*CONSO[:5], bad, *CONSO[5:]])
    check_bad("rrf", folder, line=6, problem=problem, kept=NAMES)


def test_undecodable_row(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    folder = write(tmp_path / "META")
    path = folder / "MRCONSO.RRF"
    bad = atom("C0000003", "A0000010", "x").replace("|x|", "|é|").encode("latin-1")
    path.write_bytes(path.read_bytes() + bad + b"\n")
    check_bad("rrf", folder, line=10, problem="not UTF-8", kept=NAMES)


def test_last_line_cut(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    folder = write(tmp_path / "META")
    path = folder / "MRCONSO.RRF"
    path.write_bytes(path.read_bytes()[:-20])
    kept = [name for name in NAMES if name != "os femoris"]
    check_bad("rrf", folder, line=9, problem="columns, expected 19", kept=kept)


@pytest.mark.parametrize(
    ("name", "bad", "problem"),
    [
        ("MRSTY", "C0000001||A1|x|AT9|256|", "empty name"),
        ("MRDEF", "C0000001|A1|AT1||NCI|\x01|N||", "control character"),
        ("MRRANK", "first|MSH|PT|N|", "RANK is 'first', expected a number"),
    ],
)
def test_bad_row_of_another_file(
    tmp_path: Path, check_bad, name: str, bad: str, problem: str
) -> None:  # type: ignore[no-untyped-def]
    folder = write(tmp_path / "META", **{name: [*FILES.get(f"{name}.RRF", []), bad]})
    line = len(FILES.get(f"{name}.RRF", [])) + 1
    check_bad("rrf", folder, line=line, problem=problem, kept=NAMES)


def test_cut_gzip(tmp_path: Path) -> None:
    path = tmp_path / "MRCONSO.RRF.gz"
    rows = (atom(f"C{n:07d}", f"A{n:07d}", f"name {n}") + "\n" for n in range(20_000))
    whole = gzip.compress("".join(rows).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="cut short or damaged") as caught:
        read_source("rrf", path)
    assert caught.value.line is not None
    assert 8_000 < caught.value.line < 12_000


def test_not_a_release(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"has no MRCONSO\.RRF"):
        read_source("rrf", tmp_path)
    path = tmp_path / "x.zip"
    path.write_bytes(b"no archive")
    with pytest.raises(SourceError, match="cannot be read"):
        read_source("rrf", path)
    write(tmp_path)
    (tmp_path / "MRCONSO.RRF.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(SourceError, match="a second MRCONSO"):
        read_source("rrf", tmp_path)


def test_same_as_jsonl_as_shared(shared_data: Path) -> None:
    release = read_source("rrf", shared_data / "kb100k" / "META.tar.xz")
    lines = read_source("jsonl", shared_data / "kb100k" / "kb.jsonl.gz")

    def by_id(tables: Any) -> tuple[dict[str, set[str]], dict[str, str], dict[str, set[str]]]:
        names: dict[str, set[str]] = {}
        types: dict[str, set[str]] = {}
        for row in tables.names.to_pylist():
            names.setdefault(row["id"], set()).add(row["name"])
        for row in tables.types.to_pylist():
            types.setdefault(row["id"], set()).add(row["type"])
        first = {row["id"]: row["name"] for row in tables.names.to_pylist() if row["kind"] == 0}
        return names, first, types

    assert by_id(release) == by_id(lines)
    assert release.definitions.sort_by("id").equals(lines.definitions.sort_by("id"))


def test_filters_that_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "MRCONSO.RRF").touch()
    assert read_source("rrf", tmp_path).names.num_rows == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"sources": ["MSH", "MESH"]}, "vocabulary 'MESH' does not occur in .*, expected MSH, NCI"),
        ({"languages": ["English"]}, "language 'English' does not occur in .*, expected ENG, FRE"),
        ({"term_types": ["PREF"]}, "term type 'PREF' does not occur in .*, expected AB, PT, SY"),
        (
            {"semantic_types": ["DISO"]},
            "semantic type is 'DISO', a semantic group, expected .*T047",
        ),
        ({"semantic_types": ["disorders"]}, "a semantic group, expected its types: T019"),
        ({"semantic_types": ["T047", "Tissue"]}, "semantic type is 'Tissue', expected T024"),
        ({"semantic_types": ["t047"]}, "semantic type is 't047', expected T047"),
        ({"semantic_types": ["T024"]}, "the release has no such concept"),
        ({"semantic_types": ["T999"]}, "expected a TUI such as T047"),
    ],
)
def test_a_filter_value_that_does_not_occur(
    tmp_path: Path, options: dict[str, list[str]], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        read_source("rrf", write(tmp_path), options)
    assert "\n" not in str(caught.value)


def test_a_filter_by_type_without_mrsty(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "MRSTY.RRF").unlink()
    with pytest.raises(SettingsError, match=r"it has no MRSTY.RRF"):
        read_source("rrf", tmp_path, {"semantic_types": ["T047"]})
    assert read_source("rrf", tmp_path).names.num_rows == len(NAMES)
