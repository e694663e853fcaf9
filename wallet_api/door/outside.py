"""What whoever hands in a statement is told of a refusal: they may be a stranger.

>>> NOT_SIGNED.startswith("The signatures")
True
"""

from fastapi.responses import JSONResponse

from ledger.errors import CommonwattError, SignatureError
from ledger.kinds import COMMUNITY
from ledger.statements import Statement
from wallet_api.problems import problem_of

NOT_SIGNED = (
    "The signatures on this statement are too few, or of keys that do not count for it now. "
    "The account's own phones see its keys, and whether it is frozen."
)


def refusal(statement: Statement, error: CommonwattError) -> JSONResponse:
    """Return a refusal that says nothing of a member's keys; those of the roster stand in the log for all."""
    if isinstance(error, SignatureError) and statement.account != COMMUNITY:
        return problem_of(SignatureError(NOT_SIGNED))
    return problem_of(error)
