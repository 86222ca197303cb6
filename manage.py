#!/usr/bin/env python3
"""Sets itself up on a bare Python, then runs `start`, `test` or a management command."""

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("rapport: Python 3.11 or newer is needed; this is %d.%d." % sys.version_info[:2])
    from marketing.runtime import entry

    sys.exit(entry.run(sys.argv))
