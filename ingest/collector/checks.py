"""Checks records against a contract, so that what is taken lands and is not refused for its types.

Compiled once for each contract and once more for each order of keys that records come with: what is
left to do for a record is to look at the values of a few columns.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest.casts import aware, moment
from ingest.collector.records import Record
from ingest.collector.values import (
    CONTAINERS,
    Finds,
    InexactError,
    nested_check,
    op_check,
    plain_text,
    scalar_check,
    shape_check,
    text_check,
    upper_text,
)
from ingest.contracts import Column, Contract, SourceContract, column_name
from ingest.landing.columns import lookup
from ingest.landing.shapes import ShapeError, decode_json
from ingest.types import Scalar

EVENT_ID = "event_id"
# A segment is named after the second it is sealed in, so up to a second before a record came.
FUTURE = timedelta(days=1) - timedelta(seconds=1)
MOST_DEPTH = 64
_MOST_PLANS = 200  # of each contract; a sender may think up keys for ever

Problem = dict[str, str | None]


class Verdict(NamedTuple):
    """What becomes of a record: its line if it is taken, else its problems."""

    line: bytes
    event_id: str | None
    problems: list[Problem]


@dataclass(frozen=True)
class _Plan:
    """How records with these keys are checked; `problems` are those that all of them have."""

    problems: tuple[tuple[str, str], ...]
    plain: tuple[tuple[str, str, Finds], ...]  # column, key, the check of its shape
    judged: tuple[tuple[str, str, Finds], ...]
    judged_if_kept: tuple[tuple[str, str, Finds], ...]  # not of a deletion
    op: str | None
    event_id: str | None
    lacks_event_id: bool


class Checker:
    """The checks of one contract; making it raises ContractError for a type without a rule."""

    def __init__(self, source: SourceContract, contract: Contract) -> None:
        self.contract = contract
        self._zone = ZoneInfo(source.timestamps_in)
        self._names = lookup(contract)
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._gives_ids = contract.key == (EVENT_ID,)
        self._latest = datetime.max.replace(tzinfo=UTC)
        self._checks = {
            column.name: (shape_check(column.type), self._value_check(column))
            for column in contract.columns
        }

    def check_all(self, records: list[Record], now: datetime) -> Iterator[Verdict]:
        """The verdict on each record that came at `now` (aware)."""
        self._latest = now + FUTURE
        for record in records:
            yield self.check(record)

    def check(self, record: Record) -> Verdict:
        """The verdict on one record; the value of no field is in it but the event's id."""
        line, value = record.line, record.value
        if record.fault:
            return _refused(record.fault)
        if type(value) is not dict:
            return _refused("not a JSON object")
        is_flat = CONTAINERS.isdisjoint(map(type, value.values()))
        if is_flat:
            keys = len(value)
        elif _depth(value) > MOST_DEPTH:
            return _refused(f"nested more than {MOST_DEPTH} levels deep")
        else:
            keys = _key_count(value)
        try:
            # Where no blank is before a colon, each key is followed by `":`, and a text may look
            # like one: the count is that of the keys, or some key may occur twice.
            if line.count(b'":') != keys or b" :" in line or b"\t" in line:
                value = decode_json(line.decode())
            try:
                return self._judge(line, value, is_flat)
            except InexactError:
                return self._judge(line, decode_json(line.decode()), is_flat)
        except ShapeError:
            return _refused("a key occurs twice in one object")

    def _judge(self, line: bytes, value: dict[str, Any], is_flat: bool) -> Verdict:
        keys = tuple(value)
        plan = self._plans.get(keys)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            plan = self._plans[keys] = self._plan(keys)
        found = list(plan.problems)
        if not is_flat:
            for name, key, finds in plan.plain:
                if problem := finds(value[key]):
                    found.append((name, problem))
        for name, key, finds in plan.judged:
            if problem := finds(value[key]):
                found.append((name, problem))
        if plan.judged_if_kept and (plan.op is None or upper_text(value[plan.op]) != "D"):
            for name, key, finds in plan.judged_if_kept:
                if problem := finds(value[key]):
                    found.append((name, problem))
        event_id = None if plan.event_id is None else plain_text(value[plan.event_id])
        if found:
            return Verdict(b"", event_id, [_problem(*each) for each in dict.fromkeys(found)])
        if plan.lacks_event_id:
            event_id = str(uuid.uuid4())
            rest = line[1:] if value else b"}"
            comma = "," if value else ""
            line = f'{{"{EVENT_ID}":"{event_id}"{comma}'.encode() + rest
        return Verdict(line, event_id, [])

    def _plan(self, keys: tuple[str, ...]) -> _Plan:
        sources: dict[str, str] = {}
        problems: list[tuple[str, str]] = []
        for key in keys:
            name = self._names.get(column_name(key))
            if name in sources:
                problems.append((name, "named twice"))
            elif name is not None:
                sources[name] = key
        lacks_event_id = self._gives_ids and EVENT_ID not in sources
        plain, judged, judged_if_kept = [], [], []
        for column in self.contract.columns:
            source = sources.get(column.name)
            if source is None:
                is_needed = column.required or column.name == time_column(self.contract)
                if is_needed and not (lacks_event_id and column.name == EVENT_ID):
                    problems.append((column.name, _missing(column, self.contract)))
                continue
            shape, check = self._checks[column.name]
            if check is None:
                plain.append((column.name, source, shape))
            elif self.contract.load_kind == "increment" and not self._is_of_deletions(column.name):
                if not isinstance(column.type, Scalar):
                    judged.append((column.name, source, shape))
                else:
                    plain.append((column.name, source, shape))
                judged_if_kept.append((column.name, source, check))
            else:
                judged.append((column.name, source, check))
        return _Plan(
            problems=tuple(problems),
            plain=tuple(plain),
            judged=tuple(judged),
            judged_if_kept=tuple(judged_if_kept),
            op=sources.get("op") if self.contract.load_kind == "increment" else None,
            event_id=sources.get(EVENT_ID) if self._gives_ids else None,
            lacks_event_id=lacks_event_id,
        )

    def _is_of_deletions(self, name: str) -> bool:
        """Whether also a deletion needs the column, as staging has it."""
        return name in (*self.contract.key, "op", "updated_at")

    def _value_check(self, column: Column) -> Finds | None:
        """The check of shape, type and rules; None where only the shape can be wrong."""
        kind = column.type
        name = column.name
        if not isinstance(kind, Scalar):
            return nested_check(kind, column.pii)
        if self.contract.load_kind == "increment" and name == "op":
            return op_check
        is_key = name in self.contract.key
        if column.pii and not is_key:
            return None
        if name == time_column(self.contract) and kind.declared == "timestamp":
            return self._time_check()
        if kind.declared == "varchar" and not is_key:
            return None
        return scalar_check(kind, is_key=is_key, is_judged=not column.pii)

    def _time_check(self) -> Finds:
        zone = self._zone

        def problem(text: str) -> str | None:
            when = moment(text)
            if when is None:
                return "not of type timestamp"
            if aware(when, zone) > self._latest:
                return "more than a day in the future"
            return None

        return text_check("timestamp", is_required=True, problem=problem)


def time_column(contract: Contract) -> str | None:
    """The time of a change or an event, which staging must know and which may not lie ahead."""
    return "updated_at" if contract.load_kind == "increment" else contract.business_time


def _missing(column: Column, contract: Contract) -> str:
    if column.name in (*contract.key, "op", time_column(contract)):
        return "missing"
    return "missing; name it, with null where there is no value"


def _problem(field: str | None, problem: str) -> Problem:
    return {"field": field, "problem": problem}


def _refused(problem: str) -> Verdict:
    return Verdict(b"", None, [_problem(None, problem)])


def _key_count(value: Any) -> int:
    """The keys of all objects in a value."""
    if type(value) is dict:
        return len(value) + sum(map(_key_count, value.values()))
    return sum(map(_key_count, value)) if type(value) is list else 0


def _depth(value: Any) -> int:
    """How deep objects and lists are nested; found level by level, for there may be a thousand."""
    depth, level = 0, [value]
    while level := [item for item in level if type(item) in CONTAINERS]:
        depth += 1
        level = [
            inner for item in level for inner in (item.values() if type(item) is dict else item)
        ]
    return depth
