"""Equivocation and rewriting: other histories under the log's own key.

>>> rewriting_everything_after.__name__
'rewriting_everything_after'
"""

from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Cosigner, add_lines, cosign
from ledger.log.fork import ForkProof
from ledger.log.note import Verifier, sign_note
from ledger.log.tiles import entries_path
from ledger.log.tree import consistency_proof, leaf_hash, root_of
from ledger.primitives.canonical import encode
from ledger.primitives.signing import Envelope
from ledger.statements import Statement, sign
from settlement.audit.verify import audit
from settlement.export import POLICY
from tests.attacks.catalogue import Look, attack, entered, shown
from tests.attacks.members import hamlet
from tests.attacks.village import (
    LOG,
    OPERATORS,
    ORIGIN,
    Files,
    Village,
    key,
    manifest_of,
    packed,
)

EQUIVOCATION, REWRITING = "equivocation", "rewriting"
COSIGNED_S = 1_782_000_000
PAYMENT = -1
"""Place of the hamlet's payment in its log."""


def two_histories() -> tuple[Village, Village]:
    """Return two villages that differ in what Ben paid last."""
    one, other = hamlet(), hamlet()
    one.pay("ben", "ada", 7_000)
    other.pay("ben", "ada", 70)
    return one, other


@entered(
    EQUIVOCATION,
    shown("earlier checkpoint", "history was rewritten", "--since", "checkpoint-of-ada"),
    Look(("audit", "fork", "fork.txt", "--vkey", LOG.vkey), 0, "told two histories"),
    shown("", "SOUND", exit_code=0),
)
def equivocation_two_checkpoints() -> Files:
    """The operator signs two histories of one size, and shows Ada one and an auditor the other."""
    adas, auditors = two_histories()
    fork = ForkProof(*sorted((adas.note(), auditors.note())))
    return {
        "bundle.zip": auditors.bundle(),
        "checkpoint-of-ada": adas.note(),
        "fork.txt": fork.encode(),
    }


def policy(names: tuple[str, ...] = ("west", "east"), seed: str = "") -> bytes:
    """Return a policy that asks two witnesses."""
    lines = [f"log {LOG.vkey}"]
    for name in names:
        cosigner = Cosigner(f"{name}.example/witness", key(f"witness-{name}{seed}").public)
        lines.append(f"witness {name} {cosigner.vkey}")
    return "\n".join([*lines, "group both all west east", "quorum both\n"]).encode()


def cosigned(note: bytes, of: bytes | None = None, seed: str = "") -> bytes:
    """Return a note with both witnesses' lines, over the same note or another one."""
    lines = [
        cosign(of or note, f"{name}.example/witness", key(f"witness-{name}{seed}"), COSIGNED_S)
        for name in ("west", "east")
    ]
    return add_lines(note, lines)


def witnessed(village: Village, note: bytes, own_policy: bytes) -> bytes:
    """Return a bundle with a cosigned checkpoint."""
    files = village.files() | {"log/checkpoint": note, "policy": own_policy}
    return packed(files, len(village.entries))


FEWER = ("witnesses", "fewer witnesses cosigned than your policy asks for", "--policy", "policy")


@attack(EQUIVOCATION, *FEWER)
def equivocation_not_cosigned() -> Files:
    """Witnesses cosigned one history; the auditor gets another one, which they never saw."""
    _, auditors = two_histories()
    return {"bundle.zip": witnessed(auditors, auditors.note(), policy()), "policy": policy()}


@attack(
    EQUIVOCATION,
    "witnesses",
    "the signature of west.example/witness on this note does not hold",
    "--policy",
    "policy",
)
def equivocation_pasted_cosignatures() -> Files:
    """The witnesses' lines of one history are pasted under the checkpoint of another."""
    shown_to_witnesses, auditors = two_histories()
    pasted = cosigned(auditors.note(), of=shown_to_witnesses.note())
    return {"bundle.zip": witnessed(auditors, pasted, policy()), "policy": policy()}


@entered(EQUIVOCATION, shown(*FEWER), shown("", "Witnessed by", exit_code=0))
def equivocation_invented_witnesses() -> Files:
    """The operator makes witnesses' keys, names them in the bundle's policy, and cosigns."""
    village, invented = hamlet(), policy(seed="-of-the-operator")
    note = cosigned(village.note(), seed="-of-the-operator")
    return {"bundle.zip": witnessed(village, note, invented), "policy": policy()}


@attack(EQUIVOCATION, "earlier checkpoint", "entries were taken away", "--since", "kept")
def equivocation_entries_taken_away() -> Files:
    """The last payment is taken back out of the log: the auditor has seen a longer one."""
    longer, _ = two_histories()
    shorter = hamlet()
    return {"bundle.zip": shorter.bundle(), "kept": longer.note()}


@attack(EQUIVOCATION, "checkpoint", "another log key than the one you gave")
def equivocation_other_log_key() -> Files:
    """A whole other log under the same name, signed with a key that the group never published."""
    other = Verifier(ORIGIN, key("another log").public)
    village = hamlet(log_key=other.public_key.hex())
    files = village.files() | {
        "log.vkey": f"{other.vkey}\n".encode(),
        "policy": POLICY.format(vkey=other.vkey).encode(),
        "log/checkpoint": village.note(key("another log")),
    }
    return {"bundle.zip": packed(files, len(village.entries))}


def changed_payment(village: Village, signers: list[Any] | None) -> None:
    """Make the payment ten times as large; without signers the old signature stays."""
    payment = village.entries[PAYMENT]
    statement = Statement.decode(payment.envelope)
    body = {**statement.body, "amount": 10 * statement.body["amount"]}
    if signers:
        envelope = sign(body, signers)
    else:
        envelope = replace(statement.envelope, body=encode(body)).encode()
    village.entries[PAYMENT] = replace(payment, envelope=envelope)


@attack(REWRITING, "keys and signatures", "the signature does not hold")
def rewriting_changed_payment() -> Village:
    """A payment is ten times as large; leaves, tiles and checkpoint are made anew to fit."""
    village = hamlet()
    changed_payment(village, None)
    return village


@entered(
    REWRITING,
    shown("earlier checkpoint", "history was rewritten", "--since", "kept"),
    Look(("audit", "fork", "fork.txt", "--vkey", LOG.vkey), 0, "told two histories"),
)
def rewriting_everything_after() -> Files:
    """An operator who keeps Ben's key signs his payment anew, and all that follows."""
    village = hamlet()
    kept, size = village.note(), len(village.entries)
    changed_payment(village, [key("ben")])
    village.pay("ada", "ben", 5)
    hashes = [leaf_hash(entry.leaf_bytes()) for entry in village.entries]
    proof = tuple(consistency_proof(hashes, size))
    fork = ForkProof(kept, village.note(), root_of(hashes[:size]), proof)
    return {"bundle.zip": village.bundle(), "kept": kept, "fork.txt": fork.encode()}


def remembered(village: Village) -> bytes:
    """Return what an auditor remembers who found a village sound."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        path.write_bytes(village.bundle())
        memory = audit(path).memory()
    assert memory is not None
    return memory


@attack(REWRITING, "earlier checkpoint", "history was rewritten since", "--state", "state")
def rewriting_before_a_state_file() -> Files:
    """An old payment is signed anew; the auditor goes on from what their last audit remembered."""
    village = hamlet()
    memory = remembered(village)
    changed_payment(village, [key("ben")])
    village.pay("ada", "ben", 5)
    return {"bundle.zip": village.bundle(), "state": memory}


@attack(REWRITING, "earlier checkpoint", "history was rewritten", "--since", "kept")
def rewriting_removed_entry() -> Files:
    """A payment is taken out of the middle, and the log is built again without it."""
    village, other = two_histories()
    kept = village.note()
    del other.entries[PAYMENT - 1]
    other.pay("ada", "ben", 5)
    other.pay("ada", "ben", 6)
    return {"bundle.zip": other.bundle(), "kept": kept}


@attack(REWRITING, "keys and signatures", "no account fb8abcdd")
def rewriting_out_of_order() -> Village:
    """A member's offer stands before the opening of their account."""
    village = hamlet()
    village.entries[2], village.entries[3] = village.entries[3], village.entries[2]
    return village


@attack(REWRITING, "tiles", "does not hash to")
def rewriting_entries_unlike_tiles() -> Files:
    """Facts and entries are those of another history, hash tiles and checkpoint of the first."""
    one, other = two_histories()
    files, others = one.files(), other.files()
    path = f"log/{entries_path(0, len(one.entries))}"
    files |= {name: others[name] for name in (path, "facts/000000.jsonl")}
    return {"bundle.zip": packed(files, len(one.entries))}


@attack(REWRITING, "tiles", "but not with the root of checkpoint")
def rewriting_tiles_unlike_checkpoint() -> Files:
    """All files are those of another history but the checkpoint, which witnesses had seen."""
    one, other = two_histories()
    files = other.files() | {"log/checkpoint": one.note()}
    return {"bundle.zip": packed(files, len(one.entries))}


@attack(REWRITING, "checkpoint", "no known key signed this note")
def rewriting_checkpoint_of_another_key() -> Files:
    """Somebody who holds the published files, and no key, signs a checkpoint with one of theirs."""
    village = hamlet()
    files = village.files() | {"log/checkpoint": village.note(key("host"))}
    return {"bundle.zip": packed(files, len(village.entries))}


@attack(REWRITING, "commitments", "not the one that the log commits to")
def rewriting_other_fact() -> Files:
    """The log is untouched, and a fact that Ben did sign is handed out in place of another."""
    village, other = two_histories()
    files = village.files() | {"facts/000000.jsonl": other.files()["facts/000000.jsonl"]}
    return {"bundle.zip": packed(files, len(village.entries))}


@attack(REWRITING, "leaves", "a leaf has f, k, p and v")
def rewriting_leaf_with_a_note() -> Village:
    """The operator writes a field of their own into a leaf, where people outside may read it."""
    village = hamlet()
    entry = village.entries[PAYMENT]
    plain = entry.leaf_bytes()
    village.entries[PAYMENT] = replace(entry, leaf=plain[:-1] + b',"x":"for the roof"}')
    return village


@attack(REWRITING, "bundle", "differs from the manifest")
def rewriting_file_unlike_manifest() -> Files:
    """On its way to the auditor a file of facts is replaced; the manifest stays."""
    village, other = two_histories()
    files = village.files()
    manifest = manifest_of(files, len(village.entries))
    facts = other.files()["facts/000000.jsonl"]
    changed = files | {"facts/000000.jsonl": facts, "manifest.json": manifest}
    return {"bundle.zip": packed(changed, len(village.entries))}


@attack(REWRITING, "bundle", "is not the one in the log")
def rewriting_other_rules_shown() -> Files:
    """The copy of the rules for reading promises what the rules in the log do not."""
    village = hamlet()
    files = village.files()
    envelope = Envelope.decode(files["rules/0001.json"])
    body = envelope.body.replace(b'"charge_ticks":20', b'"charge_ticks":0')
    files["rules/0001.json"] = sign_as(envelope, body)
    return {"bundle.zip": packed(files, len(village.entries))}


def sign_as(envelope: Envelope, body: bytes) -> bytes:
    """Return another body in an envelope of the same kind, signed by the operators."""
    made = replace(envelope, body=body)
    signatures = tuple((one.key_id, one.sign(made.signed_bytes)) for one in OPERATORS)
    return replace(made, signatures=signatures).encode()


@attack("cross-ledger replay", "checkpoint", "this checkpoint is of meadow.example/ledger/1")
def cross_ledger_checkpoint() -> Files:
    """The key of this log signs, in this log's name, a checkpoint of another origin."""
    village = hamlet()
    checkpoint = Checkpoint("meadow.example/ledger/1", len(village.entries), bytes(32))
    text = checkpoint.encode().decode()
    note = sign_note(text, ORIGIN, key("log")).encode()
    files = village.files() | {"log/checkpoint": note}
    return {"bundle.zip": packed(files, len(village.entries))}


@entered(
    "weak keys",
    Look(("audit", "verify", "bundle.zip"), 1, "small order", "checkpoint"),
    shown("checkpoint", "another log key than the one you gave"),
)
def weak_key_of_the_log() -> Files:
    """The log's published key is a point of small order, under which anybody can sign."""
    village = hamlet()
    content = b"\x01" + bytes([1]) + bytes(31)
    key_hash = sha256(ORIGIN.encode() + b"\n" + content).hexdigest()[:8]
    weak = f"{ORIGIN}+{key_hash}+{b64encode(content).decode()}"
    files = village.files() | {"log.vkey": f"{weak}\n".encode()}
    return {"bundle.zip": packed(files, len(village.entries))}
