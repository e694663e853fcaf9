"""What adapters yield, reading by reading."""

from meters.readings import Block


def singly(items):
    """Yield each reading of every block, and everything else as it is."""
    for item in items:
        if isinstance(item, Block):
            yield from item.readings()
        else:
            yield item
