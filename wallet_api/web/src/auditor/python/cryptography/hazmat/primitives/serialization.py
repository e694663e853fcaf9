"""Names that signing uses, and an audit never does: it has no private key."""


class Encoding:
    """Of keys."""

    Raw = "raw"


class PublicFormat:
    """Of public keys."""

    Raw = "raw"
