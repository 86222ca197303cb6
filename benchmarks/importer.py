"""One worker of the benchmark: takes in the run whose number it is given, and tells its costs."""

import json
import os
import sys
import time

import django

from benchmarks.memory import peak_kilobytes


def run() -> None:
    """Import, and print a line of JSON: seconds, CPU seconds, peak memory."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
    django.setup()
    from django.utils import timezone

    from crm import imports

    started, used = time.perf_counter(), time.process_time()
    imports.run_due(owner=imports.owner(), clock=timezone.now, seconds=3600)
    told = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - used,
        "peak_kilobytes": peak_kilobytes(),
    }
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    run()
