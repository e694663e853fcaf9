"""Every screen for everybody: no violation that axe finds, in either look; narrow, large, with keys alone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.apps.conftest import signed_up, visit
from wallet_api.apps_http import APP_POLICY

AXE = Path(__file__).parents[2] / "wallet_api/web/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

SCREENS = {
    "home": "/",
    "energy": "/energy/2026-06-18",
    "energy-unknown": "/energy/2026-01-01",
    "why": "/why/989871",
    "activity": "/activity",
    "pay": "/pay",
    "ask": "/ask",
    "you": "/you",
    "offers": "/offers",
    "when": "/when",
    "statements": "/statements",
    "statement": "/statements/2026-06",
    "statement-large": "/statements/2026-06/large",
    "data": "/data",
    "phones": "/phones",
    "help": "/help",
    "join": "/join",
}


def settled(page):
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("One moment …")).to_have_count(0)


def violations(page):
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [
        (each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found["violations"]
    ]


@pytest.fixture(scope="module")
def page(browser, street):
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
    made = context.new_page()
    made.set_default_timeout(10_000)
    yield signed_up(made, street.phone_link("Kaur"))
    context.close()


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("name", SCREENS)
def test_axe_finds_nothing(page, street, shot, name, look):
    page.emulate_media(color_scheme=look, reduced_motion="reduce")
    visit(page, street, SCREENS[name])
    settled(page)
    shot(page, f"{name}-{look}")
    assert violations(page) == []


def test_axe_would_find_something(page, street):
    visit(page, street, "/help")
    settled(page)
    page.evaluate(
        "() => { const bare = document.createElement('button'); document.body.append(bare); }"
    )
    assert "button-name" in [rule for rule, _ in violations(page)]
    page.evaluate("document.body.lastElementChild.remove()")


@pytest.mark.parametrize("name", SCREENS)
def test_nothing_is_cut_off_on_a_narrow_phone_or_with_letters_twice_as_large(page, street, name):
    page.emulate_media(color_scheme="light")
    for width, size in ((320, "100%"), (360, "200%")):
        page.set_viewport_size({"width": width, "height": 740})
        visit(page, street, SCREENS[name])
        page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
        settled(page)
        wide = page.evaluate(
            """() => [...document.querySelectorAll("main *, nav *")]
                .filter(each => !each.closest("pre, .scroll, .hidden-words, svg"))
                .filter(each => each.getBoundingClientRect().right > innerWidth + 1)
                .map(each => each.outerHTML.slice(0, 120))"""
        )
        assert wide == [], (width, size)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.set_viewport_size({"width": 360, "height": 740})


@pytest.mark.parametrize("name", SCREENS)
def test_what_is_touched_is_large_enough(page, street, name):
    visit(page, street, SCREENS[name])
    settled(page)
    small = page.evaluate(
        """() => [...document.querySelectorAll("main a, main button, main input, main select, main summary, nav a")]
            .filter(each => each.offsetParent !== null)
            .filter(each => { const { width, height } = each.getBoundingClientRect(); return width < 44 || height < 44 })
            .map(each => each.outerHTML.slice(0, 120))"""
    )
    assert small == []


def test_a_payment_is_made_with_keys_alone(page, street):
    visit(page, street, f"/pay/to/{street.member('Moseley Bakery')}")
    settled(page)
    page.keyboard.press("Tab")
    for text in ("0.05", "a sweet"):
        while page.evaluate("document.activeElement.tagName") != "INPUT":
            page.keyboard.press("Tab")
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pay £0.05")).to_be_visible()
    while "Pay £0.05" not in page.evaluate("document.activeElement.textContent"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Paid")).to_be_visible()


def test_in_forced_colours_the_chosen_bar_and_the_buttons_are_seen(page, street, shot):
    page.emulate_media(forced_colors="active")
    visit(page, street, "/energy/2026-06-18")
    settled(page)
    shot(page, "energy-forced-colours")
    assert (
        page.get_by_role("button", name="Week").evaluate(
            "each => getComputedStyle(each).borderTopStyle"
        )
        == "solid"
    )
    page.emulate_media(forced_colors="none")


def test_nobodys_words_become_code(page, street):
    """The page's policy is strict, and the browser holds it to it."""
    answer = page.request.get(f"{street.url}/wallet/")
    assert answer.headers["content-security-policy"] == APP_POLICY
    visit(page, street, "/you")
    settled(page)
    refused = page.evaluate(
        """() => {
            try { document.body.insertAdjacentHTML("beforeend", "<b>x</b>"); return "" }
            catch (error) { return error.name }
        }"""
    )
    assert refused == "TypeError"
    inline = page.evaluate(
        """async () => {
            const script = document.createElement("script");
            try { script.textContent = "window.ran = true" } catch { return "refused" }
            document.body.append(script);
            return String(window.ran);
        }"""
    )
    assert inline in ("refused", "undefined")


def test_nothing_is_asked_of_any_other_machine(browser, street):
    context = browser.new_context()
    made, asked = context.new_page(), []
    made.on("request", lambda request: asked.append(request.url))
    signed_up(made, street.phone_link("Farah"))
    for route in ("/energy", "/activity", "/you"):
        visit(made, street, route)
        settled(made)
    context.close()
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((street.url, "blob:"))] == []


@pytest.mark.parametrize(
    ("code", "direction", "home"), [("cy", "ltr", "Hafan"), ("ur", "rtl", "ہوم")]
)
def test_another_language_is_spoken_and_fits(browser, street, shot, code, direction, home):
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
    made = context.new_page()
    made.set_default_timeout(10_000)
    signed_up(made, street.phone_link("Kaur"))
    visit(made, street, "/you")
    made.get_by_label("Language").select_option(code)
    expect(made.get_by_role("link", name=home)).to_be_visible()
    assert made.evaluate("document.documentElement.dir") == direction
    for name in ("home", "energy", "why", "activity", "pay", "you", "offers", "data", "phones"):
        visit(made, street, SCREENS[name])
        expect(made.get_by_role("heading", level=1)).to_be_visible()
        made.wait_for_timeout(300)
        shot(made, f"{name}-{code}")
        assert violations(made) == []
        assert made.evaluate("document.documentElement.scrollWidth") <= 360
    made.reload()
    expect(made.get_by_role("link", name=home)).to_be_visible()
    context.close()
