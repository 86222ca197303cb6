"""The web snippet, served before Django: `<script async src="…/t.js" data-key="…">`."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

PATH: Final = "/t.js"
_FILE: Final = Path(__file__).resolve().parent.parent / "static" / "crm" / "t.js"
_WORDS: Final = {True: "304 Not Modified", False: "200 OK"}


def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The file, to be kept for an hour and then asked about."""
    script, tag = _script()
    is_known = environ.get("HTTP_IF_NONE_MATCH") == tag
    headers = [
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Cache-Control", "public, max-age=3600"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("ETag", tag),
    ]
    start_response(_WORDS[is_known], headers)
    return [] if is_known or environ["REQUEST_METHOD"] == "HEAD" else [script]


@cache
def _script() -> tuple[bytes, str]:
    script = _FILE.read_bytes()
    return script, f'"{hashlib.sha256(script).hexdigest()[:16]}"'
