"""A service that answers without end: requests, listings and articles have limits."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cloud_server import Cloud
from test_fetching import KEYS, run


@pytest.mark.timeout(60)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("fault", ["trickle", "continue"])
def test_an_answer_that_never_begins_times_out(
    cloud: Cloud, folder: Path, key: str, fault: str
) -> None:
    """Each byte comes in time, but the answer is never complete."""
    cloud.add("PMC1")
    cloud.add("PMC2")
    cloud.faults[key].extend([fault] * 2)
    begin = time.monotonic()
    summary = run(cloud, folder, ["PMC1", "PMC2"], retries=1, timeout=0.4)
    assert time.monotonic() - begin < 10
    assert summary.fetched == 1
    assert "not done in 0.4 s, 2 times" in summary.failed["PMC1"]


@pytest.mark.timeout(60)
def test_the_timeout_limits_a_whole_description(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1", title="x" * 10_000)  # two seconds of dripping
    cloud.faults["metadata/PMC1.1.json"].append("drip")
    assert "not done in" in run(cloud, folder, "PMC1", retries=0, timeout=0.5).failed["PMC1"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("key", KEYS[:2])
def test_the_size_of_descriptions_is_limited(cloud: Cloud, folder: Path, key: str) -> None:
    cloud.add("PMC1")
    cloud.faults[key].append("long")
    assert "more than 4,194,304 bytes" in run(cloud, folder, "PMC1").failed["PMC1"]
    assert cloud.requests.count(key) == 1


def test_pages_without_end(cloud: Cloud, folder: Path) -> None:
    cloud.add("PMC1")
    cloud.pages_without_end = True
    assert "more than 10 pages" in run(cloud, folder, "PMC1").failed["PMC1"]
    assert len(cloud.requests) == 10


def test_versions_without_end(cloud: Cloud, folder: Path) -> None:
    cloud.objects |= {f"PMC1.{version}/x": b"" for version in range(1, 200)}
    assert "more than 100 versions" in run(cloud, folder, "PMC1").failed["PMC1"]
    assert len(cloud.requests) == 1


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 10])
def test_a_number_without_end_fails_one_article(cloud: Cloud, folder: Path, number: str) -> None:
    cloud.objects[f"PMC1.{number}/x"] = b""
    cloud.add("PMC2")
    cloud.objects["metadata/PMC2.1.json"] = (
        json.dumps({"pmcid": "PMC2", "version": 0}).replace("0}", number + "}").encode()
    )
    cloud.add("PMC3", 1, pmcid="PMC3" * 5000)
    cloud.add("PMC4", media_urls=["s3://" + "x" * 100_000, *[f"s3://b/PMC4.1/gr1.jpg{number}"]])
    cloud.add("PMC5")
    summary = run(cloud, folder, [f"PMC{n}" for n in range(1, 6)])
    assert list(summary.failed) == ["PMC1", "PMC2", "PMC3"]
    assert f"version with {len(number):,} digits" in summary.failed["PMC1"]
    assert all(len(reason) < 300 for reason in summary.failed.values())
    assert summary.fetched == 2


def test_a_token_without_end(cloud: Cloud, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = f"<NextContinuationToken>{'x' * 100_000}</NextContinuationToken>"
    listing = f"<ListBucketResult><IsTruncated>true</IsTruncated>{token}</ListBucketResult>"
    monkeypatch.setattr(cloud, "listing", lambda query: listing.encode())
    assert "token of 100,000 characters" in run(cloud, folder, "PMC1").failed["PMC1"]


@pytest.mark.timeout(60)
def test_a_stop_does_not_wait_for_an_answer(cloud: Cloud, folder: Path) -> None:
    """Failures in a row end the run while another worker waits for an answer without end."""
    for number in range(1, 4):
        cloud.faults[f"list PMC{number}."].append("403")
    cloud.faults["list PMC4."].append("trickle")
    begin = time.monotonic()
    names = [f"PMC{number}" for number in range(1, 5)]
    run(cloud, folder, names, workers=4, timeout=50, give_up=3)
    assert time.monotonic() - begin < 20
