"""Injected against found: every fault must be found on each of its links, with its edges and its judgement, and nothing else.

A miss is a fault not found, an edge more than T from the truth (see _LATENESS), a wrong cause, party, class or row, one
event told as several, an outage nobody made, time nobody saw, or an acknowledged batch that is lost.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from jinbao_config.units import instant_us
from jinbao_lab.county import County
from jinbao_lab.faults import FAULTS
from jinbao_lab.truth import Injected, Truth

Outage = Mapping[str, Any]
# A probe leaves up to this part of T late, measured on a busy machine; around an edge two samples are then so much more apart.
_LATENESS = 20
# Common events (judgement R4.7): one event over all its links.
_ONE_EVENT_ROWS = frozenset({"12", "13b", "14", "15", "16", "17"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One fault on one link. `found` is the outage's id; errors are found minus true, microseconds; no `misses` is right."""

    fault: str
    kind: str
    link: str
    expected: str
    found: str | None
    judged: str
    onset_error_us: int | None = None
    restored_error_us: int | None = None
    misses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    lines: tuple[Line, ...]
    extra: tuple[str, ...]
    events: tuple[str, ...]
    blind_spots: tuple[str, ...]
    clock: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def hits(self) -> int:
        return sum(not line.misses for line in self.lines)

    @property
    def misses(self) -> int:
        others = (self.extra, self.events, self.blind_spots, self.clock, self.lost)
        return len(self.lines) - self.hits + sum(map(len, others))

    @property
    def right(self) -> bool:
        return self.misses == 0

    def facts(self) -> dict[str, Any]:
        return {**asdict(self), "injected": len(self.lines), "misses": self.misses}


def score(truth: Truth, statement: Mapping[str, Any], lost: Sequence[str] = ()) -> Score:
    """`lost` are acknowledged batches that the journal lacks."""
    found = {link["link"]: list(link["outages"]) for link in statement["links"]}
    lines: list[Line] = []
    used: set[str | None] = set()
    for fault in truth.faults:
        for link in _links(truth, fault):
            line = _line(truth, fault, link, found.get(link, []), used)
            lines.append(line)
            used.add(line.found)
    return Score(
        lines=tuple(lines),
        extra=tuple(_extras(truth, found, used)),
        events=tuple(_torn_events(truth, lines, found)),
        blind_spots=tuple(_blind_spots(truth, statement)),
        clock=tuple(_clock(truth)),
        lost=tuple(lost),
    )


def _line(truth: Truth, fault: Injected, link: str, outages: Sequence[Outage], used: Iterable[str | None]) -> Line:
    expected = " → ".join(_rows(fault)) or "–"
    line = Line(fault=fault.id, kind=fault.kind, link=link, expected=expected, found=None, judged="–")
    if not _rows(fault):
        return line
    free = [outage for outage in outages if outage["id"] not in used]
    outage = max(free, key=lambda one: _overlap(one, fault, truth), default=None)
    if outage is None or _overlap(outage, fault, truth) <= 0:
        return replace(line, misses=("not found",))
    errors = _edge_errors(fault, outage)
    misses = [*_edge_misses(errors, truth), *_slice_misses(fault, outage)]
    judged = " → ".join(_judgement(one) for one in _merged(outage["slices"]))
    return replace(
        line,
        found=outage["id"],
        judged=judged,
        onset_error_us=errors["onset"],
        restored_error_us=errors["restored"],
        misses=tuple(misses),
    )


def _judgement(one: Mapping[str, Any]) -> str:
    return f"{one['cause']} {one['party']} {one['class']} {one['row']}"


def _overlap(outage: Outage, fault: Injected, truth: Truth) -> int:
    """Microseconds shared with the fault, widened by T so that a touching one counts."""
    slack = truth.interval_ms * 1000
    since, until = _span(outage, truth)
    return min(until, _restored_us(fault) + slack) - max(since, _onset_us(fault) - slack)


def _span(outage: Outage, truth: Truth) -> tuple[int, int]:
    return instant_us(outage["onset"]), instant_us(outage["restored"]) if outage["restored"] else truth.to_us


def _edge_errors(fault: Injected, outage: Outage) -> dict[str, int | None]:
    restored = outage["restored"]
    return {
        "onset": instant_us(outage["onset"]) - _onset_us(fault),
        "restored": instant_us(restored) - _restored_us(fault) if restored else None,
    }


def _edge_misses(errors: Mapping[str, int | None], truth: Truth) -> Iterator[str]:
    for name, error in errors.items():
        if error is None:
            yield f"{name} is open"
        elif abs(error) > _tolerance_us(truth):
            yield f"{name} off by {error / 1e6:+.3f} s"


def _tolerance_us(truth: Truth) -> int:
    return truth.interval_ms * 1000 + truth.interval_ms * 1000 // _LATENESS


def _merged(slices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours with the same judgement as one."""
    merged: list[dict[str, Any]] = []
    for one in slices:
        if merged and _judgement(merged[-1]) == _judgement(one):
            merged[-1]["to"] = one["to"]
        else:
            merged.append(dict(one))
    return merged


def _slice_misses(fault: Injected, outage: Outage) -> Iterator[str]:
    rows = tuple(str(one["row"]) for one in _merged(outage["slices"]))
    if rows != _rows(fault):
        yield f"rows {' → '.join(rows)} instead of {' → '.join(_rows(fault))}"


def _rows(fault: Injected) -> tuple[str, ...]:
    """The scenario's word, else the kind's own."""
    own = FAULTS[fault.kind].row
    return ((own,) if own else ()) if fault.rows is None else fault.rows


def _links(truth: Truth, fault: Injected) -> tuple[str, ...]:
    county = County(truth.townships)
    return tuple(county.code(township) for township in county.members(fault.on))


def _onset_us(fault: Injected) -> int:
    return fault.spans[0][0]


def _restored_us(fault: Injected) -> int:
    return fault.spans[-1][1]


def _extras(truth: Truth, found: Mapping[str, Sequence[Outage]], used: Iterable[str | None]) -> Iterator[str]:
    for link, outages in found.items():
        for outage in outages:
            if outage["id"] not in used and not _is_fringe(truth, link, outage):
                judged = " → ".join(_judgement(one) for one in _merged(outage["slices"]))
                yield f"{link} {outage['scope']} {outage['onset']} … {outage['restored']}: {judged}"


def _is_fringe(truth: Truth, link: str, outage: Outage) -> bool:
    """A service outage is what is left of it outside the link's. The two rungs are not probed at one instant, so up to a
    period may be left at either edge of a line fault; that is no outage of its own."""
    if outage["scope"] != "service":
        return False
    slack = truth.interval_ms * 1000
    edges = [edge for fault in truth.faults if link in _links(truth, fault) for edge in (_onset_us(fault), _restored_us(fault))]
    pieces = [(instant_us(piece["from"]), instant_us(piece["to"])) for piece in outage["slices"]]
    return all(any(edge - slack <= since and until <= edge + slack for edge in edges) for since, until in pieces)


def _torn_events(truth: Truth, lines: Sequence[Line], found: Mapping[str, Sequence[Outage]]) -> Iterator[str]:
    event_of = {outage["id"]: outage["event_id"] for outages in found.values() for outage in outages}
    for fault in truth.faults:
        if len(_links(truth, fault)) > 1 and _ONE_EVENT_ROWS.intersection(_rows(fault)):
            events = {event_of[line.found] for line in lines if line.fault == fault.id and line.found}
            if len(events) > 1 or None in events:
                yield f"{fault.id}: {len(events)} events instead of one: {sorted(map(str, events))}"


def _blind_spots(truth: Truth, statement: Mapping[str, Any]) -> Iterator[str]:
    """Where either vantage sees a link, no time may be unknown; a period at each edge of a fault is the sampling's."""
    for link in statement["links"]:
        edges = 2 * sum(link["link"] in _links(truth, fault) for fault in truth.faults)
        unknown = float(link["seconds"]["unknown"])
        if unknown * 1000 > truth.interval_ms * edges:
            yield f"{link['link']}: {unknown} s unknown, with {edges} edges of {truth.interval_ms} ms"


def _clock(truth: Truth) -> Iterator[str]:
    if abs(truth.clock_step_us) > 100_000:
        yield f"this machine's clock moved by {truth.clock_step_us / 1e6:+.3f} s during the run: the truth cannot be trusted"
