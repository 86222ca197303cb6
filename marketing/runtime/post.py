"""Sends what nobody should wait for: answers, confirmations, receipts, as soon as they are queued.

A process of its own: however long a broadcast, an import or a training keeps the workers busy,
this one has nothing else to do. Workers sweep the same queue, should it be away.
"""

import sys
from typing import ClassVar

from marketing.runtime.looping import LOOK_EVERY, Loop


class Post(Loop):
    """The loop of the post.

    What was taken and not settled when the database went away is told by the journal.
    """

    name: ClassVar[str] = "post"

    def turn(self) -> float:
        """Send what is due."""
        return 0.0 if self._send() else LOOK_EVERY

    def _send(self) -> int:
        from django.utils import timezone

        from crm import messages
        from marketing import heartbeats

        now = timezone.now()
        if not messages.is_waiting(now=now):
            return 0
        # A provider may take its time: meanwhile nobody expects a sign of life.
        self.mark_anew()
        self.tell(heartbeats.forget)
        return messages.send_queued(owner=messages.owner(), now=now)


def main() -> int:
    """Work until TERM, outside a running set; the code to end with."""
    from marketing.celery import app

    app.loader.import_default_modules()
    Post().run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
