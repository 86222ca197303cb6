"""How callbacks are read and proven, whoever sends them: forms, tokens, signatures, moments."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.utils.translation import gettext

from crm.channels.base import FAILED_NEWS, CallbackRefused, CallbackRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

TOLERANCE = timedelta(minutes=5)
# The name under which our key comes back in the address of a callback.
KEY = "key"
_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def form(request: CallbackRequest) -> list[tuple[str, str]]:
    """The fields of a form that was posted."""
    try:
        text = request.body.decode()
    except UnicodeDecodeError as error:
        raise CallbackRefused("The callback is no form.") from error
    return parse_qsl(text, keep_blank_values=True)


def query(request: CallbackRequest) -> list[tuple[str, str]]:
    """The fields in the address of a callback."""
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True)


def with_key(url: str, key: str) -> str:
    """The address of a callback with our key, so that the report on a lost answer finds home."""
    if not url:
        return ""
    return f"{url}{'&' if '?' in url else '?'}{urlencode({KEY: key})}"


def with_token(url: str, token: str) -> str:
    """The address of a callback with the token that proves who calls it."""
    if not (url and token):
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'token': token})}"


def key_in(request: CallbackRequest) -> str:
    """Our key, if the address of the callback has it."""
    return dict(query(request)).get(KEY, "")


def same(given: str, wanted: str, *, secret: str) -> bool:
    """Whether a signature is the wanted one, in constant time; never without a secret."""
    return bool(secret) and hmac.compare_digest(given.encode(), wanted.encode())


def prove(is_proven: bool) -> None:
    """Refuse the callback unless it is proven."""
    if not is_proven:
        raise CallbackRefused("The signature of the callback is wrong or missing.")


def prove_fresh(
    signed_at: datetime, request: CallbackRequest, *, within: timedelta = TOLERANCE
) -> None:
    """Refuse the callback unless it was signed within the last five minutes.

    Some providers try for hours without signing anew; what is repeated is taken once anyhow.
    """
    age = request.received_at - signed_at
    if age > within or age < -TOLERANCE:
        raise CallbackRefused("The callback is too old or from the future.")


def prove_token(request: CallbackRequest, token: str) -> None:
    """For providers that sign nothing: the address they call has a secret of ours in it."""
    given = dict(query(request)).get("token", "")
    prove(same(given, token, secret=token))


def unix(text: object) -> datetime:
    """A moment of a signature in Unix seconds."""
    try:
        return datetime.fromtimestamp(float(str(text)), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CallbackRefused("The callback has no valid timestamp.") from error


def now() -> datetime:
    """This moment, for requests that are signed with the time at which they leave."""
    return datetime.fromtimestamp(time.time(), UTC)


def moment(text: object, otherwise: datetime, zone: tzinfo = UTC) -> datetime:
    """When it happened by the provider's clock, which is in `zone` if it does not say."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return otherwise
    return found if found.tzinfo else found.replace(tzinfo=zone)


def why(kind: str, code: str, *, dead: Collection[str] = ()) -> str:
    """Why a message failed: `undeliverable` closes the address, other codes are only shown."""
    if kind != FAILED_NEWS:
        return ""
    return "undeliverable" if code in dead else code


def objects(request: CallbackRequest) -> list[dict[str, object]]:
    """The objects of a JSON callback that holds one or a list of them; a bad one loses no other."""
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise CallbackRefused("The callback is not JSON.") from error
    rows = [row for row in (found if isinstance(found, list) else [found]) if isinstance(row, dict)]
    if not rows:
        raise CallbackRefused("The callback is not a JSON object.")
    return rows


def claims_of(token: str, *, secret: str) -> Mapping[str, object]:
    """The claims of a JSON Web Token that is signed with a shared secret."""
    head, _, rest = token.strip().partition(".")
    body, _, signature = rest.partition(".")
    try:
        algorithm = _HASHES[json.loads(_unpadded(head))["alg"]]
        claims = json.loads(_unpadded(body))
        given = _unpadded(signature)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CallbackRefused("The token of the callback cannot be read.") from error
    wanted = hmac.digest(secret.encode(), f"{head}.{body}".encode(), algorithm)
    prove(bool(secret) and hmac.compare_digest(given, wanted) and isinstance(claims, dict))
    found: Mapping[str, object] = claims
    return found


def signed_token(claims: Mapping[str, object], *, private_key: str) -> str:
    """A JSON Web Token signed with an RSA key (RS256)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key = rsa_key(private_key)
    signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def rsa_key(private_key: str) -> "RSAPrivateKey":
    """The key that a text in PEM holds; ValueError where it holds none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        key = serialization.load_pem_private_key(private_key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(gettext("The private key is no RSA key in PEM without a password."))
    return key


def sha256(body: bytes) -> str:
    """The fingerprint of a body, in hex."""
    return hashlib.sha256(body).hexdigest()


def basic(user: str, password: str) -> str:
    """The header of HTTP's basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def password_of(credentials: str) -> str:
    """The password in the credentials of HTTP's basic authentication; empty where it is none."""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except (ValueError, UnicodeDecodeError):
        return ""


def _part(value: Mapping[str, object]) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unpadded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("This is no base64.") from error
