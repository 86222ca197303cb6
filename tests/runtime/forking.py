"""Two parts that say who they are and wait; started by the tests of `forks`."""

import os
import signal
import sys

from marketing.runtime.forks import Forks

if __name__ == "__main__":
    part = Forks(("first", "second")).run()
    if part:
        os.write(1, f"{part} {os.getpid()}\n".encode())
        signal.pause()
    sys.exit(0)
