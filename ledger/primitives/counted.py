"""Numbers of things, in words; and whose they are.

>>> counted(1, "entry", "entries"), counted(1234, "day"), counted(0, "day")
('1 entry', '1,234 days', '0 days')
"""


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with the word for one or for many; many is one with an s if left out."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def whose(name: str) -> str:
    """Return the possessive of a name: one that ends in s gets an apostrophe only.

    >>> whose("Ada"), whose("Green Stores")
    ("Ada's", "Green Stores'")
    """
    return f"{name}'" if name.endswith(("s", "S")) else f"{name}'s"
