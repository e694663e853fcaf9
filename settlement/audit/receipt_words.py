"""What a receipt proves and what it does not, in plain sentences and for programs.

>>> money(-12_345_678), money(5_000_000)
('−1.2345678', '0.50')
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ledger.accounts import parse_account
from ledger.kinds import a_kind
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import start_text
from ledger.primitives.signing import key_id_of
from ledger.records import Kind, Transfer
from meters.readings import Quality
from meters.versions import OWN_ESTIMATE
from settlement.audit.receipt_check import METER_KEY, Finding, line_of
from settlement.postings import transfer_id

PAYMENT, LINE, NET, READING, BALANCE = "payment", "half-hour", "run", "reading", "balance"
"""What a receipt is of."""

_WHAT = {
    "settlement": LINE,
    "netting": NET,
    "reading_batch": READING,
    "reading_edit": READING,
    "seal": BALANCE,
}


def what_of(finding: Finding) -> str:
    """Return what a receipt is of."""
    return _WHAT.get(finding.statement.kind, PAYMENT)


def money(units: int) -> str:
    """Write ledger units exactly, with at least two decimals.

    >>> money(1), money(20 * UNITS_PER_MAJOR)
    ('0.0000001', '20.00')
    """
    whole, part = divmod(abs(units), UNITS_PER_MAJOR)
    decimals = f"{part:07d}".rstrip("0").ljust(2, "0")
    return f"{'−' if units < 0 else ''}{whole:,}.{decimals}"


def render(finding: Finding) -> str:
    """Return the sentences for people."""
    lines = ["PROVED:", *(f"  {line}" for line in proves(finding)), "", "By these signatures:"]
    lines += [f"  {line}" for line in evidence(finding)]
    lines += ["", "Not proved by this file alone:"]
    lines += [f"  {line}" for line in unproved(finding)]
    return "\n".join(lines)


def to_json(finding: Finding) -> dict[str, Any]:
    """Return the same for programs."""
    checkpoint, witnessed = finding.checkpoint, finding.witnessed
    return {
        "verdict": "proved",
        "of": what_of(finding),
        "log": checkpoint.origin,
        "entry": finding.receipt.proof.index,
        "logged": start_text(finding.receipt.fields["logged"]),
        "checkpoint": {"size": checkpoint.size, "root": checkpoint.root.hex()},
        "witnesses": (
            {_clean(name): when for name, when in witnessed.times_s.items()} if witnessed else {}
        ),
        "members": sorted(finding.members),
        "statement": {
            "kind": finding.statement.kind,
            "id": finding.statement.id,
            "tx_id": finding.statement.tx_id,
            "signed_by": [
                {"key": signer.key.hex()} | ({"role": signer.role} if signer.role else {})
                for signer in finding.signers
            ],
        },
        "proves": list(proves(finding)),
        "by": list(evidence(finding)),
        "does_not_prove": list(unproved(finding)),
    }


# What is proved.


def proves(finding: Finding) -> Iterator[str]:
    """Yield what the line says."""
    of = what_of(finding)
    if of == PAYMENT:
        yield _payment(finding)
    elif of == READING:
        yield _reading(finding)
    elif of == BALANCE:
        yield _balance(finding)
    elif of == NET:
        body = finding.statement.body
        yield f"Of the local day {body['day']}, the run {body['run']} moved this money:"
        yield from map(_line, finding.transfers)
    else:
        yield from _worked_out(finding)


def _worked_out(finding: Finding) -> Iterator[str]:
    """Yield what a member's half-hour came to."""
    body, line = finding.statement.body, line_of(finding.receipt)
    yield (
        f"In {_half_hour(body['period'])}, as the run {body['run']} worked it out, member "
        f"{line.member}:"
    )
    for words, wh, units in (
        ("bought from neighbours", line.bought_wh, line.bought_units),
        ("sold to neighbours", line.sold_wh, line.sold_units),
    ):
        yield f"{words} {wh:,} Wh, for {money(units)} in the ledger's currency."
    yield (
        f"used {line.own_use_wh:,} Wh of its own, took {line.grid_import_wh:,} Wh from the grid "
        f"and gave it {line.grid_export_wh:,} Wh."
    )
    if "replaces" in body:
        yield f"It takes the place of what an earlier run worked out ({body['replaces'][:16]}…)."


def _payment(finding: Finding) -> str:
    statement, body = finding.statement, finding.statement.body
    when = f"in {_half_hour(finding.receipt.fields['logged'])}"
    mine = transfer_id(bytes.fromhex(statement.id), 0).hex()
    if statement.kind in ("reversal", "correction"):
        words = "all that remains goes back"
        if statement.kind == "correction":
            way = "back" if body["back"] else "once more the same way"
            words = f"{money(body['amount'])} in the ledger's currency goes {way}"
        return (
            f"Operators ordered {when} that of the payment {body['original']} {words}: "
            f'"{_clean(body["reason"])}" (payment {mine}).'
        )
    amount = f"{money(body['amount'])} in the ledger's currency"
    if statement.kind == "transfer":
        return (
            f"Member {statement.account} ordered {amount} to be paid to member {body['to']} {when}: "
            f'"{_clean(body["reference"])}" (payment {mine}).'
        )
    if statement.kind == "donation":
        return (
            f"Member {statement.account} ordered {amount} to be paid to the community's fund {when}: "
            f'"{_clean(body["reference"])}" (payment {mine}).'
        )
    if statement.kind == "grant":
        return (
            f"Operators ordered {amount} to be paid from the community's fund to member "
            f'{statement.account} {when}: "{_clean(body["reason"])}" (payment {mine}).'
        )
    way = "into" if statement.kind == "issue" else "out of"
    return (
        f"Operators ordered {amount} to be paid {way} the wallet of member {statement.account} "
        f'{when}: "{_clean(body["note"])}" (payment {mine}).'
    )


def _reading(finding: Finding) -> str:
    body = finding.statement.body
    if finding.statement.kind == "reading_edit":
        return _edit(finding)
    shown = finding.receipt.fields["reading"]
    quality = Quality.from_letter(shown["quality"]).value
    way = "into" if body["channel"] == "import" else "out of"
    return (
        f"In {_half_hour(shown['period'])}, {shown['wh']:,} Wh ({quality}) went {way} the home "
        f"through the {body['channel']} channel of the meter {body['meter']} of member "
        f"{finding.statement.account}{_said(shown['quality'], backfill=body['backfill'])}."
    )


def _said(letter: str, *, backfill: bool) -> str:
    """Say where a reading is from that no meter said in time."""
    if Quality.from_letter(letter).rank >= OWN_ESTIMATE:
        return ": the operators' own estimate, which no meter said"
    return ", as a file said afterwards" if backfill else ""


def _edit(finding: Finding) -> str:
    body = finding.statement.body
    way = "into" if body["channel"] == "import" else "out of"
    values = ", ".join(f"{wh:,}" for wh in body["wh"])
    return (
        f"From {start_text(body['first'])} on, half-hour by half-hour, operators say that {values} "
        f"Wh went {way} the home through the {body['channel']} channel of the meter "
        f'{body["meter"]} of member {finding.statement.account}: "{_clean(body["reason"])}".'
    )


def _balance(finding: Finding) -> str:
    shown, body = finding.receipt.fields["balance"], finding.statement.body
    name, asset = _split(shown["account"], first=True)
    aside = f", of which {_amount(shown['set_aside'], asset)} was set aside" * bool(
        shown["set_aside"]
    )
    return (
        f"{name} had {_amount(shown['posted'], asset)}{aside} when the run {body['run']} of the "
        f"local day {body['day']} was sealed, after everything that was posted before this entry."
    )


def _line(transfer: Transfer) -> str:
    giver, asset = _split(transfer.debit, first=True)
    taker, _ = _split(transfer.credit)
    amount = _amount(transfer.amount, asset)
    if transfer.kind is Kind.VOID_HOLD:
        return f"{giver} paid nothing: {amount} that had been set aside was released."
    if asset == "WH":
        return f"{amount} went from {_split(transfer.debit)[0]} to {taker}."
    return f"{giver} paid {amount} to {taker}."


# By whom, and where it stands.


def evidence(finding: Finding) -> Iterator[str]:
    """Yield who signed what, and in which log it stands."""
    statement, checkpoint = finding.statement, finding.checkpoint
    yield (
        f"It stands in entry {finding.receipt.proof.index} of the log {checkpoint.origin}, logged "
        f"in {_half_hour(finding.receipt.fields['logged'])}: {a_kind(statement.kind)}, "
        f"{statement.tx_id[:16]}…"
    )
    for signer in finding.signers:
        whose = (
            "a key that operators bound to this meter"
            if signer.role == METER_KEY
            else f"a key with the role {signer.role} in the log's roster"
            if signer.role
            else "a key that the receipt shows"
        )
        yield f"Signed by {signer.key.hex()} (key id {key_id_of(signer.key)[:16]}…), {whose}."
    roster = finding.receipt.roster
    if roster is not None:
        yield (
            f"The roster is version {roster.body['version']}, entry "
            f"{finding.receipt.fields['roster']['index']} of the same log; enough of its operators "
            "signed it, and it names the log's key."
        )
    yield (
        f"The log's key signed the checkpoint of {checkpoint.size:,} entries with the root "
        f"{checkpoint.root.hex()}."
    )
    yield from _witnesses(finding)


def _witnesses(finding: Finding) -> Iterator[str]:
    witnessed = finding.witnessed
    if witnessed is None:
        yield "No witness was counted: no policy was given."
    elif not witnessed.times_s:
        yield "Not witnessed: the policy asks for no witness, and none that it names cosigned."
    else:
        for name, time_s in witnessed.times_s.items():
            yield f"The witness {_clean(name)} cosigned it at {_time(time_s)}."
    if finding.strange_lines:
        count = finding.strange_lines
        yield f"{count} more signature lines of the checkpoint are of keys not given: not counted."


# What is not proved.


def unproved(finding: Finding) -> Iterator[str]:
    """Yield what a reader might think is proved, and is not."""
    if finding.receipt.roster is None:
        yield (
            "That the key that signed was the payer's at that time. The log's entries before this "
            "one say so; only an audit reads them."
        )
    else:
        yield "That no other roster came between the one that is shown and this entry."
    if finding.unchecked:
        ids = ", ".join(f"{key_id[:16]}…" for key_id in finding.unchecked)
        yield f"Whether the statement's other signatures hold: {ids}."
    yield from _UNPROVED[what_of(finding)]
    if finding.witnessed is None or not finding.witnessed.times_s:
        yield (
            "That everybody is shown the same log: no witness was counted. Compare the checkpoint "
            "with one that somebody else keeps."
        )
    yield "Who the members are: the log knows ids, not names. The time is the operators' word."


_UNPROVED = {
    PAYMENT: (
        "That it was posted as ordered, and that no later entry took it back: an audit shows both.",
    ),
    LINE: (
        "That no later run worked the half-hour out anew.",
        "What the meters said, and the price: they stand in other entries.",
        "That the half-hour was cleared and posted by the rules: an audit shows it.",
    ),
    NET: (
        "That these are all of the member's transfers in the run.",
        "What it was for: receipts of the day's half-hours show that.",
        "That the run was made by the rules: an audit shows it.",
    ),
    READING: (
        "That the meter measured right.",
        "That this reading was the one that counted: another entry may hold another version.",
    ),
    BALANCE: ("That the balance adds up from what was posted, and what it is now: an audit does.",),
}


# Words.


def _half_hour(period: int) -> str:
    return f"the half-hour from {start_text(period)} (UTC)"


def _time(time_s: int) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"the Unix time {time_s}"


def _split(account: str, *, first: bool = False) -> tuple[str, str]:
    """Return how an account is called, at a sentence's start or not, and its asset's code."""
    parsed = parse_account(account)
    kind, _, rest = parsed.name.partition("/")
    asset = parsed.asset.partition("/")[0]
    if kind == "member":
        member, _, purse = rest.partition("/")
        whose = f"{'Member' if first else 'member'} {member}"
        return whose if purse == "wallet" else f"{whose}'s claims", asset
    if kind == "meter":
        meter, _, channel = rest.rpartition("/")
        return f"the {channel} channel of the meter {meter}", asset
    return f"{'The' if first else 'the'} {kind} {rest}", asset


def _amount(value: int, asset: str) -> str:
    return f"{value:,} Wh" if asset == "WH" else f"{money(value)} {asset}"


def _clean(text: str) -> str:
    """Return text that no terminal can be fooled by."""
    readable = text.encode(errors="surrogateescape").decode(errors="replace")
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in readable
    )
