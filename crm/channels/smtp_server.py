"""A mail server as an account or an address describes it: where it is, and how it is spoken to."""

import math
import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from crm.channels.base import Account, Field
from crm.channels.oauth import GRANT_FIELDS, Grant, grant_of

# Ways to sign in; by itself it is the best that both sides know.
AUTOMATIC = "auto"
BY_TOKEN = ("xoauth2", "oauthbearer")
AUTH_WAYS = (AUTOMATIC, "plain", "login", "cram-md5", *BY_TOKEN)
# What the server is asked to report to the sender's address (RFC 3461), as it is written to it.
_NOTICES = {
    "failures": b"FAILURE",
    "delays": b"FAILURE,DELAY",
    "everything": b"SUCCESS,FAILURE,DELAY",
    "unasked": b"",
}
_TLS_MODES = frozenset({"none", "starttls", "implicit"})
# What each scheme means unless `tls=` says otherwise, and the port it goes to.
_SCHEMES = {"smtp": ("none", 25), "smtp+tls": ("starttls", 587), "smtps": ("implicit", 465)}
# The same by the word that staff choose.
_SECURITY = {"tls": ("implicit", 465), "starttls": ("starttls", 587), "none": ("none", 25)}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# A name, or the number of an IPv6 address.
_HOST = re.compile(r"[^\s/@:\[\]]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+")
_MOST_CONNECTIONS = 16
_LAST_PORT = 65535

_IDENTITY = (
    Field("host", _("Server"), _("Such as smtp.example.com.")),
    Field("security", _("Security"), default="starttls", choices=("starttls", "tls", "none")),
    Field(
        "port",
        _("Port"),
        _("Empty: 587 by STARTTLS, 465 with TLS from the start, 25 without."),
        is_needed=False,
    ),
    Field("user", _("User"), _("Empty: the server lets us in as we are."), is_needed=False),
    Field("password", _("Password"), is_secret=True, is_needed=False),
)
_RARE = (
    Field(
        "auth",
        _("Signing in"),
        _("By itself: PLAIN, LOGIN or CRAM-MD5, whichever the server knows."),
        default=AUTOMATIC,
        choices=AUTH_WAYS,
        is_rare=True,
    ),
    *(replace(one, is_rare=True) for one in GRANT_FIELDS),
    Field(
        "notices",
        _("Notices wanted"),
        _("What the server is asked to report of each mail, where it knows DSN."),
        default="failures",
        choices=tuple(_NOTICES),
        is_rare=True,
    ),
    Field("connections", _("Connections"), _("Of each worker, 1 to 16."), "2", is_rare=True),
    Field("timeout", _("Seconds to wait for an answer"), default="60", is_rare=True),
    Field(
        "hello",
        _("Our name in the greeting"),
        _("Empty: the host's own."),
        is_needed=False,
        is_rare=True,
    ),
    Field(
        "callback_secret",
        _("Secret of callbacks"),
        _("Empty: as the settings say."),
        is_secret=True,
        is_needed=False,
        is_rare=True,
    ),
)
FIELDS = (*_IDENTITY, *_RARE)


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to connect; `notices` is what it is asked to report, nothing where empty."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: str
    connections: int
    timeout: float
    hello: str
    # One of AUTH_WAYS; where one is by token and there is no grant, the password is the token.
    auth: str = AUTOMATIC
    grant: Grant | None = None
    notices: bytes = _NOTICES["failures"]
    # See Account.guarded_but.
    guarded_but: Collection[str] | None = ()

    @classmethod
    def of(cls, account: Account) -> "Server":
        """The server of an account; ValueError says what of it cannot be meant."""
        if account.url:
            return cls.from_url(account.url, guarded_but=account.guarded_but)
        said = dict(account.options)
        host, port = _place(said)
        auth = _one_of(AUTH_WAYS, account.option("auth", AUTOMATIC))
        tls, _port = _SECURITY[_one_of(_SECURITY, account.option("security", "starttls"))]
        return cls(
            host=host,
            port=port,
            user=account.option("user"),
            password=account.secret("password"),
            tls=tls,
            connections=_whole("connections", account.option("connections", "2"), most=16),
            timeout=_whole("timeout", account.option("timeout", "60"), most=600),
            hello=_hello(account.option("hello")),
            auth=auth,
            grant=_grant(account) if auth in BY_TOKEN else None,
            notices=_NOTICES[_one_of(_NOTICES, account.option("notices", "failures"))],
            guarded_but=account.guarded_but,
        )

    @classmethod
    def from_url(cls, url: str, *, guarded_but: Collection[str] | None = ()) -> "Server":
        """Read an address such as `smtps://me:secret@mail.example:465?connections=4`."""
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.scheme not in _SCHEMES or not parts.hostname:
            known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
            raise ValueError(f"An e-mail address of a server begins with one of {known}.")
        mode, port = _SCHEMES[parts.scheme]
        if mode == "none" and parts.username and parts.hostname not in _LOOPBACK:
            # A password is not said on an open line, unless `tls=none` asks for it.
            mode = "starttls"
        tls = options.get("tls", mode)
        if tls not in _TLS_MODES:
            raise ValueError(f"tls={tls} is not known; one of {', '.join(sorted(_TLS_MODES))}.")
        return cls(
            host=parts.hostname,
            port=parts.port or port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            connections=max(1, min(_MOST_CONNECTIONS, int(_number(options, "connections", 2)))),
            timeout=_number(options, "timeout", 60),
            hello=_hello(options.get("hello", "")),
            auth=_one_of(AUTH_WAYS, options.get("auth", AUTOMATIC).lower()),
            notices=_NOTICES[_one_of(_NOTICES, options.get("notices", "failures"))],
            guarded_but=guarded_but,
        )


def place_of(told: Mapping[str, str]) -> tuple[str, int]:
    """The host and the port of a server as staff describe it now; no password goes in the clear."""
    host, port = _place(told)
    if told.get("security") == "none" and told.get("user") and host not in _LOOPBACK:
        raise ValueError(gettext("Without TLS the password could be read on the way."))
    return host, port


def _place(told: Mapping[str, str]) -> tuple[str, int]:
    host = told.get("host", "").strip()
    if not _HOST.fullmatch(host):
        raise ValueError(
            gettext("“%(host)s” is no name of a server, such as smtp.example.com.") % {"host": host}
        )
    _tls, usual = _SECURITY[_one_of(_SECURITY, told.get("security") or "starttls")]
    port = told.get("port", "").strip()
    return host, _whole("port", port, most=_LAST_PORT) if port else usual


def _grant(account: Account) -> Grant:
    if not account.option("user"):
        raise ValueError(gettext("Say whom the server knows: the user is still needed."))
    told = dict((*account.options, *account.secrets))
    return grant_of(told, guarded_but=account.guarded_but)


def _hello(said: str) -> str:
    name = said or socket.getfqdn() or "localhost"
    if not all(letter.isprintable() and letter != " " for letter in name):
        raise ValueError("hello is one word, the name of this host.")
    return name


def _number(options: Mapping[str, str], name: str, otherwise: float) -> float:
    """A number above nought that an address tells."""
    said = options.get(name, str(otherwise))
    try:
        number = float(said)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise ValueError(f"{name}={said} is not a number above nought.")
    return number


def _one_of(known: Collection[str], word: str) -> str:
    if word not in known:
        raise ValueError(f"{word} is not known; one of {', '.join(known)}.")
    return word


def _whole(name: str, word: str, *, most: int) -> int:
    number = int(word) if word.isascii() and word.isdigit() else 0
    if not 1 <= number <= most:
        label = next(gettext(one.label) for one in FIELDS if one.name == name)
        told = gettext("%(what)s: a number from 1 to %(most)d.")
        raise ValueError(told % {"what": label, "most": most})
    return number
