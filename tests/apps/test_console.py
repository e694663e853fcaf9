"""The console in a real browser: two operators at two desks, and nothing that one of them does alone."""

import json

import pytest

from settlement.audit.verify import audit
from settlement.deeds import roster_now
from tests.apps.conftest import signed_up
from tests.apps.test_looks import violations

DESK = {"width": 1180, "height": 800}
NARROW = {"width": 320, "height": 700}
PLACES = {
    "First steps": "One operator more than must sign",
    "Members": "Kaur",
    "Meters": "suspect",
    "Market": "SF",
    "Money": "What there is",
    "To sign": "Each of these counts",
    "Disputes": "There are no disputes.",
    "Keys and roles": "operators sign what the community does.",
    "Exports": "The auditor’s bundle",
}


@pytest.fixture
def desks(phones, street):
    """Open desks; at the end none may have complained."""

    def opened(role="operator", viewport=DESK):
        page = phones(viewport)
        page.goto(street.desk_link(role))
        page.get_by_role("button", name="Open the console").click()
        page.get_by_role("heading", name="First steps").wait_for()
        return page

    return opened


def place(page, name):
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    page.get_by_role("heading", level=1, name=name).wait_for()
    page.get_by_text(PLACES[name]).first.wait_for()


def sign(page, what):
    """Sign the one statement of a kind that waits."""
    place(page, "To sign")
    section = page.locator("section", has=page.get_by_role("heading", name=what))
    section.get_by_role("button", name="Sign it").click()
    page.get_by_text("Done: entry").wait_for()
    section.wait_for(state="detached")


def test_the_sum_of_all_balances_is_always_in_sight(desks, shot):
    page = desks()
    for name in PLACES:
        place(page, name)
        assert "All balances add up to zero · " in page.locator("header").inner_text()
        shot(page, f"console-{name.lower().replace(' ', '-')}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_place_is_for_everyone(desks, scheme, shot):
    page = desks()
    page.emulate_media(color_scheme=scheme)
    for name in PLACES:
        place(page, name)
        for viewport in (DESK, NARROW):
            page.set_viewport_size(viewport)
            assert violations(page) == [], (name, viewport)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        shot(page, f"console-{name.lower().replace(' ', '-')}-{scheme}-320")
        page.set_viewport_size(DESK)


def test_the_words_leave_the_address_and_the_key_stays(desks, phones, street):
    page = desks()
    assert "-" not in page.evaluate("location.hash")
    page.reload()
    page.get_by_role("heading", name="First steps").wait_for()
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("button", name="Open the console").wait_for()
    page.reload()
    page.get_by_role("button", name="Open the console").wait_for()


def test_words_that_are_no_card_are_refused_in_words(phones, street):
    page = phones(DESK)
    page.goto(f"{street.url}/console/")
    page.get_by_label("The twelve words").fill("one two three")
    page.get_by_role("button", name="Open the console").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("The twelve words").fill("abandon " * 11 + "about")
    page.get_by_role("button", name="Open the console").click()
    page.get_by_text("This key does not count here").wait_for()


def test_an_invitation_takes_two_operators_and_lets_a_household_in(desks, phones, street, shot):
    ann, ben = desks(), desks()
    place(ann, "Members")
    ann.get_by_role("button", name="Make an invitation").dblclick()
    ann.get_by_text("It waits for another operator").wait_for()
    link = ann.locator("code", has_text="/wallet/#/join/").inner_text()
    shot(ann, "console-invited")

    stranger = phones()
    stranger.goto(link)
    stranger.get_by_label("What shall neighbours call you?").fill("The Okafors")
    stranger.get_by_role("button", name="Join").click()
    stranger.get_by_role("alert").wait_for()

    place(ben, "To sign")
    ben.get_by_role("button", name="Sign it").first.wait_for()
    assert ben.get_by_role("heading", name="An invitation").count() == 1
    shot(ben, "console-waiting")
    sign(ben, "An invitation")
    signed_up(phones(), link, "The Okafors")

    ann.reload()
    place(ann, "Members")
    ann.get_by_label("Search names, ids, meters").fill("okafor")
    ann.get_by_role("row", name="The Okafors").wait_for()


def test_who_proposed_may_take_it_back(desks):
    ann = desks()
    place(ann, "Members")
    ann.get_by_role("button", name="Make an invitation").click()
    ann.get_by_text("It waits for another operator").wait_for()
    place(ann, "To sign")
    ann.get_by_role("button", name="Take it back").click()
    ann.get_by_text("Nothing waits for a signature.").wait_for()


def test_a_helper_comes_and_goes_by_two_signatures(desks, phones, street):
    ann, ben = desks(), desks()
    place(ann, "Keys and roles")
    ann.get_by_label("Role", exact=True).select_option("helper")
    ann.get_by_role("button", name="Make a desk card").click()
    ann.get_by_text("It waits for another operator").wait_for()
    link = ann.locator("code", has_text="/console/#/enter/").inner_text()
    sign(ben, "A change of keys and roles")

    rosa = phones(DESK)
    rosa.goto(link)
    rosa.get_by_role("button", name="Open the console").click()
    rosa.get_by_role("heading", name="First steps").wait_for()
    places = rosa.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert "Meters" not in places
    key = rosa.locator("header code").inner_text()

    ann.reload()
    place(ann, "Keys and roles")
    gone = ann.locator("#gone option", has_text=key).get_attribute("value")
    ann.locator("#gone").select_option(gone)
    ann.get_by_role("button", name="Sign and propose").click()
    ann.get_by_text("It waits for another operator").wait_for()
    sign(ben, "A change of keys and roles")
    assert gone not in [each["key"] for each in roster_now(street.opened())["keys"]]
    rosa.get_by_role("navigation").get_by_role("link", name="Disputes").click()
    rosa.get_by_role("alert").wait_for()


def test_the_heat_map_has_a_cell_a_meter_and_day(desks):
    page = desks()
    place(page, "Meters")
    cells = page.locator("tbody button")
    assert cells.count() == 23 * 14
    page.get_by_role("button", name="lw-01, Mon 15 Jun: 48 whole").first.click()
    page.get_by_role("status").get_by_text("48 whole").wait_for()


def test_a_run_is_looked_at_before_it_is_made(desks, shot):
    page = desks()
    place(page, "Market")
    before = page.request.get(page.url.split("/console")[0] + "/v1/community").json()
    page.get_by_role("button", name="What would change: Mon 15 Jun, R1").click()
    page.get_by_text("Nothing was written.").wait_for()
    shot(page, "console-preview")
    after = page.request.get(page.url.split("/console")[0] + "/v1/community").json()
    assert before["log_entries"] == after["log_entries"]


def test_an_auditor_takes_the_bundle_and_finds_it_sound(desks, tmp_path):
    page = desks("auditor")
    place(page, "Exports")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download").click()
    coming.value.save_as(tmp_path / "bundle.zip")
    assert audit(tmp_path / "bundle.zip").verdict == "sound"
    names = page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert "To sign" not in names


def test_the_console_leaves_the_wallet_signed_in(desks, phones, street):
    page = signed_up(phones(DESK), street.phone_link("Kaur"))
    page.goto(street.desk_link())
    page.get_by_role("button", name="Open the console").click()
    page.get_by_role("heading", name="First steps").wait_for()
    page.goto(f"{street.url}/wallet/")
    page.get_by_role("link", name="Pay").wait_for()
    assert (
        json.loads(page.evaluate("fetch('/v1/session').then((got) => got.text())"))["role"]
        == "member"
    )
