"""The real Segment clients, each a process of its own that sends and writes down what it was told.

`python -m tests.stories.tracking_clients ADDRESS KEY EVENTS REPORT` is the Python client; the one
for Node is `tracking_client.mjs` beside this file.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

# The events are spread over twenty seconds, so that the server dies in the middle of them.
TICKS = 200
TICK_SECONDS = 0.1


def main(address: str, key: str, count: int, report: Path) -> None:
    """Track events; the ids of those that were acknowledged go into the report."""
    from segment import analytics
    from segment.analytics import consumer

    acknowledged: list[str] = []
    failed: list[str] = []
    lock = threading.Lock()
    original = consumer.post

    def noting(*args: Any, **kwargs: Any) -> Any:
        answer = original(*args, **kwargs)
        with lock:
            acknowledged.extend(message["messageId"] for message in kwargs["batch"])
            report.with_suffix(".count").write_text(str(len(acknowledged)))
        return answer

    consumer.post = noting
    analytics.write_key = key
    analytics.host = address
    analytics.gzip = True
    analytics.max_retries = 30
    analytics.max_queue_size = count + 1
    analytics.on_error = lambda error, items: failed.extend(item["messageId"] for item in items)
    for number in range(count):
        properties = {"number": number, "by": "python"}
        analytics.track(f"python-{number % 500}", "Tea Brewed", properties)
        if number % (count // TICKS) == 0:
            time.sleep(TICK_SECONDS)
    # Only then: a client that is being shut down gives up what it would try again.
    analytics.flush()
    analytics.shutdown()
    report.write_text(json.dumps({"acknowledged": acknowledged, "failed": failed}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
