"""``commonwatt export open``: a folder for a website, the same bytes each time."""

import json

import pytest

from tests.wallet_api.communities import Shell
from tests.wallet_api.open_streets import settled
from wallet_api.street import WEEK

FILES = ["LICENCE.txt", "README.md", "datapackage.json", "open.csv", "open.json", "open.parquet"]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return settled(tmp_path_factory.mktemp("open") / "street", WEEK[:2])


@pytest.fixture
def shell(url, tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    monkeypatch.setenv("COMMONWATT_DATABASE_URL", url)
    return shell


def read(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_the_same_days_give_the_same_bytes(shell, tmp_path):
    out = shell.done("export", "open", "--out", tmp_path / "one")
    assert "2 days, 96 half-hours" in out
    assert "Nobody stands out in it" in out
    shell.done("export", "open", "--out", tmp_path / "two" / "deep")
    shell.done("export", "open", "--out", tmp_path / "one")
    assert read(tmp_path / "one") == read(tmp_path / "two" / "deep")
    assert sorted(read(tmp_path / "one")) == FILES


def test_days_are_chosen(shell, tmp_path):
    shell.done("export", "open", "--out", tmp_path / "x", "--from", WEEK[1])
    rows = json.loads((tmp_path / "x" / "open.json").read_text())
    assert {row["day"] for row in rows} == {WEEK[1].isoformat()}
    out = shell.done("export", "open", "--out", tmp_path / "y", "--through", "2020-01-01")
    assert "no day is settled yet" in out
    assert json.loads((tmp_path / "y" / "open.json").read_text()) == []


def test_a_wrong_range_or_place_is_refused(shell, tmp_path):
    (tmp_path / "file").write_text("x")
    for more, words in (
        (("--out", tmp_path / "file"), "is a file: name a folder"),
        (("--out", tmp_path / "z", "--from", "soon"), "soon"),
        (("--out", tmp_path / "z", "--from", WEEK[1], "--through", WEEK[0]), "days: ask for fewer"),
    ):
        code, _, err = shell("export", "open", *more)
        assert code == 2
        assert words in err
    assert not (tmp_path / "z").exists()


def test_the_table_is_as_it_was(shell, tmp_path):
    shell.done("export", "open", "--out", tmp_path / "x", "--through", WEEK[0])
    lines = (tmp_path / "x" / "open.csv").read_text().splitlines()
    assert lines[:2] == [
        (
            "start_utc,day,import_wh,export_wh,matched_wh,local_share_permille,price_ticks,buyers,sellers,"
            "import_why,export_why,matched_why,local_share_why,price_why"
        ),
        "2026-06-14T23:00:00Z,2026-06-15,1000,,,,,10 to 19,fewer than 5,,few,few,few,few",
    ]
    assert (
        lines[25] == "2026-06-15T11:00:00Z,2026-06-15,2000,6000,2000,1000,1430,5 to 9,5 to 9,,,,,"
    )
