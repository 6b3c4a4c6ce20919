"""What counts as a miss: each test breaks one thing in a right statement."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jinbao_lab.score import Score, score
from jinbao_lab.truth import Injected, Truth

NOON = 1_700_000_000_000_000
SECOND = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Expect:
    cause: str
    party: str
    klass: str
    row: str
    until: int | None = None
    scope: str = "link"


ACCESS = Expect(cause="CARRIER_ACCESS", party="carrier", klass="counted", row="11")
CUTOVER = Expect(cause="PLANNED_CUTOVER", party="carrier", klass="excluded", row="4", until=5000)
MAINT = Expect(cause="SERVER_MAINT", party="app_owner", klass="not_carrier", row="16", scope="service")


def instant(us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).isoformat()


A, B = "510422100", "510422101"


def fault(name: str, on: str, since: int, until: int, *expect: Expect) -> Injected:
    rows = tuple(one.row for one in expect)
    return Injected(id=name, kind="link_cut", on=on, rows=rows, spans=((NOON + since, NOON + until),))


def outage(name: str, since: int, until: int, *expect: Expect, event: str | None = None) -> dict[str, Any]:
    edges = [since, *(since + (one.until or 0) * 1000 for one in expect[:-1]), until]
    return {
        "id": name,
        "scope": expect[0].scope,
        "onset": instant(NOON + since),
        "restored": instant(NOON + until),
        "event_id": event,
        "slices": [
            {
                "from": instant(NOON + begin),
                "to": instant(NOON + end),
                "cause": one.cause,
                "party": one.party,
                "class": one.klass,
                "row": one.row,
            }
            for one, begin, end in zip(expect, edges[:-1], edges[1:], strict=True)
        ],
    }


TRUTH = Truth(
    interval_ms=1000,
    from_us=NOON,
    to_us=NOON + 100 * SECOND,
    since_us=NOON - SECOND,
    clock_step_us=0,
    townships=("01", "02"),
    faults=(
        fault("cut", "01", 10 * SECOND, 20 * SECOND, ACCESS),
        fault("works", "02", 10 * SECOND, 22 * SECOND, CUTOVER, ACCESS),
        fault("server", "*", 40 * SECOND, 50 * SECOND, MAINT),
        fault("crash", "02", 60 * SECOND, 70 * SECOND),
    ),
)


def statement() -> dict[str, Any]:
    return {
        "links": [
            {
                "link": A,
                "seconds": {"unknown": "0"},
                "outages": [
                    outage("A-1", 10_400_000, 20_400_000, ACCESS),
                    outage("A-2", 40_400_000, 50_400_000, MAINT, event="E"),
                ],
            },
            {
                "link": B,
                "seconds": {"unknown": "0.9"},
                "outages": [
                    outage("B-1", 10_900_000, 21_100_000, CUTOVER, ACCESS),
                    outage("B-2", 40_700_000, 50_900_000, MAINT, event="E"),
                ],
            },
        ]
    }


def changed(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Score:
    """The score of the statement after a change to its links A and B."""
    found = statement()
    change(*found["links"])
    return score(TRUTH, found)


def misses(result: Score) -> list[str]:
    return [miss for line in result.lines for miss in line.misses]


def test_a_right_statement_has_no_miss() -> None:
    result = score(TRUTH, statement())
    assert result.right
    assert [line.found for line in result.lines] == ["A-1", "B-1", "A-2", "B-2", None]
    assert result.lines[0].onset_error_us == 400_000
    assert result.lines[1].restored_error_us == -900_000


def test_a_wrong_row_is_a_miss() -> None:
    assert misses(changed(lambda a, b: a["outages"][0]["slices"][0].update(row="10"))) == ["rows 10 instead of 11"]


@pytest.mark.parametrize(
    ("edge", "at", "miss"),
    [
        ("onset", 11_051_000, "onset off by +1.051 s"),
        ("onset", 8_949_000, "onset off by -1.051 s"),
        ("restored", 21_051_000, "restored off by +1.051 s"),
        ("restored", 18_500_000, "restored off by -1.500 s"),
    ],
)
def test_an_edge_more_than_a_period_from_the_truth_is_a_miss(edge: str, at: int, miss: str) -> None:
    assert misses(changed(lambda a, b: a["outages"][0].update({edge: instant(NOON + at)}))) == [miss]


def test_an_edge_a_period_and_a_late_tick_from_the_truth_is_right() -> None:
    assert changed(lambda a, b: a["outages"][0].update(onset=instant(NOON + 11_050_000))).right


def test_an_outage_that_is_never_restored_is_a_miss() -> None:
    assert misses(changed(lambda a, b: a["outages"][0].update(restored=None))) == ["restored is open"]


def test_a_fault_without_its_outage_is_a_miss() -> None:
    assert misses(changed(lambda a, b: a["outages"].pop(0))) == ["not found"]


def test_an_outage_nobody_made_is_a_miss() -> None:
    result = changed(lambda a, b: a["outages"].append(outage("A-9", 80_000_000, 85_000_000, ACCESS)))
    assert len(result.extra) == 1
    assert result.extra[0].startswith(f"{A} link ")


def test_an_outage_found_where_the_county_still_saw_the_line_is_a_miss() -> None:
    result = changed(lambda a, b: b["outages"].append(outage("B-9", 60_000_000, 70_000_000, ACCESS)))
    assert len(result.extra) == 1


def test_one_outage_told_as_two_is_a_miss() -> None:
    def tear(a: dict[str, Any], b: dict[str, Any]) -> None:
        a["outages"][0] = outage("A-1", 10_400_000, 14_000_000, ACCESS)
        a["outages"].append(outage("A-1b", 16_000_000, 20_400_000, ACCESS))

    result = changed(tear)
    assert not result.right
    assert len(result.extra) == 1


def test_what_the_probing_leaves_of_the_service_at_the_edge_of_a_line_fault_is_no_outage() -> None:
    assert changed(lambda a, b: a["outages"].append(outage("A-9", 10_000_000, 10_400_000, MAINT))).right
    assert not changed(lambda a, b: a["outages"].append(outage("A-9", 11_500_000, 13_000_000, MAINT))).right


def test_neighbouring_slices_with_one_judgement_are_one() -> None:
    def split(a: dict[str, Any], b: dict[str, Any]) -> None:
        whole = a["outages"][0]["slices"][0]
        middle = instant(NOON + 15 * SECOND)
        a["outages"][0]["slices"] = [{**whole, "to": middle}, {**whole, "from": middle}]

    assert changed(split).right


def test_a_missing_slice_is_a_miss() -> None:
    assert misses(changed(lambda a, b: b["outages"][0]["slices"].pop(0))) == ["rows 11 instead of 4 → 11"]


def test_one_event_told_as_two_is_a_miss() -> None:
    result = changed(lambda a, b: b["outages"][1].update(event_id="F"))
    assert result.events == ("server: 2 events instead of one: ['E', 'F']",)
    assert not result.right


def test_time_that_nobody_saw_is_a_miss() -> None:
    result = changed(lambda a, b: a["seconds"].update(unknown="7"))
    assert result.blind_spots == (f"{A}: 7.0 s unknown, with 4 edges of 1000 ms",)
    assert not result.right


def test_a_clock_that_was_set_during_the_run_spoils_the_truth() -> None:
    assert not score(replace(TRUTH, clock_step_us=2_000_000), statement()).right


def test_the_truth_survives_being_written_down(tmp_path: Any) -> None:
    TRUTH.save(tmp_path / "truth.json")
    assert Truth.load(tmp_path / "truth.json") == TRUTH
