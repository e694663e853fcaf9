"""Which key files sign: of the keys that count in the log, those that are in the keyring.

The names of files mean little: operators and helpers are whom the roster in force names, and a
member's devices are those whose keys count today. Only a founder's first choice is by name.

>>> device_key_name("0f" * 16, 2)
'devices/0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f.2'
"""

from pathlib import Path

from ledger.errors import SignatureError
from ledger.key_life import MemberKeys
from ledger.primitives.signing import SigningKey
from settlement.community import Community

DEVICES_MAX = 10_000
"""Key files of one member at most, given-up ones included."""


def device_key_name(member: str, number: int = 1) -> str:
    """Return the name of the key file that stands in for a member's phone, or a further one."""
    return str(Path("devices") / (member if number == 1 else f"{member}.{number}"))


def operator_keys(community: Community, count: int | None = None) -> list[SigningKey]:
    """Return as many operators' keys as the roster in force needs, or so many; in a transaction."""
    book = community.writer.key_book
    whose = f"the {len(book.operators)} operators of roster version {book.roster_version}"
    count = book.threshold if count is None else count
    return community.writer.keyring.some_of(book.operators, count, whose)


def helper_keys(community: Community, count: int) -> list[SigningKey]:
    """Return so many helpers' keys; inside a transaction."""
    helpers = community.writer.key_book.roles.get("helper", ())
    whose = f"the roster's {len(helpers)} helpers"
    return community.writer.keyring.some_of(helpers, count, whose)


def keys_now(community: Community, member: str) -> MemberKeys:
    """Return a member's keys as they are now; inside a transaction."""
    book = community.writer.key_book
    keys = book.members.get(member)
    if keys is None:
        raise SignatureError(f"no account {member} was opened")
    # The clock is looked at only where something waits: each look moves a simulated one.
    return keys if keys.pending is None else keys.at(community.writer.now_period())


def member_keys(community: Community, member: str, count: int | None = None) -> list[SigningKey]:
    """Return as many of a member's keys as must sign, or so many; inside a transaction.

    Raises:
        SetupError: their files are not here.
    """
    keyring, state = community.writer.keyring, keys_now(community, member)
    count = state.threshold if count is None else count
    first = device_key_name(member)
    if count == 1 and keyring.has(first) and keyring.load(first).public in state.keys:
        return [keyring.load(first)]
    whose = f"this member's {len(state.keys)} keys"
    return keyring.some_of(state.keys, count, whose, f"{first}*")


def new_device(community: Community, member: str) -> SigningKey:
    """Return a member's next device key, making its file; inside a transaction.

    A file whose key never stood in the log is taken first: an attempt that was refused left it.
    """
    keyring, used = community.writer.keyring, community.writer.key_book.used
    for number in range(1, DEVICES_MAX):
        name = device_key_name(member, number)
        if not keyring.has(name):
            return keyring.create(name)
        if keyring.load(name).public not in used:
            return keyring.load(name)
    raise AssertionError("a member has more key files than one could use")
