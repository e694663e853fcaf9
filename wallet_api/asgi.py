"""The application by its environment: what each of several worker processes makes for itself.

``commonwatt serve --workers 2`` sets the environment; another server may do the same:
``COMMONWATT_DATABASE_URL=… uvicorn --factory wallet_api.asgi:app``.

>>> settings_here({"COMMONWATT_DATABASE_URL": "sqlite:///street/c.sqlite"}).database_url
'sqlite:///street/c.sqlite'
"""

import os
from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI

from ledger.collector import calm
from ledger.errors import InputError
from wallet_api.cli.context import DEFAULT_DATABASE, RATE_VARIABLE, Settings
from wallet_api.door.desk import USUAL, Limits
from wallet_api.door.messengers import channels_here
from wallet_api.door.rate import Rate
from wallet_api.http import create_app


def settings_here(environment: Mapping[str, str]) -> Settings:
    """Return the settings that an environment says."""
    keys = environment.get("COMMONWATT_KEYS")
    return Settings(
        environment.get("COMMONWATT_DATABASE_URL", DEFAULT_DATABASE),
        Path(keys) if keys else None,
        environment.get("COMMONWATT_COMMUNITY") or None,
        public_url=environment.get("COMMONWATT_PUBLIC_URL") or None,
    )


def limits_here(environment: Mapping[str, str]) -> Limits:
    """Return how much is taken from one caller: the usual, scaled to what an environment says.

    >>> limits_here({"COMMONWATT_REQUESTS_PER_SECOND": "100"}).requests
    Rate(per_second=100.0, at_once=800.0)

    Raises:
        InputError: not a number from 1 on.
    """
    said = environment.get(RATE_VARIABLE)
    if said is None:
        return USUAL
    try:
        rate = float(said)
    except ValueError:
        rate = 0.0
    if not 1 <= rate < float("inf"):
        raise InputError(f"{RATE_VARIABLE} is {said!r}: it is a number of requests, from 1 on.")
    times = rate / USUAL.requests.per_second
    return USUAL._replace(
        requests=_scaled(USUAL.requests, times),
        sign_ins=_scaled(USUAL.sign_ins, times),
        statements=_scaled(USUAL.statements, times),
        a_day=_scaled(USUAL.a_day, times),
    )


def _scaled(rate: Rate, times: float) -> Rate:
    return Rate(rate.per_second * times, rate.at_once * times)


def app() -> FastAPI:
    """Return the application for the database that the environment names."""
    calm()
    settings = settings_here(os.environ)
    channels = channels_here(os.environ, settings.outbox_folder)
    return create_app(settings, limits_here(os.environ), channels)
