#!/usr/bin/env python3
"""Sets itself up on a bare Python, then runs `start`, `test` or a management command."""

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("rapport: Python 3.11 or newer is needed, and this one is older.")
    from marketing.runtime import entry

    sys.exit(entry.run(sys.argv))
