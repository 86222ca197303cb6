"""Training: request a run, pass the gate, fit, compare with a baseline, keep and use it."""

from .runs import request, run, run_due

__all__ = ["request", "run", "run_due"]
