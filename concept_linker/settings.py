"""The settings of a linker."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from concept_linker.errors import SettingsError

__all__ = ["LinkerSettings", "checked_settings"]


class LinkerSettings(BaseModel):
    """The settings of a linker.

    Args:
        k: the number of candidates of a mention.
        min_similarity: the least similarity of a candidate.
        min_score: the least confidence of a link (:attr:`Mention.confidence
            <concept_linker.annotation.Mention.confidence>`); below it a mention has no ``best``
            (NIL).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: Annotated[int, Field(ge=1, le=1000)] = 10
    min_similarity: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    min_score: Annotated[float, Field(ge=0.0, le=1.0)] = 0.38

    @classmethod
    def summary(cls) -> str:
        """The names of the settings with their defaults.

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
        problem = f"setting {name!r} is {first['input']!r}: {first['msg']}"
        if first["type"] == "extra_forbidden":
            problem = f"setting {name!r} does not exist"
        raise SettingsError(f"{problem}; the settings are {LinkerSettings.summary()}") from None
