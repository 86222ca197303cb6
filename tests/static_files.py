"""The static files, looked for once for all clients of the tests, as a web process does it.

Every client has middleware of its own, and its WhiteNoise looked through all folders anew.
"""

from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware

_look = WhiteNoiseMiddleware.add_files_from_finders
_found: dict[tuple[object, ...], dict[str, Any]] = {}


def add_found(middleware: Any) -> None:
    """Add what finders find; only the first who answers in this way has to look."""
    # What the answer to a file is made of.
    key = (
        *(middleware.static_prefix, middleware.max_age, middleware.charset),
        *(middleware.allow_all_origins, middleware.add_headers_function, middleware.index_file),
    )
    if key not in _found:
        kept, middleware.files = middleware.files, {}
        _look(middleware)
        _found[key], middleware.files = middleware.files, kept
    middleware.files.update(_found[key])
