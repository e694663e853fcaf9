"""Domain-separated SHA-256: a tag, a zero byte, then the content.

>>> tagged_hash("commonwatt/commit/v1", b"salt").hex()[:16]
'1dfadd6c7656bbbf'
"""

import hashlib

HASH_BYTES = 32


def tagged_hash(tag: str, content: bytes) -> bytes:
    """Return SHA-256 of ``tag || 0x00 || content``."""
    return hashlib.sha256(tag.encode() + b"\x00" + content).digest()


def commitment(salt: bytes, fact: bytes) -> bytes:
    """Return the hiding commitment to a fact that stands in the public log."""
    return tagged_hash("commonwatt/commit/v1", salt + fact)
