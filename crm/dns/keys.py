"""Records of DKIM keys (RFC 6376 §3.6.1): whether what is published is the key that signs."""

import re
from enum import StrEnum

_KNOWN_VERSION = "DKIM1"


class Seen(StrEnum):
    """What stands in DNS under a selector."""

    GOOD = "good"
    MISSING = "missing"
    OTHER = "other"
    REVOKED = "revoked"
    SEVERAL = "several"
    TESTING = "testing"


def seen(*, records: list[str], wanted: str) -> Seen:
    """Compare what is published with what should be."""
    found = [tags(text=text) for text in records]
    found = [one for one in found if "p" in one]
    if not found:
        return Seen.MISSING
    if len(found) > 1:
        return Seen.SEVERAL
    return _compared(found[0], tags(text=wanted))


def tags(*, text: str) -> dict[str, str]:
    """The tags of a record; of spaces nothing is kept, as in keys they mean nothing."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): re.sub(r"\s+", "", value) for name, _, value in pairs if name.strip()}


def _compared(found: dict[str, str], wanted: dict[str, str]) -> Seen:
    if not found["p"]:
        return Seen.REVOKED
    is_ours = found["p"] == wanted["p"] and found.get("k", "rsa") == wanted["k"]
    if not is_ours or found.get("v", _KNOWN_VERSION) != _KNOWN_VERSION or not _serves(found):
        return Seen.OTHER
    return Seen.TESTING if "y" in found.get("t", "").split(":") else Seen.GOOD


def _serves(found: dict[str, str]) -> bool:
    """Whether the key may be used for mail, and with the hash that we use."""
    services = found.get("s", "*").split(":")
    return bool({"*", "email"} & set(services)) and "sha256" in found.get("h", "sha256").split(":")
