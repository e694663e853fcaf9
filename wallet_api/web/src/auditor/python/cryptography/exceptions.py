"""What a signature that does not hold raises."""


class InvalidSignature(Exception):  # noqa: N818 - the package's own name
    """The signature does not hold."""
