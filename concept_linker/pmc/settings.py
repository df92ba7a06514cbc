"""What can be set when articles are fetched."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from concept_linker.errors import SettingsError
from concept_linker.pmc.licences import CODES, DEFAULT

__all__ = ["ENDPOINT", "FetchSettings"]

#: NLM's public bucket over HTTPS; no login.
ENDPOINT = "https://pmc-oa-opendata.s3.amazonaws.com"


class FetchSettings(BaseModel):
    """How to ask, and what for.

    Args:
        endpoint: the address of the bucket.
        licences: codes that are wanted.
        images: those of the figures, or none.
        rate: at most so many requests a second, all workers together.
        workers: articles that are fetched at a time.
        retries: how often a request that failed in passing is tried again.
        back_off: seconds before the first retry; doubled before each further one.
        max_wait: seconds; a server that asks to wait longer is not waited for.
        timeout: seconds without a byte, or until an answer, after which a request has failed; a
            file may take twenty times as long in all.
        give_up: failures in a row after which the run stops.
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
    def _an_address(cls, endpoint: str) -> str:
        if not endpoint.startswith(("https://", "http://")) or "?" in endpoint:
            raise ValueError(f"wanted an address such as {ENDPOINT}")
        return endpoint.rstrip("/")

    @field_validator("licences")
    @classmethod
    def _known(cls, licences: tuple[str, ...]) -> tuple[str, ...]:
        if not licences or not set(licences) <= set(CODES):
            raise ValueError(f"wanted some of {', '.join(CODES)}")
        return licences

    @classmethod
    def checked(cls, **settings: Any) -> FetchSettings:
        """From values of any kind.

        Raises:
            SettingsError: one that does not exist or lies outside its range.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"]))
            problem = first["msg"].removeprefix("Value error, ")
            raise SettingsError(f"setting {name!r} is {first['input']!r}: {problem}") from None
