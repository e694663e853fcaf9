"""Whose signature counts for what: the roster's keys and the members'.

Pure, and the same for the operator and the audit: statements go in, in the log's order.

>>> KeyBook("riverside.example/ledger/1").roster_version
0
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.errors import SignatureError
from ledger.invitations import INVITATION_KINDS, InvitationBook
from ledger.key_life import (
    HELPERS_NEEDED,
    MemberKeys,
    check_change,
    check_new_keys,
    check_objection,
    keys_of,
    recovery_commitment,
)
from ledger.kinds import COMMUNITY, a_kind
from ledger.meter_keys import MeterKey, bound, may_sign
from ledger.primitives.periods import start_text
from ledger.primitives.signing import Envelope, check_public_key, key_id_of
from ledger.rosters import check_roster, roles_of
from ledger.statements import Statement
from ledger.tills import Tills, added, check_till
from ledger.voucher_keys import VOUCHER_KINDS, VoucherKeys, check_voucher_key

SEQ_WINDOW = 64
"""How far behind a key's highest ``seq`` a statement may still land, so that a payment signed
offline is not lost."""

SEQ_JUMP_MAX = 1_000_000
"""How far a ``seq`` may lie above the key's highest: nobody may use up a key's numbers."""

SIGNER_ROLES = {
    "act_for": "helper",
    "hold": "settlement",
    "run": "settlement",
    "clearing": "settlement",
    "settlement": "settlement",
    "netting": "settlement",
    "seal": "settlement",
    "standing_payment": "settlement",
}
"""Kinds that one key of a roster's role signs."""

OPERATOR_KINDS = frozenset(
    {
        "invitation",
        *("rules", "opening", "issue", "redeem", "limit", "reversal", "correction", "erasure"),
        *("meter_key", "reading_edit", "grant", "ruling", "reserve_count"),
    }
)
"""Kinds that the roster's threshold of operators signs."""

MEMBER_KINDS = frozenset(
    {
        *("till_key", "voucher", "account_close"),
        *("consent", "offer", "mandate", "mandate_revoke", "agreement_end", "transfer", "ask"),
        *("dispute", "gift", "share", "donation", "ask_end", "spending_limit"),
        *("standing_order", "standing_end"),
    }
)
"""Kinds that a member's own keys sign."""

COMMUNITY_KINDS = frozenset(
    {
        *INVITATION_KINDS,
        *("roster", "rules", "opening", "reversal", "correction", "erasure", "ruling"),
        *("hold", "run", "clearing", "settlement", "netting", "seal", "meter_key", "reserve_count"),
    }
)
"""Kinds whose account is the community; all others are about a member."""


@dataclass
class KeyBook:
    """The keys of one community at one point of its log."""

    origin: str
    roster_version: int = 0
    operators: tuple[bytes, ...] = ()
    threshold: int = 0
    expires: int | None = None
    roles: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    members: dict[str, MemberKeys] = field(default_factory=dict)
    log_key: bytes = b""
    used: set[bytes] = field(default_factory=set)
    meter_keys: dict[str, tuple[MeterKey, ...]] = field(default_factory=dict)
    invitations: InvitationBook = field(default_factory=InvitationBook)
    tills: Tills = field(default_factory=dict)
    vouchers: VoucherKeys = field(default_factory=VoucherKeys)

    def check(self, statement: Statement, period: int) -> None:
        """Check that a statement belongs to this ledger and the right keys signed it.

        Args:
            statement: decoded.
            period: the half-hour in which it is logged.

        Raises:
            SignatureError: says what is missing.
        """
        if statement.body["ledger"] != self.origin:
            raise SignatureError(
                f"the statement is for {statement.body['ledger']}, not for {self.origin}"
            )
        counted = self._signers(statement, period)
        if statement.key_id not in counted:
            raise SignatureError("the first signature must be one that counts: its seq it is")

    def apply(self, statement: Statement, period: int) -> None:
        """Take over what a checked statement, logged in a half-hour, says about keys."""
        body, account = statement.body, statement.account
        if statement.kind in ONE_KEY_KINDS:
            self.used.add(bytes.fromhex(body["key"]))
        if statement.kind == "roster":
            self._take_roster(body)
        elif statement.kind == "account_open":
            keys = keys_of(body)
            self.members[account] = MemberKeys(keys, body["threshold"], body.get("recovery"))
            self.used.update(keys)
            self.invitations.apply(statement)
        elif statement.kind in INVITATION_KINDS:
            self.invitations.apply(statement)
        elif statement.kind in VOUCHER_KINDS:
            self.vouchers.apply(statement)
        elif statement.kind == "till_key":
            self.tills = added(self.tills, account, body)
        elif statement.kind == "meter_key":
            self.meter_keys[body["meter"]] = bound(self.meter_keys, body)
        elif statement.kind in KEY_LIFE_KINDS:
            self._take_change(statement, period)

    def _take_roster(self, body: Mapping[str, Any]) -> None:
        roles = roles_of(body)
        self.roster_version = body["version"]
        self.roles, self.operators = roles, roles.get("operator", ())
        self.threshold, self.expires = body["threshold"], body.get("expires")
        self.log_key = bytes.fromhex(body["log_key"])
        self.used.update([self.log_key], *roles.values())

    def _take_change(self, statement: Statement, period: int) -> None:
        member = self.members[statement.account].at(period)
        if statement.kind == "key_change":
            self.used.update(keys_of(statement.body))
            member = member.changed(statement, period)
        elif statement.kind == "key_objection":
            member = member.objected()
        else:
            member = member.with_freeze(frozen=statement.body["frozen"])
        self.members[statement.account] = member

    def member(self, account: str, period: int) -> MemberKeys:
        """Return a member's keys as they are in a half-hour.

        Raises:
            SignatureError: no such account.
        """
        member = self.members.get(account)
        if member is None:
            raise SignatureError(f"no account {account} was opened")
        return member.at(period)

    def role_key_ids(self, role: str) -> set[str]:
        """Return the key ids of the roster's keys of a role."""
        return {key_id_of(key) for key in self.roles.get(role, ())}

    def _signers(self, statement: Statement, period: int) -> set[str]:
        """Return the key ids of the signatures that hold and count.

        Raises:
            SignatureError: says what is missing.
        """
        kind = statement.kind
        if (statement.account == COMMUNITY) != (kind in COMMUNITY_KINDS):
            raise SignatureError(f"{a_kind(kind)} cannot be for the account {statement.account}")
        if statement.account != COMMUNITY and kind != "account_open":
            self.member(statement.account, period)
        if kind in (*ONE_KEY_KINDS, "invitation_end"):
            self._check_named(statement, period)
        if kind in OPERATOR_KINDS:
            return self._need_operators(statement, period)
        if kind == "standing_payment":
            self._check_open(self.member(statement.account, period))
        if kind in SIGNER_ROLES:
            return self._need_role(statement, SIGNER_ROLES[kind], 1, period)
        if kind == "ask":
            return self._check_ask(statement, period)
        if kind in MEMBER_KINDS:
            return self._need_member(statement, statement.account, period)
        own_rule = {
            "roster": self._check_roster,
            "account_open": self._check_opening,
            "invitation_end": self._need_operator,
            "agreement": self._check_agreement,
            "voucher_pay": self._check_voucher_pay,
            "voucher_end": self._check_voucher_end,
            "key_change": self._check_change,
            "key_objection": self._check_objection,
            "freeze": self._check_freeze,
            "reading_batch": self._check_batch,
        }
        return own_rule[kind](statement, period)

    def _need_member(self, statement: Statement, account: str, period: int) -> set[str]:
        member = self.member(account, period)
        self._check_open(member)
        whose = "the member's keys" if account == statement.account else "the other member's keys"
        return self.need(statement, member.keys, member.threshold, whose)

    def _check_open(self, member: MemberKeys) -> None:
        """Refuse what a frozen account's owner would have to answer for."""
        if member.frozen:
            raise SignatureError("the account is frozen: two operators, or new keys, open it again")

    def _check_agreement(self, statement: Statement, period: int) -> set[str]:
        both = (statement.account, statement.body["buyer"])
        return set().union(*(self._need_member(statement, side, period) for side in both))

    def _check_ask(self, statement: Statement, period: int) -> set[str]:
        """Check an ask: by one of the member's tills, or by the member's keys as anything else."""
        tills = self.tills.get(statement.account, ())
        if statement.key_id not in {key_id_of(key) for key in tills}:
            return self._need_member(statement, statement.account, period)
        self._check_open(self.member(statement.account, period))
        return self.need(statement, tills, 1, "the member's tills")

    def _check_voucher_pay(self, statement: Statement, _period: int) -> set[str]:
        key = self.vouchers.of(statement.body).key
        return self.need(statement, [key], 1, "the voucher's key")

    def _check_voucher_end(self, statement: Statement, period: int) -> set[str]:
        """Check the end of a voucher: by the member, or once it is over by operators."""
        over = period > self.vouchers.of(statement.body).last
        if over and statement.key_id in {key_id_of(key) for key in self.operators}:
            return self._need_operators(statement, period)
        return self._need_member(statement, statement.account, period)

    def _check_objection(self, statement: Statement, period: int) -> set[str]:
        member = self.member(statement.account, period)
        check_objection(member, statement)
        return self.need(statement, member.keys, 1, "the member's keys")

    def _need_operators(self, statement: Statement, period: int) -> set[str]:
        self._check_expiry(period)
        return self.need(statement, self.operators, self.threshold, "operators")

    def _need_operator(self, statement: Statement, period: int) -> set[str]:
        self._check_expiry(period)
        return self.need(statement, self.operators, 1, "the operators")

    def _need_role(self, statement: Statement, role: str, count: int, period: int) -> set[str]:
        self._check_expiry(period)
        return self.need(statement, self.roles.get(role, ()), count, f"the roster's {role} keys")

    def _check_batch(self, statement: Statement, period: int) -> set[str]:
        """Check a batch of readings: signed by an adapter of the roster, or by the meter's own."""
        self._check_expiry(period)
        keys = [*self.roles.get("adapter", ()), *may_sign(self.meter_keys, statement.body)]
        return self.need(statement, keys, 1, "the roster's adapter keys or the meter's own")

    def _check_named(self, statement: Statement, period: int) -> None:
        """Refuse a statement about one key that cannot be what it is named, whoever signed."""
        if statement.kind == "meter_key":
            self._check_meter_key(statement)
        elif statement.kind == "till_key":
            check_till(self.tills, statement.account, statement.body, self.used)
        elif statement.kind == "voucher":
            check_voucher_key(statement.body, self.used)
        else:
            self.invitations.check(statement, self.used, period)

    def _check_meter_key(self, statement: Statement) -> None:
        """Refuse a key that cannot be a meter's, or that is somebody else's."""
        key = bytes.fromhex(statement.body["key"])
        check_public_key(key)
        meters_own = (each.key for keys in self.meter_keys.values() for each in keys)
        if key in self.used and key not in meters_own:
            raise SignatureError("this key is a member's or the roster's: a meter has its own")
        bound(self.meter_keys, statement.body)

    def _check_expiry(self, period: int) -> None:
        if self.expires is not None and period >= self.expires:
            raise SignatureError(
                f"the roster expired with the half-hour from {start_text(self.expires)}: its "
                "operators sign a new one first"
            )

    def _check_roster(self, statement: Statement, _period: int) -> set[str]:
        """Check a roster: signed by the thresholds of the old one and of the new one.

        One that has expired still signs the next: otherwise nobody could.
        """
        body = statement.body
        new = check_roster(body, self.roster_version)
        counted = self.need(statement, new, body["threshold"], "the new roster's operators")
        if self.roster_version:
            counted |= self.need(
                statement, self.operators, self.threshold, "the old roster's operators"
            )
        return counted

    def _check_opening(self, statement: Statement, period: int) -> set[str]:
        """Check an opening: by the member's own new keys, and the operators or their invitation."""
        if statement.account in self.members:
            raise SignatureError(f"the account {statement.account} is open already")
        body = statement.body
        check_new_keys(body, self.used)
        counted = self.need(statement, keys_of(body), body["threshold"], "the member's keys")
        if "invitation" not in body:
            return counted | self._need_operators(statement, period)
        # Operators' word: where theirs counts no more, neither does what they said before.
        self._check_expiry(period)
        invitation = self.invitations.check_use(body, period)
        self.need(statement, [invitation.key], 1, "the invitation's key")
        return counted

    def _check_change(self, statement: Statement, period: int) -> set[str]:
        """Check a key change: by the right people, and every new key shows that it is held."""
        body, member = statement.body, self.member(statement.account, period)
        check_change(member, statement)
        waiting = member.pending.keys if member.pending else ()
        check_new_keys(body, self.used, (*member.keys, *waiting))
        fresh = [key for key in keys_of(body) if key not in member.keys]
        if fresh:
            self.need(statement, fresh, len(fresh), "the new keys")
        if body["by"] == "keys":
            return self._need_member(statement, statement.account, period)
        if body["by"] == "helpers":
            return self._need_role(statement, "helper", HELPERS_NEEDED, period)
        if body["by"] == "operators":
            return self._need_operators(statement, period)
        code_key = bytes.fromhex(body["code_key"])
        if member.recovery is None or recovery_commitment(code_key) != member.recovery:
            raise SignatureError("this is not the paper code that the member set")
        return self.need(statement, [code_key], 1, "the paper code's key")

    def _check_freeze(self, statement: Statement, period: int) -> set[str]:
        """Check a freeze: any one key of the member, a helper or operators; operators alone end it.

        A thief's phone can stop an account, as the owner's can; it cannot start it again.
        """
        if not statement.body["frozen"]:
            return self._need_operators(statement, period)
        member = self.member(statement.account, period)
        anyone = (*member.keys, *self.roles.get("helper", ()), *self.operators)
        return self.need(statement, anyone, 1, "the member's, helpers' or operators' keys")

    def need(
        self, statement: Statement, keys: Iterable[bytes], threshold: int, whose: str
    ) -> set[str]:
        """Return the key ids of those keys whose signatures hold; refuse too few."""
        known = list(keys)
        holding = self.holding(statement.envelope, known)
        got = len(holding)
        if got < threshold or threshold < 1:
            signers = ", ".join(key_id[:8] for key_id, _ in statement.envelope.signatures)
            raise SignatureError(
                f"{a_kind(statement.kind)} needs {threshold} of {whose}; {got} of the signatures hold "
                f"(signed by {signers}; known are {', '.join(key_id_of(key)[:8] for key in known)})"
            )
        return {key_id_of(known[index]) for index in holding}

    def holding(self, envelope: Envelope, keys: list[bytes]) -> list[int]:
        """Return the indexes of the keys whose signature is on an envelope and holds."""
        return envelope.verified_by(keys)


ONE_KEY_KINDS = ("meter_key", "invitation", "till_key", "voucher")
"""Kinds that say of one key what it may sign: it is nobody else's from then on."""

KEY_LIFE_KINDS = ("key_change", "key_objection", "freeze")
"""Kinds that change the keys of an account that is open."""

KEY_KINDS = (
    *("roster", "account_open", "meter_key", "till_key"),
    *INVITATION_KINDS,
    *VOUCHER_KINDS,
    *KEY_LIFE_KINDS,
)
"""Kinds that change which keys count."""
