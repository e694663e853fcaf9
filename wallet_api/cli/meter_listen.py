"""``commonwatt meters listen``: take signed batches of readings from an MQTT broker."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.db import Database
from wallet_api.cli.context import open_here, say, settings_of, warn

PASSWORD_VARIABLE = "COMMONWATT_MQTT_PASSWORD"  # noqa: S105 - its name, not its value


def listen(
    context: typer.Context,
    broker: Annotated[
        str,
        typer.Option(
            envvar="COMMONWATT_MQTT_BROKER", help="mqtt://HOST:1883, or mqtts://HOST:8883 for TLS"
        ),
    ],
    username: Annotated[
        str | None, typer.Option(envvar="COMMONWATT_MQTT_USERNAME", help="Our name at the broker")
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(help=f"File whose only line is the password [or {PASSWORD_VARIABLE}]"),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="Certificates that the broker's comes from [the system's]")
    ] = None,
    cert: Annotated[Path | None, typer.Option(help="Our certificate")] = None,
    key_file: Annotated[Path | None, typer.Option(help="The certificate's private key")] = None,
) -> None:
    """Take signed batches from a broker, and answer each with its receipt. Stop with Ctrl-C.

    A batch is acknowledged when it is written for good, so that none is lost if this program, the
    database or the broker stops. A broker that goes away is waited for; one that is not there at
    the start is an error. See docs/mqtt.md for a broker of a community.

    A line a minute at most says how many batches came; one that came again counts again.

    Examples:
    commonwatt meters listen --broker mqtt://127.0.0.1
    commonwatt meters listen --broker mqtts://broker.riverside.example --ca ca.pem
    --cert listener.pem --key-file listener.key
    """
    # Commands that need no broker need not wait for these.
    from meters.mqtt import Broker, read_password  # noqa: PLC0415
    from wallet_api.readings_door import ReadingsDoor  # noqa: PLC0415
    from wallet_api.readings_mqtt import Listener  # noqa: PLC0415

    password = os.environ.get(PASSWORD_VARIABLE) or None
    if password_file is not None:
        password = read_password(password_file)
    chosen = Broker.from_url(
        broker, username=username, password=password, ca=ca, cert=cert, key_file=key_file
    )
    if chosen.tells_password:
        warn(f"Warning: {chosen.shown} gets the password in clear; anybody on the way can read it.")
    settings = settings_of(context)
    community = open_here(settings)
    origin = community.writer.origin
    community.writer.database.close()
    with ReadingsDoor(lambda: open_here(settings, Database(settings.database_url))) as door:
        listener = Listener(chosen, origin, door, say_at_once)
        with _told_to_stop() as stop:
            listener.open()
            say_at_once(f"Listening at {chosen.shown} for {origin}. Stop with Ctrl-C.")
            listener.run(stop)
        say_at_once(f"Stopped. {listener.counts.shown}.")


def say_at_once(text: str) -> None:
    """Print a line, and not only when a buffer is full: whoever watches a service wants it now."""
    say(text)
    sys.stdout.flush()


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C or SIGTERM sets; a second one ends the program at once."""
    stop = threading.Event()
    before: dict[int, Any] = {}

    def on_signal(number: int, _frame: object) -> None:
        signal.signal(number, before[number])
        stop.set()

    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGINT, signal.SIGTERM):
            before[each] = signal.signal(each, on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
