"""One log of all processes: `HH:MM:SS name | line`, on the terminal and in a file that rotates."""

import sys
import time
from pathlib import Path
from typing import BinaryIO

NAME_WIDTH = 8
LARGEST = 10 * 1024 * 1024
KEPT = 3


class Journal:
    """Writes lines of many processes in one format."""

    def __init__(self, path: Path, *, largest: int = LARGEST) -> None:
        self.path = path
        self.largest = largest
        self._file: BinaryIO = path.open("ab", buffering=0)

    def write(self, name: str, text: str) -> None:
        """Write one line under a process's name."""
        line = formatted(name, text, time.localtime())
        try:
            print(line, flush=True)
        except OSError:
            # The terminal is gone; the file below still has the line.
            sys.stdout = None
        self._file.write(line.encode("utf-8", "replace") + b"\n")
        if self._file.tell() > self.largest:
            self._rotate()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(KEPT - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            if older.exists():
                older.replace(self.path.with_name(f"{self.path.name}.{number + 1}"))
        self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        self._file = self.path.open("ab", buffering=0)


def formatted(name: str, text: str, moment: time.struct_time) -> str:
    """One readable line; the names stand in a column."""
    return f"{time.strftime('%H:%M:%S', moment)} {name:<{NAME_WIDTH}} | {text.rstrip()}"
