"""Reading a stream of events."""

import json


def read_events(lines):
    """Yield (event, data, id) of a stream; an id alone has no event."""
    name = data = seen = None
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = json.loads(value)
        elif field == "id":
            seen = int(value)
        elif not line and (name or seen is not None):
            yield name, data, seen
            name = data = seen = None
