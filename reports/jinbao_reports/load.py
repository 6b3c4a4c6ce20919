"""From a command's files to a Judgement: reads, checks, chooses the contract version, and names every input by its digest."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinbao_agent.sample import Event
from jinbao_collector.entry import Entry, read_entries
from jinbao_collector.home import Home
from jinbao_collector.ledger import DEMONSTRATION, Ledger
from jinbao_collector.manifest import Manifests
from jinbao_collector.store import Flaw, Reader, open_store
from jinbao_collector.unsigned import UnsignedReader
from jinbao_config.contract import Contract, read_contract
from jinbao_config.indicators import Indicators, read_indicators
from jinbao_config.links import Links, read_links
from jinbao_config.shape import Document
from jinbao_reports import files
from jinbao_reports.breakdown import breakdown
from jinbao_reports.declared import Declared, is_cause
from jinbao_reports.indicators import scored
from jinbao_reports.judge import Case, Judgement, contract_in_force, judge, judge_samples
from jinbao_reports.legal_days import LegalDays, read_legal_days, shipped
from jinbao_reports.office.word import OfficeWord, read_word
from jinbao_reports.source import BadInput, Recorded
from jinbao_reports.statement import statement


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command was told to judge."""

    links: Path
    contracts: Sequence[Path]
    period: str
    samples: Path | None = None
    intervals: Path | None = None
    store: Path | None = None
    server: str | None = None
    unsigned: bool = False
    events: Path | None = None
    ledgers: Sequence[Path] = ()
    as_of: str | None = None
    profile: str | None = None
    calendar: Path | None = None
    indicators: Path | None = None
    office: Path | None = None
    census: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A judgement with the inputs it rests on."""

    judgement: Judgement
    inputs: dict[str, str]
    flaws: tuple[Flaw, ...]
    manifest: dict[str, str] | None = None
    indicators: Document[Indicators] | None = None
    office: OfficeWord | None = None
    demonstration: bool = False

    def statement(self) -> dict[str, Any]:
        """With the newest daily manifest of the store, where there is one: what an outside anchor would attest.

        `demonstration` stands in it, and is true, where the ledger says that nothing of this was measured.
        """
        made = statement(self.judgement, self.inputs, self.flaws)
        for link, judged in zip(made["links"], self.judgement.links, strict=True):
            link.update(breakdown(judged, self.judgement))
        if self.indicators is not None:
            made["indicators"] = scored(self.indicators.value, self.judgement)
            made["indicator_placeholders"] = list(self.indicators.placeholders)
        if self.demonstration:
            made["demonstration"] = True
        if self.manifest is not None:
            made["manifest"] = self.manifest
        return made if self.office is None else self.office.adds_to(made)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything a command named, read once: judged as it was declared, or under another case."""

    case: Case
    inputs: dict[str, str]
    source: Reader | tuple[files.StateSpan, ...]
    manifest: dict[str, str] | None = None
    indicators: Document[Indicators] | None = None
    office: OfficeWord | None = None
    demonstration: bool = False

    def answer(self, case: Case | None = None) -> Answer:
        case = self.case if case is None else case
        if isinstance(self.source, tuple):
            codes = tuple(link.code for link in case.in_force())
            judgement = judge(Declared(self.source, case.stated(), codes, case.as_of), case)
            return Answer(judgement, self.inputs, (), indicators=self.indicators, office=self.office)
        judgement = judge_samples(self.source, case)
        more = self.manifest, self.indicators, self.office, self.demonstration
        # Asked afterwards: of a server nothing has a digest but what it handed out.
        return Answer(judgement, {**self.inputs, **self.source.inputs()}, self.source.flaws(), *more)


def answer(asked: Asked) -> Answer:
    """Raises ConfigError and BadInput, both naming file, place and what would be right."""
    return gather(asked).answer()


def gather(asked: Asked) -> Gathered:
    """Raises as `answer` does."""
    if asked.unsigned and asked.store is None:
        raise BadInput("--unsigned: chooses what Telegraf wrote of a collector's data directory; give --store DIRECTORY")
    links = read_links(asked.links)
    case, inputs = _case(asked, links)
    wanted = None
    if asked.indicators is not None:
        wanted = read_indicators(asked.indicators)
        inputs["indicators"] = wanted.sha256
    office = read_word(asked.office, asked.census, links.value)
    inputs |= office.inputs if office else {}
    if asked.intervals is not None:
        spans, inputs["intervals"] = files.read_intervals(asked.intervals)
        _refuse_unknown_causes(asked.intervals, spans)
        return Gathered(case, inputs, spans, indicators=wanted, office=office)
    manifest, demonstration = _newest_manifest(asked, case), _is_demonstration(asked.store)
    return Gathered(case, inputs, _source(asked, links.value), manifest, wanted, office, demonstration)


def _case(asked: Asked, links: Document[Links]) -> tuple[Case, dict[str, str]]:
    contract, period = contract_in_force([read_contract(file) for file in asked.contracts], asked.period)
    entries, inputs = read_ledgers(asked.store, asked.ledgers)
    inputs |= {"links": links.sha256, "contract": contract.sha256}
    as_of = None if asked.as_of is None else files.parse_as_of(asked.as_of)
    legal = legal_days(asked.calendar, asked.as_of)
    return Case(links.value, under_profile(contract, asked.profile), period, entries, as_of, legal), inputs


def legal_days(file: Path | None, as_of: str | None) -> LegalDays:
    """Our edition of the legal calendar, or another; with what had been published at `as_of`."""
    legal = shipped() if file is None else read_legal_days(file)
    return legal if as_of is None else legal.known_at(files.parse_as_of(as_of))


def under_profile(contract: Document[Contract], profile: str | None) -> Document[Contract]:
    """Another profile than the contract's is judged by its own defaults (R9)."""
    rule = contract.value.rule
    if profile is None or profile == rule.profile:
        return contract
    rule = dataclasses.replace(rule, profile=profile, n=None, dt=None, c=None, p=None)
    return dataclasses.replace(contract, value=dataclasses.replace(contract.value, rule=rule))


def read_ledgers(store: Path | None, ledgers: Sequence[Path]) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """The entries of a store's own ledger, then of ledger files, and their digests; an id may stand once.

    Raises BadInput, ConfigError, and LedgerError where the store's is damaged or was changed.
    """
    entries: list[Entry] = []
    inputs: dict[str, str] = {}
    if store is not None:
        with Ledger(Home(store).ledger) as ledger:
            ledger.verify()
            entries += ledger.entries()
            inputs["ledger_head"] = ledger.head[1]
    for index, file in enumerate(ledgers):
        document = read_entries(file)
        inputs["ledger" if not index else f"ledger_{index + 1}"] = document.sha256
        entries += document.value.entry
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise BadInput(f"ledger: entry {entry.id!r} stands twice; each id may stand once over all ledgers")
        seen.add(entry.id)
    return tuple(entries), inputs


def _source(asked: Asked, links: Links) -> Reader:
    if asked.server is not None:
        from jinbao_collector.replica.opening import open_address  # its client takes a third of a second to load

        return open_address(asked.server)
    if asked.store is not None:
        return UnsignedReader(Home(asked.store).unsigned) if asked.unsigned else open_store(asked.store)
    if asked.samples is None:
        raise BadInput("nothing to judge: give --samples FILE.csv, --intervals FILE.csv or --store DIRECTORY|ADDRESS")
    recorded, digest = files.read_samples(asked.samples, links.interval)
    known = {link.code for link in links.link} | {"*"}
    unknown = tuple(
        Flaw("unknown_link", link, target, int(series.at[0]))
        for (link, _, target), series in recorded.items()
        if link not in known and len(series)
    )
    events: tuple[Event, ...] = ()
    digests = [("samples", digest)]
    if asked.events is not None:
        events, events_digest = files.read_events(asked.events)
        digests.append(("events", events_digest))
    return Recorded(recorded, events, tuple(digests), (*files.flaws(recorded), *unknown))


def _newest_manifest(asked: Asked, case: Case) -> dict[str, str] | None:
    """Of the store; none attests what nobody signed, or what a server says."""
    if asked.store is None or asked.unsigned:
        return None
    home = Home(asked.store)
    manifests = Manifests(home.manifests, home.journal, case.contract.value.zone)
    days = manifests.days()
    return {"day": days[-1], "hash": manifests.read(days[-1]).hash} if days else None


def _is_demonstration(store: Path | None) -> bool:
    """Said by a row of the ledger, so that it cannot be taken away."""
    if store is None:
        return False
    with Ledger(Home(store).ledger) as ledger:
        return bool(ledger.rows(DEMONSTRATION))


def _refuse_unknown_causes(file: Path, spans: Sequence[files.StateSpan]) -> None:
    for span in spans:
        if not is_cause(span.cause):
            raise BadInput(f"{file}: cause {span.cause!r} of {span.link}: expected a cause code of docs/sla.md, or nothing")
