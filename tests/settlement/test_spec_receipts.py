"""The receipts of docs/spec/log.md: the worked one computed again from its words, and its limits."""

import base64
import hashlib
import json
import re
import struct
from pathlib import Path

import pytest

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.note import Verifier
from ledger.log.proof import EXTRA_BYTES_MAX
from ledger.primitives.signing import SigningKey
from settlement.audit.receipt import _OPTIONAL, FIELDS, KEYS_MAX, LINES_MAX, Receipt
from settlement.audit.receipt_check import Trust, check_receipt

ROOT = Path(__file__).parents[2]
ORIGIN = "riverside.example/ledger/1"
KEYS = [SigningKey.from_seed(bytes([number]) * 32) for number in range(3)]


def sha256(data):
    return hashlib.sha256(data).digest()


@pytest.fixture
def section():
    page = (ROOT / "docs/spec/log.md").read_text()
    return page[page.index("## Receipts") : page.index("## Worked vector")]


def worked(section):
    """The extra data and the whole file, put together as the page says."""
    [extra] = re.findall(r"```json\n(.*?)\n```\n", section, re.DOTALL)
    [rest] = re.findall(r"```receipt\n(.*?)```\n", section, re.DOTALL)
    encoded = base64.b64encode(extra.encode()).decode()
    return json.loads(extra), f"c2sp.org/tlog-proof@v1\nextra {encoded}\n{rest}".encode()


def test_the_worked_receipt_is_proved(section):
    _, data = worked(section)
    assert f"{len(data):,} bytes" in section
    assert f"`{hashlib.sha256(data).hexdigest()}`" in section
    receipt = Receipt.decode(data)
    assert receipt.encode() == data
    finding = check_receipt(receipt, Trust(Verifier(ORIGIN, KEYS[0].public)), "0f" * 16)
    assert [signer.role for signer in finding.signers] == ["adapter"]
    assert receipt.fields["reading"]["wh"] == 380


def test_the_worked_receipt_follows_from_the_pages_words(section):
    extra, data = worked(section)
    envelope, roster, shown = extra["envelope"], extra["roster"], extra["reading"]
    body = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    # The line: its record, its salt from the batch's seed, its path, the statement's root.
    content = b"commonwatt/reading/v1\0" + struct.pack(">QQ", shown["period"], shown["wh"])
    salt = sha256(bytes(32) + (1).to_bytes(8))[:16]
    assert salt.hex() == shown["salt"]
    [sibling] = map(bytes.fromhex, shown["path"])
    line = sha256(b"\0" + salt + content + shown["quality"].encode())
    assert sha256(b"\1" + sibling + line).hex() == body["root"]
    # The statement's leaf and the roster's, the tree, the checkpoint.
    commitment = sha256(
        b"commonwatt/commit/v1\0" + bytes.fromhex(extra["salt"]) + envelope.encode()
    )
    leaf = f'{{"c":"{commitment.hex()}","k":"reading_batch","p":{extra["logged"]},"v":1}}'
    fact = json.dumps(roster["envelope"])
    first = sha256(f'\0{{"f":{fact},"k":"roster","p":{roster["logged"]},"v":1}}'.encode())
    second = sha256(b"\0" + leaf.encode())
    assert roster["path"] == [second.hex()]
    note = sign_checkpoint(Checkpoint(ORIGIN, 2, sha256(b"\1" + first + second)), KEYS[0])
    end = f"\nindex 1\n{base64.b64encode(first).decode()}\n\n".encode() + note
    assert data.endswith(end)


def test_the_tables_name_every_kind_and_field_and_the_limits(section):
    rows = dict(re.findall(r"^\| (`.*?`) \| [^|]* \| (`.*?`) \|$", section, re.MULTILINE))
    named = {
        kind: set(re.findall(r"\w+", fields)) | (set() if kind == "seal" else {"salt"})
        for kinds, fields in rows.items()
        for kind in re.findall(r"`(\w+)`", kinds)
    }
    assert named == {kind: set(fields) for kind, fields in FIELDS.items()}
    for field in _OPTIONAL:
        assert re.search(rf"^\| `{field}` \| ", section, re.MULTILINE), field
    assert f"1 to {KEYS_MAX} public keys" in section
    assert f"1 to {LINES_MAX} of" in section
    assert f"at most {EXTRA_BYTES_MAX:,} bytes" in section
