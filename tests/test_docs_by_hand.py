"""The page on checking by hand: its commands say what it shows, and say NO to whatever was changed."""

import base64
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.log.note import Verifier
from ledger.log.proof import LogProof
from ledger.log.tiles import TILE_WIDTH, tile_path
from ledger.primitives.signing import SigningKey
from settlement.audit.receipt import Receipt
from settlement.audit.receipt_check import Trust, check_receipt
from settlement.export import export_bundle
from tests.engines import missing
from tests.settlement.receipts import receipts, street

__all__ = ["receipts", "street"]

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "verify-by-hand.md").read_text(encoding="utf-8")
KEY_LINE, *STEPS, BUNDLE = re.findall(r"```bash\n(.*?)```\n", PAGE, re.DOTALL)
SHOWN = "".join(re.findall(r"```text\n(.*?)```\n", PAGE, re.DOTALL))
EXAMPLE = (DOCS / "examples/payment.tlog-proof").read_bytes()
[KEY] = re.findall(r"KEY='(.*)'", KEY_LINE)
ORDER = "the payer's key signed this order"
NAMED = "the envelope names this key"
ROOT = "under this root"
HEAD = "the log's key signed this head"

SECONDS_MAX = 30
"""All the page's commands take a fifth of a second."""


@pytest.fixture(autouse=True, scope="module")
def tools():
    """Skip loudly where the page's tools are not there."""
    if shutil.which("bash") is None or shutil.which("openssl") is None:
        missing("bash and openssl")
        return
    version = subprocess.run(
        ["openssl", "version"], capture_output=True, text=True, timeout=SECONDS_MAX, check=True
    ).stdout
    if int(re.match(r"OpenSSL (\d+)|", version)[1] or 0) < 3:
        missing(f"OpenSSL 3 (this is {version.strip()})")


def by_hand(folder, data=EXAMPLE, key=KEY, blocks=STEPS):
    """Run the page's own commands in a folder, and return what they say."""
    folder.mkdir(exist_ok=True)
    (folder / "payment.tlog-proof").write_bytes(data)
    return subprocess.run(
        ["bash", "-c", "".join([f"KEY='{key}'\n", *blocks])],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def answers(done):
    return re.findall(r"^(yes|NO): (.*)$", done.stdout, re.MULTILINE)


def refused(done):
    return [what for answer, what in answers(done) if answer == "NO"]


def test_the_commands_of_the_page_say_what_the_page_shows(tmp_path):
    done = by_hand(tmp_path)
    assert (done.stdout, done.stderr) == (SHOWN, "")
    assert len(answers(done)) == 8
    assert refused(done) == []
    proof = LogProof.decode(EXAMPLE)
    assert len(proof.hashes) == 7
    assert "the entry and seven other hashes give" in PAGE
    assert check_receipt(Receipt.decode(EXAMPLE), Trust(Verifier.from_vkey(KEY)))


def test_what_the_page_tells_to_try_says_no(tmp_path):
    assert "change `six` to `ten` in `message` and run the last line again" in PAGE
    [last] = [line for line in STEPS[2].splitlines() if line.startswith("signed ")]
    done = by_hand(tmp_path, blocks=[*STEPS, f"sed -i s/six/ten/ message\n{last}\n"])
    assert refused(done) == [ORDER]


def other(letter):
    """Another digit, or another letter that hexadecimal and base64 have."""
    return str((int(letter) + 1) % 10) if letter.isdigit() else "c" if letter == "b" else "b"


def changed_after(text, pattern):
    """Change the character after the first match."""
    place = re.search(pattern, text).end()
    return text[:place] + other(text[place]) + text[place + 1 :]


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        (r'payload\\":\\".{100}', ORDER),
        (r"application/vnd\.commonwatt\.", ROOT),  # the type in the envelope
        (r'keyid\\":\\"', NAMED),
        (r'sig\\":\\".{20}', ORDER),
        (r'"keys":\["', NAMED),
        (r'"logged":99', ROOT),
        (r'"salt":"', ROOT),
    ],
)
def test_a_payment_with_one_character_changed_is_refused(tmp_path, pattern, answer):
    proof = LogProof.decode(EXAMPLE)
    extra = changed_after(proof.extra.decode(), pattern).encode()
    done = by_hand(tmp_path, replace(proof, extra=extra).encode())
    assert any(answer in what for what in refused(done)), done.stdout


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        (r"\nindex ", ROOT),
        (r"\nindex \d+\n", ROOT),  # the first hash
        (r"\n.{43}(?==\n\n)", ROOT),  # the last one: its padding, which makes it no base64
        (r"\n\nl", "this is the head of"),
        (r"\n\n\S+\n", HEAD),  # the size
        (r"\n\n\S+\n\d+\n", HEAD),  # the root
        (r"\n— \S+ ", "the signature names this key"),
        (r"\n— \S+ .{20}", HEAD),
        (r"\n— l", HEAD),
    ],
)
def test_a_path_or_head_with_one_character_changed_is_refused(tmp_path, pattern, answer):
    data = changed_after(EXAMPLE.decode(), pattern).encode()
    done = by_hand(tmp_path, data)
    assert any(answer in what for what in refused(done)), done.stdout


def test_a_path_that_is_too_short_or_too_long_is_refused(tmp_path):
    proof = LogProof.decode(EXAMPLE)
    for number, hashes in enumerate(
        [proof.hashes[:-1], proof.hashes[1:], [*proof.hashes, bytes(32)], []]
    ):
        done = by_hand(tmp_path / str(number), replace(proof, hashes=hashes).encode())
        assert any(ROOT in what for what in refused(done)), done.stdout


def test_another_key_and_another_logs_name_are_refused(tmp_path):
    key = Verifier.from_vkey(KEY)
    stranger = Verifier(key.name, SigningKey.from_seed(bytes(32)).public)
    assert HEAD in refused(by_hand(tmp_path / "key", key=stranger.vkey))
    renamed = Verifier("selly.example/ledger/1", key.public_key)
    said = refused(by_hand(tmp_path / "name", key=renamed.vkey))
    assert "this is the head of selly.example/ledger/1" in said
    cut = KEY.replace("+23b6ff20+", "+23b6ff21+")
    assert "the key is whole" in refused(by_hand(tmp_path / "cut", key=cut))


@pytest.mark.parametrize("hostile", ["i[$(touch seen)]", "$(touch seen)", "`touch seen`", "*"])
def test_nothing_that_a_file_says_is_run(tmp_path, hostile):
    proof = LogProof.decode(EXAMPLE)
    text = EXAMPLE.decode()
    files = [
        re.sub(r"\nindex \d+\n", lambda _: f"\nindex {hostile}\n", text),
        re.sub(r"(\n\n\S+\n)\d+\n", lambda match: f"{match[1]}{hostile}\n", text),
        re.sub(r"(\nindex \d+\n)\S+\n", lambda match: f"{match[1]}{hostile}\n", text),
    ]
    for name in ("logged", "salt", "keys"):
        extra = re.sub(
            rf'"{name}":[^,]*,', lambda _, n=name: f'"{n}":{hostile},', proof.extra.decode()
        )
        encoded = base64.b64encode(extra.encode()).decode()
        files.append(re.sub(r"\nextra .*\n", lambda _, e=encoded: f"\nextra {e}\n", text))
    for number, data in enumerate(files):
        folder = tmp_path / str(number)
        assert refused(by_hand(folder, data.encode()))
        assert not (folder / "seen").exists()


# A settled street, and its bundle.


@pytest.fixture(scope="module")
def bundle(street, tmp_path_factory):
    folder = tmp_path_factory.mktemp("by-hand") / "bundle"
    export_bundle(street.community, folder)
    return folder


def in_bundle(tmp_path, bundle, street, receipts, change=None):
    (tmp_path / "work").mkdir()
    shutil.copytree(bundle, tmp_path / "work/bundle")
    if change is not None:
        change(tmp_path / "work/bundle")
    key = street.verifier.vkey
    return by_hand(tmp_path / "work", receipts["payment"], key, [*STEPS, BUNDLE])


def test_a_settled_streets_payment_is_found_in_its_bundle(tmp_path, bundle, street, receipts):
    done = in_bundle(tmp_path, bundle, street, receipts)
    assert done.stderr == ""
    assert [answer for answer, _ in answers(done)] == ["yes"] * 12, done.stdout


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_changed_bundle_is_refused(tmp_path, bundle, street, receipts):
    receipt = Receipt.decode(receipts["payment"])
    index = receipt.proof.index
    [tile] = (bundle / "log/tile/0").rglob("*.p/*")
    [entries] = (bundle / "log/tile/entries").rglob("*.p/*")
    at = entries.read_bytes().index(receipt.leaf)
    head = (bundle / "log/checkpoint").read_bytes()
    for number, (path, place, answer) in enumerate(
        (
            (tile, 32 * index, "at place"),
            (tile, 0, "manifest"),
            (entries, at + 10, "says the same"),
            (bundle / "log/checkpoint", head.index(b"=\n\n") - 5, "the same as yours"),
        )
    ):
        (tmp_path / str(number)).mkdir()
        name = path.relative_to(bundle)
        done = in_bundle(
            tmp_path / str(number),
            bundle,
            street,
            receipts,
            lambda folder, name=name, place=place: flip(folder / name, place),
        )
        assert any(answer in what for what in refused(done)), done.stdout


def test_the_page_names_the_box_of_an_entry_as_the_log_does():
    script = "".join(line + "\n" for line in BUNDLE.splitlines() if line.startswith("box="))
    for index in (0, 255, 256, 255_999, 256_000, 12_345_678):
        done = subprocess.run(
            ["bash", "-c", f"index={index}\n{script}echo $box"],
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=True,
        )
        assert f"tile/0/{done.stdout.strip()}" == tile_path(0, index // TILE_WIDTH)
