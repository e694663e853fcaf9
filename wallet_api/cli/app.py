"""``commonwatt``: the command line.

Exit codes: 0 done; 1 the answer is no (not verified, unsound, refused by a rule); 2 it could
not be done (arguments, input, database, keys); 3 done, but some rows were refused.

>>> hoist(["settle", "--day", "2026-06-15", "--database", "sqlite:///x"])
['--database', 'sqlite:///x', 'settle', '--day', '2026-06-15']
"""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from ledger.collector import calm
from ledger.errors import CommonwattError, ConflictError, RefusedError, SignatureError
from settlement.audit.terminal import prepare
from wallet_api.cli import (
    agreements,
    amend,
    audit,
    books,
    caps,
    closing,
    community,
    db,
    demo,
    desk,
    dispute,
    export,
    export_open,
    forecast,
    helper,
    invitations,
    ledger,
    log,
    market,
    member,
    member_keys,
    member_offers,
    member_show,
    member_terms,
    meter_checks,
    meter_edit,
    meter_keys,
    meter_listen,
    meter_push,
    meter_trace,
    meter_watch,
    meters,
    payments,
    receipt,
    reserve,
    roster,
    rules,
    send,
    settle,
    spending,
    standing,
    statement,
    tills,
    vat,
    vouchers,
    why,
    witness,
)
from wallet_api.cli import (
    keys as key_files,
)
from wallet_api.cli.context import (
    DEFAULT_DATABASE,
    EXIT_CANNOT,
    EXIT_NO,
    EXIT_STOPPED,
    Settings,
    warn,
)

GLOBAL_OPTIONS = ("--database", "--keys", "--community")
"""Options that may stand anywhere on the line."""

app = typer.Typer(
    name="commonwatt",
    help=(
        "A neighbourhood trades its own electricity: readings in, half-hours cleared, money "
        "settled, everything signed and provable."
    ),
    epilog="Start with: commonwatt demo. Exit codes: 0 done, 1 the answer is no, 2 could not, "
    "3 some rows refused.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
)


@app.callback()
def options(
    context: typer.Context,
    database: Annotated[
        str, typer.Option(envvar="COMMONWATT_DATABASE_URL", help="sqlite:///FILE or postgresql://…")
    ] = DEFAULT_DATABASE,
    keys: Annotated[
        Path | None,
        typer.Option(envvar="COMMONWATT_KEYS", help="Folder of key files [beside the database]"),
    ] = None,
    community_origin: Annotated[
        str | None,
        typer.Option("--community", help="Which community, if the database has several"),
    ] = None,
) -> None:
    """Take the global options: they may stand before or after the command."""
    context.obj = Settings(database, keys, community_origin, is_typed=True)


app.command()(demo.demo)
app.command()(demo.serve)
app.add_typer(db.app, name="db")
community.app.command("roster")(roster.roster)
community.app.command("desk")(desk.desk)
community.app.command("rules")(rules.rules)
community.app.command("invitations")(invitations.invitations)
community.app.command("end-invitation")(invitations.end_invitation)
app.add_typer(community.app, name="community")
member.member_app.command("show")(member_show.show)
member.member_app.command("invite")(invitations.invite)
member.member_app.command("join")(invitations.join)
member.member_app.command("keys")(member_keys.show_keys)
member.member_app.command("add-key")(member_keys.add_key)
member.member_app.command("phone")(member_keys.phone)
member.member_app.command("remove-key")(member_keys.remove_key)
member.member_app.command("new-code")(member_keys.new_code)
member.member_app.command("freeze")(member_keys.freeze)
member.member_app.command("unfreeze")(member_keys.unfreeze)
member.member_app.command("recover")(member_keys.recover)
member.member_app.command("object")(member_keys.object_to)
member.member_app.command("limit")(member_terms.limit)
member.member_app.command("close")(closing.close)
member.member_app.command("erase")(closing.erase)
member.member_app.command("agree")(agreements.agree)
member.member_app.command("agreements")(agreements.agreements)
member.member_app.command("end-agreement")(agreements.end_agreement)
member.member_app.command("revoke-mandate")(member_terms.revoke_mandate)
member.member_app.command("withdraw")(member_terms.withdraw)
member.member_app.command("consent")(member_terms.consent)
member.member_app.command("offer")(member_offers.offer)
member.member_app.command("mandate")(member_offers.mandate)
member.member_app.command("gift")(member_offers.gift)
member.member_app.command("donate")(member_offers.donate)
member.member_app.command("grant")(member_offers.grant)
member.member_app.command("pay")(payments.pay)
member.member_app.command("ask")(payments.ask)
member.member_app.command("asks")(payments.asks)
member.member_app.command("decline")(payments.decline)
member.member_app.command("spending")(spending.spending)
member.member_app.add_typer(standing.app, name="standing")
member.meter_app.command("share")(member_offers.share)
member.member_app.add_typer(tills.app, name="till")
app.add_typer(member.member_app, name="member")
app.add_typer(member.meter_app, name="meter")
app.add_typer(vouchers.app, name="voucher")
app.add_typer(helper.app, name="helper")
meters.app.command("watch")(meter_watch.watch)
meters.app.command("push")(meter_push.push)
meters.app.command("new-key")(meter_keys.new_key)
meters.app.command("bind-key")(meter_keys.bind_key)
meters.app.command("revoke-key")(meter_keys.revoke_key)
meters.app.command("keys")(meter_keys.keys)
meters.app.command("alerts")(meter_keys.alerts)
meters.app.command("edit")(meter_edit.edit)
meters.app.command("check")(meter_checks.check)
meters.app.command("coverage")(meter_checks.coverage)
meters.app.command("rules")(meter_checks.rules)
meters.app.command("set")(meter_checks.set_limits)
meters.app.command("estimate")(meter_checks.estimate)
meters.app.command("advance")(meter_checks.advance_of)
meters.app.command("trace")(meter_trace.trace_reading)
meters.app.command("known")(meter_trace.known)
meters.app.command("erase-file")(meter_trace.erase_file)
meters.app.command("listen")(meter_listen.listen)
app.add_typer(meters.app, name="meters")
app.add_typer(market.app, name="market")
app.command()(settle.settle)
app.command()(send.send)
app.command("pay-due")(standing.pay_due_now)
app.add_typer(dispute.app, name="dispute")
app.command()(forecast.forecast)
app.command()(caps.caps)
app.command()(vat.vat)
app.command("statement")(statement.statement)
app.command("receipt")(receipt.receipt)
app.command()(why.why)
audit.app.command("receipt")(receipt.audit_receipt)
ledger.app.command("balances")(books.balances)
ledger.app.command("history")(books.account_history)
ledger.app.command("open-balances")(books.open_balances)
ledger.app.command("reverse")(amend.reverse)
ledger.app.command("correct")(amend.correct)
ledger.app.command("issue")(amend.issue)
ledger.app.command("redeem")(amend.redeem)
ledger.app.command("reserve")(reserve.reserve)
app.add_typer(ledger.app, name="ledger")
app.add_typer(key_files.app, name="keys")
app.add_typer(log.app, name="log")
app.add_typer(audit.app, name="audit")
app.add_typer(witness.app, name="witness")
export.app.command("open")(export_open.export_open)
app.add_typer(export.app, name="export")


def hoist(arguments: list[str]) -> list[str]:
    """Move global options to the front, so that they may stand anywhere."""
    front: list[str] = []
    rest: list[str] = []
    items = iter(arguments)
    for item in items:
        if item == "--":
            rest += [item, *items]
        elif item in GLOBAL_OPTIONS:
            front += [item, *(value for value in [next(items, None)] if value is not None)]
        elif item.startswith(tuple(f"{option}=" for option in GLOBAL_OPTIONS)):
            front.append(item)
        else:
            rest.append(item)
    return front + rest


@cache
def _command() -> Callable[..., object]:
    """Return all commands: Typer would read every signature anew for each command line."""
    return typer.main.get_command(app)


def run(arguments: list[str]) -> int:
    """Run a command line and return the exit code; nothing prints a traceback."""
    try:
        result = _command()(hoist(arguments), standalone_mode=False, prog_name="commonwatt")
        code = result if isinstance(result, int) else 0
    except (typer.Abort, KeyboardInterrupt):
        code = EXIT_STOPPED
    except typer.TyperException as error:
        if hasattr(error, "message"):
            error.message = str(error.message).replace("Value error, ", "")  # a library's, not ours
        show = getattr(error, "show", None)
        if show is None:
            warn(f"Error: {error}")
        else:
            show()
        return EXIT_CANNOT
    except (CommonwattError, SQLAlchemyError, OSError) as error:
        word, code = ("Refused", EXIT_NO) if isinstance(error, NO) else ("Error", EXIT_CANNOT)
        warn(f"{word}: {explain(error)}")
        return code
    if code == EXIT_STOPPED:
        warn("Stopped. Whatever was finished is kept; the same command goes on from there.")
    return code


NO = (RefusedError, SignatureError, ConflictError)
"""Errors that are an answer: a rule or a signature says no."""


def explain(error: CommonwattError | SQLAlchemyError | OSError) -> str:
    """Return what to tell a person about an error."""
    if isinstance(error, SQLAlchemyError):
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        return f"the database refused ({reason}). Nothing of this step was written."
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return str(error)


def main() -> None:
    """Run the command line of this process."""
    prepare()
    calm()
    sys.exit(run(sys.argv[1:]))
