"""What models on the wire have in common.

>>> class ColourOut(Model):
...     name: str
>>> ColourOut(name="green").model_dump_json()
'{"name":"green"}'
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ledger.primitives.canonical import INTEGER_MAX


class Model(BaseModel):
    """A strict model: nothing is taken for something else, and no field but its own."""

    model_config = ConfigDict(strict=True, extra="forbid")


Time = Annotated[int, Field(ge=0, le=INTEGER_MAX, examples=[1782000000000])]
"""Unix milliseconds."""

Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$", examples=["4f5911e55a0268a10589be1d775a9f38"])]
"""Of a member or a statement: 32 hexadecimal digits."""


def body_of(title: str, bytes_max: int, media: str = "application/json") -> dict[str, Any]:
    """Return what OpenAPI says of a body that is read as bytes."""
    schema = {
        "type": "object" if media == "application/json" else "string",
        "title": title,
        "description": f"At most {bytes_max:,} bytes.",
    }
    return {"requestBody": {"required": True, "content": {media: {"schema": schema}}}}
