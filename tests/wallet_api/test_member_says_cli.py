"""``commonwatt member offer``, ``mandate``, ``gift``, ``donate``, ``grant`` and ``meter share``."""

import pytest

from ledger.accounts import fund, wallet
from ledger.primitives.periods import PERIOD_MAX
from tests.prepared import reopen
from tests.wallet_api.communities import Shell

HALF_HOUR_MAX = "£50.00 and 100,000 Wh a half-hour"


@pytest.fixture
def village(tmp_path, capsys, monkeypatch):
    shell = Shell(tmp_path, capsys, monkeypatch)
    shell.found()
    shell.done("meter", "add", "Ada", "roof", "--channels", "export")
    shell.done("meter", "add", "Ben", "kitchen")
    return shell


@pytest.fixture
def now(village):
    """Return a function that looks at the community as it is in the database."""

    def look(see):
        community = reopen(f"sqlite:///{village.folder}/village.sqlite", village.keys)
        members = {each["name"]: each["member"] for each in village.json("member", "list")}
        try:
            return see(community, members)
        finally:
            community.writer.database.close()

    return look


def newest(history):
    return history[-1][1]


def units_in(account):
    def see(community, members):
        name = account(members) if callable(account) else account
        with community.reading() as connection:
            return community.writer.ledger.balances(connection)[name].posted

    return see


def test_an_offer_keeps_what_is_not_said(village, now):
    out = village.done(
        "member", "offer", "Ben", "--buy", "22p", "--import-bands", "00:00=7.5p,05:30=28p"
    )
    assert out.startswith("Ben buys at 22.00p at most and sells from 4.10p on, in half-hours from ")
    village.done("member", "offer", "Ben", "--sell", "5p", "--export-tariff", "4p")
    offer = now(lambda community, who: newest(community.state.offers[who["Ben"]]))
    assert (offer.buy_ticks, offer.sell_ticks, offer.export_tariff_ticks) == (2_200, 500, 400)
    assert [offer.fields["import_bands"][place]["ticks"] for place in (0, 1)] == [750, 2_800]
    village.done("member", "offer", "Ben", "--import-bands", "none")
    offer = now(lambda community, who: newest(community.state.offers[who["Ben"]]))
    assert "import_bands" not in offer.fields
    village.sound()


def test_a_mandate_keeps_what_is_not_said(village, now):
    out = village.done(
        *("member", "mandate", "Ben", "--day", "3.00", "--month", "40.00"),
        *("--price", "22p", "--until", "2027-03-31"),
    )
    words = (
        "£3.00 a day, £40.00 a month, £3.00 and 100,000 Wh a half-hour, at 22.00p a kWh from Ben"
    )
    end = "from the next half-hour on until 2027-03-31."
    assert out == f"Settlement may take at most {words}, {end}\n"
    out = village.done("member", "mandate", "Ben", "--wh", "500")
    assert out == f"Settlement may take at most {words.replace('100,000', '500')}, {end}\n"
    mandate = now(lambda community, who: newest(community.state.mandates[who["Ben"]]))
    assert (mandate.units_month_max, mandate.wh_period_max) == (400_000_000, 500)
    assert mandate.last != PERIOD_MAX
    village.sound()


def test_gifts_to_the_help_fund_and_from_it(village, now):
    said = "Ada gives 2.50 kWh a month of what they sell, from tomorrow on.\n"
    assert village.done("member", "gift", "Ada", "2.5") == said
    end = "Ada gives nothing of what they sell any more, from tomorrow on.\n"
    assert village.done("member", "gift", "Ada", "0") == end
    assert village.done("member", "donate", "Ada", "1.00") == "Ada gave £1.00 to the help fund.\n"
    asset = now(lambda community, _: community.state.rules_now.asset)
    assert now(units_in(fund(asset))) == 10_000_000
    helped = village.done("member", "grant", "Ben", "0.75", "--reason", "A hard winter.")
    assert helped == "The fund gave £0.75 to Ben.\n"
    assert now(units_in(fund(asset))) == 2_500_000
    assert now(units_in(lambda who: wallet(who["Ben"], asset))) == 7_500_000
    assert now(units_in(lambda who: wallet(who["Ada"], asset))) == -10_000_000
    village.sound()


def test_shares_of_a_roof(village, now):
    file = village.folder / "shares.csv"
    file.write_text("member,part\nBen,3%\n")
    out = village.done("meter", "share", "Ada", "roof", file)
    assert out.startswith("1 member shares roof; Ada keeps 97 %, in half-hours from ")
    shares = now(lambda community, who: (newest(community.state.shares["roof"]), who["Ben"]))
    assert [*shares[0].holders] == [(shares[1], 30_000)]
    file.write_text("member,part\n")
    out = village.done("meter", "share", "Ada", "roof", file)
    assert out.startswith("Nobody shares roof any more: all is Ada's, in half-hours from ")
    village.sound()


REFUSED = [
    ("'lots' is not a price", 2, ("offer", "Ben", "--buy", "lots")),
    ("'Nobody': no member's name is it", 2, ("offer", "Nobody", "--buy", "2p")),
    ("2020-01-01 is over: say a later --until", 2, ("mandate", "Ben", "--until", "2020-01-01")),
    ("'-1' is not an amount above zero", 2, ("mandate", "Ben", "--day", "-1")),
    ("'x' is not a number of kWh, as in 5 or 2.5", 2, ("gift", "Ada", "x")),
    ("£20.01 is more than Ada can pay now: £20.00", 1, ("donate", "Ada", "20.01")),
    ("The community's fund has £0.00", 1, ("grant", "Ben", "1.00", "--reason", "Cold.")),
]
SHARES = [
    ("none.csv: No such file", "Ada", "roof", None),
    ("not CSV: field larger", "Ada", "roof", b"member,part\n" + b"x" * 150_000 + b",3%\n"),
    ("is not this member's to share", "Ben", "roof", b"member,part\nAda,3%\n"),
    ("kitchen is not this member's to share", "Ada", "kitchen", b"member,part\nBen,3%\n"),
    ("line 3: Ben is there twice", "Ada", "roof", b"member,part\nBen,3%\nBen,1%\n"),
    ("line 2: 'three' is no part, as in 3%", "Ada", "roof", b"member,part\nBen,three\n"),
    ("line 2: '' is no part", "Ada", "roof", b"member,part\nBen\n"),
    ("line 2: 'Zoe': no member's name", "Ada", "roof", b"member,part\nZoe,3%\n"),
    ("line 2: '101%' is no part", "Ada", "roof", b"member,part\nBen,101%\n"),
    ("line 2: '0%' is no part", "Ada", "roof", b"member,part\nBen,0%\n"),
    ("or are of the owner's own", "Ada", "roof", b"member,part\nAda,3%\n"),
    ("the first line must be member,part", "Ada", "roof", b"name,part\nBen,3%\n"),
    ("the first line must be member,part", "Ada", "roof", b""),
    ("is not UTF-8 text", "Ada", "roof", b"\xff\xfe\n"),
]


def test_what_cannot_be_said_changes_nothing(village):
    for words, code, arguments in REFUSED:
        village.refused(words, "member", *arguments, code=code)
    for words, name, meter, data in SHARES:
        file = village.folder / ("none.csv" if data is None else "shares.csv")
        if data is not None:
            file.write_bytes(data)
        code = 1 if "to share" in words or "own" in words else 2
        village.refused(words, "meter", "share", name, meter, file, code=code)
