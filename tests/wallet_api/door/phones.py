"""A served street, and phones that talk to it: each has a key, signs in, and signs what it says."""

import itertools
from contextlib import contextmanager

from fastapi.testclient import TestClient

from ledger import log_store
from ledger.kinds import COMMUNITY
from ledger.primitives.money import UNITS_PER_MAJOR
from ledger.primitives.signing import SigningKey
from ledger.statements import make_body, sign
from tests.prepared import CHARTER, ms, seeded_key
from tests.streets import SITES
from wallet_api.cli.context import Settings
from wallet_api.door.desk import Limits
from wallet_api.door.rate import Rate
from wallet_api.door.sign_in import answer
from wallet_api.http import create_app

NAMES = tuple(site.meter for site in SITES)
LATER = ms(2036, 7, 9)
AMPLE = Limits(
    requests=Rate(1e6, 1e6),
    sign_ins=Rate(1e6, 1e6),
    failures=Rate(1 / 60, 10),
    statements=Rate(1e6, 1e6),
    a_day=Rate(1e6, 1e6),
)
"""Nobody is sent away; wrong answers are still counted."""

_ids = itertools.count(1)


def slug(got):
    """Return which problem an answer is."""
    assert got.headers["content-type"] == "application/problem+json"
    return got.json()["type"].removeprefix("urn:commonwatt:problem:")


class Phone:
    """A device with a key, of a member or of somebody in the roster."""

    def __init__(self, client: TestClient, account: str, key: SigningKey) -> None:
        self.client, self.account, self.key = client, account, key
        self.token = None

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def challenge(self):
        got = self.client.post("/v1/sign-in/challenge")
        assert got.status_code == 200, got.text
        return got.json()

    def sign_in(self, site="same-origin", **more):
        asked = self.challenge()
        body = answer(self.key, asked["ledger"], self.account, asked["challenge"], **more)
        headers = {"Sec-Fetch-Site": site} if site else {}
        got = self.client.post("/v1/sign-in", content=body, headers=headers)
        if got.status_code == 200:
            self.token = got.json().get("token")
        return got

    def get(self, path, **more):
        return self.client.get(path, headers=self.headers, **more)

    def post(self, path, **more):
        return self.client.post(path, headers=self.headers, **more)

    def delete(self, path, **more):
        return self.client.delete(path, headers=self.headers, **more)

    def seq(self):
        """The key's next number."""
        desk = self.client.app.state.desk
        with desk.here.reading() as (community, connection):
            number = community.writer.community
            return log_store.last_seq(connection, number, self.key.key_id) + 1

    def signed(self, kind, fields, *, account=None, keys=(), number=None, seq=None):
        """Return an envelope, by this key first."""
        body = make_body(
            kind,
            CHARTER.origin,
            account or self.account,
            f"{number or next(_ids):032x}",
            seq or self.seq(),
            LATER,
            fields,
        )
        return sign(body, [self.key, *keys])

    def say(self, kind, fields, **more):
        return self.hand_in(self.signed(kind, fields, **more))

    def hand_in(self, envelope):
        return self.client.post("/v1/statements", content=envelope)

    def pay(self, other, units, reference="bread", **fields):
        fields |= {"to": other.account, "amount": units, "reference": reference}
        return self.say("transfer", fields)


@contextmanager
def served(url, keys, limits=AMPLE):
    """Serve a street, and yield the client."""
    app = create_app(Settings(url, keys), limits)
    with TestClient(app, base_url="https://testserver") as client:
        yield client


def phones_of(client):
    """Return a phone for each home, by name, and one for each operator."""
    with client.app.state.desk.here.reading() as (community, _):
        members = {
            meter: uses[-1][1].member
            for meter, uses in community.state.meters.items()
            if meter in NAMES
        }
    found = {name: Phone(client, members[name], seeded_key(name)) for name in members}
    for name in ("operator-1", "operator-2", "settlement", "adapter"):
        found[name] = Phone(client, COMMUNITY, seeded_key(name))
    return found


def ask_of(phone, **more):
    with phone.client.app.state.desk.here.reading() as (community, _):
        last = community.writer.now_period() + 2
    fields = {"amount": 3 * UNITS_PER_MAJOR, "reference": "two loaves", "last": last, **more}
    return phone.say("ask", fields).json()
