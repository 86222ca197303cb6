"""How many rows to take in at once, so that nobody else waits long for the locks of a batch."""

# What identifies customers live waits no longer than a batch holds the handles.
HELD_SECONDS = 0.15
FEWEST = 200
FIRST = 500


class Pace:
    """Follows the time that batches hold their locks; a busy machine gets smaller ones."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self.rows = min(FIRST, most)

    def took(self, *, rows: int, seconds: float) -> None:
        """Learn from a batch; half the way only, as one slow moment says little."""
        fitting = int(rows * HELD_SECONDS / max(seconds, 0.001))
        self.rows = min(max((self.rows + fitting) // 2, FEWEST), self._most)
