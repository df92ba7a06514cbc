"""The settings of a linker."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from concept_linker.errors import SettingsError

__all__ = ["LinkerSettings", "checked_settings"]


class LinkerSettings(BaseModel):
    """The settings of a linker.

    A description is also the help text on the command line: a field that is added here becomes an
    option of every command that links.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: int = Field(
        default=10, ge=1, le=1000, description="List at most this many candidates for a mention."
    )
    min_similarity: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Ignore candidates whose name is less similar to the mention, 0 to 1.",
    )
    min_score: float = Field(
        default=0.38,
        ge=0.0,
        le=1.0,
        description="Link a mention only if its confidence (probability × score) reaches this, "
        "0 to 1.",
    )

    @classmethod
    def summary(cls) -> str:
        """Returns the names of the settings with their defaults.

        >>> LinkerSettings.summary()
        'k (10), min_similarity (0.0), min_score (0.38)'
        """
        return ", ".join(f"{name} ({one.default})" for name, one in cls.model_fields.items())


def checked_settings(settings: dict[str, Any]) -> LinkerSettings:
    """Checks settings that are given by name.

    Raises:
        SettingsError: a setting does not exist, or its value is not allowed.
    """
    try:
        return LinkerSettings(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        expected = first["msg"].replace("Input should be", "expected")
        problem = f"setting {name!r} is {first['input']!r}, {expected}"
        if first["type"] == "extra_forbidden":
            problem = f"setting {name!r} does not exist"
        raise SettingsError(f"{problem}; the settings are {LinkerSettings.summary()}") from None
