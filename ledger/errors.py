"""The errors of this package.

::

    CommonwattError             every error that a user may see; its text says what to do
    ├── InputError              bytes or values from outside that are not of the agreed form
    │   └── CanonicalError      not canonical JSON, or not of the agreed schema
    ├── SignatureError          a signature, key or threshold that does not hold
    ├── ConflictError           same id, other content: names the field
    ├── RefusedError            well-formed, but a rule forbids it: names the rule
    ├── LogError                the log's files, head or proofs disagree
    ├── PeerError               another machine did not answer, or not as agreed
    └── SetupError              a database, key file or setting is missing or of another version
"""


class CommonwattError(Exception):
    """Base of every error whose text may be shown to a user."""


class InputError(CommonwattError):
    """Outside bytes or values that are not of the agreed form."""


class CanonicalError(InputError):
    """Bytes that are not canonical JSON of the agreed schema."""


class SignatureError(CommonwattError):
    """A signature, key or threshold that does not hold."""


class ConflictError(CommonwattError):
    """The same id came before with other content.

    Attributes:
        field: name of the first field that differs.
    """

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class RefusedError(CommonwattError):
    """A well-formed request that a rule forbids."""


class LogError(CommonwattError):
    """The log's files, head or proofs disagree with each other."""


class PeerError(CommonwattError):
    """Another machine did not answer in time, or not as agreed."""


class SetupError(CommonwattError):
    """A database, key file or setting is missing, or belongs to another version."""
