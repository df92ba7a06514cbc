"""Fetching from a service that misbehaves."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cloud_server import IMAGE, Cloud, address, jats

from concept_linker.errors import InputError
from concept_linker.pmc.fetching import FetchSummary, fetch
from concept_linker.pmc.manifest import MANIFEST, Entry, read_manifest
from concept_linker.pmc.settings import FetchSettings


def run(cloud: Cloud, folder: Path, articles: Any, **settings: Any) -> FetchSummary:
    values = {"rate": 1000, "back_off": 0.01, "timeout": 5, "workers": 2, **settings}
    if not isinstance(articles, dict):
        articles = dict.fromkeys([articles] if isinstance(articles, str) else articles)
    return fetch(articles, folder, FetchSettings.checked(endpoint=cloud.endpoint, **values))


def files_of(folder: Path) -> dict[str, bytes]:
    """The files in the folders of articles."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("PMC*/*"))
    }


def entries_of(folder: Path) -> dict[str, Entry]:
    return {entry.pmcid: entry for entry in read_manifest(folder)}


def test_an_article_and_the_images_of_its_figures(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1")
    summary = run(cloud, folder, "PMC1")
    assert (summary.requested, summary.fetched, summary.files, summary.images) == (1, 1, 3, 2)
    articles = ("PMC1.1/PMC1.1.xml", "PMC1.1/gr1.jpg", "PMC1.1/gr2.jpg")  # no supplement
    assert files_of(folder) == {key: cloud.objects[key] for key in articles}
    entry = entries_of(folder)["PMC1"]
    assert (entry.version, entry.licence) == (1, "CC BY")
    assert entry.source_url == f"{cloud.endpoint}/PMC1.1/PMC1.1.xml"
    assert entry.files == {
        key.partition("/")[2]: hashlib.md5(cloud.objects[key]).hexdigest() for key in articles
    }
    time.strptime(entry.retrieved, "%Y-%m-%d")
    assert json.loads((folder / "metadata/PMC1.1.json").read_bytes())["pmcid"] == "PMC1"


def test_nothing_is_fetched_twice(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1")
    cloud.add("PMC2", is_retracted=True)
    run(cloud, folder, ["PMC1", "PMC2"])
    asked = len(cloud.requests)
    summary = run(cloud, folder, ["PMC1", "PMC2"])
    assert (summary.fetched, summary.present, summary.files) == (0, 1, 0)
    assert summary.left_out == {"retracted": 1}
    assert len(cloud.requests) == asked


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        ([(1, {}), (2, {}), (10, {})], 10),
        ([(1, {}), (2, {"is_manuscript": True})], 1),
        ([(1, {"is_manuscript": True})], 1),
        ([(1, {}), (2, {"license_code": "CC BY-NC"})], 1),
        ([(1, {"license_code": "CC0"}), (2, {"is_historical_ocr": True})], 1),
        ([(1, {}), (2, {"xml_url": None})], 1),
        ([(1, {"xml_url": None})], "no XML"),
        ([(1, {}), (2, {"is_retracted": True})], "retracted"),
        ([(1, {"is_retracted": True}), (2, {})], "retracted"),
        ([(1, {"license_code": "CC BY-NC"})], "licence CC BY-NC"),
        ([(1, {"license_code": None})], "licence unknown"),
        ([(1, {"license_code": "TDM", "media_urls": None})], "licence TDM"),
        ([], "not in the Cloud Service"),
    ],
)
def test_the_version(cloud: Cloud, folder: Path, versions: Any, chosen: int | str) -> None:
    for number, metadata in versions:
        cloud.add("PMC1", number, **metadata)
    cloud.add("PMC11", 3)  # another article, whose name begins the same
    summary = run(cloud, folder, "PMC1")
    entry = entries_of(folder)["PMC1"]
    if isinstance(chosen, str):
        assert summary.left_out == {chosen: 1}
        assert entry.reason == chosen
        assert files_of(folder) == {}
    else:
        assert entry.version == chosen
        assert f"PMC1.{chosen}/PMC1.{chosen}.xml" in files_of(folder)


def test_other_licences_are_requested_again(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1", license_code="CC BY-NC")
    assert run(cloud, folder, "PMC1").left_out == {"licence CC BY-NC": 1}
    assert run(cloud, folder, "PMC1", licences=("CC BY", "CC BY-NC")).fetched == 1


def test_versions_in_pages(cloud: Cloud, folder: Path) -> None:
    for version in range(1, 8):
        cloud.add("PMC1", version)
    cloud.page_size = 3
    run(cloud, folder, "PMC1")
    assert cloud.requests.count("list PMC1.") == 3
    assert entries_of(folder)["PMC1"].version == 7


KEYS = ("list PMC1.", "metadata/PMC1.1.json", "PMC1.1/PMC1.1.xml", "PMC1.1/gr1.jpg")


@pytest.mark.parametrize(
    ("key", "fault"),
    # A listing and a description have no MD5; they are checked by what they say.
    [(key, fault) for key in KEYS for fault in ("503", "500", "429 0", "cut", "drip")]
    + [(key, "wrong") for key in KEYS[2:]],
)
def test_temporary_faults_are_retried(cloud: Cloud, folder: Path, key: str, fault: str) -> None:
    cloud.add("PMC1")
    cloud.faults[key].extend([fault] * 2)
    assert run(cloud, folder, "PMC1").fetched == 1
    assert all(data == cloud.objects[name] for name, data in files_of(folder).items())
    assert cloud.requests.count(key) == (1 if fault == "drip" else 3)
    assert not (folder / ".partial").exists()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("fault", ["503", "cut", "wrong", "403", "404", "hang", "301"])
def test_lasting_faults_fail_and_leave_nothing_wrong(
    cloud: Cloud, folder: Path, key: str, fault: str
) -> None:
    cloud.add("PMC1")
    cloud.add("PMC2")
    cloud.faults[key].extend([fault] * 3)
    summary = run(cloud, folder, ["PMC1", "PMC2"], retries=2, timeout=0.2 if fault == "hang" else 5)
    assert summary.fetched == 1  # the other
    [(pmcid, reason)] = summary.failed.items()
    assert pmcid == "PMC1"
    assert "\n" not in reason
    assert "PMC1" in reason
    assert all(data == cloud.objects[name] for name, data in files_of(folder).items())
    there = files_of(folder)
    before = cloud.served.copy()
    cloud.faults.clear()
    assert run(cloud, folder, ["PMC1", "PMC2"]).fetched == 1
    for name in there:  # what had come before the fault has not come again
        assert cloud.served[name] == before[name]


def test_a_pause_is_kept_and_doubles(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1")
    cloud.faults["list PMC1."].extend(["503"] * 3)
    run(cloud, folder, "PMC1", back_off=0.05)
    first, second, third, last = cloud.times[:4]
    assert second - first >= 0.05
    assert third - second >= 0.1
    assert last - third >= 0.2


def test_retry_after_holds_back_every_worker(cloud: Cloud, folder: Path) -> None:
    names = [f"PMC{number}" for number in range(1, 6)]
    for name in names:
        cloud.add(name)
    cloud.faults["metadata/PMC2.1.json"].append("503 1")
    assert run(cloud, folder, names, workers=3).fetched == 5
    place = cloud.requests.index("metadata/PMC2.1.json")
    quiet = [later - cloud.times[place] for later in cloud.times[place + 1 :]]
    # Whoever had his turn before the answer may still ask; nobody after it.
    assert not [gap for gap in quiet if 0.3 < gap < 0.95]


@pytest.mark.parametrize("wish", ["99999", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_a_long_retry_after_is_a_failure(cloud: Cloud, folder: Path, wish: str) -> None:
    cloud.add("PMC1")
    cloud.faults["list PMC1."].append(f"503 {wish}")
    begin = time.monotonic()
    assert "Retry-After is" in run(cloud, folder, "PMC1").failed["PMC1"]
    assert time.monotonic() - begin < 60


def test_the_rate(cloud: Cloud, folder: Path) -> None:
    for number in range(1, 5):
        cloud.add(f"PMC{number}")
    run(cloud, folder, [f"PMC{number}" for number in range(1, 5)], rate=50, workers=8)
    assert len(cloud.times) == 20
    assert cloud.times[-1] - cloud.times[0] >= 19 / 50 - 0.02


def test_the_number_of_workers(cloud: Cloud, folder: Path) -> None:
    cloud.delay = 0.02
    for number in range(1, 11):
        cloud.add(f"PMC{number}")
    run(cloud, folder, [f"PMC{number}" for number in range(1, 11)], workers=3)
    assert 2 <= cloud.most_underway <= 3


def test_the_run_gives_up_when_the_service_is_down(cloud: Cloud, folder: Path) -> None:
    names = [f"PMC{number}" for number in range(1, 101)]
    for name in names:
        cloud.faults[f"list {name}."].extend(["503"] * 9)
    summary = run(cloud, folder, names, retries=0, give_up=5)
    assert len(summary.failed) == 5
    assert summary.not_tried == 95
    assert len(cloud.requests) < 30


def test_no_server(folder: Path, cloud: Cloud) -> None:
    settings = FetchSettings.checked(endpoint="http://127.0.0.1:9", retries=0)
    assert "refused" in fetch({"PMC1": None}, folder, settings).failed["PMC1"]


def test_images_missing_from_pmc(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1", media={"gr2.JPG": IMAGE})
    cloud.add("PMC2", is_manuscript=True, media_urls=None)
    summary = run(cloud, folder, ["PMC1", "PMC2"])
    assert (summary.fetched, summary.images, summary.missing) == (2, 1, 3)
    entries = entries_of(folder)
    assert (entries["PMC1"].images, entries["PMC1"].missing) == (("gr2.JPG",), ("gr1",))
    assert entries["PMC2"].missing == ("gr1", "gr2")


def test_files_without_an_md5_are_counted(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1", media_urls=["s3://pmc-oa-opendata/PMC1.1/gr1.jpg"])
    summary = run(cloud, folder, "PMC1")
    assert (summary.fetched, summary.unchecked) == (1, 1)
    assert entries_of(folder)["PMC1"].unchecked == ("gr1.jpg",)


@pytest.mark.parametrize(
    "place",
    [
        "PMC1.1/../../gr1.jpg",
        "PMC2.1/gr1.jpg",
        "/tmp/gr1.jpg",
        "PMC1.1//gr1.jpg",
        "PMC1.1/a/gr1.jpg",
        "PMC1.1/..\\gr1.jpg",
        "PMC1.1/gr1.jpg\x00",
    ],
)
def test_names_from_the_server_lead_nowhere(
    cloud: Cloud, folder: Path, tmp_path: Path, place: str
) -> None:
    href = "..\\gr1" if "\\" in place else "gr1"
    xml = jats("PMC1", (href,))
    cloud.add("PMC1", xml=xml, media_urls=[f"s3://pmc-oa-opendata/{place}?md5={'0' * 32}"])
    before = set(tmp_path.rglob("*"))
    summary = run(cloud, folder, "PMC1")
    assert summary.failed or summary.missing == 1
    inside = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    names = {path.relative_to(folder).as_posix() for path in inside}
    assert names <= {"PMC1.1/PMC1.1.xml", "metadata/PMC1.1.json", MANIFEST, ".lock"}


def test_a_description_of_another_article(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1", pmcid="../x")
    cloud.add("PMC2", version="two")
    cloud.objects["metadata/PMC3.1.json"] = b"{"
    cloud.objects["PMC3.1/x"] = b""
    failed = run(cloud, folder, ["PMC1", "PMC2", "PMC3"]).failed
    assert list(failed) == ["PMC1", "PMC2", "PMC3"]
    assert all("metadata of PMC" in reason for reason in failed.values())


def test_an_article_that_cannot_be_read(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1", xml=b"<article><fig></article>")
    assert "not well-formed XML" in run(cloud, folder, "PMC1").failed["PMC1"]


def test_a_damaged_file_is_fetched_again(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1")
    run(cloud, folder, "PMC1")
    (folder / MANIFEST).unlink()
    (folder / "PMC1.1/gr1.jpg").write_bytes(b"bad")
    run(cloud, folder, "PMC1")
    assert (folder / "PMC1.1/gr1.jpg").read_bytes() == IMAGE
    assert cloud.served["PMC1.1/gr1.jpg"] == 2
    assert cloud.served["PMC1.1/gr2.jpg"] == 1


def test_some_graphics_then_others(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1")
    run(cloud, folder, {"PMC1": frozenset({"gr1"})})
    assert "PMC1.1/gr2.jpg" not in files_of(folder)
    run(cloud, folder, {"PMC1": frozenset({"gr2"})})
    assert entries_of(folder)["PMC1"].images == ("gr1.jpg", "gr2.jpg")
    run(cloud, folder, {"PMC1": None})
    assert set(cloud.served.values()) - {1} <= {2, 3}  # listings and descriptions only
    assert all(cloud.served[name] == 1 for name in files_of(folder))


def test_text_alone_then_images(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1")
    run(cloud, folder, "PMC1", images="none")
    assert list(files_of(folder)) == ["PMC1.1/PMC1.1.xml"]
    assert run(cloud, folder, "PMC1").images == 2


def test_a_folder_with_other_content(cloud: Cloud, folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="has other content"):
        run(cloud, folder, "PMC1")
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_two_runs_at_once(cloud: Cloud, folder: Path) -> None:
    from filelock import FileLock

    run(cloud, folder, [])
    with (
        FileLock(folder / ".lock", is_singleton=False),
        pytest.raises(InputError, match="another run"),
    ):
        run(cloud, folder, "PMC1")


def test_an_incomplete_manifest(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1")
    cloud.add("PMC2")
    run(cloud, folder, ["PMC1", "PMC2"])
    path = folder / MANIFEST
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) - 40, 1):
        path.write_bytes(whole[:cut])
        run(cloud, folder, ["PMC1", "PMC2"])
        assert entries_of(folder).keys() == {"PMC1", "PMC2"}
    assert all(cloud.served[name] == 1 for name in files_of(folder))
    path.write_bytes(b"{}\n" + whole)
    with pytest.raises(InputError, match="line 1"):
        run(cloud, folder, ["PMC1"])


def test_a_full_disk_ends_the_run(
    cloud: Cloud, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    cloud.add("PMC1")
    monkeypatch.setattr("concept_linker.pmc.cloud_client.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run(cloud, folder, "PMC1")
    assert files_of(folder) == {}


@pytest.mark.parametrize("seed", range(2))
def test_killed_and_resumed(cloud: Cloud, folder: Path, seed: int) -> None:
    """A run is killed at random until it ends: all files are right, none is fetched twice."""
    names = [f"PMC{number}" for number in range(1, 21)]
    for number, name in enumerate(names):
        cloud.add(name, media={"gr1.jpg": bytes([number]) * 9000, "gr2.jpg": IMAGE})
        cloud.faults[f"{name}.1/gr1.jpg"].extend(random.Random(number).choices(["", "cut", "503"]))
    cloud.delay = 0.005
    moments = random.Random(seed)
    command = [sys.executable, "-m", "concept_linker", "pmc", "fetch", *names, "-o", str(folder)]
    command += ["--endpoint", cloud.endpoint, "--rate", "500", "--back-off", "0.01", "-q"]
    kills = 0
    there: dict[str, bytes] = {}
    served: dict[str, int] = {}
    while True:
        # Counts requests, not seconds, so that a busy machine gives the same result.
        enough = len(cloud.requests) + moments.randint(1, 80)
        with subprocess.Popen(command, env={**os.environ, "NO_PROXY": "127.0.0.1"}) as process:
            while len(cloud.requests) < enough and process.poll() is None:
                time.sleep(0.001)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
        for name, count in served.items():
            assert cloud.served[name] == count, "fetched twice"
        there = files_of(folder)
        for name, data in there.items():
            assert data == cloud.objects[name], "wrong kept"
        served = {name: cloud.served[name] for name in there}
        if process.returncode != -signal.SIGKILL:
            break
    assert process.returncode == 0
    assert kills >= 2
    assert there == {key: data for key, data in cloud.objects.items() if key.startswith("PMC")}
    assert set(entries_of(folder)) == set(names)
    assert not (folder / ".partial").exists()


def test_addresses_of_the_tests_are_as_documented() -> None:
    assert address("PMC1.1", "a.jpg", b"x").startswith("s3://pmc-oa-opendata/PMC1.1/a.jpg?md5=")
