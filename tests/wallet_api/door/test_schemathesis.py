"""The interface by its own description: what is made of it is answered as it says, by whoever asks.

COMMONWATT_SCHEMATHESIS_EXAMPLES=100 asks more of each address; the usual few are the same each time.
"""

import os
import shutil
import warnings

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from settlement.run import settle_day
from tests.prepared import DAY, reopen
from tests.wallet_api.door.phones import AMPLE, NAMES, phones_of, served
from wallet_api.cli.context import Settings
from wallet_api.door.passkeys import site_of
from wallet_api.http import create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies' own
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS, load_all_checks
    from schemathesis.core.failures import FailureGroup

load_all_checks()

EXAMPLES = int(os.environ.get("COMMONWATT_SCHEMATHESIS_EXAMPLES", "4"))
"""Of each address, by each of three people, once good and once bad."""

MORE_THAN_A_SCHEMA_SAYS = {
    "POST /v1/sign-in": "a signature",
    "POST /v1/statements": "a signature",
    "POST /v1/proposals": "a signature",
    "POST /v1/proposals/{proposal_id}/signatures": "a signature",
    "POST /v1/disputes": "a signature",
    "POST /v1/passkeys": "a signature",
    "POST /v1/sign-in/passkey": "a signature",
    "POST /v1/readings": "a signature",
    "GET /v1/proposals": "a cursor's check",
    "GET /v1/payments/{month}": "a cursor's check, and that there is such a month",
    "GET /v1/energy/{day}": "that there is such a day",
    "GET /v1/months/{month}/statement.{form}": "that there is such a month",
    "GET /v1/why/{period}": "that the half-hour was settled",
    "GET /v1/receipts/payments/{entry}": "that it is a payment of theirs",
    "GET /v1/receipts/half-hours/{period}": "that the half-hour was settled",
    "POST /v1/payments/check": "668.0 is whole to JSON Schema, and a float here",
    "GET /v1/forecast": "that there is such a day, within a year",
    "GET /v1/members": "a cursor's check",
    "GET /v1/looks": "a cursor's check",
    "GET /v1/members/{account_id}": "that what is written can be printed",
    "GET /v1/members/{account_id}/readings/{day}": "that there is such a day",
    "GET /v1/members/{account_id}/months/{month}/statement.{form}": "that there is such a month",
    "PUT /v1/members/{account_id}/name": "that what is written can be printed",
    "PUT /v1/name": "that what is written can be printed",
    "GET /v1/webhooks": "that it is a shop or a group",
    "POST /v1/webhooks": "that it is a shop or a group, and where the address leads",
    "PUT /v1/contacts": "that it is an address",
    "PUT /v1/push": "that it is a key of the curve",
    "GET /v1/days": "that there are such days",
    "GET /v1/coverage": "that there are such days",
    "GET /v1/days/{day}/runs/{run}/preview": "that it is the day's next run",
    "GET /open": "that there are such days",
    "GET /open/{name}": "that there are such days",
}
"""Where good form is not enough to be taken, and what it lacks."""

STREAM = "GET /v1/events"

MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def operations():
    app = create_app(Settings("sqlite:///nowhere.sqlite"), AMPLE)
    app.state.desk.here.close()
    return {each.ok().label: each.ok() for each in _schema(app).get_all_operations()}


def _schema(app):
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.config.checks.negative_data_rejection.expected_statuses += ["408", "413"]
    return schema


def _without_end(app):
    """Return an application that does not end with each request, as its caller would have it."""

    async def answer(scope, receive, send):
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        while (said := (await receive())["type"]) == "lifespan.startup":
            await send({"type": f"{said}.complete"})
        await send({"type": f"{said}.complete"})

    return answer


LABELS = sorted(operations())


@pytest.fixture(scope="module")
def street(prepared, tmp_path_factory):
    """A settled and published street, what anybody can ask of it, and two who can sign in."""
    folder = tmp_path_factory.mktemp("described") / "street"
    shutil.copytree(prepared, folder)
    url = f"sqlite:///{folder}/street.sqlite"
    community = reopen(url, folder / "keys")
    settle_day(community, DAY)
    community.writer.publish(folder / "log")
    community.writer.database.close()
    with served(url, folder / "keys") as client:
        phones = phones_of(client)
        phones["member"] = phones[NAMES[0]]
        phones["operator"] = phones["operator-1"]
        assert phones["member"].pay(phones[NAMES[1]], 2_500_000).status_code == 201
        client.app.state.desk.site = site_of("https://street.example")
        schema = _schema(client.app)
        schema.app = _without_end(client.app)
        yield {each.ok().label: each.ok() for each in schema.get_all_operations()}, phones


def test_what_needs_more_than_its_form_is_there():
    assert set(LABELS) >= set(MORE_THAN_A_SCHEMA_SAYS)


@pytest.mark.parametrize("label", LABELS)
def test_an_address_answers_as_the_description_says(street, label):
    operations, phones = street
    operation = operations[label]
    excluded = [CHECKS.get_one("ignored_auth")]  # tests of every role have it
    if label in MORE_THAN_A_SCHEMA_SAYS:
        excluded.append(CHECKS.get_one("positive_data_acceptance"))
    for who in (None, "member", "operator"):
        if who is not None:
            assert phones[who].sign_in().status_code == 200
        headers = {} if who is None else phones[who].headers
        for mode in MODES if _has_input(operation) else MODES[:1]:
            assert _statuses(operation, mode, headers, excluded)


def _statuses(operation, mode, headers, excluded):
    """Ask, check each answer, and return the statuses."""
    statuses = set()

    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        if operation.label == STREAM:
            case.query = {"follow": "false"}  # else it goes on for ever
        got = case.call(headers=headers)
        statuses.add(got.status_code)
        try:
            case.validate_response(got, excluded_checks=excluded)
        except FailureGroup as failed:
            said = [f"{each.title}: {each.message}" for each in failed.exceptions]
            pytest.fail("\n".join([*said, case.as_curl_command(), got.text[:300]]))

    ask()
    return statuses


def _has_input(operation):
    """Return whether there is anything that could be wrong in the form of a request."""
    if operation.label in ("GET /log/{path}", STREAM):
        return False  # any text is a path; a stream is only asked to end
    return bool(operation.body) or any(
        list(of) for of in (operation.path_parameters, operation.query)
    )
