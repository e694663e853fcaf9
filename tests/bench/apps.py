"""The pages in a real Chromium: how long until they show something on a slow phone, and the audit in the browser."""

import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from typer.testing import CliRunner

from settlement.audit.verify import audit
from tests.apps.conftest import FLAGS, MUCH, PHONE, Street, signed_up
from wallet_api.apps_http import STATIC
from wallet_api.cli.app import app as commands
from wallet_api.door.desk import Limits
from wallet_api.http import create_app

RUNS = 5
SLOWER = 6
"""How many times slower the processor is made."""

BITS_A_SECOND = 1_600_000
ROUND_TRIP_MS = 150
WANTED_MS = 2_500

LCP = """() => new Promise((done) => {
  new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime))
    .observe({ type: "largest-contentful-paint", buffered: true });
})"""
BYTES = """() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
  .reduce((sum, each) => sum + each.transferSize, 0)"""


@contextmanager
def served() -> Iterator[Street]:
    """Serve the demonstration's street."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "demo"
        made = CliRunner().invoke(commands, ["demo", "--folder", str(folder)])
        assert made.exit_code == 0, made.output
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        street = Street(folder, f"http://localhost:{port}")
        limits = Limits(requests=MUCH, sign_ins=MUCH, statements=MUCH, a_day=MUCH)
        server = uvicorn.Server(
            uvicorn.Config(create_app(street.settings, limits), port=port, log_level="error")
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield street
        finally:
            server.should_exit = True
            thread.join()


def slowed(context: BrowserContext, page: Page, *, cached: bool) -> None:
    """Make a page's processor and its network those of a cheap phone."""
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": not cached})
    speed = BITS_A_SECOND // 8
    told = {"offline": False, "latency": ROUND_TRIP_MS}
    session.send(
        "Network.emulateNetworkConditions",
        told | {"downloadThroughput": speed, "uploadThroughput": speed},
    )


def shown(browser: Browser, url: str, text: str) -> tuple[float, int]:
    """Return when a first visit's largest part was shown, in ms, and how many bytes came."""
    context = browser.new_context(viewport=PHONE, service_workers="block")
    page = context.new_page()
    slowed(context, page, cached=False)
    found = looked_at(page, url, text)
    context.close()
    return found


def looked_at(page: Page, url: str, text: str) -> tuple[float, int]:
    page.goto(url)
    page.get_by_text(text).first.wait_for()
    page.wait_for_timeout(500)  # what is largest may still change
    return page.evaluate(LCP), page.evaluate(BYTES)


def at_home(browser: Browser, street: Street) -> list[tuple[float, int]]:
    """Return the same for a member who opens the wallet again: the page is kept, the figures are asked for."""
    context = browser.new_context(viewport=PHONE)
    page = signed_up(context.new_page(), street.phone_link("Kaur"))
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    slowed(context, page, cached=True)
    found = []
    for _ in range(RUNS):
        page.goto("about:blank")
        found.append(looked_at(page, f"{street.url}/wallet/", "You have"))
    context.close()
    return found


def apps_section() -> list[str]:
    """Measure each page's first sight, and the audit in the browser beside the command line."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None or not (STATIC / "wallet" / "index.html").exists():
        return ["Not measured: Chromium is not here, or the apps are not built (make apps)."]
    with served() as street, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        invitation = street.invitation_link()
        pages = {
            "the first page, without a script": (f"{street.url}/", "What is here"),
            "wallet, a letter's link": (invitation, "What shall neighbours call you?"),
            "auditor's page": (f"{street.url}/auditor/", "The bundle"),
            "console, a card's link": (street.desk_link(), "Open the console"),
        }
        measured = {
            name: [shown(browser, url, text) for _ in range(RUNS)]
            for name, (url, text) in pages.items()
        }
        measured["wallet, opened again by a member"] = at_home(browser, street)
        in_page, by_command = audits(browser, street)
        browser.close()
    limit = statistics.median(when for when, _ in measured["the first page, without a script"])
    how = (
        f"Largest contentful paint in Chromium at {PHONE['width']}x{PHONE['height']}, processor {SLOWER} times"
        f" slower, {BITS_A_SECOND / 1e6:.1f} Mbit/s, {ROUND_TRIP_MS} ms a round trip; medians of {RUNS} visits."
        f" Wanted: at most {WANTED_MS / 1000:.1f} s. The limit is a page of this server that has no script."
    )
    lines = [
        how,
        "",
        "| page | bytes | shown after | times the limit | within what is wanted |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, found in measured.items():
        when = statistics.median(each for each, _ in found)
        size = statistics.median(each for _, each in found)
        kept = "yes" if when <= WANTED_MS else "**no**"
        lines.append(
            f"| {name} | {size:,.0f} | {when / 1000:.2f} s | {when / limit:.1f} | {kept} |"
        )
    ratio = in_page[1] / by_command
    audited = (
        f"The demonstration's bundle, audited on the auditor's page: {in_page[0]:.1f} s for the first, which"
        f" loads Python, {in_page[1]:.1f} s for the next; by the command line, as one process that starts and"
        f" ends, {by_command:.1f} s: **{ratio:.1f} times**. Medians of {RUNS}."
    )
    return [*lines, "", audited]


def audits(browser: Browser, street: Street) -> tuple[tuple[float, float], float]:
    """Return seconds of the page's first and next audit, and of the command line's."""
    bundle = (
        Path(str(street.settings.database_url).removeprefix("sqlite:///")).parent / "bundle.zip"
    )
    assert audit(bundle).verdict == "sound"
    first, following = [], []
    for _ in range(RUNS):
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(f"{street.url}/auditor/")
        for times in (first, following):
            page.get_by_label("The bundle").set_input_files(bundle)
            start = time.perf_counter()
            page.get_by_role("button", name="Check it").click()
            page.get_by_role("heading", name="Sound").wait_for()
            times.append(time.perf_counter() - start)
            page.get_by_role("button", name="Check another").click()
        context.close()
    by_command = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "settlement.audit", str(bundle)], check=True, capture_output=True
        )
        by_command.append(time.perf_counter() - start)
    median = statistics.median
    return (median(first), median(following)), median(by_command)
