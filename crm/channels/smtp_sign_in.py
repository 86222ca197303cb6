"""Signing in to a mail server: PLAIN, LOGIN, CRAM-MD5, XOAUTH2 and OAUTHBEARER (RFC 4954)."""

import base64
import binascii
import hmac
from collections.abc import Callable, Collection

from crm.channels import oauth
from crm.channels.smtp_reply import Reply, SignInRefused
from crm.channels.smtp_server import AUTOMATIC, BY_TOKEN, Server

Ask = Callable[[str], Reply]

# The best first: under TLS the password may be said, on an open line rather not.
_UNDER_TLS = ("plain", "login", "cram-md5", "xoauth2")
_IN_THE_CLEAR = ("cram-md5", "plain", "login", "xoauth2")
_GO_ON = 334
_UNKNOWN_WAY = 504
_REFUSED = 535


def sign_in(server: Server, offered: Collection[str], *, is_locked: bool, ask: Ask) -> None:
    """Sign in by the way that the account names, or the best that both know."""
    kind = server.auth
    if kind == AUTOMATIC:
        kind = _best(offered, is_locked=is_locked)
    reply = _with_token(server, kind, ask) if kind in BY_TOKEN else _WAYS[kind](server, ask)
    if reply.code == _GO_ON:
        # It asks for more than this way has to say.
        ask("*")
    if not reply.is_done:
        raise SignInRefused(reply)


def _best(offered: Collection[str], *, is_locked: bool) -> str:
    known = _UNDER_TLS if is_locked else _IN_THE_CLEAR
    ways = {way.lower() for way in offered}
    if not ways:
        # Whoever names no way at all may still know the oldest one.
        return known[0] if is_locked else "plain"
    for kind in known:
        if kind in ways:
            return kind
    told = " ".join(sorted(ways)).upper()
    raise SignInRefused(Reply(_UNKNOWN_WAY, f"The server lets in only by {told}."))


def _plain(server: Server, ask: Ask) -> Reply:
    token = _b64(f"\0{server.user}\0{server.password}")
    reply = ask(f"AUTH PLAIN {token}")
    return ask(token) if reply.code == _GO_ON else reply


def _login(server: Server, ask: Ask) -> Reply:
    reply = ask("AUTH LOGIN")
    for word in (server.user, server.password):
        if reply.code != _GO_ON:
            break
        reply = ask(_b64(word))
    return reply


def _cram_md5(server: Server, ask: Ask) -> Reply:
    reply = ask("AUTH CRAM-MD5")
    if reply.code != _GO_ON:
        return reply
    try:
        challenge = base64.b64decode(reply.text, validate=True)
    except binascii.Error:
        raise ConnectionError("What the server asks is not base64.") from None
    digest = hmac.new(server.password.encode(), challenge, "md5").hexdigest()
    return ask(_b64(f"{server.user} {digest}"))


def _with_token(server: Server, kind: str, ask: Ask) -> Reply:
    """Say an access token; one that was kept and is not taken any more is asked for anew, once."""
    grant = server.grant
    if grant is None:
        return _bear(server, kind, server.password, ask)
    was_kept = oauth.is_kept(grant)
    reply = _bear(server, kind, _token(grant), ask)
    if reply.is_done:
        return reply
    oauth.forget(grant)
    return _bear(server, kind, _token(grant), ask) if was_kept else reply


def _token(grant: oauth.Grant) -> str:
    try:
        return oauth.access_token(grant)
    except oauth.NotGranted as error:
        raise SignInRefused(Reply(_REFUSED, str(error))) from error


def _bear(server: Server, kind: str, token: str, ask: Ask) -> Reply:
    if kind == "xoauth2":
        said = f"user={server.user}\1auth=Bearer {token}\1\1"
    else:
        place = f"host={server.host}\1port={server.port}"
        said = f"n,a={server.user},\1{place}\1auth=Bearer {token}\1\1"
    reply = ask(f"AUTH {kind.upper()} {_b64(said)}")
    if reply.code != _GO_ON:
        return reply
    # What it has against the token comes first; the refusal only after an answer to that.
    return ask("" if kind == "xoauth2" else _b64("\1"))


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_WAYS: dict[str, Callable[[Server, Ask], Reply]] = {
    "plain": _plain,
    "login": _login,
    "cram-md5": _cram_md5,
}
