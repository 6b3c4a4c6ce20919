"""Injected against found: the statement must say at every instant what an all-knowing observer says (jinbao_lab.ideal).

A miss is a wrong state, cause, party, class or row, an edge further from the truth than the sampling explains, an outage nobody
made or one not found, time unknown that somebody saw or known that nobody did, time counted against the carrier while nothing
of his was broken, an outage or a common event torn apart, rows other than the scenario's own word, a short failure that left
no trace in the figures, or an acknowledged batch that is lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from jinbao_lab import compare, found, together
from jinbao_lab.compare import Miss, Slack
from jinbao_lab.county import County
from jinbao_lab.faults import FAULTS
from jinbao_lab.ideal import Ideal, ideal
from jinbao_lab.nature import county_of
from jinbao_lab.rulebook import Finding
from jinbao_lab.truth import Injected, Span, Truth


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
    """`lines` hold what is wrong while a fault lasts, `extra` what is wrong elsewhere; `unjust` must be empty whatever else."""

    lines: tuple[Line, ...]
    extra: tuple[str, ...] = ()
    unjust: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def hits(self) -> int:
        return sum(not line.misses for line in self.lines)

    @property
    def misses(self) -> int:
        others = (self.extra, self.unjust, self.events, self.figures, self.clock, self.lost)
        return len(self.lines) - self.hits + sum(map(len, others))

    @property
    def right(self) -> bool:
        return self.misses == 0

    def facts(self) -> dict[str, Any]:
        return {**asdict(self), "injected": len(self.lines), "misses": self.misses}


def score(truth: Truth, statement: Mapping[str, Any], lost: Sequence[str] = ()) -> Score:
    """`lost` are acknowledged batches that the journal lacks."""
    county = county_of(truth)
    ideals = {county.code(township): one for township, one in ideal(truth).items()}
    told = found.found_in(statement)
    links = [_Link(truth, county, ideals[code], one) for code, one in told.items()]
    for link in links:
        link.compare()
    order = {fault.id: at for at, fault in enumerate(truth.faults)}
    return Score(
        lines=tuple(sorted((line for link in links for line in link.lines()), key=lambda line: order[line.fault])),
        extra=(*(f"{code}: not in the statement" for code in ideals.keys() - told.keys()), *_said(links, "elsewhere")),
        unjust=_said(links, "unjust"),
        events=tuple(together.torn(ideals, found.events_in(statement), county, truth)),
        figures=_said(links, "figures"),
        clock=tuple(_clock(truth)),
        lost=tuple(lost),
    )


def _said(links: "Sequence[_Link]", kind: str) -> tuple[str, ...]:
    return tuple(one for link in links for one in link.said(kind))


@dataclass
class _Link:
    truth: Truth
    county: County
    ideal: Ideal
    told: found.Found
    _elsewhere: list[Miss] = field(default_factory=list)
    _unjust: list[Miss] = field(default_factory=list)
    _figures: list[Miss] = field(default_factory=list)
    _of_fault: dict[str, list[Miss]] = field(default_factory=dict)

    @property
    def slack(self) -> Slack:
        return compare.slack_of(self.truth)

    @property
    def faults(self) -> Sequence[Injected]:
        """Those that can touch this link."""
        return [one for one in self.truth.faults if self.ideal.township in self.county.members(one.on)]

    def compare(self) -> None:
        for miss in (*compare.wrong(self.ideal, self.told, self.slack), *compare.torn(self.ideal, self.told, self.slack)):
            fault = self._cause_of(miss)
            (self._of_fault.setdefault(fault.id, []) if fault else self._elsewhere).append(miss)
        blamed = [span for one in self.faults if self._is_the_carriers(one) for span in one.spans]
        self._unjust += compare.unjust(self.ideal, self.told, blamed, self.slack)
        self._figures += compare.faint(self.ideal, self.told)

    def _is_the_carriers(self, fault: Injected) -> bool:
        """His by name, or a line of his that loses some of what it carries."""
        kind = FAULTS[fault.kind]
        return kind.blame == "carrier" or bool(kind.lines(self.county, fault.on))

    def _cause_of(self, miss: Miss) -> Injected | None:
        """The fault that began last before it and is not long over."""
        near = 2 * self.slack.cause
        likely = [one for one in self.faults if _since(one) - near < miss.until_us and miss.since_us < _until(one) + near]
        return max(likely, key=_since, default=None)

    def said(self, kind: str) -> Iterator[str]:
        misses = {"elsewhere": self._elsewhere, "unjust": self._unjust, "figures": self._figures}[kind]
        yield from (f"{self.told.facts['link']} {self._words(miss)}" for miss in misses)

    def _words(self, miss: Miss) -> str:
        begin, end = ((at - self.truth.from_us) / 1e6 for at in (miss.since_us, miss.until_us))
        return f"{begin:.2f}–{end:.2f} s: {miss.says}"

    def lines(self) -> Iterator[Line]:
        for fault in self.faults:
            yield self._line(fault)

    def _line(self, fault: Injected) -> Line:
        span = _since(fault), _until(fault)
        shows = bool(FAULTS[fault.kind].row or fault.rows)
        expected = " → ".join(str(finding) for finding in self._expected(span)) if shows else ""
        misses = [
            *map(self._words, self._of_fault.get(fault.id, ())),
            *self._rows_missed(fault),
            *self._direction_missed(fault),
        ]
        line = Line(
            fault=fault.id, kind=fault.kind, link=self.told.facts["link"], expected=expected or "–", found=None, judged="–",
            misses=tuple(misses),
        )  # fmt: skip
        outage = compare.best(self._outages_like(span), span, self.slack) if expected else None
        return self._with(line, outage) if outage else line

    def _outages_like(self, span: Span) -> list[found.Outage]:
        """Without the fringes that a line's outage leaves of the service's."""
        scopes = {scope for scope, _ in self._findings(span)}
        return [one for one in self.told.outages if one.scope in scopes]

    def _with(self, line: Line, outage: found.Outage) -> Line:
        true = compare.nearest(self.ideal.outages, outage)
        errors: tuple[int | None, int | None] = (None, None)
        if true is not None:
            end = outage.until_us
            errors = outage.since_us - true.certain[0][0], None if end is None else end - true.certain[-1][1]
        return replace(line, found=outage.id, judged=outage.judged, onset_error_us=errors[0], restored_error_us=errors[1])

    def _findings(self, span: Span) -> Iterator[tuple[str, Finding]]:
        """What must be found, in order of time, where only one thing may be said."""
        pieces = [(piece, scope) for scope, all_ in self.ideal.pieces.items() for piece in all_]
        for piece, scope in sorted(pieces, key=lambda one: one[0].since_us):
            (said, *more) = piece.may
            touches = max(piece.since_us, span[0]) < min(piece.until_us, span[1])
            if touches and not more and isinstance(said, Finding):
                yield scope, said

    def _expected(self, span: Span) -> list[Finding]:
        return list(dict.fromkeys(finding for _, finding in self._findings(span)))

    def _rows_missed(self, fault: Injected) -> Iterator[str]:
        """The scenario's own word on the rows; where it has none, the kind's, if nothing else is broken meanwhile."""
        rows = self._promised(fault)
        if rows is not None:
            told = tuple(self._rows(_since(fault), _until(fault)))
            if told != rows:
                yield f"rows {' → '.join(told) or 'none'} instead of {' → '.join(rows) or 'none'}"

    def _direction_missed(self, fault: Injected) -> Iterator[str]:
        """Where the line carries one way only, the two reflectors' counts say which (row 21)."""
        wanted = FAULTS[fault.kind].direction
        if wanted and self.truth.peers and self._promised(fault):
            told = self.told.directions(_since(fault) + self.slack.cause, _until(fault) - self.slack.cause)
            if told != {wanted}:
                yield f"direction {' and '.join(sorted(map(str, told))) or 'not told'} instead of {wanted}"

    def _promised(self, fault: Injected) -> tuple[str, ...] | None:
        if fault.rows is not None:
            return fault.rows
        near = 10 * self.slack.edge
        others = (one for one in self.truth.faults if one.id != fault.id)
        alone = all(_until(one) + near < _since(fault) or _until(fault) + near < _since(one) for one in others)
        declared = self.truth.notices or self.truth.mute or self.truth.battery
        if not alone or declared or len(fault.spans) > 1 or _until(fault) - _since(fault) < 4 * self.slack.edge:
            return None
        row = FAULTS[fault.kind].row
        return (row,) * bool(row)

    def _rows(self, since: int, until: int) -> Iterator[str]:
        """Those told while a fault lasts, in order; what lies within an edge's slack may be missing and is left out."""
        last = ""
        parts = [(part, one.scope) for one in self.told.outages for part in one.parts]
        for (begin, end, finding), _ in sorted(parts, key=lambda part: part[0][:2]):
            long_enough = min(end, until + self.slack.edge) - max(begin, since) > self.slack.edge
            if long_enough and isinstance(finding, Finding) and finding.row != last:
                last = finding.row
                yield last


def _since(fault: Injected) -> int:
    return fault.spans[0][0]


def _until(fault: Injected) -> int:
    return fault.spans[-1][1]


def _clock(truth: Truth) -> Iterator[str]:
    if abs(truth.clock_step_us) > 100_000:
        yield f"this machine's clock moved by {truth.clock_step_us / 1e6:+.3f} s during the run: the truth cannot be trusted"
