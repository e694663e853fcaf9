"""Who is at the door: every address that shows or does anything for somebody says here for whom.

A handler gets an `Entry`, and nothing of the community before it opens it; opening checks the session and
the role. So an address that forgets to ask has nothing to show.

>>> Allowed(Role.MEMBER).roles
(<Role.MEMBER: 'member'>,)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Connection

from ledger.errors import SignatureError
from settlement.community import Community
from wallet_api.door import session_store
from wallet_api.door.desk import Desk
from wallet_api.door.errors import NotAllowedError, NotSignedInError
from wallet_api.door.identity import Role, Who, who_is
from wallet_api.door.session_store import Session
from wallet_api.door.watch import noted

COOKIE = "__Host-commonwatt"
"""The page's cookie. Browsers take this name only over HTTPS or from this machine, and for one host."""

_bearer = HTTPBearer(
    auto_error=False, scheme_name="session", description="The token that signing in gave."
)
_cookie = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    scheme_name="page",
    description="The same for the page of this site: a cookie that its scripts cannot read.",
)

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""

NO_SESSION = "Sign in first: this address needs a session, and there is none, or it has ended."
ONLY_LOOKS = "A passkey lets you look. For this, sign in with the device."
OTHER_SITE = "A request from another site's page is not taken."


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who was let in, and what they may look into.

    Attributes:
        who: they are.
        community: with all that was agreed folded in.
        connection: a read transaction.
        session: until when they are here.
    """

    who: Who
    community: Community
    connection: Connection
    session: Session

    @property
    def account(self) -> str:
        """The member's id."""
        return self.who.account


class Entry:
    """A request for an address that not everybody may use."""

    def __init__(
        self,
        desk: Desk,
        request: Request,
        roles: tuple[Role, ...],
        token: str,
        *,
        cookie: bool,
        looks: bool = False,
    ) -> None:
        self._desk, self._roles, self._looks = desk, roles, looks
        self._token, self._cookie = token, cookie
        self._same_site = from_here(request)
        self._request = request
        self._safe = request.method in SAFE

    @contextmanager
    def open(self) -> Iterator[Visit]:
        """Let in whoever may, with a read transaction.

        Raises:
            NotSignedInError: there is no session.
            NotAllowedError: another role.
        """
        if self._cookie and not self._safe and not self._same_site:
            raise NotAllowedError(OTHER_SITE)
        with self._desk.here.reading() as (community, connection):
            session = self._session(community, connection)
            noted(self._request, session.key_id)
            if session.passkey is not None and not (self._safe or self._looks):
                raise NotAllowedError(ONLY_LOOKS)
            writer = community.writer
            try:
                who, _ = who_is(
                    writer.key_book,
                    community.state,
                    session.account,
                    session.key_id,
                    writer.now_period(),
                )
            except SignatureError as error:
                raise NotSignedInError(NO_SESSION) from error
            if who.role not in self._roles:
                wanted = " or ".join(role.value for role in self._roles)
                raise NotAllowedError(f"This is for: {wanted}. You are: {who.role.value}.")
            yield Visit(who, community, connection, session)

    @property
    def token(self) -> str:
        """What the caller shows."""
        return self._token

    def _session(self, community: Community, connection: Connection) -> Session:
        found = session_store.find(
            connection, community.writer.community, self._token, self._desk.now_ms()
        )
        if found is None or found.is_cookie != self._cookie:
            raise NotSignedInError(NO_SESSION)
        return found


class Allowed:
    """A dependency: an address for some roles.

    Args:
        *roles: which.
        looks: it changes nothing that matters, although its method could: open to passkeys, too.
    """

    def __init__(self, *roles: Role, looks: bool = False) -> None:
        self.roles, self.looks = roles, looks

    async def __call__(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        cookie: Annotated[str | None, Depends(_cookie)],
    ) -> Entry:
        """Return the entry of a request; nothing is looked up yet."""
        desk: Desk = request.app.state.desk
        token = cookie if bearer is None else bearer.credentials
        if token is None:  # before anything is said of the body
            raise NotSignedInError(NO_SESSION)
        return Entry(desk, request, self.roles, token, cookie=bearer is None, looks=self.looks)


def check_page(request: Request) -> None:
    """Refuse to begin a page's session for a page of another site: it would sign its visitor in as somebody else.

    Raises:
        NotAllowedError: no browser says that the page is of this very site.
    """
    if not from_here(request):
        raise NotAllowedError(OTHER_SITE)


def shown(request: Request) -> str | None:
    """Return the token that a request shows, in whichever way, if any."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if token and scheme.lower() == "bearer" else request.cookies.get(COOKIE)


def from_here(request: Request) -> bool:
    """Return whether a browser says that a request comes from a page of this very site."""
    said = request.headers.get("sec-fetch-site")
    if said is not None:
        return said == "same-origin"
    # Not taken apart: whoever asks may write what no parser of addresses takes.
    _, _, host = request.headers.get("origin", "").partition("://")
    return bool(host) and host == request.headers.get("host")
