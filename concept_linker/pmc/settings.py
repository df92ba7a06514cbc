"""The settings of fetching articles."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from concept_linker.errors import SettingsError
from concept_linker.pmc.licences import CODES, DEFAULT

__all__ = ["ENDPOINT", "FetchSettings"]

#: NLM's public bucket over HTTPS; it needs no login.
ENDPOINT = "https://pmc-oa-opendata.s3.amazonaws.com"


class FetchSettings(BaseModel):
    """What to fetch, and how.

    Args:
        endpoint: the URL of the bucket.
        licences: the codes of accepted licences.
        images: the images of figures, or none.
        rate: the maximum number of requests a second, of all workers together.
        workers: the number of articles fetched at a time.
        retries: the number of retries after a temporary failure.
        back_off: seconds before the first retry; doubled before each further one.
        max_wait: the longest ``Retry-After`` that is waited for, in seconds.
        timeout: the time limit for the start of an answer, and between two pieces of it, in
            seconds; a whole file may take twenty times as long.
        give_up: the number of failures in a row after which the run stops.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = ENDPOINT
    licences: tuple[str, ...] = DEFAULT
    images: Literal["figures", "none"] = "figures"
    rate: Annotated[float, Field(gt=0, le=1000)] = 10.0
    workers: Annotated[int, Field(ge=1, le=64)] = 4
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    back_off: Annotated[float, Field(ge=0, le=60)] = 1.0
    max_wait: Annotated[float, Field(ge=0)] = 300.0
    timeout: Annotated[float, Field(gt=0, le=3600)] = 60.0
    give_up: Annotated[int, Field(ge=1)] = 20

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, endpoint: str) -> str:
        if not endpoint.startswith(("https://", "http://")) or "?" in endpoint:
            raise ValueError(f"expected a URL such as {ENDPOINT}")
        return endpoint.rstrip("/")

    @field_validator("licences")
    @classmethod
    def _check_licences(cls, licences: tuple[str, ...]) -> tuple[str, ...]:
        if not licences or not set(licences) <= set(CODES):
            raise ValueError(f"expected some of {', '.join(CODES)}")
        return licences

    @classmethod
    def checked(cls, **settings: Any) -> FetchSettings:
        """Returns validated settings.

        Raises:
            SettingsError: a setting is unknown or out of range.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"]))
            problem = first["msg"].removeprefix("Value error, ")
            raise SettingsError(f"setting {name!r} is {first['input']!r}: {problem}") from None
