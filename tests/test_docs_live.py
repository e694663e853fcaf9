"""The page on being told: its sample program works, and its limits, events and variables are those of the program."""

import json
import re
import time
from pathlib import Path

from wallet_api.door import contact_routes, contact_store, event_routes, live, outgoing_store
from wallet_api.door.contact_store import CHOSEN, Occasion
from wallet_api.door.happenings import Fate, Happening, What
from wallet_api.door.messengers import Smtp, channels_here
from wallet_api.door.notices import TYPES, push_body, type_of, webhook_body, webhook_data
from wallet_api.door.posts import shown_secret, sign_webhook

PAGE = Path(__file__).parents[1] / "docs" / "live.md"


def text():
    return PAGE.read_text(encoding="utf-8")


def test_the_tills_program_shows_what_was_paid_once_and_nothing_that_is_forged():
    program = text().split("<!-- till: a test runs it -->\n```python\n")[1].split("\n```")[0]
    sample = {}
    exec(compile(program, str(PAGE), "exec"), sample)  # noqa: S102 - our own page
    key, seen = bytes(range(32)), set()
    told = {"ask": "0a" * 16, "standing": "paid", "units": 42_000_000, "reference": "two loaves"}
    happened = Happening(7, "0e" * 16, What.ASK, told)
    kind = type_of(Occasion.ASK, told)
    body = webhook_body(kind, webhook_data(happened), 1_782_000_000_000)
    now = int(time.time())

    def delivered(body, moment=now, secret=key):
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(moment),
            "webhook-signature": sign_webhook(key, "msg_1", moment, body),
        }
        return sample["on_delivery"](shown_secret(secret), headers, body, seen)

    assert delivered(body, secret=bytes(32)) == "refused"
    assert delivered(body, moment=now - 301) == "refused"
    assert delivered(body) == "Paid: 4.20 for two loaves"
    assert delivered(body) == ""
    headers = {"webhook-id": "msg_2", "webhook-timestamp": str(now), "webhook-signature": "v1,AA"}
    assert sample["checked"](shown_secret(key), headers, body) is None


def test_everything_that_happens_is_on_the_page():
    said = text()
    assert set(re.findall(r"^\| `(\w+)`", said.split("- **A till**")[0], re.MULTILINE)) == {
        *What,
        "gap",
        "end",
    }
    for name in [*Fate, *CHOSEN, *TYPES.values()]:
        assert f"`{name}`" in said, name
    for fate in (Fate.OPEN, Fate.PAID, Fate.DECLINED, Fate.TAKEN_BACK):
        assert f"`ask.{fate}`" in said
    pushed = push_body(Occasion.PAYMENT, 1041).decode()
    assert json.loads(pushed) in [json.loads(each) for each in re.findall(r"`(\{.*?\})`", said)]


def test_the_limits_are_those_of_the_program():
    said = " ".join(text().split())
    assert f"up to {live.AGAIN_MAX:,} log entries" in said
    assert f"may have {live.ACCOUNT_STREAMS_MAX} streams" in said
    assert f"one process serves {live.STREAMS_MAX:,}" in said
    assert f"nothing for {event_routes.SEND_S:.0f} seconds" in said
    assert f"retry: {event_routes.RETRY_MS}" in said
    assert (contact_store.CODE_TRIES, contact_routes.CODES_A_DAY) == (5, 5)
    assert (contact_store.CODE_MS, contact_routes.CODE_DIGITS) == (600_000, 6)
    hours = round(sum(outgoing_store.WAITS_S) / 3_600)
    assert (len(outgoing_store.WAITS_S), f"eight times within {hours} hours" in said) == (7, True)


def test_the_variables_are_read(tmp_path):
    (tmp_path / "password").write_text("x")
    named = set(re.findall(r"COMMONWATT_\w+", text()))
    known = dict.fromkeys(named, "us@our-street.example")
    known |= {
        "COMMONWATT_SMTP": "mail.example:465",
        "COMMONWATT_SMTP_PASSWORD_FILE": str(tmp_path / "password"),
        "COMMONWATT_OUTBOX": str(tmp_path / "other"),
    }
    channels = channels_here(known, tmp_path)
    assert channels.mail == Smtp(
        *("mail.example", 465, "us@our-street.example", "us@our-street.example", "x")
    )
    assert channels.text.folder == tmp_path / "other"
    assert named == set(known)
