"""A settled street and a receipt of each kind, for the tests of receipts."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.leaf import CLEAR_KINDS
from ledger.log.note import Verifier
from ledger.log.policy import Policy
from ledger.log.proof import EXTRA_BYTES_MAX, LogProof
from ledger.log.tree import inclusion_proof, leaf_hash, root_of
from ledger.primitives import canonical
from ledger.primitives.periods import load_zone, of_local_day
from ledger.primitives.signing import SigningKey
from ledger.statements import Statement, make_body, sign
from meters.readings import Channel
from settlement import deeds
from settlement.audit.receipt import Receipt, leaf_of
from settlement.audit.receipt_check import Trust
from settlement.community import Community
from settlement.enrol import pay
from settlement.receipts import (
    balance_receipt,
    line_receipt,
    net_receipt,
    payment_receipt,
    reading_receipt,
)
from settlement.run import settle_day
from tests.prepared import CHARTER, DAY, reopen
from tests.streets import SITES

PERIOD = of_local_day(DAY, load_zone(CHARTER.zone)).start + 26
"""A half-hour about noon, in which neighbours trade."""

LOG_KEY = SigningKey.from_seed(bytes(32))
"""Of the small logs that tests make by hand."""

KINDS = ("payment", "reversal", "line", "net", "reading", "balance")


@dataclass(frozen=True)
class Street:
    """A settled street with a published log, and what its members may ask for."""

    community: Community
    members: dict[str, str]
    payment: int
    reversal: int
    log: Path
    verifier: Verifier

    @property
    def trust(self):
        return Trust(self.verifier)

    @property
    def quorum_none(self):
        return Trust(policy=Policy.decode(f"log {self.verifier.vkey}\nquorum none\n".encode()))

    def make(self, kind, meter="m-ada", folder=None, period=PERIOD):
        """Make a receipt of a kind for the member with a meter."""
        with self.community.reading() as connection:
            common = (self.community, connection, self.members[meter])
            if kind in ("payment", "reversal"):
                return payment_receipt(*common, getattr(self, kind), folder)
            if kind == "line":
                return line_receipt(*common, period, folder)
            if kind == "net":
                return net_receipt(*common, DAY, folder=folder)
            if kind == "reading":
                return reading_receipt(*common, (meter, Channel.IMPORT, period), folder)
            return balance_receipt(*common, DAY, folder)


def settled_street(prepared, folder):
    """Return a street in a folder: a payment, a settled day, a payment taken back, a folder."""
    shutil.copytree(prepared, folder / "street")
    community = reopen(f"sqlite:///{folder}/street/street.sqlite", folder / "street/keys")
    meters = [site.meter for site in SITES]
    owner = {meter: uses[-1][1].member for meter, uses in community.state.meters.items()}
    members = {meter: owner[meter] for meter in meters}
    ada, ben = members["m-ada"], members["m-ben"]
    payment = pay(community, ada, ben, 1_000_000, "eggs “fresh”")
    settle_day(community, DAY)
    second = pay(community, ada, ben, 3, "twice")
    with community.reading() as connection:
        entry = payment_of(community, connection, second)
        verifier = community.log_verifier(connection)
    deeds.reverse(community, entry, "paid twice")
    reversal = second + 1
    community.writer.publish(folder / "street/log")
    return Street(community, members, payment, reversal, folder / "street/log", verifier)


def payment_of(community, connection, position):
    """Return the id of the transfer that an entry caused."""
    transfers = community.writer.ledger.transfers(connection)
    return next(transfer.id.hex() for transfer, at in transfers if at == position)


@pytest.fixture(scope="session")
def street(prepared, tmp_path_factory):
    found = settled_street(prepared, tmp_path_factory.mktemp("receipts"))
    yield found
    found.community.writer.database.close()


@pytest.fixture(scope="session")
def receipts(street):
    """The bytes of a receipt of each kind, under the published checkpoint."""
    return {kind: street.make(kind, folder=street.log).encode() for kind in KINDS}


def changed(data: bytes, change) -> bytes:
    """Return a receipt whose extra data was changed by a function, under the same proof."""
    proof = Receipt.decode(data).proof
    value = canonical.decode(proof.extra, EXTRA_BYTES_MAX)
    change(value)
    return replace(proof, extra=canonical.encode_trusted(value)).encode()


def small_log(*statements, origin=CHARTER.origin, key=LOG_KEY, logged=7):
    """Return what makes a receipt of the last of some statements, in a log of them alone.

    Each is (kind, account, fields, keys that sign); the first one is the roster.
    """
    made = [
        sign(make_body(kind, CHARTER.origin, account, f"{n:032x}", n + 1, 10**12, fields), keys)
        for n, (kind, account, fields, keys) in enumerate(statements)
    ]
    decoded = [Statement.decode(envelope) for envelope in made]
    salt = bytes(range(16))
    shown = [{"envelope": envelope.decode(), "logged": logged} for envelope in made]
    leaves = [
        leaf_hash(leaf_of(each, part, None if each.kind in CLEAR_KINDS else salt))
        for each, part in zip(decoded, shown, strict=True)
    ]
    note = sign_checkpoint(Checkpoint(origin, len(leaves), root_of(leaves)), key)
    roster = {**shown[0], "index": 0, "path": [h.hex() for h in inclusion_proof(leaves, 0)]}
    last = len(leaves) - 1

    def receipt(**fields):
        whole = {"logged": logged, **fields}
        if decoded[last].kind not in CLEAR_KINDS:
            whole["salt"] = salt.hex()
        if "keys" not in fields:
            whole["roster"] = fields.get("roster", roster)
        path = inclusion_proof(leaves, last)
        return Receipt.make(
            lambda extra: LogProof(last, path, note, extra), whole, made[last]
        ).encode()

    return receipt
