"""``commonwatt member``: the life of a member's keys, from a second phone to a lost one.

>>> command_line("St Ann", "object")
'commonwatt member object "St Ann"'
"""

from typing import Annotated, Any

import typer

from ledger.errors import RefusedError
from ledger.key_life import MemberKeys
from ledger.primitives.counted import whose
from ledger.primitives.periods import start_text
from ledger.primitives.signing import key_id_of
from settlement import key_deeds
from settlement.community import Community
from settlement.key_deeds import By, Decision, FreezeBy, PaperCode
from wallet_api.cli.context import say, say_json
from wallet_api.cli.fields import (
    AsJson,
    At,
    Reason,
    Who,
    local_time,
    open_at,
    who,
)
from wallet_api.cli.paper import ask_words, card, sheet

WithCode = Annotated[
    bool,
    typer.Option("--paper-code/--no-paper-code", help="Make another paper code, shown once"),
]
KeyPart = Annotated[str, typer.Argument(metavar="KEY", help="Beginning of the key's id")]


def show_keys(context: typer.Context, name: Who, at: At = None, as_json: AsJson = False) -> None:
    """Show which keys count for a member, what waits, and until when one may object.

    Example: commonwatt member keys Ada
    """
    community = open_at(context, at)
    member, name = who(community, name)
    state = key_deeds.member_keys_now(community, member)
    pending = state.pending
    files = key_deeds.files_of(community, member, (*state.keys, *(pending.keys if pending else ())))
    if as_json:
        say_json(_keys_json(member, state, files))
        return
    say(f"{name}, member {member[:8]}")
    say(f"{'key':<10}{'counts':<24}file")
    for key, counts in _counting(community, state):
        where = files.get(key, "not in this keyring")
        say(f"{key_id_of(key)[:8]:<10}{counts:<24}{where}")
    say(f"{state.threshold} of {len(state.keys)} must sign.")
    say(f"Paper code: {_paper_code_words(community, member, state)}.")
    if state.frozen:
        say(
            "Frozen: nothing but objections is taken. Operators go on: "
            + command_line(name, "unfreeze")
        )
    if pending is not None and pending.objected:
        say("A change was objected to; two operators decide: " + _decide(name))
    elif pending is not None:
        keys = ", ".join(key_id_of(key)[:8] for key in pending.keys)
        say(f"A change waits until {local_time(community, pending.first)}: then {keys} alone.")
        if not pending.decided:
            say(f"Any key that counts now may object until then: {command_line(name, 'object')}")


def _counting(community: Community, state: MemberKeys) -> list[tuple[bytes, str]]:
    """Return each key once, and in words when it counts."""
    pending = state.pending
    if pending is None:
        return [(key, "now") for key in state.keys]
    then = "if operators say so" if pending.objected else local_time(community, pending.first)
    rows = [(key, "now and afterwards" if key in pending.keys else "now") for key in state.keys]
    return rows + [(key, then) for key in pending.keys if key not in state.keys]


def _paper_code_words(community: Community, member: str, state: MemberKeys) -> str:
    """Say which paper code counts, by when it was made, and whether another one waits."""
    words = "none"
    if state.recovery is not None:
        period, kind = key_deeds.code_set(community, member, state.recovery)
        made = "the account's opening" if kind == "account_open" else "a change of keys"
        words = f"the one made with {made}, {local_time(community, period)}"
    pending = state.pending
    if pending is None or pending.recovery == state.recovery:
        return words
    return f"{words}; the change that waits {'brings another' if pending.recovery else 'ends it'}"


def add_key(
    context: typer.Context,
    name: Who,
    replaces: Annotated[
        str | None, typer.Option(metavar="KEY", help="Put it in this key's place, which goes")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(help="How many keys must sign from then on [as before]", min=1)
    ] = None,
    reason: Reason = "A further device.",
    at: At = None,
) -> None:
    """Add a further device's key, signed by the member's keys and by itself; it counts at once.

    The new key is made here and kept in the keyring (devices/): a key that a real phone made
    could only come with the phone's own signature.

    Example: commonwatt member add-key Ada

    Or: commonwatt member add-key Ada --replaces 1f2e3d4c --reason "A new phone."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    statement = key_deeds.add_key(community, member, reason, replaces=replaces, threshold=threshold)
    made = bytes.fromhex(statement.body["keys"][-1])
    file = key_deeds.files_of(community, member, [made])[made]
    say(f"The key {key_id_of(made)[:8]} counts for {name} from now on: {file}")
    _say_state(community, member, name)


def phone(
    context: typer.Context,
    name: Who,
    url: Annotated[
        str,
        typer.Option(help="Where the wallet is served", envvar="COMMONWATT_PUBLIC_URL"),
    ] = "http://127.0.0.1:8000",
    reason: Reason = "A phone.",
    at: At = None,
) -> None:
    """Make a phone card: twelve words with which a phone joins the account, with a key that it makes itself.

    The words count once, for whoever has them: hand them over in person. They are shown once and kept nowhere.

    Example: commonwatt member phone Ada
    """
    community = open_at(context, at)
    member, name = who(community, name)
    words = key_deeds.phone_card(community, member, reason)
    below = (
        "Open the wallet on the phone that is to join, and type these words,",
        "or open the link below there. They let one phone in, once.",
        "Whoever has them can use them: keep them to yourself.",
    )
    say(sheet((f"Phone card of {name}", community.name), words, below))
    say()
    say(f"{url.rstrip('/')}/wallet/#/phone/{'-'.join(words)}")
    _say_state(community, member, name)


def remove_key(
    context: typer.Context,
    name: Who,
    key: KeyPart,
    reason: Reason = "A device that is not used any more.",
    at: At = None,
) -> None:
    """Give a key up, at once and for ever, signed by the member's keys.

    Example: commonwatt member remove-key Ada 1f2e3d4c --reason "Sold."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    key_deeds.remove_key(community, member, key, reason)
    say(f"The key {key} signs nothing for {name} any more, and never will.")
    _say_state(community, member, name)


def recover(
    context: typer.Context,
    name: Who,
    by_code: Annotated[
        bool, typer.Option("--code", help="By the paper code, asked for without showing it")
    ] = False,
    by_operators: Annotated[
        bool, typer.Option("--by-operators", help="By two operators who know the person")
    ] = False,
    by_helpers: Annotated[
        bool, typer.Option("--by-helpers", help="By two helpers who know the person")
    ] = False,
    decide: Annotated[
        Decision | None,
        typer.Option(
            help="By operators, after an objection: the change's keys come, those that count stay, "
            "or a fresh one is made"
        ),
    ] = None,
    paper_code: WithCode = True,
    reason: Reason = "The telephone is lost.",
    at: At = None,
) -> None:
    """Bring an account back to a key that is made here, for somebody who lost theirs.

    By the paper code or two helpers it counts after three days, by two operators after one; any
    of the old keys may object until then, and after that two operators decide. The words of a
    code are never taken from the command line, where others could read them.

    Example: commonwatt member recover Ada --code

    Or: commonwatt member recover Ada --by-operators --reason "Came with her passport."

    Or: commonwatt member recover Ada --by-operators --decide stay
    """
    asked = [by for by, wanted in _ways(by_code, by_helpers, by_operators) if wanted]
    if len(asked) != 1:
        raise typer.BadParameter("say --code, --by-helpers or --by-operators")
    if decide is not None and asked != [By.OPERATORS]:
        raise typer.BadParameter("--decide goes with --by-operators")
    community = open_at(context, at)
    member, name = who(community, name)
    words = ask_words() if by_code else None
    made = _paper_code(community, name, paper_code and decide is not Decision.CHANGE)
    commitment = None if made is None else made.commitment
    if decide is None:
        key_deeds.recover(community, member, asked[0], reason, code=words, commitment=commitment)
    else:
        key_deeds.decide(community, member, decide, reason, commitment=commitment)
    _say_change(community, member, name)
    _say_card(community, name, made)


def new_code(
    context: typer.Context,
    name: Who,
    reason: Reason = "A new paper code.",
    at: At = None,
) -> None:
    """Make another paper code, signed by the member's keys; it counts after three days.

    A thief with the phone would make one first: so any key may object meanwhile, and the old code
    goes on until then.

    Example: commonwatt member new-code Ada
    """
    community = open_at(context, at)
    member, name = who(community, name)
    made = key_deeds.make_paper_code(community, name)
    key_deeds.new_paper_code(community, member, made.commitment, reason)
    _say_change(community, member, name)
    say("The old paper code goes on until then.")
    _say_card(community, name, made)


def object_to(
    context: typer.Context,
    name: Who,
    reason: Reason = "It was not the member.",
    at: At = None,
) -> None:
    """Say no, by one of the keys that count, to the change of keys that waits.

    It then never counts by itself: two operators decide whom they believe.

    Example: commonwatt member object Ada --reason "I never lost my phone."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    key_deeds.object_to(community, member, reason)
    say(f"Objected for {name}. Nothing changes until two operators decide: {_decide(name)}")


def freeze(
    context: typer.Context,
    name: Who,
    reason: Annotated[str, typer.Option(help="Why, in words")],
    by: Annotated[FreezeBy, typer.Option(help="Whose key signs")] = FreezeBy.OPERATOR,
    at: At = None,
) -> None:
    """Stop a member's keys at once: a lost phone signs nothing more. One key is enough.

    What was agreed before goes on: offers, mandates, meters.

    Example: commonwatt member freeze Ada --reason "Left on the bus."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    if key_deeds.member_keys_now(community, member).frozen:
        say(f"{whose(name)} keys are already frozen: nothing was logged. Next, one of:")
    else:
        key_deeds.freeze(community, member, reason, by)
        say(f"{whose(name)} keys are frozen. Next, one of:")
    say(f"  found again      {command_line(name, 'unfreeze')}")
    say(f"  with paper code  {command_line(name, 'recover')} --code")
    say(f"  without          {command_line(name, 'recover')} --by-operators")


def unfreeze(
    context: typer.Context,
    name: Who,
    reason: Reason = "Found again.",
    at: At = None,
) -> None:
    """Let a member's keys go on, signed by two operators.

    Example: commonwatt member unfreeze Ada --reason "It was in the sofa."
    """
    community = open_at(context, at)
    member, name = who(community, name)
    if not key_deeds.member_keys_now(community, member).frozen:
        raise RefusedError(f"{whose(name)} keys are not frozen.")
    key_deeds.unfreeze(community, member, reason)
    say(f"{whose(name)} keys count again.")


def _ways(code: bool, helpers: bool, operators: bool) -> list[tuple[By, bool]]:  # noqa: FBT001 - three flags of one command
    return [(By.CODE, code), (By.HELPERS, helpers), (By.OPERATORS, operators)]


def _paper_code(community: Community, name: str, wanted: bool) -> PaperCode | None:  # noqa: FBT001 - the command's flag
    return key_deeds.make_paper_code(community, name) if wanted else None


def _say_card(community: Community, name: str, made: PaperCode | None) -> None:
    if made is not None:
        say()
        say(card(name, community.name, made.words))


def _say_change(community: Community, member: str, name: str) -> None:
    """Say what waits, from when it counts, and who may object."""
    state = key_deeds.member_keys_now(community, member)
    pending = key_deeds.waiting(state)
    keys = ", ".join(key_id_of(key)[:8] for key in pending.keys)
    more = " with the new paper code" if pending.recovery != state.recovery else ""
    say(f"For {name}: key {keys}{more} counts from {local_time(community, pending.first)}.")
    if pending.decided:
        say("Two operators decided it: nobody may object again.")
    else:
        say(f"Any of the old keys may object until then: {command_line(name, 'object')}")


def _say_state(community: Community, member: str, name: str) -> None:
    state = key_deeds.member_keys_now(community, member)
    say(
        f"{state.threshold} of {len(state.keys)} keys must sign. All of them: {command_line(name, 'keys')}"
    )
    if state.pending is not None:
        say("A change that waits still replaces them: " + command_line(name, "keys"))


def _keys_json(member: str, state: MemberKeys, files: dict[bytes, str]) -> dict[str, Any]:
    pending = state.pending

    def listed(keys: tuple[bytes, ...]) -> list[dict[str, Any]]:
        return [{"key": key.hex(), "id": key_id_of(key), "file": files.get(key)} for key in keys]

    return {
        "member": member,
        "keys": listed(state.keys),
        "threshold": state.threshold,
        "frozen": state.frozen,
        "paper_code": state.recovery is not None,
        "waiting": None
        if pending is None
        else {
            "change": pending.id,
            "keys": listed(pending.keys),
            "threshold": pending.threshold,
            "first": pending.first,
            "first_utc": start_text(pending.first),
            "objected": pending.objected,
            "decided": pending.decided,
        },
    }


def command_line(name: str, verb: str) -> str:
    """Return a command about a member, as it is typed."""
    quoted = f'"{name}"' if " " in name else name
    return f"commonwatt member {verb} {quoted}"


def _decide(name: str) -> str:
    return command_line(name, "recover") + " --by-operators --decide change|stay|fresh"
