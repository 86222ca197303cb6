"""Messages: written down, handed over, settled, recovered after a crash, shown again exactly.

A message says `sending` in a committed row before the provider is called. What a worker killed in
between leaves is told by its journal: never begun, in doubt, or surely handed over.
"""

from crm.messages.drafts import Draft, Sent, Settlement, links, links_many, reserve_ids, untracked
from crm.messages.headers import message_of_bounce, message_of_unsubscribe, unsubscribe_address
from crm.messages.held import all_sending, hold
from crm.messages.journals import owner, writing_as
from crm.messages.keeping import Kept, keep_many, thaw
from crm.messages.opting_out import keep_way_out, text_as_sent
from crm.messages.queue import NewMessage, is_waiting, say, send_queued
from crm.messages.recovery import lost_owners, recover
from crm.messages.sending import send_many
from crm.messages.settling import note_arrival, settle_many
from crm.messages.showing import Shown, find, show
from crm.messages.stopping import Stop, Stopped, Watch
from crm.messages.writing import write_many

__all__ = [
    "Draft",
    "Kept",
    "NewMessage",
    "Sent",
    "Settlement",
    "Shown",
    "Stop",
    "Stopped",
    "Watch",
    "all_sending",
    "find",
    "hold",
    "is_waiting",
    "keep_many",
    "keep_way_out",
    "links",
    "links_many",
    "lost_owners",
    "message_of_bounce",
    "message_of_unsubscribe",
    "note_arrival",
    "owner",
    "recover",
    "reserve_ids",
    "say",
    "send_many",
    "send_queued",
    "settle_many",
    "show",
    "text_as_sent",
    "thaw",
    "unsubscribe_address",
    "untracked",
    "write_many",
    "writing_as",
]
