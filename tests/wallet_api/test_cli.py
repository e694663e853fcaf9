"""The command line: what the README says, exit codes, clear sentences, never a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wallet_api.cli.app import app, hoist, run

EXAMPLE = {
    "period": 946000,
    "feeders": [{"id": "a", "parent": None, "capacity_wh": None, "charge_ticks": 0}],
    "asks": [{"id": "m1", "feeder": "a", "wh": 600, "limit_ticks": 500}],
    "bids": [{"id": "m2", "feeder": "a", "wh": 600, "limit_ticks": 2450}],
    "agreements": [],
    "rules": {"price": "uniform", "sharing": "pro-rata"},
}
NEM12 = (
    "100,NEM12,202606220900,MDP1,Retailer1\n"
    "200,NMI0000001,E1,1,E1,,METER1,kWh,30,\n"
    "300,20260615,{values},A,,,20260616010203,\n"
    "900\n"
)


def cli(capsys, *arguments):
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


@pytest.fixture
def market(tmp_path):
    path = tmp_path / "in.json"
    path.write_text(json.dumps(EXAMPLE))
    return path


def test_market_clear_gives_the_documented_result(market, capsys):
    code, out, _ = cli(capsys, "market", "clear", market)
    result = json.loads(out)
    assert code == 0
    assert result["orders"] == [
        {"id": "m1", "side": "ask", "wh": 600, "price_ticks": 1475},
        {"id": "m2", "side": "bid", "wh": 600, "price_ticks": 1475},
    ]
    assert result["prices"] == [
        {"feeder": "a", "price_ticks": 1475, "low_ticks": 500, "high_ticks": 2450}
    ]
    assert (result["flows"], result["matched_wh"]) == ([], 600)


def test_market_verify_proves_or_refuses(market, tmp_path, capsys):
    result = tmp_path / "result.json"
    assert cli(capsys, "market", "clear", market, "--out", result)[0] == 0
    assert cli(capsys, "market", "verify", market, result)[0] == 0
    result.write_text(result.read_text().replace("1475", "1476"))
    code, _, err = cli(capsys, "market", "verify", market, result)
    assert code == 1
    assert "Not verified" in err


def test_an_order_of_a_market_is_explained(tmp_path, capsys):
    file = tmp_path / "market.json"
    orders = [{"id": "m1", "feeder": "a", "wh": 5, "limit_ticks": 10}]
    market = {
        "period": 1,
        "feeders": [{"id": "a"}],
        "asks": orders,
        "bids": [{"id": "m2", "feeder": "a", "wh": 9, "limit_ticks": 30}, orders[0]],
        "rules": {"price": "uniform"},
    }
    file.write_text(json.dumps(market))
    code, out, _ = cli(capsys, "market", "explain", file, "m2")
    assert code == 0
    assert "Of 0.009 kWh that you wanted you got 0.005 kWh." in out
    code, _, err = cli(capsys, "market", "explain", file, "m1")
    assert code == 2
    assert "say --side ask or --side bid" in err
    code, out, _ = cli(capsys, "market", "explain", file, "m1", "--side", "ask", "--json")
    assert (code, json.loads(out)["standing"]) == (0, "whole")


def test_a_market_that_cannot_be_cleared_says_which_field(market, capsys):
    market.write_text(
        json.dumps(EXAMPLE | {"asks": [{"id": "m1", "feeder": "z", "wh": 1, "limit_ticks": 5}]})
    )
    code, _, err = cli(capsys, "market", "clear", market)
    assert (code, "unknown feeder 'z'" in err) == (2, True)


def test_a_command_without_its_database_says_how_to_make_one(tmp_path, capsys):
    for command in (["member", "list"], ["settle", "--day", "2026-06-15"], ["export", "hledger"]):
        code, _, err = cli(capsys, *command, "--database", f"sqlite:///{tmp_path}/none.sqlite")
        assert code == 2
        assert "make demo" in err
    assert not (tmp_path / "none.sqlite").exists()
    code, _, err = cli(capsys, "--database", "mysql://x/y", "member", "list")
    assert code == 2


def test_meters_read_prints_readings_and_exits_0_3_or_2(tmp_path, capsys):
    file = tmp_path / "day.csv"
    file.write_text(NEM12.format(values=",".join(["0.25"] * 48)))
    code, out, err = cli(capsys, "meters", "read", file, "--format", "nem12")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err, len(rows)) == (0, "", 48)
    assert rows[0] == {
        "meter": "NMI0000001",
        "channel": "import",
        "period": 989692,
        "start": "2026-06-14T14:00:00Z",
        "wh": 250,
        "quality": "actual",
    }
    file.write_text(NEM12.format(values=",".join(["0.25"] * 47)))
    code, out, err = cli(capsys, "meters", "read", file, "--format", "nem12")
    assert (code, out) == (3, "")
    assert json.loads(err.splitlines()[0])["line"] == 3
    assert cli(capsys, "meters", "read", tmp_path / "none.csv", "--format", "csv")[0] == 2
    assert cli(capsys, "meters", "read", file, "--format", "nonsense")[0] == 2


def test_a_community_from_nothing_to_a_statement(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COMMONWATT_DATABASE_URL", f"sqlite:///{tmp_path}/village.sqlite")
    assert cli(capsys, "db", "upgrade")[0] == 0
    assert cli(capsys, "db", "check")[0] == 0
    code, _, err = cli(capsys, "community", "show")
    assert (code, "commonwatt community create" in err) == (2, True)
    assert (
        cli(
            capsys,
            "community",
            "create",
            "Village",
            "--origin",
            "village.example/ledger/1",
            "--replay-from",
            "2026-06-14",
        )[0]
        == 0
    )
    assert cli(capsys, "member", "add", "Ada", "--sell-ticks", 300)[0] == 0
    assert cli(capsys, "member", "add", "Ben")[0] == 0
    assert cli(capsys, "member", "add", "Ada")[0] == 2
    assert cli(capsys, "meter", "add", "Ada", "roof", "--channels", "export")[0] == 0
    assert cli(capsys, "meter", "add", "Ben", "kitchen")[0] == 0
    assert cli(capsys, "meter", "add", "Ben", "roof")[0] == 1
    file = tmp_path / "june.csv"
    rows = [
        f"{meter},{channel},2026-06-15T{hour:02d}:{minute}:00Z,{wh}"
        for hour in range(24)
        for minute in ("00", "30")
        for meter, channel, wh in (("roof", "export", 400), ("kitchen", "import", 300))
    ]
    file.write_text(
        "meter,channel,start,wh\n" + "\n".join([*rows, "other,import,2026-06-15T00:00:00Z,1"])
    )
    code, out, err = cli(capsys, "meters", "import", file, "--format", "csv")
    assert (code, "other" in err, out.startswith("96 readings new")) == (3, True, True)
    code, out, _ = cli(capsys, "meters", "import", file, "--format", "csv")
    assert "0 readings new, 0 corrected, 96 known already" in out
    code, out, _ = cli(capsys, "settle", "--day", "2026-06-15", "--json")
    settled = json.loads(out)
    assert settled["days"][0]["matched_wh"] == 46 * 300
    # The day begins at 23:00 UTC on the 14th: of each meter two readings are missing, and estimated.
    assert settled["days"][0]["missing"] == 0
    known = json.loads(
        cli(capsys, "meters", "known", "roof", "export", "--day", "2026-06-15", "--json")[1]
    )
    assert [row["quality"] for row in known] == ["zero"] * 2 + ["actual"] * 46
    assert json.loads(cli(capsys, "settle", "--day", "2026-06-15", "--json")[1]) == settled
    code, out, _ = cli(capsys, "settle", "--day", "2026-06-15")
    assert "Wh matched, already settled" in out
    assert "0 days settled, 1 already settled, 13,800 Wh matched" in out
    code, _, err = cli(capsys, "settle", "--day", "2026-06-13")
    assert code == 1
    assert "rules bind the half-hours that begin after they were logged" in err
    assert "The first day to be settled is 2026-06-14, from 2026-06-21 23:00 UTC on." in err
    members = json.loads(cli(capsys, "member", "list", "--json")[1])
    assert [member["units"] for member in members] == [46 * 300 * 1430, -46 * 300 * 1430]
    shown = json.loads(cli(capsys, "community", "show", "--json")[1])
    assert (shown["matched_wh"], shown["replay"]) == (46 * 300, True)
    for form in ("text", "html", "json"):
        code, out, _ = cli(capsys, "statement", "Ada", "--month", "2026-06", "--format", form)
        assert code == 0
        assert "1.97" in out or "19734000" in out
    assert cli(capsys, "audit", "export", tmp_path / "v.zip")[0] == 0
    assert cli(capsys, "audit", "export", tmp_path / "v.zip")[0] == 2
    code, out, _ = cli(capsys, "audit", "verify", tmp_path / "v.zip", "--json")
    assert (code, json.loads(out)["verdict"]) == (0, "sound")
    (tmp_path / "v.zip").write_bytes(b"no zip")
    assert cli(capsys, "audit", "verify", tmp_path / "v.zip")[0] == 2


def test_a_reason_that_refuses_many_lines_is_said_once(tmp_path, capsys):
    file = tmp_path / "june.csv"
    rows = [f"m1,import,2026-06-15 {hour:02d}:00,5" for hour in range(24)]
    file.write_text("meter,channel,start,wh\n" + "\n".join([*rows, "m1,up,2026-06-15 12:00,5"]))
    code, out, err = cli(capsys, "meters", "read", file, "--format", "csv")
    first, other, more = [json.loads(line) for line in err.splitlines()]
    assert (code, out, first["line"]) == (3, "", 2)
    assert other["line"] == 26
    assert more == {"more_lines": 23, "refused": "as line 2"}


def test_an_option_out_of_a_list_is_refused_in_our_words(capsys):
    options = ("--by-operators", "--decide", "staay")
    _, _, err = cli(capsys, "member", "recover", "Ada", *options)
    assert "'--decide': 'staay' is not one of 'change', 'stay', 'fresh'" in err


def test_two_examples_in_help_do_not_run_together(capsys):
    for command in (
        ("member", "recover"),
        ("member", "add-key"),
        ("community", "rules"),
        ("community", "roster"),
        ("helper", "act"),
        ("member", "add"),
    ):
        _, out, _ = cli(capsys, *command, "--help")
        examples = [x for x in out.splitlines() if x.strip().startswith(("Example:", "Or:"))]
        assert len(examples) > 1, command


def test_a_bundle_is_a_folder_or_a_zip_and_leaves_nothing_behind(copy, tmp_path, capsys):
    url, keys = copy()
    here = ("--database", url, "--keys", keys)
    code, _, err = cli(capsys, "audit", "export", tmp_path / "x.tar", *here)
    assert (code, "a bundle is a folder or a .zip" in err) == (2, True)
    for name in ("x.zip", "folder"):
        (tmp_path / f".{name}.tmp").write_bytes(b"left by an export that was killed")
        assert cli(capsys, "audit", "export", tmp_path / name, *here)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir() if "x" in path.name) == ["x.zip"]
    assert not (tmp_path / ".folder.tmp").exists()


def test_global_options_may_stand_anywhere():
    assert hoist(["a", "--keys=x", "--", "--database", "y"]) == [
        "--keys=x",
        "a",
        "--",
        "--database",
        "y",
    ]


def test_wrong_arguments_are_refused_with_a_usage_line(capsys):
    for arguments in (["settle"], ["nonsense"], ["member", "add"], ["settle", "--day", "soon"]):
        code, _, err = cli(capsys, *arguments)
        assert code == 2
        assert err


def test_every_command_has_help_with_an_example(capsys):
    def commands(group, path=()):
        for command in group.registered_commands:
            yield (
                *path,
                command.name
                or command.callback.__name__.replace("list_", "").replace("_files", ""),
            )
        for sub in group.registered_groups:
            yield from commands(sub.typer_instance, (*path, sub.name))

    names = list(commands(app))
    assert len(names) > 15
    for path in names:
        code, out, _ = cli(capsys, *path, "--help")
        assert code == 0, path
        assert "Example" in out, path


def test_the_program_starts_as_installed(tmp_path):
    program = Path(sys.executable).with_name("commonwatt")
    done = subprocess.run(
        [program, "member", "list"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "COMMONWATT_DATABASE_URL": "sqlite:///none.sqlite"},
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: There is no database at none.sqlite.")


def test_ctrl_c_ends_with_a_sentence(tmp_path):
    program = Path(sys.executable).with_name("commonwatt")
    with subprocess.Popen(
        [program, "demo"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as started:
        while not list(tmp_path.glob("commonwatt-demo/keys/devices/*")):
            assert started.poll() is None
        started.send_signal(signal.SIGINT)
        _, errors = started.communicate(timeout=60)
    assert started.returncode == 130
    assert errors.startswith("Stopped.")
    assert "Traceback" not in errors


def test_members_from_a_file_all_or_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COMMONWATT_DATABASE_URL", f"sqlite:///{tmp_path}/v.sqlite")
    cli(capsys, "db", "upgrade")
    cli(capsys, "community", "create", "Village", "--origin", "v.example/ledger/1")
    file = tmp_path / "homes.csv"
    head = "name,class,meter,channels,import_ticks,export_ticks\n"
    for wrong, sentence in (
        ("name\nAda\n", "the first line must be"),
        (head + "Ada,castle,m1,both,2450,410\n", "line 2: 'castle' is not one of"),
        (head + "Ada,household,m1,both,lots,410\n", "line 2"),
    ):
        file.write_text(wrong)
        code, _, err = cli(capsys, "member", "add", "--file", file)
        assert (code, sentence in err) == (2, True)
    assert json.loads(cli(capsys, "member", "list", "--json")[1]) == []
    file.write_text(head + "Ada,household,m1,both,2450,410\nBakery,shop,,,2600,300\n")
    assert cli(capsys, "member", "add", "--file", file)[0] == 0
    members = json.loads(cli(capsys, "member", "list", "--json")[1])
    assert [(m["name"], m["class"], m["meters"]) for m in members] == [
        ("Ada", "household", ["m1"]),
        ("Bakery", "shop", []),
    ]
    assert "m1" in cli(capsys, "meter", "list")[1]
    assert "can spend" in cli(capsys, "member", "list")[1]
    assert "clock        simulated" not in cli(capsys, "community", "show")[1]
    assert cli(capsys, "member", "add", "Rich", "--credit-limit", 5000)[0] == 1


def test_prices_in_pence_and_a_gap_in_the_days(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COMMONWATT_DATABASE_URL", f"sqlite:///{tmp_path}/v.sqlite")
    cli(capsys, "db", "upgrade")
    cli(
        capsys,
        "community",
        "create",
        "V",
        "--origin",
        "v.example/l/1",
        "--replay-from",
        "2026-06-14",
    )
    code, out, _ = cli(
        capsys, "member", "add", "Ada", "--import-ticks", "26.00p", "--export-ticks", "5p"
    )
    assert (code, "Buys up to 26.00p a kWh, sells from 5.00p" in out) == (0, True)
    for wrong in (["--import-ticks", "26.00"], ["--import-ticks", "1p", "--export-ticks", "5p"]):
        assert cli(capsys, "member", "add", "Ben", *wrong)[0] == 2
    cli(capsys, "meter", "add", "Ada", "m1")
    file = tmp_path / "one.csv"
    rows = [f"m1,import,2026-06-15T{hour:02d}:00:00Z,5" for hour in range(23)]
    file.write_text("meter,channel,start,wh\n" + "\n".join(rows) + "\n")
    assert cli(capsys, "meters", "import", file, "--format", "csv")[0] == 0
    code, out, err = cli(capsys, "settle", "--day", "2026-06-15", "--through", "2026-06-17")
    assert code == 1
    assert out.startswith("2026-06-15  SF  48 half-hours")
    assert err.startswith("1 day settled, through 2026-06-15; then:")
    assert (tmp_path / "log/checkpoint").exists()
    cli(capsys, "member", "add", "Late")
    cli(capsys, "meter", "add", "Late", "m2")
    file.write_text("meter,channel,start,wh\nm2,import,2026-06-15T00:00:00Z,5\n")
    assert (
        "before its member's consent" in cli(capsys, "meters", "import", file, "--format", "csv")[2]
    )
    assert cli(capsys, "db", "upgrade", "--database", "sqlite:///")[0] == 2
