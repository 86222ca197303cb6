"""Sending: claim a batch, decide, render, write it down, hand it over; nothing lost or doubled.

A worker killed at any line leaves one of three things. Before the writing transaction: claims,
which return to the plan when their lease ends. After it: messages in `sending`, which
crm.messages.recover settles from the worker's journal. After the settling: nothing to do.
"""

from campaigns.sending.batch import BATCH_SIZE, BatchResult, send_batch
from campaigns.sending.claims import next_held, release_expired
from campaigns.sending.retries import replan_unsent, resting
from campaigns.sending.slots import slot

__all__ = [
    "BATCH_SIZE",
    "BatchResult",
    "next_held",
    "release_expired",
    "replan_unsent",
    "resting",
    "send_batch",
    "slot",
]
