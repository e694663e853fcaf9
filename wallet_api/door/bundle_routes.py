"""``GET /v1/bundle``: all that a stranger needs to check the ledger, for auditors.

>>> router.prefix
'/v1'
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from settlement.export import export_bundle
from wallet_api.cli.context import Settings
from wallet_api.cli.publish import policy_here
from wallet_api.door.access import Allowed, Entry
from wallet_api.door.desk import Desk
from wallet_api.door.identity import Role
from wallet_api.problems import problems

router = APIRouter(prefix="/v1", tags=["Audit"])

PIECE_BYTES = 256 * 1024


@router.get(
    "/bundle",
    response_class=StreamingResponse,
    summary="A bundle for auditors",
    responses={
        200: {
            "description": "A ZIP archive: `commonwatt audit verify` checks it, and `docs/auditor.md`"
            " says how to do it without this program.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems("not-signed-in", "not-allowed", "busy", "not-ready"),
    },
)
def bundle(
    request: Request,
    entry: Annotated[Entry, Depends(Allowed(Role.AUDITOR, Role.OPERATOR))],
) -> StreamingResponse:
    """The log, its facts, keys and rules: what `commonwatt audit export` writes. It holds no name."""
    desk: Desk = request.app.state.desk
    with entry.open():
        pass
    folder = tempfile.TemporaryDirectory(prefix="commonwatt-bundle-")
    try:
        file = Path(folder.name) / "bundle.zip"
        with desk.here.apart() as community:
            with community.reading() as connection:
                verifier = community.log_verifier(connection)
            settings: Settings = request.app.state.settings
            policy = policy_here(settings, verifier)
            size = export_bundle(community, file, policy=policy, log_folder=settings.log_folder)
    except BaseException:
        folder.cleanup()
        raise
    return StreamingResponse(
        _pieces(folder, file),
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="commonwatt-{size}.zip"',
            "Content-Length": str(file.stat().st_size),
        },
    )


def _pieces(folder: "tempfile.TemporaryDirectory[str]", file: Path) -> Iterator[bytes]:
    with folder, file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece
