"""``commonwatt ledger``: balances of today and of the past, pages, openings, the check."""

import json
from pathlib import Path

import pytest

from settlement.run import settle_day
from tests.prepared import DAY, reopen
from wallet_api.cli.app import run


@pytest.fixture
def street(copy):
    """The options that name a street that is ready to be settled."""
    url, keys = copy()
    return ["--database", url, "--keys", str(keys)]


@pytest.fixture
def settled(street):
    community = reopen(street[1], Path(street[3]))
    settle_day(community, DAY)
    community.writer.database.close()
    return street


def cli(capsys, street, *arguments):
    code = run([*street, *map(str, arguments)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def test_the_check_finds_a_settled_street_sound(settled, capsys):
    code, out, _ = cli(capsys, settled, "ledger", "check")
    assert code == 0
    assert "SOUND" in out
    report = json.loads(cli(capsys, settled, "ledger", "check", "--json")[1])
    assert report["failure"] is None


def test_balances_are_those_of_the_ledger_and_empty_before_the_day(settled, capsys):
    now = json.loads(cli(capsys, settled, "ledger", "balances", "--json")[1])
    assert sum(row["posted"] for row in now if row["account"].endswith("LWD/7")) == 0
    assert any(row["posted"] for row in now)
    at_end = cli(capsys, settled, "ledger", "balances", "--at", DAY, "--json")[1]
    assert [row["posted"] for row in json.loads(at_end)] == [row["posted"] for row in now]
    for early in (["--at", "2026-06-29"], ["--known", "2026-06-30T00:00:00Z"]):
        before = json.loads(cli(capsys, settled, "ledger", "balances", *early, "--json")[1])
        assert not any(row["posted"] for row in before)
    code, out, _ = cli(capsys, settled, "ledger", "balances")
    assert code == 0
    assert "meter/m-ben/import WH" in out
    assert "m-ada " in out


METER = "meter/m-ben/import WH/0"


def test_pages_of_an_account_are_the_whole_and_their_balances_run(settled, capsys):
    whole = json.loads(cli(capsys, settled, "ledger", "history", METER, "--json")[1])
    assert len(whole["lines"]) > 20
    assert whole["next"] is None
    lines, cursor = [], 0
    while cursor is not None:
        page = json.loads(
            cli(
                capsys,
                settled,
                *("ledger", "history", METER, "--limit", 7, "--after", cursor, "--json"),
            )[1]
        )
        lines += page["lines"]
        cursor = page["next"]
    assert lines == whole["lines"]
    running = 0
    for line in lines:
        running += line["amount"]
        assert line["balance"] == running
    _, out, _ = cli(capsys, settled, "ledger", "history", METER, "--limit", 3)
    assert out.startswith("meter/m-ben/import WH\n")
    assert f"More: --after {lines[2]['line']}" in out
    one = "member/{}/wallet LWD/7"
    code, _, err = cli(capsys, settled, "ledger", "history", one.format("f" * 32))
    assert code == 1
    assert "is not open" in err
    none = cli(capsys, settled, "ledger", "history", METER, "--from", "2026-07-02", "--json")
    assert json.loads(none[1])["lines"] == []


def test_openings_are_rehearsed_then_entered(street, tmp_path, capsys):
    file = tmp_path / "balances.csv"
    file.write_text("account,amount\nm-ada,12.5\nm-ben,-10\ncommunity/fund,-2.5\n")
    arguments = ("ledger", "open-balances", file)
    code, out, _ = cli(capsys, street, *arguments, "--dry-run")
    assert code == 0
    assert "nothing was written" in out
    before = json.loads(cli(capsys, street, "ledger", "balances", "--json")[1])
    assert not any(row["posted"] for row in before)
    code, out, _ = cli(capsys, street, *arguments)
    assert code == 0
    assert "3 balances entered" in out
    assert "−£10.0000000" in out
    after = json.loads(cli(capsys, street, "ledger", "balances", "--json")[1])
    assert sorted(row["posted"] for row in after if row["posted"]) == [
        -100_000_000,
        -25_000_000,
        125_000_000,
    ]
    assert cli(capsys, street, "ledger", "check")[0] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("account,amount\nm-ada,1\n", "sum to £1.00"),
        ("account,amount\nm-ada,-30\nm-ben,30\n", "line 2: −£30.00 is beyond the limit of −£20.00"),
        ("account,amount\nnobody,-30\n", "line 2: 'nobody'"),
    ],
)
def test_a_wrong_file_is_refused_whole(street, tmp_path, capsys, text, words):
    file = tmp_path / "balances.csv"
    file.write_text(text)
    code, _, err = cli(capsys, street, "ledger", "open-balances", file)
    assert code == 2
    assert words in err
    assert not any(
        row["posted"] for row in json.loads(cli(capsys, street, "ledger", "balances", "--json")[1])
    )


def test_a_wrong_time_is_named(settled, capsys):
    code, _, err = cli(capsys, settled, "ledger", "balances", "--known", "yesterday")
    assert (code, "2026-06-16T08:00:00Z" in err) == (2, True)
