"""`jinbao-lab year`: a year of twelve links with its ground truth, so that a newcomer sees a full annual set in a minute.

Eleven months are written into the store as segments; the last goes the signed way, so that it can be packed and verified. The
ledger's first row says that all of it is a demonstration, and so does every Statement made of it.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinbao_collector.centre import Centre, create
from jinbao_collector.ledger import DEMONSTRATION
from jinbao_collector.place import Place
from jinbao_collector.store import SeriesKey, sealing
from jinbao_collector.store.file import HOURS
from jinbao_collector.store.samples import distinct
from jinbao_collector.store.segment import Segment, encode
from jinbao_collector.store.writing import StoreWriting
from jinbao_config.links import read_links
from jinbao_config.services import read_collector
from jinbao_lab.processes import Failed, typed
from jinbao_lab.show import Clock, Show
from jinbao_lab.year_files import write_declared
from jinbao_lab.year_found import Comparison, compare
from jinbao_lab.year_plan import DAY_MS, HOUR_MS, Fault, draw, entries
from jinbao_lab.year_samples import World, clipped, days_of, joined, series_of
from jinbao_lab.year_signed import Author, enrolled, send
from jinbao_reports.load import Asked, answer
from jinbao_reports.service_time import midnight_ms

ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made. Days are local; [first, signed) goes straight into the store, [signed, end) the signed way.

    `faults`: those of a test; None draws them by `seed`.
    """

    out: Path
    seed: int
    first: date
    signed: date
    end: date
    faults: tuple[Fault, ...] | None = None

    @classmethod
    def of_year(cls, out: Path, year: int, seed: int) -> "Order":
        """Its last month is signed, and two days before it: what a month looks back on must be proven too."""
        return cls(out, seed, date(year, 1, 1), date(year, 11, 29), date(year + 1, 1, 1))

    @property
    def span(self) -> tuple[int, int]:
        return midnight_ms(self.first, ZONE), midnight_ms(self.end, ZONE)

    @property
    def signed_ms(self) -> int:
        return midnight_ms(self.signed, ZONE)


def year(order: Order, show: Show) -> Comparison:
    """Makes it, judges it, and compares what was found with what was done. Raises Failed if the folder is in use."""
    if order.out.exists() and any(order.out.iterdir()):
        raise Failed(f"{order.out}: is not empty; name another folder by --out, or remove it")
    try:
        place, world = _declare(order)
        show.step("建立一年的演示数据", "making a demonstration year")
        _fill(order, place, world, show)
        show.step("评定全年并与真值对照", "judging it, and comparing with the truth")
        found = compare(world.faults, answer(_asked(order, place)).statement())
    except BaseException:
        shutil.rmtree(order.out / "data", ignore_errors=True)
        raise
    _tell(order, found, show)
    return found


def _declare(order: Order) -> tuple[Place, World]:
    """The files a site writes, and the truth."""
    order.out.mkdir(parents=True, exist_ok=True)
    write_declared(order.out)
    links = read_links(order.out / "links.toml").value
    faults = draw(links, order.span, order.seed) if order.faults is None else order.faults
    truth = {"demonstration": True, "seed": order.seed, "faults": [fault.facts() for fault in faults]}
    (order.out / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    place = Place.of(read_collector(order.out / "collector.toml"))
    return place, World(tuple(link.code for link in links.link), faults, order.span, order.seed)


class _HandClock:
    """What the collector takes for the time."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def _fill(order: Order, place: Place, world: World, show: Show) -> None:
    clock = _HandClock(order.span[0] - DAY_MS)
    create(place, clock())
    with Centre(place, clock) as centre:
        centre.ledger.append(DEMONSTRATION, {"seed": order.seed}, clock())
        authors = enrolled(centre, world)
        written = list(entries(world.faults, order.seed))
        with show.clock(100) as bar:
            _write_segments(place, world, (order.span[0], order.signed_ms), bar, show)
            for number, day in enumerate(days := _local_days(order)):
                bar.show(50 + 40 * number / len(days), show.text(f"签名批次 {day}", f"signed batches {day}"))
                _live_day(centre, clock, world, authors, written, midnight_ms(day, ZONE))
            sealing.seal(
                place.home, sealed=lambda at, last: bar.show(90 + 10 * at / max(1, last), show.text("封存", "sealing"))
            )


def _local_days(order: Order) -> list[date]:
    return [date.fromordinal(day) for day in range(order.signed.toordinal(), order.end.toordinal())]


def _write_segments(place: Place, world: World, span: tuple[int, int], bar: Clock, show: Show) -> None:
    """A transaction a rung; rungs are measured and packed by all the machine's processors."""
    keys = list(series_of(world.codes))
    with StoreWriting(place.home.store) as store, ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for number, (key, segments) in enumerate(zip(keys, pool.map(partial(_segments, world, span), keys), strict=True)):
            bar.show(50 * number / len(keys), show.text(f"写入 {' '.join(key)}", f"writing {' '.join(key)}"))
            with store.transaction():
                for begin, segment in segments:
                    store.put(store.number(key), begin, HOURS, segment)
        with store.transaction():
            for agent in world.agents.values():
                store.add_events(event for event in world.events(agent) if event.at_us < span[1] * 1000)


def _segments(world: World, span: tuple[int, int], key: SeriesKey) -> list[tuple[int, Segment]]:
    days = ((day, clipped(world.day(key, day), span)) for day in days_of(span))
    return [(day * HOURS, encode(distinct([samples]), 1)) for day, samples in days if len(samples)]


def _live_day(
    centre: Centre, clock: _HandClock, world: World, authors: Mapping[Any, Author], written: list[Any], begin: int
) -> None:
    """One local day as the centre lived it: entries when they were written down, batches at its end, then the manifest."""
    end = begin + DAY_MS
    clock.now_ms = max(clock.now_ms, begin)
    while written and (written[0].entered_at or 0) < end:
        entry = written.pop(0)
        clock.now_ms = max(clock.now_ms, entry.entered_at or 0)
        centre.ledger.enter([entry], clock())
    clock.now_ms = end - 1
    for author in authors.values():
        mine = [key for key in series_of(world.codes) if world.agent_of(key) is author.agent]
        measured = {key: _around(world, key, (begin, end)) for key in mine}
        events = [event for event in world.events(author.agent) if begin <= event.at_us // 1000 < end]
        send(centre, author, measured, events, begin)
    clock.now_ms = end + HOUR_MS // 60
    centre.make_due_manifests()


def _around(world: World, key: SeriesKey, span: tuple[int, int]) -> Any:
    """A local day lies in two of UTC."""
    return clipped(joined([world.day(key, day) for day in days_of(span)]), span)


def _asked(order: Order, place: Place) -> Asked:
    period = str(order.first.year) if order.end == date(order.first.year + 1, 1, 1) else f"{order.first}/{order.end}"
    return Asked(order.out / "links.toml", [order.out / "contract.toml"], period, store=place.home.root)


def _tell(order: Order, found: Comparison, show: Show) -> None:
    for miss in found.misses:
        show.tell(f"✗ {miss}")
    show.tell(
        f"真值中的故障 {found.faults} 个，判对 {found.right} 个；真值见 {order.out / 'truth.json'}",
        f"{found.faults} faults were made, {found.right} judged rightly; the truth is in {order.out / 'truth.json'}",
    )
    show.step("接下来可以运行（均为演示数据）", "what to run next (all of it is demonstration data)")
    for command in commands(order):
        show.tell(command)


def commands(order: Order) -> Iterator[str]:
    """Each can be typed as it stands."""
    files = [("--store", "data"), ("--links", "links.toml"), ("--contract", "contract.toml")]
    declared = [word for option, name in files for word in (option, str((order.out / name).absolute()))]
    whole, month = (
        _asked(order, Place.of(read_collector(order.out / "collector.toml"))).period,
        str(order.end - timedelta(days=1))[:7],
    )
    package = str((order.out / "evidence.zip").absolute())
    yield typed("jinbao-report", "compute", *declared, "--period", whole)
    yield typed("jinbao-report", "month", *declared, "--period", month, "--out", str(order.out.absolute()))
    yield typed("jinbao-report", "package", *declared, "--period", month, "--out", package)
    yield typed("jinbao-report", "verify", package)
