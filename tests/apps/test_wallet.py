"""The wallet end to end: what a household does with it, on a phone of 360 by 740."""

import json
import re
from datetime import datetime

import pytest
from playwright.sync_api import expect

from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.periods import start_text
from settlement.forecast import Guess
from settlement.forecast_json import guess_json
from tests.apps.conftest import PHONE, signed_up, visit
from tests.apps.test_looks import violations

PENNY = UNITS_PER_MAJOR // 100


def asked(page, street, amount, words):
    """Ask to be paid; return the link that the code holds."""
    visit(page, street, "/ask")
    page.get_by_label("How much?").fill(amount)
    page.get_by_label("What for?").fill(words)
    page.get_by_role("button", name="Make a request").click()
    page.get_by_text("Waiting to be paid").wait_for()
    page.get_by_role("button", name="Copy").click()
    return page.evaluate("navigator.clipboard.readText()")


def test_a_household_joins_by_a_letter_pays_and_checks_the_proof(phones, street, shot):
    page = phones()
    page.goto(street.invitation_link())
    shot(page, "join")
    signed_up(page, page.url, "Okafor")
    expect(page.get_by_text("Welcome. Your own figures begin")).to_be_visible()
    expect(page.locator(".big")).to_have_text("£0.00")
    shot(page, "home-first-day")
    shop = signed_up(phones(), street.phone_link("Moseley Bakery"))
    before = street.balance("Moseley Bakery")
    link = asked(shop, street, "3.60", "two loaves")
    shot(shop, "ask")
    visit(page, street, "/pay")
    page.get_by_label("Or paste a link or number").fill(link)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Moseley Bakery")).to_be_visible()
    expect(page.get_by_text("−£3.60")).to_be_visible()
    shot(page, "pay-confirm")
    page.get_by_role("button", name="Pay £3.60").click()
    expect(page.get_by_role("heading", name="Paid")).to_be_visible()
    shot(page, "paid")
    expect(shop.get_by_text("Paid", exact=True)).to_be_visible()
    assert street.balance("Moseley Bakery") == before + 360 * PENNY
    assert street.balance("Okafor") == -360 * PENNY
    page.get_by_role("button", name="Done").click()
    expect(page.locator(".big")).to_have_text("−£3.60")
    page.get_by_role("link", name=re.compile("two loaves")).click()
    page.get_by_role("button", name="Check the proof on this phone").click()
    expect(page.get_by_text(re.compile(r"Proved\. This phone checked"))).to_be_visible()
    shot(page, "receipt")


def test_a_proof_with_one_letter_changed_is_none(kaur, street):
    def changed(route):
        body = route.fetch().body()
        at = body.rindex(b"\n\n") - 20
        route.fulfill(body=body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])

    kaur.route("**/v1/receipts/**", changed)
    visit(kaur, street, "/activity")
    kaur.get_by_role("link", name=re.compile("one loaf")).click()
    kaur.get_by_role("button", name="Check the proof on this phone").click()
    expect(kaur.get_by_text(re.compile("Not proved"))).to_be_visible()


def test_two_taps_pay_once(phones, kaur, street):
    shop = signed_up(phones(), street.phone_link("Moseley Bakery"))
    before = street.balance("Kaur")
    link = asked(shop, street, "0.10", "a roll")
    kaur.goto(link)
    kaur.get_by_role("button", name="Pay £0.10").dblclick()
    expect(kaur.get_by_role("heading", name="Paid")).to_be_visible()
    assert street.balance("Kaur") == before - 10 * PENNY


def test_what_was_paid_already_is_not_offered_again(phones, kaur, street):
    shop = signed_up(phones(), street.phone_link("Moseley Bakery"))
    link = asked(shop, street, "0.10", "a roll")
    kaur.goto(link)
    kaur.get_by_role("button", name="Pay £0.10").click()
    expect(kaur.get_by_role("heading", name="Paid")).to_be_visible()
    other = signed_up(phones(), street.phone_link("Begum"))
    other.goto(link)
    expect(other.get_by_text("This was paid already.")).to_be_visible()


def test_without_a_connection_a_payment_waits_and_goes_out_once(kaur, street, shot):
    before = street.balance("Kaur")
    bakery = street.member("Moseley Bakery")
    visit(kaur, street, f"/pay/to/{bakery}")
    kaur.context.set_offline(True)
    kaur.get_by_label("How much?").fill("0.25")
    kaur.get_by_label("What for?").fill("a bun")
    kaur.get_by_role("button", name="Go on").click()
    kaur.get_by_role("button", name="Pay £0.25").click()
    expect(kaur.get_by_role("heading", name="Not sent yet")).to_be_visible()
    kaur.get_by_role("button", name="Show it as a code").click()
    expect(kaur.get_by_role("img", name="Show it as a code")).to_be_visible()
    shot(kaur, "queued")
    kaur.get_by_role("button", name="Done").click()
    expect(kaur.get_by_text(re.compile("Not sent yet: £0.25"))).to_be_visible()
    assert street.balance("Kaur") == before
    second = kaur.context.new_page()
    kaur.context.set_offline(False)
    second.goto(f"{street.url}/wallet/")
    expect(kaur.get_by_text(re.compile("Not sent yet"))).to_be_hidden(timeout=30_000)
    assert street.balance("Kaur") == before - 25 * PENNY


def test_the_wallet_opens_without_a_connection_and_says_as_of_when(kaur, street, shot):
    kaur.wait_for_function("navigator.serviceWorker.controller !== null")
    balance = kaur.locator(".big").inner_text()
    kaur.context.set_offline(True)
    kaur.reload()
    expect(kaur.locator(".big")).to_have_text(balance)
    expect(kaur.get_by_text(re.compile("No connection. This is as of")).first).to_be_visible()
    shot(kaur, "offline")


def test_a_day_is_stepped_through_and_each_half_hour_says_why(kaur, street, shot):
    visit(kaur, street, "/energy/2026-06-18")
    chart = kaur.get_by_role("slider")
    expect(chart).to_have_attribute("aria-valuemax", "48")
    shot(kaur, "energy")
    chart.focus()
    kaur.keyboard.press("Home")
    for _ in range(17):
        kaur.keyboard.press("ArrowRight")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("08:30 to 09:00, Your roof"))
    kaur.get_by_role("link", name="Why this price?").click()
    expect(kaur.get_by_text("The price was 14.30p a kWh.")).to_be_visible()
    kaur.get_by_role("button", name="Check the proof on this phone").click()
    expect(kaur.get_by_text(re.compile("Proved"))).to_be_visible()
    shot(kaur, "why")
    for span, most in (("Week", "7"), ("Month", "30")):
        visit(kaur, street, "/energy/2026-06-18")
        kaur.get_by_role("button", name=span).click()
        expect(chart).to_have_attribute("aria-valuemax", most)


@pytest.mark.parametrize(
    ("day", "first", "count"), [("2026-03-29", 985_968, 46), ("2026-10-25", 996_046, 50)]
)
def test_a_day_on_which_the_clock_changes_has_bars_for_each_half_hour(
    kaur, street, day, first, count
):
    zero = dict.fromkeys(
        ("own_use_wh", "sold_wh", "bought_wh", "grid_export_wh", "bought_units", "sold_units"), 0
    )
    items = [{"period": first + n, "grid_import_wh": 100, **zero} for n in range(count)]
    told = {"day": day, "first": first, "periods": count, "is_final": True, "run": "SF"}
    kaur.route(f"**/v1/energy/{day}", lambda route: route.fulfill(json={**told, "items": items}))
    visit(kaur, street, f"/energy/{day}")
    expect(kaur.get_by_role("slider")).to_have_attribute("aria-valuemax", str(count))
    assert kaur.locator("svg rect.grid").count() == count
    kaur.get_by_text("The same as a table").click()
    assert kaur.locator("tbody tr").count() == count


def test_an_offer_is_signed_and_stays(kaur, street, shot):
    visit(kaur, street, "/offers")
    kaur.get_by_label("Sell from (pence a kWh)").fill("7.25")
    shot(kaur, "offers")
    kaur.get_by_role("button", name="Sign and save").click()
    expect(kaur.get_by_text("Saved. It counts from the next half-hour on.")).to_be_visible()
    community = street.opened()
    member = street.member("Kaur")
    visit(kaur, street, "/you")
    visit(kaur, street, "/offers")
    expect(kaur.get_by_label("Sell from (pence a kWh)")).to_have_value("7.25")
    assert community.state.members[member]


def test_a_second_phone_comes_in_and_ends_the_first(phones, street, shot):
    first = signed_up(phones(), street.phone_link("Evans"))
    visit(first, street, "/phones")
    first.get_by_role("button", name="Add a phone").click()
    first.get_by_role("img", name="Add a phone").wait_for()
    shot(first, "add-a-phone")
    words = first.locator("ol.words li").all_inner_texts()
    second = phones()
    second.goto(f"{street.url}/wallet/#/phone")
    second.get_by_label("Your twelve words").fill(" ".join(words))
    second.get_by_role("button", name="Join").click()
    second.get_by_text("You are in.").wait_for()
    expect(first.get_by_text("The other phone is in.")).to_be_visible()
    visit(second, street, "/phones")
    expect(second.get_by_text("This phone")).to_be_visible()
    others = second.get_by_role("button", name="End")
    while others.count():
        before = others.count()
        others.first.click()
        second.get_by_text(re.compile("It signs nothing more")).get_by_role(
            "button", name="End"
        ).click()
        expect(others).to_have_count(before - 1)
    bakery = street.member("Moseley Bakery")
    visit(first, street, f"/pay/to/{bakery}")
    first.get_by_label("How much?").fill("0.25")
    first.get_by_label("What for?").fill("a bun")
    first.get_by_role("button", name="Go on").click()
    first.get_by_role("button", name="Pay £0.25").click()
    expect(first.get_by_role("heading", name="Not paid")).to_be_visible()


def test_a_lost_phone_and_a_paper_code(phones, street, shot):
    first = signed_up(phones(), street.invitation_link(), "Lost")
    visit(first, street, "/phones")
    first.get_by_role("button", name="Make a new paper code").click()
    expect(first.locator("ol.words li")).to_have_count(12)
    first.get_by_role("button", name="I wrote them down").click()
    expect(first.get_by_text(re.compile("A change waits until"))).to_be_visible()
    shot(first, "phones")


def test_a_paper_code_brings_the_account_back_and_the_phone_says_when(phones, street, shot):
    page = phones()
    page.goto(street.paper_link("Paper"))
    page.get_by_role("button", name="Bring my account back").click()
    expect(page.get_by_text("Your account comes back on")).to_be_visible()
    visit(page, street, "/")
    page.reload()
    expect(page.get_by_text("Your account comes back on")).to_be_visible()
    expect(page.get_by_text("One moment")).to_have_count(0)
    shot(page, "waits")


def test_a_phone_whose_key_was_ended_says_so(phones, street, shot):
    page = signed_up(phones(), street.phone_link("Green"))
    street.phone_link("Green")  # ends the keys of phones before
    page.reload()
    expect(page.get_by_text("This phone may not sign in")).to_be_visible()
    assert page.get_by_role("link", name="I have a wallet on another phone").is_visible()
    shot(page, "locked")


def test_an_account_that_is_refused_late_is_not_asked_for_for_ever(phones, street):
    page = phones()
    link = street.invitation_link()
    page.route("**/v1/statements", lambda route: route.abort())
    page.goto(link)
    page.get_by_label("What shall neighbours call you?").fill("Late")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    problem = {"type": "urn:commonwatt:problem:refused", "title": "Refused", "status": 422}
    page.unroute("**/v1/statements")
    page.route(
        "**/v1/statements",
        lambda route: route.fulfill(
            status=422,
            content_type="application/problem+json",
            body=json.dumps(problem | {"detail": "The invitation is over."}),
        ),
    )
    page.reload()
    expect(page.get_by_text("Your account was not opened: The invitation is over.")).to_be_visible()
    page.unroute("**/v1/statements")
    signed_up(page, link, "Late")


def forecast_of(day, best):
    """Return a day's forecast as the server tells it, with most to spare in one half-hour."""
    first = int(datetime.fromisoformat(f"{day}T00:00:00+01:00").timestamp()) // 1800
    hours = [
        {"start": start_text(first + at), "surplus_wh": guess_json(Guess(spare, 10, 20))}
        for at in range(48)
        for spare in [5_000 if at == best else 100 * (at % 12) - 300]
    ]
    wash = {"from": start_text(first + best), "until": start_text(first + best + 6)}
    return {"day": day, "enough": True, "wash": wash, "half_hours": hours}


def test_good_hours_are_on_the_first_screen_and_the_strip_is_a_table_too(kaur, street, shot):
    told = {"days": [forecast_of("2026-06-30", 22), forecast_of("2026-07-01", 24)]}
    kaur.route("**/v1/forecast", lambda route: route.fulfill(json=told))
    kaur.reload()
    expect(kaur.get_by_text("Tuesday: 11:00 to 14:00")).to_be_visible()
    expect(kaur.get_by_text("Wednesday: 12:00 to 15:00")).to_be_visible()
    assert kaur.locator("svg rect.best").count() == 6
    shot(kaur, "good-hours")
    kaur.get_by_role("link", name="Good hours for the washing").click()
    expect(kaur.get_by_text("most to spare from 12:00 to 15:00")).to_be_visible()
    kaur.locator("summary").first.click()
    assert kaur.get_by_role("row").count() == 48
    assert violations(kaur) == []
    shot(kaur, "when")


def test_without_a_forecast_nothing_is_drawn(kaur, street):
    expect(kaur.get_by_text("You have")).to_be_visible()
    expect(kaur.get_by_text("Good hours for the washing")).to_have_count(0)
    visit(kaur, street, "/when")
    expect(kaur.get_by_text("There is no forecast yet")).to_be_visible()


def test_statements_are_read_printed_and_taken_along(kaur, street, shot):
    visit(kaur, street, "/statements/2026-06")
    expect(kaur.get_by_text("Statement for June 2026")).to_be_visible()
    shot(kaur, "statement")
    with kaur.expect_download() as got:
        kaur.get_by_role("button", name="PDF").click()
    assert got.value.suggested_filename == "statement-2026-06.pdf"
    assert got.value.path().read_bytes().startswith(b"%PDF")
    visit(kaur, street, "/data")
    with kaur.expect_download() as got:
        kaur.get_by_role("button", name="Download").click()
    assert got.value.path().read_bytes().startswith(b"PK")


def test_consents_are_given_and_withdrawn(kaur, street):
    visit(kaur, street, "/data")
    kaur.get_by_role("button", name="Allow").first.click()
    kaur.get_by_role("button", name="Withdraw").first.click()
    expect(kaur.get_by_role("button", name="Withdraw")).to_have_count(0)


def test_a_code_is_scanned_by_the_camera(
    phones, street, playwright, chromium_path, tmp_path, browser_type_launch_args
):
    shop = signed_up(phones(), street.phone_link("Moseley Bakery"))
    link = asked(shop, street, "0.30", "a tart")
    shop.set_viewport_size({"width": 640, "height": 720})  # even, as a camera's pictures are
    film = tmp_path / "code.mjpeg"
    film.write_bytes(shop.screenshot(type="jpeg"))
    flags = [
        *browser_type_launch_args["args"],
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    seeing = playwright.chromium.launch(executable_path=chromium_path, args=flags)
    page = seeing.new_context(viewport=PHONE, permissions=["camera"]).new_page()
    signed_up(page, street.phone_link("Begum"))
    visit(page, street, "/pay")
    page.get_by_role("button", name="Scan a code").click()
    expect(page.get_by_role("button", name="Pay £0.30")).to_be_visible(timeout=20_000)
    assert link.rsplit("/", 1)[1] in page.url
    seeing.close()
