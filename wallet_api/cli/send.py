"""``commonwatt send``: what waits to be told to people, once, for servers that run no loop of their own.

>>> "commonwatt send --due" in (send.__doc__ or "")
True
"""

import os
from typing import Annotated

import typer

from ledger.errors import InputError
from wallet_api.cli.context import EXIT_PARTLY, open_here, say, say_json, settings_of, warn
from wallet_api.cli.fields import AsJson
from wallet_api.door.here import Here
from wallet_api.door.messengers import channels_here
from wallet_api.door.sender import Outcome, Sender


def send(
    context: typer.Context,
    *,
    due: Annotated[
        bool, typer.Option("--due", help="Queue what is new, and send all that is due")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell people outside what is new: e-mails, text messages, webhooks, web push.

    'commonwatt serve' does it by itself. Both at once send nothing twice. The first time only says where to
    begin: nobody is told of the past.

    Example: commonwatt send --due

    Example: COMMONWATT_SMTP=mail.example:587 COMMONWATT_MAIL_FROM=us@our-street.example commonwatt send --due
    """
    if not due:
        raise InputError("Say --due: it sends all that is due.")
    settings = settings_of(context)
    here = Here(lambda: open_here(settings))
    try:
        attempts = Sender(here, channels_here(os.environ, settings.outbox_folder)).run_once()
    finally:
        here.close()
    failed = [each for each in attempts if each.outcome is not Outcome.SENT]
    if as_json:
        say_json({"sent": len(attempts) - len(failed), "failed": len(failed)})
    else:
        for each in failed:
            warn(f"Not sent: {each.message.way} to {each.message.account[:8]}: {each.said}")
        say(f"{len(attempts) - len(failed)} sent, {len(failed)} not sent.")
    if failed:
        raise typer.Exit(EXIT_PARTLY)
