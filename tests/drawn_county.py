"""A county as hypothesis draws it: two links, both vantages, events, a ledger and a contract, within 400 seconds."""

from dataclasses import replace
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from jinbao_agent.sample import Event, Sample
from jinbao_collector.entry import Entry
from jinbao_collector.series import Series
from jinbao_config.contract import Cap, Contract, Effective, ExclusionRule, Power, Rule, ServiceHours
from jinbao_config.links import Link, Links
from jinbao_config.shape import Document
from jinbao_config.units import day
from jinbao_reports.files import in_order
from jinbao_reports.judge import Case, Judgement, judge_samples
from jinbao_reports.service_time import Period, parse_period
from jinbao_reports.source import Recorded
from jinbao_reports.timeline import Meaning, Results, results
from samples import series_of

T = 10_000
START = 1_617_984_000_000  # 2021-04-10 00:00 Asia/Shanghai
CODES = ("510422101", "510422102")
Key = tuple[str, str, str]
KEYS: list[Key] = [(code, "township", target) for code in CODES for target in ("lan", "cpe", "core", "app")]
KEYS += [(code, "county", "cpe") for code in CODES] + [("*", "county", target) for target in ("gw", "ce", "carrier")]
PERIOD = parse_period("2021-04-10T00:00:00+08:00/2021-04-10T00:06:40+08:00", ZoneInfo("Asia/Shanghai"))
LINKS = Links(schema="jinbao.links/1", link=tuple(Link(code=code, name=code, group="olt") for code in CODES))
OUTCOME = {"o": "reply", "f": "lost", "r": "refused", "n": "not_sent:skipped"}
_MINUTE = 60_000

# One sign a slot: answered, lost, refused, no sample, our own fault.
marks = st.text("oooofffr.n", min_size=1, max_size=40)
pictures = st.fixed_dictionaries({}, optional={key: st.tuples(marks, st.integers(0, 3000)) for key in KEYS})
instants = st.integers(-20, 90).map(lambda step: START + step * 5000)

_kinds = ("heartbeat", "start", "stop", "boot", "mains_off", "mains_on", "los_on", "los_off")
events = st.lists(
    st.builds(
        lambda link, kind, at, boot: Event(
            link=link,
            vantage="county" if link == "*" else "township",
            at_us=at * 1000,
            event=kind,
            boot=boot,
        ),
        st.sampled_from([*CODES, "*"]),
        st.sampled_from(_kinds),
        instants,
        st.sampled_from(["b1", "b2"]),
    ),
    max_size=4,
)


def _stated(kind: str, link: str, start: int, length: int, approver: str, cause: str, klass: str) -> Entry:
    entry = Entry(id="", kind=kind, author="a", approved_by=approver, entered_at=start)
    if kind == "ticket":
        return replace(entry, link=link if link != "*" else CODES[0], reported_at=start, acked_at=start + length * 1000)
    entry = replace(entry, links=(link,), from_=start, to=start + length * 5000)
    if kind == "cause":
        return replace(entry, cause=cause, klass=klass)
    return replace(entry, type="cutover", notified_at=0)


ledgers = st.lists(
    st.builds(
        _stated,
        st.sampled_from(["exclusion", "power_notice", "server_notice", "ticket", "cause"]),
        st.sampled_from([*CODES, "*"]),
        instants,
        st.integers(1, 40),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["POWER_TOWNSHIP", "CARRIER_ACCESS", "FLOOD"]),
        st.sampled_from(["", "counted", "excluded", "not_carrier", "disputed"]),
    ),
    max_size=5,
).map(lambda drawn: tuple(replace(entry, id=f"L{index}") for index, entry in enumerate(drawn)))
no_ledger: tuple[Entry, ...] = ()

contracts = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["remove", "credit"]),
        "unattributed": st.sampled_from(["counted", "disputed"]),
        "clock_start": st.sampled_from(["onset", "report"]),
        "claim_window": st.sampled_from([_MINUTE, 5 * _MINUTE]),
        "power": st.sampled_from([Power(excused=False), Power(grace=30_000)]),
        "exclusion": st.sampled_from([{}, {"cutover": ExclusionRule(cap=Cap(hours=_MINUTE, per="month"))}]),
        "service_hours": st.just(ServiceHours(days="all", spans=((0, 2 * _MINUTE), (3 * _MINUTE, 5 * _MINUTE)))),
        "rule": st.sampled_from([Rule(n=1), Rule(profile="mef", n=2), Rule(profile="y1540-2016")]),
    },
)


def picture(signs: str, key: Key = KEYS[0], shift: int = 0) -> list[Sample]:
    """The samples of one rung, a sign a slot, `shift` milliseconds after the slot's begin."""
    link, vantage, target = key
    return [
        Sample(
            link=link,
            vantage=vantage,
            target=target,
            sent_us=(START + index * T + shift) * 1000,
            outcome=OUTCOME[sign],
            rtt_us=9000 if sign == "o" else None,
            boot="b1",
            seq=index,
        )
        for index, sign in enumerate(signs)
        if sign != "."
    ]


def samples_of(county: dict[Key, tuple[str, int]]) -> list[Sample]:
    return [sample for key, (signs, shift) in county.items() for sample in picture(signs, key, shift)]


def results_of(signs: str) -> Results:
    series: Series = series_of(picture(signs), T)
    return results(series, Meaning(2000, "", service=False, authentic=False))


def contract(**more: Any) -> Document[Contract]:
    made = Contract(
        schema="jinbao.contract/1",
        effective=Effective(from_=day("2010-01-01")),
        target=Fraction(999, 1000),
        **{"exclusion": {"cutover": ExclusionRule()}, **more},
    )
    return Document(made, "contract.toml", "0" * 64, ())


def recorded(samples: list[Sample], happened: list[Event]) -> Recorded:
    by_key: dict[Key, list[Sample]] = {}
    for sample in samples:
        by_key.setdefault((sample.link, sample.vantage, sample.target), []).append(sample)
    series = {key: series_of(rows, T) for key, rows in by_key.items()}
    return Recorded(series, tuple(sorted(set(happened), key=in_order)))


def judged(
    samples: list[Sample],
    happened: list[Event] | None = None,
    ledger: tuple[Entry, ...] = no_ledger,
    period: Period = PERIOD,
    as_of: int | None = None,
    **more: Any,
) -> Judgement:
    return judge_samples(recorded(samples, happened or []), Case(LINKS, contract(**more), period, ledger, as_of))
