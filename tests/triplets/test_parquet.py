"""Parquet as ``datasets`` reads it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from made_records import write

from concept_linker.errors import InputError, SettingsError
from concept_linker.triplets.parquet_files import read_metadata
from concept_linker.triplets.parquet_schema import record_schema
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.reading import read_records
from concept_linker.triplets.record_files import side_car
from concept_linker.triplets.rewriting import convert_job, repair_job, rewrite
from concept_linker.triplets.writing import open_writer


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from its dependencies
        module = pytest.importorskip("datasets")
    monkeypatch.setattr(module.config, "HF_DATASETS_OFFLINE", True)
    module.disable_progress_bars()
    return module


def load(datasets: Any, path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = {"train": str(path)}
        cache = str(path.parent / f"cache-{path.stem}")
        return datasets.load_dataset("parquet", data_files=files, cache_dir=cache)["train"]


def test_the_sample_with_its_images(datasets: Any, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "medconcept_sample"
    path, exact = tmp_path / "a.parquet", tmp_path / "b.parquet"
    images = folder / "images"
    assert rewrite(folder / "full.jsonl", path, convert_job(), images=images).written == 40
    assert rewrite(path, exact, repair_job()).written == 40  # images included
    rows = [row for _, row in read_records(exact)]
    data = load(datasets, exact)
    assert isinstance(data.features["image"], datasets.Image)
    assert data[0]["image"].size == (512, 512)
    bare = data.cast_column("image", datasets.Image(decode=False))
    for got, row in zip(bare, rows, strict=True):
        assert isinstance(row, dict)
        assert got["image"] == {
            "bytes": (images / row["image"]).read_bytes(),
            "path": row["image"],
        }
        assert {**got, "image": row["image"]} == row


def test_features_are_typed(datasets: Any, records: list[dict[str, Any]], tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", records)
    write(side_car(path), [Provenance(licence="CC BY", version=n).to_dict() for n in (1, 2, 3)])
    output = tmp_path / "b.parquet"
    rewrite(path, output, convert_job())
    data = load(datasets, output)
    span = data.features["umls_meta_info"].feature
    assert {name: value.dtype for name, value in span.items() if name != "tokens"} == {
        "umls_cui": "string",
        "umls_similarity": "float32",
        "start_char": "int32",
        "end_char": "int32",
        "start_token": "int32",
        "end_token": "int32",
    }
    assert data.features["provenance"]["version"].dtype == "int32"
    assert [row["provenance"]["version"] for row in data] == [1, 2, 3]
    assert [row["umls_meta_info"] for row in data] == [row["umls_meta_info"] for row in records]


def test_other_columns_are_typed_too(
    datasets: Any, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    columns = pa.schema(
        [
            ("weight", pa.float64()),
            ("flag", pa.bool_()),
            ("sites", pa.list_(pa.struct([("x", pa.int64())]))),
        ]
    )
    path = tmp_path / "a.parquet"
    others = {"weight": 0.1, "flag": True, "sites": [{"x": 1}]}
    with open_writer(path, columns=columns, metadata={"offsets": "caption"}) as writer:
        writer.write(records[0] | others)
    [row] = load(datasets, path)
    assert row == records[0] | others
    assert read_metadata(path) == {"offsets": "caption"}


def test_a_missing_image_is_set_aside(records: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jpg").write_bytes(b"image")
    records[1]["image"] = "a/none.jpg"
    path = write(tmp_path / "a.jsonl", records)
    output = tmp_path / "b.parquet"
    summary = rewrite(path, output, convert_job(), images=tmp_path)
    assert (summary.written, summary.bad) == (2, 1)
    got = [row for _, row in read_records(output, images=True)]
    assert [row["image_bytes"] for row in got if isinstance(row, dict)] == [b"image"] * 2


def test_no_image_from_outside_the_folder_is_stored(
    records: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Links, invalid names, and folders: each makes only its own row bad."""
    folder = tmp_path / "images"
    (folder / "a").mkdir(parents=True)
    (folder / "a/b.jpg").write_bytes(b"image")
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "out.jpg").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    (folder / "circle.jpg").symlink_to("circle.jpg")
    bad = ["out.jpg", "up/secret", "circle.jpg", "a\0.jpg", "x" * 5000, "a", "a/" * 3000]
    rows = [records[0] | {"image": name} for name in bad]
    path = write(tmp_path / "a.jsonl", [records[0], *rows, records[1]])
    summary = rewrite(path, tmp_path / "b.parquet", convert_job(), images=folder)
    assert (summary.written, summary.bad) == (2, len(bad))
    got = [row["image_bytes"] for _, row in read_records(tmp_path / "b.parquet", images=True)]
    assert got == [b"image"] * 2
    lines = (tmp_path / "b.parquet.quarantine.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == len(bad)
    assert all("image" in json.loads(line)["problem"] for line in lines)


def test_a_folder_without_the_images(records: list[dict[str, Any]], tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", records)
    for place, message in ((tmp_path / "nowhere", "expected a folder"), (tmp_path, "has none of")):
        with pytest.raises(SettingsError, match=message):
            rewrite(path, tmp_path / "b.parquet", convert_job(), images=place)
    assert [one.name for one in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_input_column_with_a_name_of_the_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a column 'caption', which the record has"):
        record_schema(columns=pa.schema([("caption", pa.string())]))
