"""Hostile and odd texts of public collections, as they can be stored."""

import json
from pathlib import Path
from typing import Any


def texts(corpora: Path) -> list[str]:
    """The naughty strings and every attack."""
    files = [corpora / "naughty_strings" / "blns.json"]
    files += sorted((corpora / "attack_payloads").glob("*.json"))
    return [text for file in files for text in _strings(json.loads(file.read_text("utf-8")))]


def storable(text: str) -> bool:
    """Whether PostgreSQL can hold a text."""
    return bool(text) and "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in _strings(one)]
