"""Two phones and a shop over HTTP, beside a model in plain Python: whatever they do, in whatever order."""

import itertools
import os
import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger import log_store
from ledger.accounts import wallet
from ledger.primitives.signing import SigningKey
from settlement.audit.verify import audit
from settlement.export import export_bundle
from settlement.pay_due import pay_due
from tests.prepared import CHARTER, reopen
from tests.wallet_api.door.phones import NAMES, Phone, phones_of, served, slug
from wallet_api.cli.context import Settings, open_here

RUNS = int(os.environ.get("COMMONWATT_MODEL_RUNS", "12"))
STEPS = 30
PERIOD_SECONDS = 1_800
WHO = ("ada", "ben", "shop")
ZONE = ZoneInfo(CHARTER.zone)
UNIT = 100_000

people = st.sampled_from(WHO)
amounts = st.sampled_from([UNIT, 3 * UNIT, 50 * UNIT, 700_000_000])
numbers = st.integers(0, 10**6)


class Street(RuleBasedStateMachine):
    """What three people do, and what should come of it."""

    folder = counter = None

    @initialize()
    def opened(self):
        place = self.folder / f"{next(self.counter)}"
        shutil.copytree(self.folder / "prepared", place)
        self.place, self.url = place, f"sqlite:///{place}/street.sqlite"
        self.serving = served(self.url, place / "keys")
        self.client = self.serving.__enter__()
        found = phones_of(self.client)
        shop = Phone(self.client, "0e" * 16, SigningKey.from_seed(b"s" * 32))
        opening = {"class": "shop", "keys": [shop.key.public.hex()]}
        opening |= {"threshold": 1, "floor_units": 0}
        operators = [found["operator-1"].key, found["operator-2"].key]
        assert shop.say("account_open", opening, keys=operators).status_code == 201
        self.till = Phone(self.client, shop.account, SigningKey.from_seed(b"t" * 32))
        assert shop.say("till_key", {"key": self.till.key.public.hex()}).status_code == 201
        self.phones = {"ada": [found[NAMES[0]]], "ben": [found[NAMES[1]]], "shop": [shop]}
        self.accounts = {name: of[0].account for name, of in self.phones.items()}
        self.names = {account: name for name, account in self.accounts.items()}
        told = self.balances()
        self.has = {name: told[name].posted for name in WHO}
        self.room = {name: told[name].available - told[name].posted for name in WHO}
        self.gone, self.seqs = [], {}
        self.asks, self.orders = {}, {}
        self.taken, self.offline = [], []
        self.limit, self.spent, self.paid_days = {}, {}, set()
        self.keys = itertools.count(1)
        self.ids = itertools.count(10_000)

    def teardown(self):
        if not hasattr(self, "serving"):
            return
        self.serving.__exit__(None, None, None)
        community = reopen(self.url, self.place / "keys")
        export_bundle(community, self.place / "bundle")
        community.writer.database.close()
        report = audit(self.place / "bundle", now_ms=2**42)
        assert report.exit_code == 0, report

    # What the server says.

    def here(self):
        return self.client.app.state.desk.here

    def balances(self):
        with self.here().reading() as (community, connection):
            asset = community.state.rules_now.asset
            found = community.writer.ledger.balances(connection)
            assert sum(each.posted for each in found.values()) == 0
            return {name: found[wallet(member, asset)] for name, member in self.accounts.items()}

    def size(self):
        with self.here().reading() as (community, connection):
            return log_store.head(connection, community.writer.community)[0]

    def now(self):
        with self.here().writing() as (community, _):
            return community.writer.now_period()

    def today(self):
        return datetime.fromtimestamp(self.now() * PERIOD_SECONDS, UTC).astimezone(ZONE).date()

    # What the model says.

    def limit_now(self, name):
        now, waiting, due = self.limit.get(name, (None, None, 0))
        return waiting if due and self.now() >= due else now

    def affords(self, name, units):
        limit = self.limit_now(name)
        spent = self.spent.get((name, self.today()), 0)
        return (limit is None or spent + units <= limit) and (
            self.has[name] + self.room[name] >= units
        )

    def answers(self, ask_id, payer, payee, units):
        ask = self.asks.get(ask_id)
        return (
            ask is not None
            and (ask["by"], ask["units"], ask["open"]) == (payee, units, True)
            and ask["of"] in (None, payer)
            and self.now() <= ask["last"]
        )

    def move(self, payer, payee, units):
        self.has[payer] -= units
        self.has[payee] += units
        day = payer, self.today()
        self.spent[day] = self.spent.get(day, 0) + units

    def signed(self, phone, kind, fields, **more):
        self.seqs[phone.key.key_id] = seq = self.seqs.get(phone.key.key_id, 1_000) + 1
        return phone.signed(kind, fields, seq=seq, number=next(self.ids), **more)

    def expect(self, envelope, good, *, refusal="refused"):
        """Hand a statement in: it is taken, or refused and nothing changed."""
        before = self.size()
        got = self.client.post("/v1/statements", content=envelope)
        if good:
            assert got.status_code == 201, got.text
            assert got.json()["log_entry"] == before == self.size() - 1
            self.taken.append((envelope, got.json()["log_entry"]))
        else:
            assert slug(got) == refusal, got.text
            assert self.size() == before
        return got

    def payment(self, phone, payee, units, ask=None):
        fields = {"to": self.accounts[payee], "amount": units, "reference": "bread"}
        return self.signed(phone, "transfer", fields | ({"ask": ask} if ask else {}))

    def hand_in_payment(self, envelope, phone, payee, units, ask=None):
        payer = self.names[phone.account]
        if phone not in self.phones[payer]:
            self.expect(envelope, good=False, refusal="not-signed")
            return
        good = self.affords(payer, units)
        if ask is not None:
            good = good and self.answers(ask, payer, payee, units)
        self.expect(envelope, good)
        if good:
            self.move(payer, payee, units)
            if ask is not None:
                self.asks[ask]["open"] = False

    def one(self, name, number):
        return self.phones[name][number % len(self.phones[name])]

    # What people do.

    @rule(payer=people, payee=people, units=amounts, number=numbers)
    def pay(self, payer, payee, units, number):
        if payer != payee:
            phone = self.one(payer, number)
            self.hand_in_payment(self.payment(phone, payee, units), phone, payee, units)

    @precondition(lambda self: self.taken)
    @rule(number=numbers)
    def send_again_what_was_taken(self, number):
        envelope, entry = self.taken[number % len(self.taken)]
        before = self.size()
        got = self.client.post("/v1/statements", content=envelope)
        assert (got.status_code, got.json()["log_entry"]) == (200, entry)
        assert self.size() == before

    @rule(payer=people, payee=people, units=amounts, number=numbers)
    def sign_offline(self, payer, payee, units, number):
        if payer != payee:
            phone = self.one(payer, number)
            self.offline.append((self.payment(phone, payee, units), phone, payee, units))

    @precondition(lambda self: self.offline)
    @rule(number=numbers)
    def the_payee_hands_it_in(self, number):
        self.hand_in_payment(*self.offline.pop(number % len(self.offline)))

    @rule(units=amounts, periods=st.integers(0, 60), of=st.sampled_from([None, "ada", "ben"]))
    def the_till_asks(self, units, periods, of):
        last = self.now() + periods
        fields = {"amount": units, "reference": "two loaves", "last": last}
        if of:
            fields["of"] = self.accounts[of]
        got = self.expect(self.signed(self.till, "ask", fields), good=True)
        self.asks[got.json()["id"]] = {
            "by": "shop",
            "of": of,
            "units": units,
            "last": last,
            "open": True,
        }

    @precondition(lambda self: self.asks)
    @rule(payer=st.sampled_from(["ada", "ben"]), number=numbers, less=st.sampled_from([0, 0, 1]))
    def pay_what_is_asked(self, payer, number, less):
        ask = sorted(self.asks)[number % len(self.asks)]
        phone, units = self.one(payer, number), self.asks[ask]["units"] - less
        envelope = self.payment(phone, "shop", units, ask)
        self.hand_in_payment(envelope, phone, "shop", units, ask)

    @precondition(lambda self: self.asks)
    @rule(who=people, number=numbers)
    def decline_or_take_back(self, who, number):
        ask_id = sorted(self.asks)[number % len(self.asks)]
        ask = self.asks[ask_id]
        good = ask["open"] and who in (ask["by"], ask["of"]) and self.now() <= ask["last"]
        self.expect(self.signed(self.one(who, number), "ask_end", {"ask": ask_id}), good)
        ask["open"] = ask["open"] and not good

    @rule(who=people, units=st.sampled_from([2 * UNIT, 40 * UNIT, 10**9]), number=numbers)
    def limit_a_day(self, who, units, number):
        self.expect(self.signed(self.one(who, number), "spending_limit", {"day_max": units}), True)
        now = self.limit_now(who)
        raised = now is not None and units > now
        self.limit[who] = (now, units, self.now() + 48) if raised else (units, None, 0)

    @rule(payer=people, payee=people, units=amounts, number=numbers, days=st.integers(0, 3))
    def give_a_standing_order(self, payer, payee, units, number, days):
        if payer != payee:
            first = self.today() + timedelta(days=days)
            fields = {"to": self.accounts[payee], "amount": units, "reference": "rent"}
            fields |= {"first": str(first), "every": "week"}
            got = self.expect(self.signed(self.one(payer, number), "standing_order", fields), True)
            self.orders[got.json()["id"]] = payer, payee, units, first

    @rule(periods=st.sampled_from([1, 20, 48, 200]))
    def time_moves_on(self, periods):
        with self.here().writing() as (community, _):
            clock = community.writer.clock
            clock.set_ms(clock.now_ms() + periods * PERIOD_SECONDS * 1000)
        # A street that replays the past is where its log is.
        phone = self.phones["ada"][0]
        self.hand_in_payment(self.payment(phone, "ben", 1), phone, "ben", 1)
        self.limit_a_day("ben", 10**9, 0)

    @rule()
    def what_is_due_is_paid(self):
        community = open_here(Settings(self.url, self.place / "keys"))
        try:
            done = pay_due(community)
        finally:
            community.writer.database.close()
        for day, order in done.paid:
            payer, payee, units, first = self.orders[order.id]
            assert (order.id, day) not in self.paid_days
            assert day >= first
            assert (day - first).days % 7 == 0
            assert timedelta(0) <= self.today() - day < timedelta(days=7)
            assert self.affords(payer, units)
            self.move(payer, payee, units)
            self.paid_days.add((order.id, day))
        if not done.paid:
            for _, order, _ in done.waits:
                assert not self.affords(self.names[order.member], order.units)

    @rule(who=people, number=numbers)
    def add_a_phone(self, who, number):
        if len(self.phones[who]) < 3:
            phone = self.one(who, number)
            new = Phone(
                self.client, phone.account, SigningKey.from_seed(bytes([next(self.keys)]) * 32)
            )
            self.change_keys(phone, [*self.phones[who], new], [new.key])

    @rule(who=people, number=numbers)
    def revoke_a_phone(self, who, number):
        if len(self.phones[who]) > 1:
            lost = self.one(who, number)
            rest = [each for each in self.phones[who] if each is not lost]
            self.change_keys(rest[0], rest, [])
            self.gone.append(lost)

    def change_keys(self, phone, phones, new):
        fields = {"by": "keys", "keys": [each.key.public.hex() for each in phones]}
        fields |= {"threshold": 1, "reason": "a phone"}
        self.expect(self.signed(phone, "key_change", fields, keys=new), good=True)
        self.phones[self.names[phone.account]] = phones

    @precondition(lambda self: self.gone)
    @rule(number=numbers, payee=people)
    def a_revoked_phone_can_do_nothing(self, number, payee):
        phone = self.gone[number % len(self.gone)]
        if self.names[phone.account] != payee:
            self.hand_in_payment(self.payment(phone, payee, 1), phone, payee, 1)
        assert phone.get("/v1/home").status_code == 401
        assert slug(phone.sign_in()) in ("not-signed", "busy")

    @rule(who=people, number=numbers)
    def sign_in(self, who, number):
        assert self.one(who, number).sign_in().status_code == 200

    @rule(who=people, number=numbers)
    def sign_out(self, who, number):
        phone = self.one(who, number)
        if phone.token:
            assert phone.delete("/v1/session").status_code == 204
            assert phone.get("/v1/home").status_code == 401
            phone.token = None

    @invariant()
    def every_first_screen_says_what_the_model_says(self):
        if not hasattr(self, "ids"):
            return
        told = self.balances()
        assert {name: each.posted for name, each in told.items()} == self.has
        for name, phones in self.phones.items():
            for phone in phones:
                if phone.token:
                    home = phone.get("/v1/home").json()
                    assert home["posted_units"] == self.has[name]
                    assert home["available_units"] == self.has[name] + self.room[name]


def test_two_phones_and_a_shop_whatever_they_do(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "prepared")
    Street.folder, Street.counter = tmp_path, itertools.count()
    run_state_machine_as_test(
        Street,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
