"""What all addresses of one server share: the community, the time, its limits and its secrets.

>>> Limits().sign_ins.at_once
20
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ledger import people
from ledger.entropy import Entropy, system_entropy
from settlement.closing import check_still_open
from wallet_api.door import session_store
from wallet_api.door.errors import BusyError
from wallet_api.door.here import Here
from wallet_api.door.home import ShownSums
from wallet_api.door.messengers import Channels
from wallet_api.door.passkeys import Site
from wallet_api.door.rate import Buckets, Rate


class Limits(NamedTuple):
    """How much is taken from one place.

    Attributes:
        requests: of any kind from one address; a street's homes may share one behind their provider.
        sign_ins: answers to challenges from one address.
        failures: wrong answers for one account.
        statements: from one key.
        a_day: statements from one key in the long run: a busy till asks a thousand times a day.
        deliveries: of readings from one address: a gateway brings those of many meters.
        downloads: of all that is kept of one account.
    """

    requests: Rate = Rate(50, 400)
    sign_ins: Rate = Rate(1, 20)
    failures: Rate = Rate(1 / 60, 10)
    statements: Rate = Rate(2, 100)
    a_day: Rate = Rate(2_000 / 86_400, 2_000)
    deliveries: Rate = Rate(2_000, 8_000)
    downloads: Rate = Rate(1 / 600, 3)


USUAL = Limits()
"""Enough for people and their phones."""


def system_ms() -> int:
    """Return Unix milliseconds of the machine: sessions end by it, whatever a ledger replays."""
    return time.time_ns() // 1_000_000


@dataclass
class Desk:
    """One server's state.

    Attributes:
        here: the community.
        limits: how much is taken from one place.
        now_ms: the machine's time.
        entropy: tokens, challenges and secrets come from it.
        channels: the ways out to people's telephones, mailboxes and programs.
        site: whom passkeys are for; None: they are not set up.
    """

    here: Here
    limits: Limits = USUAL
    now_ms: Callable[[], int] = system_ms
    entropy: Entropy = system_entropy
    channels: Channels | None = None
    site: Site | None = None

    def __post_init__(self) -> None:
        self.sign_ins = Buckets(self.limits.sign_ins)
        self.failures = Buckets(self.limits.failures)
        self.statements = Buckets(self.limits.statements)
        self.a_day = Buckets(self.limits.a_day)
        self.downloads = Buckets(self.limits.downloads)
        self.shown = ShownSums()

    def check_signer(self, place: str, key_id: str) -> None:
        """Refuse more statements of one key than people sign.

        Counted by address too: else anybody could use up what another's key may send.

        Raises:
            BusyError: says how long to wait.
        """
        for buckets in (self.statements, self.a_day):
            wait_s = buckets.wait_s(f"{place} {key_id}")
            if wait_s:
                raise BusyError("This key signs too much at once: wait a moment.", int(wait_s) + 1)

    def rename(self, member: str, name: str) -> None:
        """Give a member a name; the one before is gone with its key.

        Raises:
            InputError: it is no name.
            RefusedError: the account is closed.
        """
        with self.here.writing() as (community, connection):
            check_still_open(community.state.closed, member)
            writer = community.writer
            people.rename(connection, writer.community, member, name, self.entropy)

    @cached_property
    def challenge_secret(self) -> bytes:
        """The key that marks challenges, the same in every process of this server."""
        with self.here.writing() as (community, connection):
            number = community.writer.community
            return session_store.secret(connection, number, "challenge", self.entropy)
