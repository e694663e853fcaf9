"""The specifications say what the code does: fields, examples and worked vectors."""

import hashlib
import json
import re
import struct
from pathlib import Path

import pytest

from ledger.errors import CanonicalError
from ledger.key_life import recovery_commitment
from ledger.keys import MEMBER_KINDS, SEQ_WINDOW, SIGNER_ROLES
from ledger.kinds import COMMON, KINDS, OPTIONAL, READINGS_MAX
from ledger.primitives import canonical, shape
from ledger.primitives.signing import SigningKey
from ledger.records import Kind, Transfer, record, salted_root
from ledger.recovery import INVITATION, PHONE, VOUCHER, key_of_code, new_code
from ledger.statements import Statement, make_body, payload_type, sign
from market.certificate import verify
from market.clearing import clear
from market.errors import MarketInputError
from market.result_wire import _RESULT, read_result, result_bytes, result_to_json
from market.wire import _MARKET, market_to_json, read_market
from meters.batches import DETAIL_BYTES_MAX, BatchContent
from meters.readings import Quality

SPEC = Path(__file__).resolve().parents[1] / "docs" / "spec"
CANONICAL, MARKET, STATEMENTS = (
    (SPEC / f"{name}.md").read_text() for name in ("canonical-json", "market", "statements")
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```\n", page, re.DOTALL)


def section(page: str, title: str) -> str:
    """The text under a heading, up to the next of the same or a higher level."""
    found = re.search(
        rf"^(#+) {re.escape(title)}.*?\n(.*?)(?=^#{{1,3}} |\Z)", page, re.MULTILINE | re.DOTALL
    )
    assert found, title
    return found[2]


def fields_of(text: str) -> list[str]:
    """The fields named in the first cell of a table's rows."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]


# Statements.


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_table_of_just_its_fields(kind):
    fields = [*KINDS[kind], *OPTIONAL.get(kind, ())]
    assert fields_of(section(STATEMENTS, f"`{kind}`")) == fields


def test_the_common_fields_stand_in_one_table():
    assert fields_of(section(STATEMENTS, "Common fields")) == list(COMMON)


def test_no_kind_stands_on_the_page_that_is_not_there():
    assert re.findall(r"^### `(\w+)`", STATEMENTS, re.MULTILINE) == list(KINDS)


def test_who_signs_stands_in_one_table():
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|$", section(STATEMENTS, "Who signs"), re.MULTILINE)
    signers = {kind: who for kinds, who in rows for kind in re.findall(r"`(\w+)`", kinds)}
    assert set(signers) == set(KINDS)
    for kind, role in SIGNER_ROLES.items():
        assert signers[kind] == f"one `{role}` key"
    for kind in MEMBER_KINDS:
        assert signers[kind].startswith("the member's keys")
    for kind in ("roster", "rules", "account_open"):
        assert "operator" in signers[kind]


def test_the_limits_of_statements_are_those_of_the_code():
    assert f"*highest* − {SEQ_WINDOW}" in STATEMENTS
    assert f"1 to {READINGS_MAX} readings" in STATEMENTS
    assert f"at most {DETAIL_BYTES_MAX:,} bytes" in STATEMENTS
    assert f"at most {canonical.STATEMENT_BYTES_MAX:,} bytes" in STATEMENTS
    for quality in Quality:
        assert f"`{quality.letter}` {quality.value}" in STATEMENTS


def test_the_paper_code_of_the_page():
    entropy, words, seed, public, commitment = blocks(STATEMENTS, "text")[-4].splitlines()
    assert " ".join(new_code(bytes.fromhex(entropy))) == words
    key = key_of_code(words)
    assert key.public.hex() == public
    assert recovery_commitment(key.public) == commitment
    # The same from the page's words.
    tagged = b"commonwatt/recovery-seed/v1\0" + bytes.fromhex(entropy)
    assert hashlib.sha256(tagged).hexdigest() == seed
    assert SigningKey.from_seed(bytes.fromhex(seed)).public.hex() == public
    shown = b"commonwatt/recovery/v1\0" + bytes.fromhex(public)
    assert hashlib.sha256(shown).hexdigest() == commitment


def test_the_invitation_and_the_voucher_of_the_page():
    shown = [bytes.fromhex(line) for line in blocks(STATEMENTS, "text")[-5].splitlines()]
    entropy, words, *_ = blocks(STATEMENTS, "text")[-4].splitlines()
    for public, tag, purpose in zip(
        shown, ("invitation", "voucher", "phone"), (INVITATION, VOUCHER, PHONE), strict=True
    ):
        assert key_of_code(words, purpose).public == public
        # The same from the page's words.
        tagged = f"commonwatt/{tag}-seed/v1\0".encode() + bytes.fromhex(entropy)
        assert SigningKey.from_seed(hashlib.sha256(tagged).digest()).public == public


def test_the_offer_of_the_page():
    pae, tx_id, envelope = blocks(STATEMENTS, "text")[-3].splitlines()
    statement = Statement.decode(envelope.encode())
    assert statement.envelope.signed_bytes == pae.encode()
    assert statement.tx_id == tx_id == hashlib.sha256(pae.encode()).hexdigest()
    fields = {name: statement.body[name] for name in KINDS["offer"]}
    body = make_body("offer", "riverside.example/ledger/1", "0f" * 16, "1e" * 16, 1, 10**12, fields)
    assert sign(body, [SigningKey.from_seed(bytes(32))]) == envelope.encode()
    assert statement.envelope.payload_type == payload_type("offer")


def test_the_transfer_of_the_page():
    content, root = blocks(STATEMENTS, "text")[-2].splitlines()
    debit, credit = "pool/street WH/0", "grid/export WH/0"
    transfer = Transfer(bytes(range(16)), Kind.POST, debit, credit, 5, 989737)
    assert record(transfer).hex() == content
    # The same from the page's words.
    hashes = [
        hashlib.sha256(b"commonwatt/account/v1\0" + account.encode()).digest()
        for account in (debit, credit)
    ]
    layout = b"commonwatt/transfer/v1\0" + bytes(range(16)) + b"\x01" + b"".join(hashes)
    layout += (5).to_bytes(8) + (989737).to_bytes(8) + bytes(16)
    assert layout.hex() == content
    salt = hashlib.sha256(bytes(32) + bytes(8)).digest()[:16]
    assert hashlib.sha256(b"\0" + salt + layout).hexdigest() == root
    assert salted_root(bytes(32), [layout]).hex() == root


def test_the_readings_of_the_page():
    detail, root = blocks(STATEMENTS, "text")[-1].splitlines()
    content = BatchContent.decode(989737, detail.encode())
    assert content == BatchContent(989737, (412, 380), "AA", bytes(32))
    assert content.root().hex() == root
    # The same from the page's words.
    leaves = []
    for index, wh in enumerate((412, 380)):
        salt = hashlib.sha256(bytes(32) + index.to_bytes(8)).digest()[:16]
        reading = b"commonwatt/reading/v1\0" + struct.pack(">QQ", 989737 + index, wh) + b"A"
        assert len(reading) == 39
        leaves.append(hashlib.sha256(b"\0" + salt + reading).digest())
    assert hashlib.sha256(b"\1" + leaves[0] + leaves[1]).hexdigest() == root


# Markets and results.


def test_the_json_examples_are_what_the_engine_gives():
    market_text, result_text, more_text, *tree = blocks(MARKET, "json")
    market = read_market(market_text.encode())
    result = clear(market)
    assert result_to_json(result) == json.loads(result_text)
    verify(market, read_result(result_text.encode()))

    value = json.loads(market_text)
    value["asks"][0]["wh"] = 800
    larger = read_market(json.dumps(value).encode())
    assert result_to_json(clear(larger)) == json.loads(more_text)
    verify(larger, read_result(more_text.encode()))

    feeders, shared = (text.encode() for text in tree)
    assert result_to_json(clear(read_market(feeders))) == json.loads(shared)
    verify(read_market(feeders), read_result(shared))


def test_the_canonical_bytes_and_hashes_of_the_example():
    market = read_market(blocks(MARKET, "json")[0].encode())
    pairs = [block.splitlines() for block in blocks(MARKET, "text")]
    written = [canonical.encode(market_to_json(market)), result_bytes(clear(market))]
    assert [[data.decode(), hashlib.sha256(data).hexdigest()] for data in written] == pairs


def test_every_field_of_a_market_and_a_result_is_named():
    def names(check: shape.Check) -> set[str]:
        """The fields of a record, and of the records inside it."""
        found: set[str] = set()
        for cell in check.__closure__ or ():
            inner = cell.cell_contents
            if isinstance(inner, dict):
                found |= set(inner)
                for item in inner.values():
                    found |= names(item)
            elif callable(inner):
                found |= names(inner)
        return found

    fields = names(_MARKET) | names(_RESULT)
    assert {"limit_ticks", "capacity_wh", "k_permille", "potential", "cut"} <= fields
    for field in fields:
        assert re.search(rf"`(\w+\[\]\.)?{field}`|\"{field}\"", MARKET), field


def test_the_error_of_the_page_is_the_engines():
    value = json.loads(blocks(MARKET, "json")[0])
    value["asks"][0]["wh"] = -1
    with pytest.raises(MarketInputError) as caught:
        read_market(json.dumps(value).encode())
    assert f"`{caught.value}`" in MARKET


# Canonical JSON.


def test_the_examples_of_canonical_json():
    [written] = re.findall(r"^\| written \| `(.*)` \|$", CANONICAL, re.MULTILINE)
    [refused] = re.findall(r"^\| not \| (.*) \|$", CANONICAL, re.MULTILINE)
    assert canonical.encode(canonical.decode(written.encode())) == written.encode()
    examples = re.findall(r"`(.*?)`", refused)
    assert len(examples) == 9
    for example in examples:
        with pytest.raises(CanonicalError):
            canonical.decode(example.encode())


def test_the_limits_of_canonical_json_are_those_of_the_code():
    assert f"at most {canonical.DEPTH_MAX} deep" in CANONICAL
    assert f"{canonical.STATEMENT_BYTES_MAX:,} for a statement" in CANONICAL
    assert f"at most {canonical.FREE_TEXT_CHARACTERS_MAX} characters" in CANONICAL
    assert f"`{canonical._KEY.pattern}`" in CANONICAL
    assert canonical.INTEGER_MAX == 2**53 - 1
