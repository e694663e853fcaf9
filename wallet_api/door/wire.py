"""What models on the wire have in common.

>>> class ColourOut(Model):
...     name: str
>>> ColourOut(name="green").model_dump_json()
'{"name":"green"}'
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from ledger.primitives.canonical import INTEGER_MAX, encode
from ledger.primitives.signing import SIGNATURES_MAX, Envelope, SigningKey


class Model(BaseModel):
    """A strict model: nothing is taken for something else, and no field but its own.

    Its errors name fields and show no values: they may be tokens, and errors are logged.
    """

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


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


_BASE64 = "^[A-Za-z0-9+/]*={0,2}$"

_ENVELOPE: Mapping[str, Any] = {
    "type": "object",
    "required": ["payload", "payloadType", "signatures"],
    "additionalProperties": False,
    "properties": {
        "payload": {
            "type": "string",
            "pattern": _BASE64,
            "description": "What is signed, in base64: canonical JSON.",
        },
        "payloadType": {
            "type": "string",
            "pattern": r"^application/vnd\.commonwatt\.[a-z_]+\.v1\+json$",
            "description": "What kind it is.",
        },
        "signatures": {
            "type": "array",
            "minItems": 1,
            "maxItems": SIGNATURES_MAX,
            "items": {
                "type": "object",
                "required": ["keyid", "sig"],
                "additionalProperties": False,
                "properties": {
                    "keyid": {
                        "type": "string",
                        "pattern": "^[0-9a-f]{64}$",
                        "description": "SHA-256 of the public key.",
                    },
                    "sig": {
                        "type": "string",
                        "pattern": "^[A-Za-z0-9+/]{86}==$",
                        "description": "Ed25519 over DSSE's encoding of type and payload, in base64.",
                    },
                },
            },
        },
    },
}
"""A DSSE envelope, as far as JSON Schema can say it."""


_PAYMENT: Mapping[str, Any] = {
    "account": "0f" * 16,
    "amount": 42_000_000,
    "id": "4f5911e55a0268a10589be1d775a9f38",
    "kind": "transfer",
    "ledger": "ladywood.example/ledger/1",
    "not_after": 1_782_000_000_000,
    "reference": "two loaves",
    "seq": 7,
    "to": "1a" * 16,
    "v": 1,
}


def envelope_of(
    bytes_max: int, kind: str = "transfer", fields: Mapping[str, Any] = _PAYMENT
) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is a signed envelope.

    Args:
        bytes_max: most bytes of it.
        kind: of the example.
        fields: that the example signs, with a key that everybody knows.
    """
    said = (
        f"One encoding: these three fields in this order, no spaces; at most {bytes_max:,} bytes."
    )
    schema = {"title": "A DSSE envelope", "description": said, **_ENVELOPE}
    example = Envelope.seal(
        f"application/vnd.commonwatt.{kind}.v1+json",
        encode(fields),
        [SigningKey.from_seed(bytes(32))],
    )
    content = {"schema": schema, "example": json.loads(example.encode())}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def lines_of(title: str, bytes_max: int, example: str) -> dict[str, Any]:
    """Return what OpenAPI says of a body of lines of text."""
    schema = {"type": "string", "title": title, "description": f"At most {bytes_max:,} bytes."}
    content = {"schema": schema, "example": example}
    return {"requestBody": {"required": True, "content": {"text/plain": content}}}


def query_of(**days: str) -> dict[str, Any]:
    """Return what OpenAPI says of local days that are asked for, by name; each may be left out."""
    schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "description": said,
                "schema": schema,
                "example": "2026-06-15",
            }
            for name, said in days.items()
        ]
    }


def bytes_in(description: str, *media: str) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of an answer that is made as bytes, in the forms that it may have."""
    schemas = {
        each: {"type": "object"} if each == "application/json" else {"type": "string"}
        for each in media
    }
    return {
        200: {
            "description": description,
            "content": {each: {"schema": schema} for each, schema in schemas.items()},
        }
    }
