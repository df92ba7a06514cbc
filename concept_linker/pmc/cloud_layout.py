"""The layout of PMC's Cloud Service, and the choice of an article's version.

    ``?list-type=2&prefix=PMC<id>.&delimiter=/``   the versions of an article, in pages
    ``metadata/PMC<id>.<version>.json``            the description of a version, and its files
    ``PMC<id>.<version>/…``                        the files

All answers of the service are validated here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from concept_linker.errors import ArticleError, CloudError
from concept_linker.pmc.image_files import is_plain_name
from concept_linker.pmc.licences import licence_code
from concept_linker.pmc.safe_xml import parse_xml, shortened

__all__ = [
    "ArticleVersion",
    "CloudFile",
    "Listing",
    "choose_version",
    "cloud_file",
    "read_listing",
    "read_metadata",
]

#: Of a version number; of S3's continuation tokens, which have a few hundred characters.
_MAX_DIGITS, _MAX_TOKEN = 9, 4096

_ADDRESS = re.compile(r"s3://[^/]+/(PMC\d+\.\d+)/([^?]+)(?:\?md5=([0-9a-fA-F]{32}))?")


class CloudFile(NamedTuple):
    """A file of an article: its folder, its name, and its MD5 if the address has one."""

    folder: str
    name: str
    md5: str | None

    @property
    def key(self) -> str:
        """Its key in the bucket."""
        return f"{self.folder}/{self.name}"


class ArticleVersion(BaseModel):
    """The description of a version; fields that are not used are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pmcid: str
    version: int = Field(ge=0, lt=10**_MAX_DIGITS)
    is_manuscript: bool
    is_retracted: bool
    is_historical_ocr: bool = False
    license_code: str | None = None
    xml_url: str | None = None
    media_urls: tuple[str, ...] | None = None

    @property
    def folder(self) -> str:
        """The folder of its files."""
        return f"{self.pmcid}.{self.version}"


class Listing(NamedTuple):
    """A page of the versions of an article, and the token of the next page."""

    versions: tuple[int, ...]
    next_page: str | None


def read_listing(data: bytes, pmcid: str) -> Listing:
    """Parses a page of S3's ListObjectsV2.

    Raises:
        CloudError: the data is not such a page.
    """
    try:
        root = parse_xml(data)
    except ArticleError as error:
        raise CloudError(f"listing of {pmcid}: {error}") from None
    if not root.tag.endswith("ListBucketResult"):
        tag = shortened(root.tag)
        raise CloudError(f"listing of {pmcid}: root is <{tag}>, expected <ListBucketResult>")
    pattern = re.compile(rf"{pmcid}\.([0-9]+)/")
    versions = []
    for prefix in root.iterfind("{*}CommonPrefixes/{*}Prefix"):
        if match := pattern.fullmatch(prefix.text or ""):
            if len(match[1]) > _MAX_DIGITS:
                raise CloudError(
                    f"listing of {pmcid}: version with {len(match[1]):,} digits, "
                    f"expected at most {_MAX_DIGITS}"
                )
            versions.append(int(match[1]))
    token = root.findtext("{*}NextContinuationToken")
    truncated = root.findtext("{*}IsTruncated") == "true"
    if truncated and not token:
        raise CloudError(f"listing of {pmcid}: truncated without a continuation token")
    if token and len(token) > _MAX_TOKEN:
        raise CloudError(
            f"listing of {pmcid}: token of {len(token):,} characters, "
            f"expected at most {_MAX_TOKEN:,}"
        )
    return Listing(tuple(versions), token if truncated else None)


def read_metadata(data: bytes, pmcid: str, version: int) -> ArticleVersion:
    """Parses the description of a version.

    Raises:
        CloudError: the data is not such a description, or is that of another version.
    """
    name = f"metadata of {pmcid}.{version}"
    try:
        described = ArticleVersion.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "file"
        problem = shortened(f"{place}: {first['msg']}")
        raise CloudError(f"{name}: {problem}") from None
    if (described.pmcid, described.version) != (pmcid, version):
        raise CloudError(f"{name}: is that of {shortened(described.folder)}")
    return described


def cloud_file(address: str, folder: str) -> CloudFile:
    """Parses the address of a file, such as ``s3://bucket/PMC1.2/gr1.jpg?md5=…``.

    Raises:
        CloudError: the address has another form, is in another folder, or its name is not a plain
            file name.
    """
    match = _ADDRESS.fullmatch(address)
    if not match or match[1] != folder or not is_plain_name(match[2]):
        raise CloudError(f"address is {shortened(address)!r}, expected s3://…/{folder}/NAME?md5=…")
    return CloudFile(folder, match[2], match[3].lower() if match[3] else None)


def choose_version(
    versions: Sequence[ArticleVersion], licences: Collection[str]
) -> ArticleVersion | str:
    """Returns the version to fetch, or the reason why the article is left out.

    An article with a retracted version is left out. Of the versions with an accepted licence, a
    published version is preferred to a manuscript, a born-digital one to a scan, and then the
    newest.
    """
    if not versions:
        return "not in the Cloud Service"
    if any(one.is_retracted for one in versions):
        return "retracted"
    licensed = [one for one in versions if licence_code(one.license_code or "") in licences]
    if not licensed:
        newest = max(versions, key=lambda one: one.version)
        return f"licence {newest.license_code or 'unknown'}"
    readable = [one for one in licensed if one.xml_url]
    if not readable:
        return "no XML"
    return max(
        readable, key=lambda one: (not one.is_manuscript, not one.is_historical_ocr, one.version)
    )
