"""What models on the wire have in common.

>>> class ColourOut(Model):
...     name: str
>>> ColourOut(name="green").model_dump_json()
'{"name":"green"}'
"""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from ledger.primitives.canonical import INTEGER_MAX


class Model(BaseModel):
    """A strict model: nothing is taken for something else, and no field but its own."""

    model_config = ConfigDict(strict=True, extra="forbid")


Time = Annotated[int, Field(ge=0, le=INTEGER_MAX, examples=[1782000000000])]
"""Unix milliseconds."""

Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$", examples=["4f5911e55a0268a10589be1d775a9f38"])]
"""Of a member or a statement: 32 hexadecimal digits."""


Units = Annotated[
    int, Field(description="Money in 0.0000001 of the currency's unit.", examples=[124000000])
]
Wh = Annotated[int, Field(description="Energy in Wh.", examples=[412])]
Period = Annotated[
    int, Field(description="A half-hour, counted from 1970-01-01 00:00 UTC.", examples=[989736])
]
Day = Annotated[
    str, Path(pattern=r"^\d{4}-\d{2}-\d{2}$", description="A local day.", examples=["2026-06-15"])
]
MonthText = Annotated[
    str, Path(pattern=r"^\d{4}-\d{2}$", description="A local month.", examples=["2026-06"])
]


def body_of(title: str, bytes_max: int, media: str = "application/json") -> dict[str, Any]:
    """Return what OpenAPI says of a body that is read as bytes."""
    schema = {
        "type": "object" if media == "application/json" else "string",
        "title": title,
        "description": f"At most {bytes_max:,} bytes.",
    }
    return {"requestBody": {"required": True, "content": {media: {"schema": schema}}}}
