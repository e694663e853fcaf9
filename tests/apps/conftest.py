"""The apps in a real browser, on a real server: the demonstration's street, with its week settled."""

import os
import re
import shutil
import socket
import threading
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import sync_playwright
from typer.testing import CliRunner

from ledger import people
from ledger.accounts import wallet
from ledger.db import Database
from ledger.primitives.signing import key_id_of
from settlement import key_deeds
from settlement.desk_cards import desk_card
from settlement.joining import invite
from tests.engines import REQUIRE_ALL_VARIABLE
from wallet_api.apps_http import STATIC
from wallet_api.cli.app import app as commands
from wallet_api.cli.context import Settings, open_here
from wallet_api.door.desk import Limits
from wallet_api.door.rate import Rate
from wallet_api.http import create_app

SHOTS_VARIABLE = "COMMONWATT_TEST_SHOTS"
"""A folder for pictures of the screens, for people to look at."""

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
MUCH = Rate(1e6, 1e6)
EVER = 4_000_000
PHONE = {"width": 360, "height": 740}


def lacks(what):
    if os.environ.get(REQUIRE_ALL_VARIABLE):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def chromium_path():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        lacks("Chromium is not here: tests of the apps did not run.")
    return found


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium_path):
    return {"executable_path": chromium_path, "args": list(FLAGS)}


@pytest.fixture(scope="module")
def playwright():
    """The plugin's, but for a module: it keeps a loop of events running, in which other tests have none of theirs."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(playwright, browser_type_launch_args):
    found = playwright.chromium.launch(**browser_type_launch_args)
    yield found
    found.close()


class Street:
    """The street behind the browser: what its operators and other members do."""

    def __init__(self, folder, url):
        self.settings = Settings(f"sqlite:///{folder}/commonwatt.sqlite", folder / "keys")
        self.url = url

    def opened(self):
        return open_here(self.settings, Database(self.settings.database_url))

    def member(self, name):
        community = self.opened()
        with community.reading() as connection:
            names = people.names(connection, community.writer.community)
        return next(member for member, told in names.items() if told == name)

    def phone_link(self, name):
        """Make a phone card; phones of tests before go, as an account has eight at most."""
        community, member = self.opened(), self.member(name)
        state = key_deeds.member_keys_now(community, member)
        held = key_deeds.files_of(community, member, state.keys)
        for key in state.keys:
            if key not in held:
                key_deeds.remove_key(community, member, key_id_of(key), "A test is over.")
        words = key_deeds.phone_card(community, member, "A phone.")
        return f"{self.url}/wallet/#/phone/{'-'.join(words)}"

    def invitation_link(self, member_class="household"):
        community = self.opened()
        letter = invite(community, member_class, EVER, None)
        return f"{self.url}/wallet/#/join/{'-'.join(letter.words)}"

    def desk_link(self, role="operator"):
        return f"{self.url}/console/#/enter/{'-'.join(desk_card(self.opened(), role))}"

    def paper_link(self, name):
        """Open an account on paper, and return the link of its paper code."""
        given = ["--database", self.settings.database_url, "member", "add", name]
        done = CliRunner().invoke(commands, given)
        assert done.exit_code == 0, done.output
        words = dict(re.findall(r"(\d+) ([a-z]+)", done.output))
        return f"{self.url}/wallet/#/recover/{'-'.join(words[str(n)] for n in range(1, 13))}"

    def balance(self, name):
        community, member = self.opened(), self.member(name)
        with community.reading() as connection:
            chart = community.writer.ledger.chart
            chart.load(connection)
            account = wallet(member, community.state.rules_now.asset)
            return chart.balances(connection, [chart.numbers[account]])[account].posted


@pytest.fixture(scope="session")
def street(tmp_path_factory, chromium_path):
    if not (STATIC / "wallet" / "index.html").exists():
        lacks("The apps are not built: run 'make apps'. Tests of the apps did not run.")
    folder = tmp_path_factory.mktemp("street") / "demo"
    made = CliRunner().invoke(commands, ["demo", "--folder", str(folder)])
    assert made.exit_code == 0, made.output
    limits = Limits(requests=MUCH, sign_ins=MUCH, statements=MUCH, a_day=MUCH)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = Street(Path(folder), f"http://localhost:{port}")
    app = create_app(found.settings, limits)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield found
    server.should_exit = True
    thread.join()


@pytest.fixture
def phones(browser, street):
    """Make telephones; at the end none may have complained."""
    contexts, complaints = [], []

    def made(viewport=PHONE, **more):
        context = browser.new_context(viewport=viewport, locale="en-GB", **more)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda told: (
                complaints.append(told.text)
                if told.type == "error" and "Failed to load resource" not in told.text
                else None
            ),
        )
        return page

    yield made
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def shot(request):
    """Keep a picture of a page, where somebody wants to look."""
    folder = os.environ.get(SHOTS_VARIABLE)

    def take(page, name):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{folder}/{name}.png")

    return take


@pytest.fixture
def kaur(phones, street):
    """A phone of Kaur's, who has a roof and a week behind her."""
    return signed_up(phones(), street.phone_link("Kaur"))


def signed_up(page, link, name=None):
    page.goto(link)
    if name is not None:
        page.get_by_label("What shall neighbours call you?").fill(name)
    page.get_by_role("button", name="Join").click()
    page.get_by_text("You are in.").wait_for()
    page.get_by_role("button", name="Not now").click()
    page.get_by_role("link", name="Pay").wait_for()
    return page


def visit(page, street, route):
    page.goto(f"{street.url}/wallet/#{route}")
