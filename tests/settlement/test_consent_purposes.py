"""What a meter's readings may be used for beyond settlement: who allows it, how finely, until when."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import RefusedError
from ledger.kinds import CONSENT_GRANULARITIES, CONSENT_PURPOSES
from meters.readings import Channel
from settlement import deeds
from settlement.audit.memory import decode_value, encode_value
from settlement.audit.verify import audit
from settlement.consents import may_use
from settlement.enrol import add_meter
from settlement.export import export_bundle
from settlement.run import settle_day
from settlement.state import CommunityState
from settlement.terms import CHANNELS, Member
from tests.prepared import DAY, reopen, seeded_key
from tests.settlement.test_deeds import half_hours_later, people, refused, sound
from wallet_api.cli.member_terms import Granularity, Purpose

METER, OTHERS = "m", CONSENT_PURPOSES[1:]


@pytest.fixture
def street(copy):
    community = reopen(*copy())
    yield community
    community.writer.database.close()


class Said:
    """A consent as the state takes it."""

    kind = "consent"

    def __init__(self, account, **fields):
        self.account = account
        self.body = {"meter": METER, "granularity": "half-hour", "wording": 1, **fields}
        self.deed = "consent", self.body


words = st.tuples(
    st.sampled_from(["ada", "ben"]),
    st.sampled_from(CONSENT_PURPOSES),
    st.sampled_from(list(CHANNELS)),
    st.sampled_from(CONSENT_GRANULARITIES),
    st.booleans(),
    st.integers(0, 2),
)


@given(st.lists(words, max_size=12))
def test_it_is_what_the_meters_member_said_last(said):
    """Against a second fold: whoever has the meter, and what they said since they have it."""
    state = CommunityState(members={name: Member(name, "household", 0) for name in ("ada", "ben")})
    owner, owned, allowed, period, expected = None, (), {}, 100, {}
    for member, purpose, channels, granularity, withdrawn, later in said:
        period += later
        fields = {"purpose": purpose, "channels": channels, "granularity": granularity}
        statement = Said(member, **fields, **({"withdrawn": True} if withdrawn else {}))
        try:
            state.apply(statement, period)
        except RefusedError:
            continue
        if purpose == "settlement":
            assert owner in (None, member)
            assert granularity == "half-hour"
            owner, owned = (None, ()) if withdrawn else (member, CHANNELS[channels])
            allowed = {} if withdrawn else allowed
        elif withdrawn:
            assert owner == member
            del allowed[purpose]
        else:
            assert owner == member
            allowed[purpose] = granularity, CHANNELS[channels]
        expected[period] = owner, owned, dict(allowed)
    last = None, (), {}
    for half_hour in range(100, period + 2):
        last = expected.get(half_hour - 1, last)
        who, channels, uses = last
        assert may_use(state, METER, "settlement", half_hour) == ("half-hour" if who else None)
        for purpose in OTHERS:
            finest, seen = uses.get(purpose, (None, ()))
            covered = who is not None and set(channels) <= set(seen)
            assert may_use(state, METER, purpose, half_hour) == (finest if covered else None)
            for channel in Channel:
                one = channel in channels and channel in seen
                found = may_use(state, METER, purpose, half_hour, channel)
                assert found == (finest if one else None)
    assert may_use(decode_again(state), METER, "advice", period + 1) == may_use(
        state, METER, "advice", period + 1
    )


def decode_again(state):
    return decode_value(json.dumps(encode_value(state)))


def test_the_command_line_has_every_purpose():
    assert tuple(Purpose) == CONSENT_PURPOSES
    assert tuple(Granularity) == CONSENT_GRANULARITIES


def test_it_binds_from_the_next_half_hour_on_and_ends_likewise(street, tmp_path):
    ada, ben, *_ = people(street)
    meter, now = street.state.meters_of(ada)[0], street.writer.now_period()
    deeds.allow(street, ada, meter, "support", "day")
    assert may_use(street.state, meter, "support", now) is None
    assert may_use(street.state, meter, "support", now + 1) == "day"
    assert may_use(street.state, meter, "research", now + 1) is None
    half_hours_later(street, 5)
    deeds.withdraw_consent(street, ada, meter, "support")
    assert may_use(street.state, meter, "support", now + 5) == "day"
    assert may_use(street.state, meter, "support", now + 6) is None
    assert may_use(street.state, meter, "settlement", now + 6) == "half-hour"
    words = "no consent to support"
    refused(street, words, lambda: deeds.withdraw_consent(street, ada, meter, "support"))
    words = "not this member's"
    refused(street, words, lambda: deeds.allow(street, ben, meter, "advice", "day"))
    refused(street, words, lambda: deeds.allow(street, ben, "m-nobody", "advice", "day"))
    settle_day(street, DAY)
    sound(street, tmp_path)


def test_where_settlement_ends_all_of_it_ends_and_stays_ended(street, tmp_path):
    ada, ben, *_ = people(street)
    meter, now = street.state.meters_of(ada)[0], street.writer.now_period()
    for purpose in OTHERS:
        deeds.allow(street, ada, meter, purpose, "month")
    half_hours_later(street, 1)
    export_bundle(street, tmp_path / "before")
    memory = audit(tmp_path / "before").memory()
    deeds.withdraw_consent(street, ada, meter)
    add_meter(street, ada, meter, "both")
    half_hours_later(street, 2)
    for purpose in OTHERS:
        assert may_use(street.state, meter, purpose, now + 1) == "month"
        assert may_use(street.state, meter, purpose, street.writer.now_period()) is None
    deeds.withdraw_consent(street, ada, meter)
    refused(street, "not this member's", lambda: deeds.allow(street, ada, meter, "advice", "day"))
    add_meter(street, ben, meter, "import")
    deeds.allow(street, ben, meter, "advice", "half-hour")
    half_hours_later(street, 1)
    assert may_use(street.state, meter, "advice", street.writer.now_period()) == "half-hour"
    export_bundle(street, tmp_path / "after")
    report = audit(tmp_path / "after", memory=memory)
    assert report.verdict == "sound", report.failure
    assert report.replay.community.consents == street.state.consents
    sound(street, tmp_path)


def test_settlement_needs_half_hours(street):
    ada = people(street)[0]
    fields = {**deeds.withdrawal("m-new"), "granularity": "day"}
    del fields["withdrawn"]
    says = lambda: deeds.say(street, "consent", ada, fields, deeds.by_member(ada))  # noqa: E731
    refused(street, "works with half-hours", says)


def test_a_helper_allows_nobody_to_look_but_may_end_it(street, tmp_path):
    ada = people(street)[0]
    meter, key = street.state.meters_of(ada)[0], seeded_key("helper")
    roster = deeds.roster_now(street)
    roster["keys"] = [*roster["keys"], {"key": key.public.hex(), "role": "helper"}]
    deeds.new_roster(street, roster)
    fields = {**deeds.withdrawal(meter, "support")}
    gives = {name: value for name, value in fields.items() if name != "withdrawn"}
    acts = lambda what: deeds.act_for(street, ada, "consent", what, "She rang.", key)  # noqa: E731
    refused(street, "signed by the member", lambda: acts(gives))
    deeds.allow(street, ada, meter, "support", "day")
    acts(fields)
    assert street.state.consents.now(meter) == {}
    sound(street, tmp_path)
