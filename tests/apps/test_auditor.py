"""The auditor's page in a real browser: the same verdicts as the command line, and nothing that leaves it."""

import re
import zipfile

import pytest
from typer.testing import CliRunner

from settlement.audit.report import render
from settlement.audit.signed import read_report
from settlement.audit.verify import audit
from tests.apps.test_looks import violations
from wallet_api.cli.app import app as commands

DESK = {"width": 1100, "height": 900}
NARROW = {"width": 320, "height": 700}


@pytest.fixture(scope="module")
def bundle(street, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle") / "street.zip"
    done = CliRunner().invoke(
        commands, ["--database", street.settings.database_url, "audit", "export", str(out)]
    )
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def page(phones, street):
    found = phones(DESK)
    found.set_default_timeout(30_000)
    found.goto(f"{street.url}/auditor/")
    found.get_by_role("heading", name="Check a ledger").wait_for()
    return found


def changed(bundle, path, name, change):
    """Copy a bundle with one of its files changed."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename == name else data)
    return path


def check(page, bundle, vkey=""):
    page.get_by_label("The bundle").set_input_files(bundle)
    page.get_by_label("The log’s key, if you know it").fill(vkey)
    page.get_by_role("button", name="Check it").click()
    page.locator(".verdict h2, [role=alert]").first.wait_for()


def words_of(page):
    """What the page says, check by check."""
    rows = page.locator("ol li").all()
    return [
        tuple(row.locator(f".{part}").inner_text().strip() for part in ("mark", "check", "detail"))
        for row in rows
    ]


def said(report):
    """The same of the command line."""
    lines = [line for line in render(report).splitlines() if re.match(r"  [✓✗?–·] ", line)]
    plain = [re.sub(r" \(--\w+\)", "", line) for line in lines]
    return [(line[2], line[4:26].strip(), line[27:].strip()) for line in plain]


def test_a_sound_bundle_is_found_sound_as_on_the_command_line(page, bundle, shot):
    vkey = audit(bundle).key
    check(page, bundle, vkey)
    assert page.locator(".verdict h2").inner_text() == "Sound"
    report = audit(bundle, vkey=vkey, now_ms=4 * 10**12)
    assert words_of(page) == said(report)
    assert page.evaluate("document.activeElement.textContent") == "Sound"
    shot(page, "auditor-sound")


def test_the_bundles_own_word_is_not_ticked(page, bundle):
    check(page, bundle)
    assert words_of(page)[1][0] == "–"
    assert page.get_by_text("The log's key is the bundle's own word.").is_visible()


def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def test_a_changed_bundle_is_unsound_for_the_same_reason(page, bundle, tmp_path, shot):
    with zipfile.ZipFile(bundle) as held:
        tile = next(each for each in held.namelist() if each.startswith("log/tile/entries"))
    changes = {
        "log/checkpoint": lambda data: data.replace(b"\n", b"\nx", 1),
        "manifest.json": lambda data: data.replace(b'"size":', b'"size":1', 1),
        tile: flipped,
    }
    for name, change in changes.items():
        broken = changed(bundle, tmp_path / "broken.zip", name, change)
        report = audit(broken)
        assert report.verdict == "unsound"
        check(page, broken)
        assert page.locator(".verdict h2").inner_text() == "Unsound"
        assert words_of(page) == said(report)
        assert report.failure in page.get_by_role("alert").inner_text()
        shot(page, f"auditor-unsound-{report.failed}")
        page.get_by_role("button", name="Check another").click()


def test_what_is_no_bundle_accuses_nobody(page, tmp_path, bundle):
    nothing = tmp_path / "nothing.zip"
    nothing.write_bytes(b"hello")
    check(page, nothing)
    assert page.get_by_text("Nothing can be said yet").is_visible()
    assert page.locator(".verdict").count() == 0
    check(page, bundle, "no-key")
    assert "--vkey: this is no key of a log" in page.get_by_role("alert").inner_text()


def test_the_page_needs_no_network_and_asks_nobody(page, bundle, street):
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    page.context.set_offline(True)
    page.reload()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    check(page, bundle)
    assert page.locator(".verdict h2").inner_text() == "Sound"
    assert all(
        url.startswith((f"{street.url}/assets/", f"{street.url}/auditor/", "blob:"))
        for url in asked
    ), asked


def test_a_signed_report_is_saved_and_read(page, bundle, tmp_path, shot):
    check(page, bundle)
    page.get_by_label("Your name").fill("Ann Evans")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Save a signed report").click()
    path = tmp_path / coming.value.suggested_filename
    coming.value.save_as(path)
    assert path.name == "street-audit-report.json"
    found = read_report(path.read_bytes())
    assert (found.said["name"], found.said["verdict"]) == ("Ann Evans", "sound")
    assert found.key_id in page.get_by_role("status").inner_text()

    told = CliRunner().invoke(commands, ["audit", "report", str(path)])
    assert told.exit_code == 0
    assert "Ann Evans says of" in told.output

    page.get_by_role("button", name="Check another").click()
    page.get_by_text("Read a signed report").click()
    page.get_by_label("The report’s file").set_input_files(path)
    page.get_by_text("The signature holds.").wait_for()
    shot(page, "auditor-report")

    page.get_by_role("button", name="Check another").click()
    forged = tmp_path / "forged.json"
    forged.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"A', 1))
    page.get_by_text("Read a signed report").click()
    page.get_by_label("The report’s file").set_input_files(forged)
    page.get_by_role("alert").wait_for()
    assert CliRunner().invoke(commands, ["audit", "report", str(forged)]).exit_code == 1


def test_the_key_of_a_report_stays(page, bundle):
    keys = []
    for _ in range(2):
        page.reload()
        check(page, bundle)
        page.get_by_label("Your name").fill("Ann")
        with page.expect_download() as coming:
            page.get_by_role("button", name="Save a signed report").click()
        keys.append(read_report(coming.value.path().read_bytes()).key_id)
    assert keys[0] == keys[1]


def test_a_state_file_goes_on_from_there(page, bundle, tmp_path):
    check(page, bundle)
    with page.expect_download() as coming:
        page.get_by_role("button", name="Save a state file").click()
    state = tmp_path / "street.state"
    coming.value.save_as(state)
    assert audit(bundle, memory=state.read_bytes()).resumed == audit(bundle).size
    page.get_by_role("button", name="Check another").click()
    page.get_by_text("From an audit before").click()
    page.get_by_label("A state file that you kept").set_input_files(state)
    check(page, bundle)
    assert "goes on from your state file" in page.locator("ol").inner_text()


def test_it_can_be_stopped(page, bundle):
    page.get_by_label("The bundle").set_input_files(bundle)
    page.get_by_role("button", name="Check it").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Check it").wait_for()
    check(page, bundle)
    assert page.locator(".verdict h2").inner_text() == "Sound"


def test_it_is_for_everyone(page, bundle, shot):
    for summary in page.locator("summary").all():
        summary.click()
    for stage in ("choose", "found"):
        for scheme in ("light", "dark"):
            for viewport in (DESK, NARROW):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size(viewport)
                assert violations(page) == []
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                shot(page, f"auditor-{stage}-{scheme}-{viewport['width']}")
        if stage == "choose":
            check(page, bundle)


def test_it_can_be_done_with_the_keyboard_alone(page, bundle):
    page.get_by_label("The bundle").set_input_files(bundle)
    page.get_by_label("The log’s key, if you know it").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check it"
    page.keyboard.press("Enter")
    page.locator(".verdict h2").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "name"


@pytest.mark.parametrize(
    ("locale", "title"), [("cy-GB", "Gwirio cyfriflyfr"), ("ur-PK", "کھاتے کی جانچ")]
)
def test_it_speaks_the_browsers_language(browser, street, locale, title, shot):
    context = browser.new_context(locale=locale, viewport=DESK)
    page = context.new_page()
    page.goto(f"{street.url}/auditor/")
    page.get_by_role("heading", name=title).wait_for()
    assert page.evaluate("document.documentElement.dir") == ("rtl" if "ur" in locale else "ltr")
    shot(page, f"auditor-{locale}")
    context.close()
