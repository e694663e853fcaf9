"""The smallest village that settles a day, and a program of its operators that checks nothing.

It logs whatever it is told to, signs with anybody's key, and makes leaves, tiles, checkpoint and
manifest agree with that: all that an insider with every key can do. What follows from a statement
(agreements, balances) is computed by our own pure code, so that everything agrees but the attack.
Keys, salts, ids and times are fixed: the same village is the same bytes.

>>> len(Village().entries)
0
"""

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from ledger.book import Book
from ledger.kinds import DERIVED_KINDS
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.note import Verifier
from ledger.log.tiles import TILE_WIDTH, encode_bundle, entries_path, grown_tiles
from ledger.log.tree import leaf_hash, root_of
from ledger.log_store import Entry
from ledger.primitives.hashing import tagged_hash
from ledger.primitives.ids import derived_id
from ledger.primitives.periods import SECONDS, load_zone, of_local_day
from ledger.primitives.signing import Envelope, SigningKey
from ledger.statements import Statement, sign
from meters.batches import BatchContent, Chain, batch_id
from meters.readings import Channel
from settlement.audit.bundle import FACTS_A_FILE, Fact, encode_fact, encode_manifest, facts_path
from settlement.audit.payments import PaymentBook
from settlement.effects import Case, effect_of
from settlement.export import POLICY, ZIP_TIME
from settlement.state import CommunityState

ORIGIN = "ladywood.example/ledger/1"
ZONE, FEEDER, ASSET = "Europe/London", "street", "LWD/7"
DAY = date(2026, 6, 30)
PERIODS = of_local_day(DAY, load_zone(ZONE))
NOT_AFTER_MS = 4_000_000_000_000

Files = dict[str, bytes]


def key(name: str) -> SigningKey:
    """Return the key that goes by a name."""
    return SigningKey.from_seed(tagged_hash("attack-key", name.encode()))


def member(name: str) -> str:
    """Return the id of the member who goes by a name."""
    return tagged_hash("attack-member", name.encode())[:16].hex()


def period_at(*parts: int) -> int:
    """Return the half-hour of a UTC time."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) // SECONDS  # type: ignore[arg-type, misc]


OPERATORS = [key("operator-1"), key("operator-2")]
LOG = Verifier(ORIGIN, key("log").public)
START = period_at(2026, 6, 28, 12)
DUE = period_at(2026, 7, 7, 23)


def _made_id(kind: str, number: int) -> str:
    """Return an id of the version that a kind must have."""
    if kind in DERIVED_KINDS:
        return derived_id("attack", kind, number)
    made = tagged_hash("attack-id", f"{kind}/{number}".encode())[:16].hex()
    return f"{made[:12]}7{made[13:]}"


@dataclass
class Logged:
    """An entry: its fact as it is handed out, and its leaf unless that follows from the fact."""

    kind: str
    period: int
    envelope: bytes
    salt: bytes
    detail: bytes | None = None
    leaf: bytes | None = None
    gone: bool = False

    def leaf_bytes(self) -> bytes:
        """Return what stands in the log."""
        return self.leaf or Entry(self.kind, self.period, self.envelope, self.salt).leaf

    def fact(self, position: int) -> Fact:
        """Return what an auditor gets beside it."""
        if self.gone:
            return Fact(position, None, None, None)
        return Fact(position, self.envelope, self.salt, self.detail)


class Village:
    """A log that takes everything, and what is believed to follow from it.

    Attributes:
        period: the half-hour in which is logged.
        readings: what its runs use: Wh by half-hour, then by (meter, channel).
        chains: (sequence, id of the last batch) by (meter, channel, key id).
    """

    def __init__(self) -> None:
        self.entries: list[Logged] = []
        self.state, self.book = CommunityState(), Book()
        self.period = START
        self.readings: dict[int, dict[tuple[str, Channel], int]] = {}
        self.chains: dict[Chain, tuple[int, str]] = {}
        self.payments = PaymentBook()
        self._seqs: Counter[str] = Counter()

    def copy(self) -> "Village":
        """Return another village with the same history, to go on differently."""
        return deepcopy(self)

    def say(
        self,
        kind: str,
        account: str,
        fields: Mapping[str, Any],
        signers: Sequence[SigningKey],
        *,
        detail: bytes | None = None,
        believe: bool = True,
        **common: Any,
    ) -> Statement:
        """Sign and log a statement, whatever it says.

        Args:
            kind: kind of statement.
            account: a member's id, or ``community``.
            fields: its own fields.
            signers: all that sign.
            detail: what it binds.
            believe: whether it has its effect here.
            common: common fields that are not as they should be.
        """
        self._seqs[signers[0].key_id] += 1
        body = {
            "v": 1,
            "ledger": ORIGIN,
            "kind": kind,
            "account": account,
            "id": _made_id(kind, self._seqs.total()),
            "seq": self._seqs[signers[0].key_id],
            "not_after": NOT_AFTER_MS,
            **fields,
            **common,
        }
        envelope = sign(body, signers)
        self.log(envelope, kind, detail=detail)
        statement = Statement(Envelope.decode(envelope), body)
        if believe:
            self.believe(statement, detail)
        return statement

    def log(self, envelope: bytes, kind: str, *, detail: bytes | None = None) -> Logged:
        """Append an envelope as it is."""
        salt = tagged_hash("attack-salt", len(self.entries).to_bytes(8))[:16]
        self.entries.append(Logged(kind, self.period, envelope, salt, detail))
        return self.entries[-1]

    def believe(self, statement: Statement, detail: bytes | None = None) -> None:
        """Take over what a statement agrees and causes."""
        self.state.apply(statement, self.period)
        case = Case(
            *(statement, detail, self.state, self.period),
            *(lambda _id: None, self.book.balances.get, self.payments.asks.find),
            lambda payer: self.payments.spending.spent(payer, self.period, ZONE),
        )
        effect = effect_of(case)
        self.payments.take(case, effect, len(self.entries) - 1)
        for account, floor in effect.accounts:
            self.book.open(account, floor)
        self.book.apply(list(effect.transfers), self.period)

    def pay(self, payer: str, payee: str, units: int, **more: Any) -> Statement:
        """Log a payment between members, by name."""
        fields = {"to": member(payee), "amount": units, "reference": "bread"}
        return self.say("transfer", member(payer), fields, [key(payer)], **more)

    def read(
        self,
        meter: str,
        channel: Channel,
        first: int,
        wh: Sequence[int],
        *,
        signer: str = "adapter",
        owner: str | None = None,
        shown: Sequence[int] | None = None,
        inputs: Sequence[Mapping[str, Any]] = (),
        letter: str = "A",
        **fields: Any,
    ) -> None:
        """Log a batch of readings, and let the runs use it.

        Args:
            meter: named after its owner.
            channel: of the meter.
            first: half-hour of the first reading.
            wh: the readings that are signed.
            signer: whose key signs.
            owner: name of the member whose meter it is said to be.
            shown: the readings that are handed out and used, if others.
            letter: quality of all readings.
            inputs: of estimates: what is handed out as what they were made from.
            fields: fields that are not as they should be.
        """
        seed = tagged_hash("attack-seed", f"{meter}/{channel}/{first}".encode())
        content = BatchContent(first, tuple(wh), letter * len(wh), seed)
        chain = (meter, channel.value, key(signer).key_id)
        sequence, previous = self.chains.get(chain, (0, "0" * 64))
        body = {
            "meter": meter,
            "channel": channel.value,
            "sequence": sequence + 1,
            "previous": previous,
            "created_at": self.period * SECONDS * 1000,
            "first": first,
            "step": 30,
            "count": len(wh),
            "root": content.root().hex(),
            "backfill": True,
            **fields,
        }
        used = replace(content, wh=tuple(shown or wh), inputs=tuple(inputs))
        statement = self.say(
            "reading_batch",
            member(owner or meter.removeprefix("m-")),
            body,
            [key(signer)],
            detail=used.encode(),
            believe=False,
            id=batch_id(ORIGIN, chain, body["sequence"]),
        )
        self.chains[chain] = sequence + 1, statement.tx_id
        for period, value in enumerate(used.wh, start=first):
            self.readings.setdefault(period, {})[meter, channel] = value

    def note(self, signer: SigningKey | None = None) -> bytes:
        """Return the signed checkpoint."""
        hashes = [leaf_hash(entry.leaf_bytes()) for entry in self.entries]
        checkpoint = Checkpoint(ORIGIN, len(hashes), root_of(hashes))
        return sign_checkpoint(checkpoint, signer or key("log"))

    def files(self) -> Files:
        """Return the bundle's files but for the manifest."""
        leaves = [entry.leaf_bytes() for entry in self.entries]
        files = {
            "log.vkey": f"{LOG.vkey}\n".encode(),
            "policy": POLICY.format(vkey=LOG.vkey).encode(),
            "log/checkpoint": self.note(),
        }
        for first in range(0, len(leaves), TILE_WIDTH):
            part = leaves[first : first + TILE_WIDTH]
            files[f"log/{entries_path(first // TILE_WIDTH, len(part))}"] = encode_bundle(part)
        for tile, data in grown_tiles(0, [leaf_hash(leaf) for leaf in leaves], _no_file):
            files[f"log/{tile.path}"] = data
        for position, entry in enumerate(self.entries):
            path = facts_path(position - position % FACTS_A_FILE)
            files[path] = files.get(path, b"") + encode_fact(entry.fact(position))
            if entry.kind in ("roster", "rules"):
                version = Statement.decode(entry.envelope).body["version"]
                files[f"{entry.kind}/{version:04d}.json"] = entry.envelope
        return files

    def bundle(self) -> bytes:
        """Return the bundle as an auditor gets it."""
        return packed(self.files(), len(self.entries))


def packed(files: Mapping[str, bytes], size: int) -> bytes:
    """Return a .zip of a bundle's files, with a manifest that fits them unless one is there."""
    whole = {"manifest.json": manifest_of(files, size), **files}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for path, data in whole.items():
            info = zipfile.ZipInfo(path, ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, data, compresslevel=9)
    return buffer.getvalue()


def manifest_of(files: Mapping[str, bytes], size: int) -> bytes:
    """Return the manifest that fits some files."""
    named = {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()}
    return encode_manifest(ORIGIN, size, named)


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(path)
