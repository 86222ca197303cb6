"""The tracking API, answered before Django: a thousand small calls a second cost little here."""

import json
import logging
import math
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils import timezone

from crm import ingest, spool
from crm.api import clicks, snippet
from crm.ingest import wire, write_keys

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# The long names are the specification's, the short ones what clients in browsers and phones call.
KINDS: Final = {
    "identify": "identify",
    "track": "track",
    "page": "page",
    "screen": "screen",
    "group": "group",
    "alias": "alias",
    "batch": "batch",
    "import": "batch",
    "i": "identify",
    "t": "track",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
    "b": "batch",
}
PREFIX: Final = "/v1/"
PATHS: Final = {f"{PREFIX}{word}": kind for word, kind in KINDS.items()}
_JSON: Final = [
    ("Content-Type", "application/json"),
    ("Access-Control-Allow-Origin", "*"),
    ("Cache-Control", "no-store"),
]
_PREFLIGHT: Final = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding"),
    ("Access-Control-Max-Age", "86400"),
]
_WORDS: Final = {
    200: "200 OK",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    405: "405 Method Not Allowed",
    413: "413 Content Too Large",
    415: "415 Unsupported Media Type",
    429: "429 Too Many Requests",
    503: "503 Service Unavailable",
}
_SUCCESS: Final = [b'{"success": true}']
_KB: Final = 1024


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - it is an answer, not a mistake of ours
    """An answer other than success."""

    status: int
    code: str
    message: str
    headers: list[tuple[str, str]] = field(default_factory=list)


def before(application: Application) -> Application:
    """Answer the tracking API, openings and clicks; leave every other address to Django."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        kind = PATHS.get(path) or PATHS.get(path.rstrip("/"))
        if kind is not None:
            return _answer(kind, environ, start_response)
        if path == snippet.PATH:
            return snippet.answer(environ, start_response)
        followed = clicks.answer(environ, start_response)
        return application(environ, start_response) if followed is None else followed

    return answer


def _answer(kind: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "OPTIONS":
        start_response("204 No Content", _PREFLIGHT)
        return []
    try:
        receipt = _take_in(kind, environ)
    except Refusal as refusal:
        error = {"code": refusal.code, "message": refusal.message}
        answer = {"success": False, "error": error}
        start_response(_WORDS[refusal.status], [*_JSON, *refusal.headers])
        return [json.dumps(answer).encode()]
    start_response(_WORDS[200], _JSON)
    return _SUCCESS if not receipt.refused else [_with_refusals(receipt)]


def _take_in(kind: str, environ: Environ) -> ingest.Receipt:
    if environ["REQUEST_METHOD"] != "POST":
        allowed = [("Allow", "POST, OPTIONS")]
        raise Refusal(405, "method_not_allowed", "Send a POST.", allowed)
    secret = _basic_user(environ.get("HTTP_AUTHORIZATION", ""))
    most = wire.LARGEST_BODY if kind == wire.BATCH else wire.LARGEST_EVENT
    body = b"" if secret else _body(environ, most)
    # Nothing large is read for somebody who brings a wrong key.
    key_id = _key_id(secret or wire.write_key(body=body))
    body = body or _body(environ, most)
    try:
        receipt = ingest.receive(kind=kind, body=body, key_id=key_id, now=timezone.now())
    except wire.Unreadable as error:
        raise Refusal(400, "unreadable", str(error)) from error
    except spool.SpoolUnwritable as error:
        logger.error("The spool cannot be written: %s", error)
        message = "The events cannot be stored just now; nothing of this call was kept."
        raise Refusal(503, "not_stored", message, [("Retry-After", "5")]) from error
    if kind != wire.BATCH and receipt.refused:
        refused = receipt.refused[0]
        raise Refusal(400, refused.reason, refused.message)
    return receipt


def _with_refusals(receipt: ingest.Receipt) -> bytes:
    refused = [
        {
            "index": one.index,
            "messageId": one.message_id,
            "reason": one.reason,
            "message": one.message,
        }
        for one in receipt.refused
    ]
    return json.dumps({"success": True, "rejected": refused}).encode()


# --- Keys ---------------------------------------------------------------------------------------


def _basic_user(header: str) -> str:
    """The user name of HTTP basic authentication, or nothing."""
    word, _, credentials = header.partition(" ")
    if word.lower() != "basic":
        return ""
    try:
        return b64decode(credentials.strip()).decode().partition(":")[0]
    except ValueError:
        return ""


def _key_id(secret: str) -> int:
    try:
        found = write_keys.recognise(secret=secret, now=timezone.now())
    except write_keys.KeysUnreachable as error:
        raise Refusal(503, "unavailable", str(error), [("Retry-After", "5")]) from error
    if found is None:
        challenge = [("WWW-Authenticate", 'Basic realm="Rapport tracking"')]
        message = "Send a write key as the user name of basic authentication, or as writeKey."
        raise Refusal(401, "bad_write_key", message, challenge)
    if wait := found.seconds_to_wait():
        later = [("Retry-After", str(math.ceil(wait)))]
        raise Refusal(429, "too_many_calls", "This write key calls too often.", later)
    return found.key_id


# --- Bodies -------------------------------------------------------------------------------------


def _body(environ: Environ, most: int) -> bytes:
    """The body as it was meant: inflated, in UTF-8, and not larger than the limit."""
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise Refusal(400, "bad_length", "Content-Length is not a number.") from error
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if length > most:
        raise _too_large(400, most)
    # A server may wait for ever for more than was announced; in pieces nothing is announced.
    is_in_pieces = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    body: bytes = environ["wsgi.input"].read(most + 1 if is_in_pieces else max(length, 0))
    if len(body) > most:
        raise _too_large(400, most)
    if encoding not in {"", "identity"}:
        body = _inflated(body, encoding, most)
    if not body.strip():
        raise Refusal(400, "unreadable", "The body is empty.")
    return _in_utf8(body, environ.get("CONTENT_TYPE", ""))


def _inflated(body: bytes, encoding: str, most: int) -> bytes:
    """Never more than the limit is unpacked, whatever the body claims to be."""
    windows: Mapping[str, int] = {"gzip": 31, "x-gzip": 31, "deflate": 47}
    if encoding not in windows:
        message = "Content-Encoding is gzip, deflate or nothing."
        raise Refusal(415, "unknown_encoding", message)
    unpacker = zlib.decompressobj(windows[encoding])
    try:
        inflated = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise Refusal(400, "unreadable", f"The body is not valid {encoding}.") from error
    if len(inflated) > most:
        raise _too_large(413, most)
    if not unpacker.eof:
        raise Refusal(400, "unreadable", f"The {encoding} body ends too early.")
    return inflated


def _in_utf8(body: bytes, content_type: str) -> bytes:
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    if charset in {"", "utf-8", "utf8", "us-ascii"}:
        return body.removeprefix(b"\xef\xbb\xbf")
    try:
        return body.decode(charset).encode()
    except (LookupError, UnicodeError) as error:
        raise Refusal(415, "unknown_charset", f"The body is not in {charset}.") from error


def _too_large(status: int, most: int) -> Refusal:
    return Refusal(status, "too_large", f"A call to this address has at most {most // _KB} kB.")
