"""Field types of a blueprint, with bounds and units, and the base of its sections."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


def unit(name: str) -> dict[str, str]:
    return {"unit": name}


# Field types with units. `extra["unit"]` is read by forms and documents.
Percent = Annotated[int, Meta(ge=0, le=100, extra=unit("%"))]
Weight = Annotated[float, Meta(ge=0, le=1, extra=unit("share"))]
Count = Annotated[int, Meta(ge=0, le=1_000_000, extra=unit("count"))]
Positive = Annotated[int, Meta(ge=1, le=1_000_000, extra=unit("count"))]
Points = Annotated[int, Meta(ge=0, le=1_000_000, extra=unit("points"))]
Fen = Annotated[int, Meta(ge=0, le=10_000_000_000, extra=unit("fen (1/100 yuan)"))]
Minutes = Annotated[int, Meta(ge=1, le=43_200, extra=unit("minutes"))]
Hours = Annotated[int, Meta(ge=1, le=8_760, extra=unit("hours"))]
Days = Annotated[int, Meta(ge=1, le=3_650, extra=unit("days"))]
Age = Annotated[int, Meta(ge=0, le=120, extra=unit("years"))]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", extra=unit("HH:MM"))]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", extra=unit("YYYY-MM-DD"))]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Key = Annotated[str, Meta(pattern=r"^[a-z0-9_.-]+$", max_length=60)]
Name = Annotated[str, Meta(min_length=1, max_length=80)]
Text = Annotated[str, Meta(min_length=1, max_length=10_000)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "workday", "weekend"]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of a blueprint: an unknown key is an error, not a wish that nobody hears."""
