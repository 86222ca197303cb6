"""A redirect and a picture that know and keep nothing, to compare with.

`granian benchmarks.bare_redirect:application` serves them at the addresses of openings and clicks.
"""

from typing import Any

PICTURE = bytes(43)


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Whatever is asked: a picture for an opening, else always the same address."""
    if environ["PATH_INFO"].startswith("/o/"):
        start_response("200 OK", [("Content-Type", "image/gif"), ("Content-Length", "43")])
        return [PICTURE]
    where = ("Location", "https://shop.example/tea")
    start_response("302 Found", [where, ("Content-Length", "0")])
    return [b""]
