"""A batch as it arrived: authentic, taken apart as far as the journal needs, judged by itself alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from jinbao_agent.wire import BATCH_TAG, Batch, Columns, WireError, check_header, read_columns, sha256
from jinbao_collector.agents import Member
from jinbao_collector.chains import CLOCK_SUSPECT, OUT_OF_SCOPE, SCHEMA_UNKNOWN, Part
from jinbao_config import units

_EARLIEST_MS = units.instant_ms("2020-01-01T00:00:00Z")
_MOST_NUMBER = 2**53
_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The chain an agent continues from, and the last number it knows of it."""

    chain: str
    number: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """`verdicts` are those that need no history. `oldest_ms` and `newest_ms` enclose samples and events alike."""

    arrived_ms: int
    batch: Batch
    fields: Mapping[str, Any]
    agent: str
    vantage: str
    key: str
    chain: str
    part: Part
    verdicts: tuple[str, ...]
    oldest_ms: int
    newest_ms: int
    rungs: tuple[tuple[str, str], ...]
    predecessor: Predecessor | None


def examine(batch: Batch, fields: Mapping[str, Any], member: Member, now_ms: int) -> Arrival:
    """`fields` are its head's. Raises WireError if it cannot be given a place in a chain, or its body is not the one named."""
    chain, number, prev = fields.get("chain"), fields.get("number"), fields.get("prev")
    if not _is_name(chain) or not _is_name(prev) or type(number) is not int or not 1 <= number < _MOST_NUMBER:
        raise WireError("a batch's head names chain, number from 1 and prev")
    if batch.body is not None and sha256(batch.body) != fields.get("body"):
        raise WireError("the body's SHA-256 is not the one in the header")
    verdicts: list[str] = []
    columns = _columns(batch, fields, verdicts)
    slots = read_slots(fields)
    if slots is None and SCHEMA_UNKNOWN not in verdicts:
        verdicts.append(SCHEMA_UNKNOWN)
    first, last = slots or (now_ms, now_ms)
    span = (columns.span_ms() if columns else None) or (first, last)
    oldest, newest = min(first, span[0]), max(last, span[1])
    if newest > now_ms + units.DAY_MS or oldest < _EARLIEST_MS:
        verdicts.append(CLOCK_SUSPECT)
    rungs = tuple(sorted({(row[0], row[1]) for row in columns.series})) if columns else ()
    if not _speaks_as(fields, member):
        verdicts.append(OUT_OF_SCOPE)
        rungs = ()
    elif columns and not all(map(member.speaks_for, _links(columns))):
        verdicts.append(OUT_OF_SCOPE)
    return Arrival(
        now_ms,
        batch,
        fields,
        member.agent,
        fields["vantage"] if isinstance(fields.get("vantage"), str) else "",
        member.key.fingerprint,
        chain,
        Part(number, batch.signed.hash, prev, first, last),
        tuple(verdicts),
        oldest,
        newest,
        rungs,
        read_predecessor(fields),
    )


def read_slots(fields: Mapping[str, Any]) -> tuple[int, int] | None:
    """First and last slot of a header, milliseconds; None if it has none that can be read."""
    slots = fields.get("slots")
    if not isinstance(slots, list) or len(slots) != 2 or any(type(slot) is not int or abs(slot) > 2**52 for slot in slots):
        return None
    return (slots[0], slots[1]) if slots[0] <= slots[1] else None


def read_predecessor(fields: Mapping[str, Any]) -> Predecessor | None:
    """Only a chain's first batch may name one."""
    named = fields.get("predecessor")
    if fields.get("number") != 1 or not isinstance(named, dict) or named.get("chain") == fields.get("chain"):
        return None
    chain, number = named.get("chain"), named.get("number")
    if not isinstance(chain, str) or type(number) is not int or not 0 <= number < _MOST_NUMBER:
        return None
    return Predecessor(chain, number)


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME


def _columns(batch: Batch, fields: Mapping[str, Any], verdicts: list[str]) -> Columns | None:
    """The body, where it is of the schema we know; else the verdict. A batch that came as a bare header has none."""
    try:
        if batch.signed.tag != BATCH_TAG:
            raise WireError(f"unknown tag {batch.signed.tag}")
        check_header(fields)
        columns = read_columns(batch.body) if batch.body is not None else None
        if columns and any(interval is None or interval <= 0 for _, _, interval in columns.series):
            raise WireError("a series without its interval")
    except WireError:
        verdicts.append(SCHEMA_UNKNOWN)
        return None
    return columns


def _speaks_as(fields: Mapping[str, Any], member: Member) -> bool:
    """A key speaks for its agent and its vantage. An agent that was not enrolled yet had no name to write down."""
    return fields.get("agent") in ("", member.agent) and fields.get("vantage") == member.vantage


def _links(columns: Columns) -> set[str]:
    return {row[0] for row in columns.series} | {event[0] for event in columns.events}
