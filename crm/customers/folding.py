"""Moving all rows of some customers to others, and the log from which this is undone.

Everything runs on pairs (kept, merged) at once; within a call no kept customer occurs twice.
Rows are logged as PostgreSQL writes them in JSON, as text, so that they come back exactly.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from crm import planner
from crm.customers import tables
from crm.customers.tables import Table

Pair = tuple[int, int]

CONSENT = "crm_consent"
PREFERENCE = "crm_contactpreference"
PAUSE = "crm_marketingpause"
CONVERSATION = "crm_conversation"
CANDIDATE = "crm_duplicatecandidate"

_PAIRS = "unnest(%(kept)s::bigint[], %(merged)s::bigint[]) AS pair (kept_id, merged_id)"
_RANK = "array_position(ARRAY['granted', 'pending', 'withdrawn'], {}.state)"

_KEEP_STRICTEST = f"""
    INSERT INTO crm_consent AS held (customer_id, channel, purpose, state, decided_at)
    SELECT pair.kept_id, row.channel, row.purpose, row.state, row.decided_at
    FROM {_PAIRS}, unnest(%(rows)s::text[]) AS told (text),
        jsonb_populate_record(NULL::crm_consent, told.text::jsonb) AS row
    WHERE row.customer_id = pair.merged_id
    ON CONFLICT (customer_id, channel, purpose) DO UPDATE SET
        state = excluded.state, decided_at = excluded.decided_at
    WHERE {_RANK.format("excluded")} > {_RANK.format("held")}
    RETURNING held.customer_id, to_jsonb(old), to_jsonb(new)
"""  # noqa: S608 - made of the constants above

_KEEP_FEWEST = f"""
    INSERT INTO crm_contactpreference AS held (customer_id, messages, days, chosen_at)
    SELECT pair.kept_id, row.messages, row.days, row.chosen_at
    FROM {_PAIRS}, unnest(%(rows)s::text[]) AS told (text),
        jsonb_populate_record(NULL::crm_contactpreference, told.text::jsonb) AS row
    WHERE row.customer_id = pair.merged_id
    ON CONFLICT (customer_id) DO UPDATE SET
        messages = excluded.messages, days = excluded.days, chosen_at = excluded.chosen_at
    WHERE excluded.messages::float / excluded.days < held.messages::float / held.days
    RETURNING held.customer_id, to_jsonb(old), to_jsonb(new)
"""  # noqa: S608 - made of the constants above

_DROP_SHORTER_PAUSE = f"""
    DELETE FROM crm_marketingpause pause
    USING {_PAIRS}, crm_marketingpause other
    WHERE pause.lifted_at IS NULL AND other.lifted_at IS NULL
      AND ((pause.customer_id = pair.merged_id AND other.customer_id = pair.kept_id
            AND pause.expires_at <= other.expires_at)
        OR (pause.customer_id = pair.kept_id AND other.customer_id = pair.merged_id
            AND pause.expires_at < other.expires_at))
    RETURNING pair.merged_id, to_jsonb(pause)
"""  # noqa: S608 - made of the constants above

# What waits for an answer goes on waiting, in the conversation that stays open.
_GO_ON_WAITING = f"""
    UPDATE crm_conversation talk SET waiting_since_at =
        least(talk.waiting_since_at, other.waiting_since_at)
    FROM {_PAIRS}, crm_conversation other
    WHERE talk.customer_id = ANY(%(kept)s::bigint[]) AND talk.customer_id = pair.kept_id
      AND other.customer_id = ANY(%(merged)s::bigint[]) AND other.customer_id = pair.merged_id
      AND talk.channel = other.channel AND talk.state = 'open' AND other.state = 'open'
      AND other.waiting_since_at IS NOT NULL
      AND (talk.waiting_since_at IS NULL OR other.waiting_since_at < talk.waiting_since_at)
    RETURNING pair.merged_id, to_jsonb(old), to_jsonb(new)
"""  # noqa: S608 - made of the constants above

_CLOSE_OPEN = f"""
    UPDATE crm_conversation talk
    SET state = 'closed', closed_at = %(now)s, waiting_since_at = NULL
    FROM {_PAIRS}, crm_conversation other
    WHERE talk.customer_id = ANY(%(merged)s::bigint[]) AND talk.customer_id = pair.merged_id
      AND other.customer_id = ANY(%(kept)s::bigint[]) AND other.customer_id = pair.kept_id
      AND talk.channel = other.channel AND talk.state = 'open' AND other.state = 'open'
    RETURNING pair.merged_id, to_jsonb(old), to_jsonb(new)
"""  # noqa: S608 - made of the constants above

_DROP_CANDIDATES = f"""
    DELETE FROM crm_duplicatecandidate pairing USING {_PAIRS}
    WHERE pair.merged_id IN (pairing.left_id, pairing.right_id)
      AND (pairing.left_id = ANY(%(merged)s::bigint[])
        OR pairing.right_id = ANY(%(merged)s::bigint[]))
    RETURNING pair.merged_id, to_jsonb(pairing)
"""  # noqa: S608 - made of the constants above

_PAIR_AGAIN = f"""
    INSERT INTO crm_duplicatecandidate AS held
        (left_id, right_id, reason, score, state, evidence, found_at, decided_at, decided_by_id)
    SELECT DISTINCT ON (1, 2) least(pair.kept_id, other.id), greatest(pair.kept_id, other.id),
        row.reason, row.score, row.state, row.evidence, row.found_at, row.decided_at,
        row.decided_by_id
    FROM {_PAIRS}, unnest(%(rows)s::text[]) AS told (text),
        jsonb_populate_record(NULL::crm_duplicatecandidate, told.text::jsonb) AS row,
        LATERAL (SELECT row.left_id + row.right_id - pair.merged_id AS id) AS other
    WHERE pair.merged_id IN (row.left_id, row.right_id)
      AND other.id <> pair.kept_id AND NOT other.id = ANY(%(merged)s::bigint[])
    ORDER BY 1, 2, row.state
    ON CONFLICT (left_id, right_id) DO NOTHING
    RETURNING least(left_id, right_id), greatest(left_id, right_id), to_jsonb(new)
"""  # noqa: S608 - made of the constants above


@dataclass(slots=True)
class Log:
    """What was done to the rows of one merged customer, by table."""

    moved: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    aside: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    # Each as (before, after); before is missing where the row is new.
    changed: dict[str, list[tuple[str | None, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def as_json(self) -> dict[str, Any]:
        """The log as it is stored with the merge."""
        return {"moved": self.moved, "aside": self.aside, "changed": self.changed}


class Folding:
    """One round of pairs on its way from the merged to the kept."""

    def __init__(self, pairs: Sequence[Pair], now: datetime) -> None:
        self.logs = {merged_id: Log() for _, merged_id in pairs}
        self.merged_of = dict(pairs)
        self.params: dict[str, Any] = {
            "kept": [kept_id for kept_id, _ in pairs],
            "merged": [merged_id for _, merged_id in pairs],
            "now": now,
        }

    def run(self) -> set[str]:
        """Fold everything; gives the names of the tables that had rows of the merged."""
        used = tables.used(customer_ids=self.params["merged"])
        # Rows are named by the ids of their customers, and hashed to meet their pairs: where a
        # table is thought empty, a loop would hold each of its rows against each pair.
        with planner.hashed():
            for table in used:
                self._fold(table)
            self._pair_again()
        return {table.name for table in used}

    def _fold(self, table: Table) -> None:
        if table.is_derived:
            self._set_all_aside(table)
            return
        if table.name in (CONSENT, PREFERENCE):
            self._fold_state(table)
            return
        if table.name == PAUSE:
            self._aside(PAUSE, _DROP_SHORTER_PAUSE)
        if table.name == CONVERSATION:
            self._changed(CONVERSATION, _GO_ON_WAITING)
            self._changed(CONVERSATION, _CLOSE_OPEN)
        for unique in table.uniques:
            self._set_colliding_aside(table, unique)
        self._move(table)

    def _fold_state(self, table: Table) -> None:
        rows = self._set_all_aside(table)
        statement = _KEEP_STRICTEST if table.name == CONSENT else _KEEP_FEWEST
        for kept_id, before, after in self._run(statement, rows=rows):
            log = self.logs[self.merged_of[kept_id]]
            log.changed[table.name].append((before, after))

    def _set_all_aside(self, table: Table) -> list[str]:
        return self._aside(
            table.name,
            f"DELETE FROM {table.name} gone "  # noqa: S608
            f"WHERE {table.customer} = ANY(%(merged)s::bigint[]) "
            f"RETURNING {table.customer}, to_jsonb(gone)",
        )

    def _set_colliding_aside(self, table: Table, unique: tables.Unique) -> None:
        same = "".join(f" AND mine.{name} = theirs.{name}" for name in unique.others)
        rows = f"(SELECT * FROM {table.name} WHERE {unique.condition})"  # noqa: S608
        self._aside(
            table.name,
            f"""
            DELETE FROM {table.name} gone WHERE {table.key} = ANY(ARRAY(
                SELECT mine.{table.key} FROM {_PAIRS}
                JOIN {rows} AS mine ON mine.{table.customer} = pair.merged_id
                JOIN {rows} AS theirs ON theirs.{table.customer} = pair.kept_id{same}
                WHERE mine.{table.customer} = ANY(%(merged)s::bigint[])
                  AND theirs.{table.customer} = ANY(%(kept)s::bigint[])
            )) RETURNING {table.customer}, to_jsonb(gone)
            """,  # noqa: S608 - names of our own tables
        )

    def _move(self, table: Table) -> None:
        statement = (
            f"UPDATE {table.name} row SET {table.customer} = pair.kept_id FROM {_PAIRS} "  # noqa: S608
            f"WHERE row.{table.customer} = ANY(%(merged)s::bigint[]) "
            f"AND row.{table.customer} = pair.merged_id RETURNING pair.merged_id, row.{table.key}"
        )
        for merged_id, key in self._run(statement):
            self.logs[merged_id].moved[table.name].append(key)

    def _pair_again(self) -> None:
        """What was said of the merged and a third holds for the kept and the third."""
        rows = self._aside(CANDIDATE, _DROP_CANDIDATES)
        if not rows:
            return
        for left_id, right_id, after in self._run(_PAIR_AGAIN, rows=rows):
            kept_id = left_id if left_id in self.merged_of else right_id
            self.logs[self.merged_of[kept_id]].changed[CANDIDATE].append((None, after))

    def _aside(self, name: str, statement: str) -> list[str]:
        rows = self._run(statement)
        for merged_id, row in rows:
            self.logs[merged_id].aside[name].append(row)
        return [row for _, row in rows]

    def _changed(self, name: str, statement: str) -> None:
        for merged_id, before, after in self._run(statement):
            self.logs[merged_id].changed[name].append((before, after))

    def _run(self, statement: str, **more: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, self.params | more)
            return list(cursor.fetchall())
