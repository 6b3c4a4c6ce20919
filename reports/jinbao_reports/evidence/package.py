"""Makes a package: the report, judged from exactly the rows that go into it, and everything that proves these rows."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from jinbao_agent.wire import sha256
from jinbao_config import units
from jinbao_config.contract import read_contract
from jinbao_reports.evidence import readme
from jinbao_reports.evidence.pack import Packer
from jinbao_reports.evidence.rebuild import Rebuilt, key_text
from jinbao_reports.evidence.report import Json, essence, find_outage, report_of
from jinbao_reports.evidence.selection import Day, Window, rows_of, tell_of_before, wanted
from jinbao_reports.evidence.source import EvidenceError, Source, as_json, opened, own_store
from jinbao_reports.evidence.verify import chains
from jinbao_reports.evidence.verify.late import Judged
from jinbao_reports.evidence.verify.rows import packed
from jinbao_reports.files import parse_as_of
from jinbao_reports.judge import contract_in_force
from jinbao_reports.legal_days import SHIPPED
from jinbao_reports.load import Asked, gather
from jinbao_reports.notation import Writer
from jinbao_reports.service_time import Period, local_day
from jinbao_reports.source import digest

SCHEMA = "jinbao.package/1"
_VERSION = metadata.version("jinbao-uptime")
_AFTER_MS = 600_000
_MARGINS_MS = tuple(days * units.DAY_MS for days in (2, 8, 40))

Told = Callable[[str, int, int], None]
"""Hears what is being done, how far it is, and how far it goes."""


@dataclass(frozen=True, slots=True)
class Made:
    """A package that was written, and the report in it."""

    file: Path
    report: Json
    report_bytes: bytes
    days: int
    rows: int

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    @property
    def digest(self) -> str:
        """By which documents made of the report name it."""
        return sha256(self.report_bytes)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Rows that were found to be enough, and the Statement that they alone give."""

    window: Window
    days: tuple[Day, ...]
    statement: Json


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be packed: a period's report, perhaps with the `mark` of its issue, or only what proves one outage."""

    asked: Asked
    outage: str | None = None
    mark: Json | None = None


def make_package(order: Order, file: Path, told: Told = lambda what, done, whole: None) -> Made:
    """Raises EvidenceError and whatever judging raises."""
    asked = order.asked
    store = own_store(asked)
    if asked.ledgers:
        raise EvidenceError("--ledger: nobody attests these entries; put them into the collector's ledger by `ledger add`")
    if asked.unsigned:
        raise EvidenceError("--unsigned: nobody signed these samples, so there is nothing that a package could prove")
    contract, period = contract_in_force([read_contract(one) for one in asked.contracts], asked.period)
    with opened(store, contract.value.zone) as source:
        if source.mended:
            raise EvidenceError(f"no manifest attests the repair in ledger row {source.mended} yet: wait for the next one")
        _check_declared(source, asked, str(local_day(period.span[1] - 1, contract.value.zone)))
        known_until = source.end_of_newest(contract.value.zone)
        if asked.as_of is None and period.span[1] > known_until:
            order = replace(order, asked=replace(asked, as_of=Writer(contract.value.zone).instant(known_until)))
        elif asked.as_of is not None and min(period.span[1], parse_as_of(asked.as_of)) > known_until:
            until = Writer(contract.value.zone).instant(known_until)
            raise EvidenceError(f"--as-of {asked.as_of}: the manifests know nothing after {until}; judge as of that, or wait")
        drawn = _draw(source, order, period, told)
        return _write(source, order, drawn, file, told)


def _check_declared(source: Source, asked: Asked, last: str) -> None:
    """Files that neither the newest manifest nor that of the period's last day attests prove nothing."""
    then = [day.signed.fields() for day in source.days if day.name <= last][-1:]
    attested = [*then, source.attested()]
    files = [(asked.links, [one["links"] for one in attested])]
    files += [(file, [value for one in attested for value in one["contracts"].values()]) for file in asked.contracts]
    if asked.calendar is not None:
        files.append((asked.calendar, [one.get("calendar") for one in attested]))
    for file, digests in files:
        if digest(file) not in digests:
            raise EvidenceError(
                f"{file}: the centre's manifest of {source.newest.name} attests another file; "
                "name it in collector.toml, then let the next day's manifest be made"
            )


def _draw(source: Source, order: Order, period: Period, told: Told) -> _Drawn:
    """The narrowest window whose rows alone give what the whole store gives. Raises EvidenceError if not even all rows do."""
    whole = gather(order.asked).answer().statement()
    expected = essence(whole, order.outage)
    drawn: dict[Day, int] | None = None
    for window in _windows(source, period, whole, order.outage):
        if drawn == (drawn := wanted(source.volumes, source.days, window)):
            continue  # no more than before
        statement = _judged(source, order.asked, window, tuple(drawn), told)
        if essence(statement, order.outage) == expected:
            return _Drawn(window, tuple(drawn), statement)
    raise EvidenceError(
        f"--period {order.asked.period}: its figures rest on more than manifests attest, batches or ledger entries that came "
        f"after the manifest of {source.newest.name} (wait for the next, or judge --as-of its end), or on what has no batches"
    )


def _windows(source: Source, period: Period, whole: Json, outage: str | None) -> Iterator[Window]:
    """Ever wider; the last one wants all."""
    if outage is None:
        judged = Judged.by(whole)
        last = max((day.last for day in source.days if day.name <= judged.last), default=0)
        also = tell_of_before(source.volumes, judged.end_ms, last)
        yield from (Window(period.span[0] - margin, period.span[1] + margin, also=also) for margin in _MARGINS_MS)
    else:
        link, found = find_outage(whole, outage)
        start = units.instant_ms(found["onset"])
        end = units.instant_ms(found["restored"]) if found["restored"] else period.span[1]
        # Whether a rung is silent is told by the day before (R4.2).
        for before in (units.DAY_MS + _AFTER_MS, *_MARGINS_MS[:2]):
            for agents in (_speakers(source, link), None):
                yield Window(start - before, end + _AFTER_MS, agents)
    yield Window()


def _speakers(source: Source, link: str) -> frozenset[str]:
    return frozenset(member.agent for member in source.roster.members.values() if member.speaks_for(link))


def _judged(source: Source, asked: Asked, window: Window, days: Sequence[Day], told: Told) -> Json:
    """The Statement that these rows alone give."""
    with tempfile.TemporaryDirectory(prefix="jinbao-evidence-") as folder:
        root = Path(folder) / "data"
        manifests = [day.signed for day in _through(source, days)]
        with Rebuilt(root, source.ledger, manifests, source.flagged()) as rebuilt:
            for number, day in enumerate(days):
                told("draw", number, len(days))
                rebuilt.take(rows_of(source.volumes, day, window))
            rebuilt.finish()
        return gather(replace(asked, store=root)).answer().statement()


def _through(source: Source, days: Sequence[Day]) -> list[Day]:
    """Without a gap from the first of these days to the newest manifest."""
    first = days[0].name if days else source.newest.name
    return [day for day in source.days if day.name >= first]


def _write(source: Source, order: Order, drawn: _Drawn, file: Path, told: Told) -> Made:
    count, report = 0, report_of(drawn.statement, order.outage, order.mark)
    with Packer(file) as packer:
        for name, data in _frame(source, order, drawn):
            packer.add(name, data)
        packer.add("report.json", as_json(report))
        for number, day in enumerate(drawn.days):
            told("pack", number, len(drawn.days))
            packer.add(f"rows/{day.name}.rows", packed(rows_of(source.volumes, day, drawn.window)))
            count += day.last - day.first + 1
        packer.close()
    return Made(file, report, as_json(report), len(drawn.days), count)


def _frame(source: Source, order: Order, drawn: _Drawn) -> Iterator[tuple[str, bytes]]:
    """All members but report and rows."""
    manifests, declared = _through(source, drawn.days), _declared(order.asked)
    last = manifests[-1]
    yield "package.json", as_json(_facts(source, order, declared))
    demonstration = "demonstration" in drawn.statement
    yield from accompanying(source.key.fingerprint, last.name, last.signed.hash, demonstration=demonstration).items()
    for name, path in declared.items():
        yield name, path.read_bytes()
    yield "keys/centre.txt", key_text(source.key.raw).encode()
    yield "ledger.jsonl", "".join(chains.ledger_line(chains.LedgerRow(*row)) for row in source.ledger).encode()
    for day in manifests:
        yield f"manifests/{day.name}.manifest", day.signed.to_lines()
    for day in manifests:
        token = source.home.token(day.name)
        if token.exists():
            yield f"tokens/{day.name}.tsr", token.read_bytes()


def _facts(source: Source, order: Order, declared: Mapping[str, Path]) -> Json:
    asked = order.asked
    return {
        "schema": SCHEMA,
        "made_by": {"name": "jinbao-uptime", "version": _VERSION},
        "asked": {
            "period": asked.period,
            "as_of": asked.as_of,
            "profile": asked.profile,
            "outage": order.outage,
            "contracts": [name for name in declared if name.startswith("config/contract")],
            "indicators": "config/indicators.toml" if asked.indicators else None,
        },
        "issue": order.mark,
        "until_day": source.newest.name,
    }


def _declared(asked: Asked) -> Mapping[str, Path]:
    contracts = {f"config/contract{number or ''}.toml": file for number, file in enumerate(asked.contracts)}
    indicators = {"config/indicators.toml": asked.indicators} if asked.indicators else {}
    return {"config/links.toml": asked.links, **contracts, "config/calendar.toml": asked.calendar or SHIPPED, **indicators}


def accompanying(key: str, day: str, hashed: str, *, demonstration: bool) -> dict[str, bytes]:
    """What every package of this version has: the page that explains it, and the program that checks it."""
    return {
        "README.txt": readme.text(key, day, hashed, _VERSION, demonstration=demonstration).encode(),
        **{name: path.read_bytes() for name, path in _verifier().items()},
    }


def _verifier() -> dict[str, Path]:
    """The checks that need nothing but Python, to lie beside what they check."""
    folder = Path(chains.__file__).parent
    return {f"verify/{file.name}": file for file in sorted(folder.glob("*.py"))}
