"""Who people are is in one table, which forgets: nowhere else, in no form, and not after it was erased."""

import base64
import shutil
import sqlite3
import urllib.parse

import pytest
from sqlalchemy import delete

from ledger.db import Database
from ledger.people import names, rename
from ledger.primitives.signing import SigningKey
from ledger.tables import PersonRow
from settlement import deeds
from settlement.enrol import Terms, add_member, pay
from settlement.run import settle_day
from tests.prepared import DAY, reopen
from tests.wallet_api.door.phones import Phone, phones_of, served
from wallet_api.cli.app import run

NAMES = ("Zephyrine Quattlebaum", "Ōtani-Søren O’Mhaille")
WORDS = ("for the quiltings of May", "Wrzesień tombola £4")
"""Names never leave their table; words of payments are facts: in the database and in what auditors get."""

MONTH = f"{DAY:%Y-%m}"


def forms(text):
    """Return a text in every form in which it could lie about."""
    found = set()
    for spelled in (text, text.lower(), text.upper(), text.encode().decode("latin-1")):
        plain = spelled.encode()
        found |= {
            plain,
            plain.hex().encode(),
            spelled.encode("utf-16-le"),
            spelled.encode("utf-16-be"),
        }
        found |= {urllib.parse.quote(spelled).encode(), urllib.parse.quote_plus(spelled).encode()}
        found |= {ascii(spelled)[1:-1].encode()}
        for lead in range(3):  # base64 looks different at each place
            packed = base64.b64encode(b"\0" * lead + plain)
            found.add(packed[4 if lead else 0 : -4])
    return {each for each in found if len(each) >= 8}


NAME_FORMS = {form: name for name in NAMES for form in forms(name)}
NAME_FORMS |= {form: name for name in NAMES for part in name.split() for form in forms(part)}
WORD_FORMS = {form: words for words in WORDS for form in forms(words)}


def found_in(data, wanted):
    return sorted({name for form, name in wanted.items() if form in data})


@pytest.fixture(scope="module")
def street(prepared, tmp_path_factory):
    """A street where two with long names traded, paid each other by HTTP and were sent statements."""
    folder = tmp_path_factory.mktemp("named") / "street"
    shutil.copytree(prepared, folder)
    url = f"sqlite:///{folder}/street.sqlite"
    community = reopen(url, folder / "keys")
    keys = [SigningKey.generate() for _ in NAMES]
    members = [
        add_member(community, name, "household", Terms(), key)
        for name, key in zip(NAMES, keys, strict=True)
    ]
    settle_day(community, DAY)
    community.writer.publish(folder / "log")
    community.writer.database.close()
    with served(url, folder / "keys") as client:
        phones_of(client)
        phones = [Phone(client, m, k) for m, k in zip(members, keys, strict=True)]
        for phone, other, words in zip(phones, reversed(phones), WORDS, strict=True):
            assert phone.sign_in().status_code == 200
            assert phone.pay(other, 100_000, words).status_code == 201
        ask = {"amount": 5, "reference": "quince jelly", "last": 2**20, "of": members[1]}
        assert phones[0].say("ask", ask).status_code == 201
        mine = phones[0].get(f"/v1/months/{MONTH}/statement.txt").content
        others = b"".join(
            client.get(path).content
            for path in ("/", "/open", "/v1/community", "/v1/forecast", "/open/open.json")
        )
    options = ["--database", url, "--keys", str(folder / "keys")]
    for form, file in (
        *(("hledger", "x.journal"), ("beancount", "x.beancount"), ("open", "open")),
        *(("csv", "x.csv"), ("parquet", "x.parquet")),
    ):
        assert run(["export", form, "--out", str(folder / file), *options]) == 0
    assert run(["log", "publish", *options]) == 0
    assert run(["audit", "export", str(folder / "bundle"), *options]) == 0
    return url, folder, mine, others


def test_the_search_would_find_a_name_in_each_form(street):
    _, _, mine, _ = street
    assert found_in(mine, NAME_FORMS) == [NAMES[0]]
    for name in NAMES:
        for packed in (base64.b64encode(b"ab" + name.encode() + b"cd"), name.encode("utf-16")):
            assert found_in(packed, NAME_FORMS) == [name]


def test_no_table_no_file_and_no_page_holds_a_name(street):
    url, folder, _, others = street
    assert found_in(others, NAME_FORMS) == []
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert {each.suffix for each in files} >= {".sqlite", ".journal", ".beancount", ".csv"}
    for file in files:
        assert found_in(file.read_bytes(), NAME_FORMS) == [], file
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own tables
                values = b"\n".join(
                    v if isinstance(v, bytes) else str(v).encode() for v in row if v is not None
                )
                assert found_in(values, NAME_FORMS) == [], table
    connection.close()


def test_words_of_payments_are_not_in_what_everybody_gets(street):
    _, folder, _, others = street
    public = b"".join(each.read_bytes() for each in (folder / "log").rglob("*") if each.is_file())
    public += others
    public += b"".join(each.read_bytes() for each in (folder / "open").iterdir())
    assert found_in(public, WORD_FORMS) == []
    bundle = b"".join(p.read_bytes() for p in (folder / "bundle").rglob("*") if p.is_file())
    assert found_in(bundle, WORD_FORMS)


def raw(file):
    """Return everything that lies in a SQLite file and beside it."""
    return b"".join(each.read_bytes() for each in sorted(file.parent.glob(f"{file.name}*")))


def person(database, member):
    with database.read() as connection:
        return connection.exec_driver_sql(
            "SELECT secret, sealed FROM person WHERE member = ?", (member,)
        ).one()


@pytest.fixture
def own(copy):
    url, keys = copy()
    community = reopen(url, keys)
    yield community
    community.writer.database.close()


@pytest.mark.parametrize("how", ["closed", "renamed"])
def test_an_erased_name_is_in_no_page_and_no_journal(own, how):
    member = add_member(own, NAMES[0], "household", Terms(), SigningKey.generate())
    database = own.writer.database
    secret, sealed = person(database, member)
    assert secret in raw(database.file)
    if how == "closed":
        deeds.close_account(own, member, "We move.")
    else:
        with own.transaction() as connection:
            rename(connection, own.writer.community, member, "Somebody Else", own.writer.entropy)
    left = raw(database.file)  # while it is open, as a server has it
    for part in (secret, sealed, sealed[12:28]):
        assert part not in left
    with database.read() as connection:
        found = names(connection, own.writer.community).get(member)
    assert found == {"closed": None, "renamed": "Somebody Else"}[how]


def test_an_erased_payment_is_in_no_page_and_no_journal_while_the_server_runs(own):
    payer, payee = sorted(own.state.members)[:2]
    pay(own, payer, payee, 5, WORDS[0])
    database = own.writer.database
    with own.reading() as connection:
        position, envelope = connection.exec_driver_sql(
            "SELECT position, envelope FROM fact ORDER BY position DESC LIMIT 1"
        ).one()
    assert envelope[40:140] in raw(database.file)
    deeds.erase(own, {position: "fact"}, "She asked for it.")
    assert envelope[40:140] not in raw(database.file)
    assert found_in(raw(database.file), WORD_FORMS) == []


def test_a_reader_does_not_keep_what_was_erased_for_ever(copy):
    """A journal that somebody reads cannot be cut: the next erasure or the last connection does it."""
    url, keys = copy()
    community = reopen(url, keys)
    member = add_member(community, NAMES[0], "household", Terms(), SigningKey.generate())
    database = community.writer.database
    secret, _ = person(database, member)
    table = PersonRow.__table__
    reader = Database(url)
    with reader.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM person").scalar()
        with database.write() as writing:
            writing.execute(delete(table).where(table.c.member == member))
        assert secret in raw(database.file)
    assert database.scrub()
    assert secret not in raw(database.file)
    reader.close()
    database.close()


def test_every_connection_overwrites_what_it_deletes(own):
    with own.writer.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
