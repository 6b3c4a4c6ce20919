"""What counts as a miss: each test breaks one thing in a right statement."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jinbao_lab.rulebook import FINDINGS
from jinbao_lab.score import Score, score
from jinbao_lab.truth import Injected, Noticed, Truth

NOON = 1_700_000_000_000_000
SECOND = 1_000_000
A, B, C = "510422100", "510422104", "510422206"
ACCESS, CUTOVER, MAINT = FINDINGS["11"], FINDINGS["4"], FINDINGS["16"]


def at(seconds: float) -> int:
    return NOON + round(seconds * SECOND)


def instant(seconds: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at(seconds))).isoformat()


def fault(name: str, kind: str, on: str, *spans: tuple[float, float], rows: tuple[str, ...] | None = None) -> Injected:
    return Injected(id=name, kind=kind, on=on, rows=rows, spans=tuple((at(since), at(until)) for since, until in spans))


TRUTH = Truth(
    interval_ms=1000,
    from_us=at(0),
    to_us=at(100),
    since_us=at(-8),
    clock_step_us=0,
    townships=("01", "05", "09"),
    notices=(
        Noticed(kind="exclusion", type="cutover", links=(B,), from_us=at(8), to_us=at(16)),
        Noticed(kind="server_notice", type="", links=(A, B, C), from_us=at(38), to_us=at(60)),
    ),
    faults=(
        fault("cut", "link_cut", "01", (10, 20)),
        fault("works", "link_cut", "05", (10, 26)),
        fault("server", "server_stop", "*", (40, 52)),
        fault("crash", "agent_crash", "05", (60, 70)),
        fault("burst", "link_cut", "09", (80, 81.5)),
    ),
)


def piece(since: float, until: float, row: str) -> dict[str, Any]:
    said = FINDINGS[row]
    found = {"cause": said.cause, "party": said.party, "class": said.klass, "row": row}
    return {"from": instant(since), "to": instant(until), **found}


def outage(name: str, *pieces: dict[str, Any]) -> dict[str, Any]:
    scope = "service" if pieces[0]["row"] in ("16", "17", "18", "19") else "link"
    return {"id": name, "scope": scope, "onset": pieces[0]["from"], "restored": pieces[-1]["to"], "slices": list(pieces)}


def link(code: str, flaps: int, *outages: dict[str, Any]) -> dict[str, Any]:
    figures = {"flaps": {"count": flaps}, "loss": {"lost": 12}, "latency": {"p99": 3.5}}
    return {"link": code, "unknown_spans": [], "outages": list(outages), **figures}


def statement() -> dict[str, Any]:
    events = [(A, 40.4, 52.4), (B, 40.7, 52.9), (C, 40.9, 52.1)]
    return {
        "period": {"from": instant(0), "to": instant(100)},
        "links": [
            link(A, 0, outage("A-1", piece(10.4, 20.4, "11")), outage("A-2", piece(40.4, 52.4, "16"))),
            link(B, 0, outage("B-1", piece(10.9, 16, "4"), piece(16, 26.3, "11")), outage("B-2", piece(40.7, 52.9, "16"))),
            link(C, 1, outage("C-1", piece(40.9, 52.1, "16"))),
        ],
        "events": [event("E", "SERVER_MAINT", 40.4, 52.9, *(code for code, *_ in events))],
    }


def event(name: str, cause: str, since: float, until: float, *links: str) -> dict[str, Any]:
    return {"id": name, "cause": cause, "from": instant(since), "to": instant(until), "links": list(links)}


def changed(change: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], None], truth: Truth = TRUTH) -> Score:
    """The score of the statement after a change to its links A, B and C."""
    found = statement()
    change(*found["links"])
    return score(truth, found)


def misses(result: Score) -> list[str]:
    return [miss for line in result.lines for miss in line.misses]


def test_a_right_statement_has_no_miss() -> None:
    result = score(TRUTH, statement())
    assert result.right, result
    found = {(line.fault, line.link): line for line in result.lines}
    assert [found[key].found for key in (("cut", A), ("works", B), ("server", C), ("crash", B))] == ["A-1", "B-1", "C-1", None]
    assert found["cut", A].onset_error_us == 400_000
    assert found["works", B].restored_error_us == 300_000
    assert found["works", B].expected == f"{CUTOVER} → {ACCESS}" == found["works", B].judged


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cause", "CPE_FAULT", "CPE_FAULT carrier counted 11"),
        ("party", "township", "CARRIER_ACCESS township counted 11"),
        ("class", "disputed", "CARRIER_ACCESS carrier disputed 11"),
        ("row", "10", "CARRIER_ACCESS carrier counted 10"),
    ],
)
def test_a_wrong_judgement_is_a_miss(name: str, value: str, said: str) -> None:
    result = changed(lambda a, b, c: a["outages"][0]["slices"][0].update({name: value}))
    assert f"11.05–18.95 s: {said} instead of {ACCESS}" in misses(result)
    assert not result.right


@pytest.mark.parametrize(
    ("since", "until", "miss"),
    [
        (11.06, 20.4, f"11.05–11.06 s: up instead of {ACCESS}"),
        (8.94, 20.4, f"8.94–8.95 s: {ACCESS} instead of up"),
        (10.4, 21.06, f"21.05–21.06 s: {ACCESS} instead of up"),
        (10.4, 18.5, f"18.50–18.95 s: up instead of {ACCESS}"),
    ],
)
def test_an_edge_more_than_a_period_from_the_truth_is_a_miss(since: float, until: float, miss: str) -> None:
    def move(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
        a["outages"][0] = outage("A-1", piece(since, until, "11"))

    assert misses(changed(move)) == [miss]


def test_an_edge_a_period_and_a_late_tick_from_the_truth_is_right() -> None:
    def move(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
        a["outages"][0] = outage("A-1", piece(11.05, 21.05, "11"))

    assert changed(move).right


def test_an_outage_that_is_not_found_is_a_miss() -> None:
    assert misses(changed(lambda a, b, c: a["outages"].pop(0))) == [f"11.05–18.95 s: up instead of {ACCESS}"]


def test_an_outage_that_is_never_restored_is_a_miss() -> None:
    def leave_open(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
        a["outages"][0] = outage("A-1", piece(10.4, 36, "11")) | {"restored": None}

    assert any("instead of up" in miss for miss in misses(changed(leave_open)))


def test_an_outage_on_the_wrong_timeline_is_a_miss() -> None:
    result = changed(lambda a, b, c: a["outages"][0].update(scope="service"))
    assert misses(result) == [
        f"11.05–18.95 s: up instead of {ACCESS}",
        f"12.55–18.95 s: service: {ACCESS} instead of up",
    ]


def test_an_outage_nobody_made_is_a_miss_and_unjust_where_it_is_counted() -> None:
    result = changed(lambda a, b, c: a["outages"].append(outage("A-9", piece(70, 75, "11"))))
    assert result.extra == (f"{A} 70.00–75.00 s: {ACCESS} instead of up",)
    assert result.unjust == (f"{A} 70.00–75.00 s: {ACCESS}: counted, and nothing of the carrier's was broken",)


def test_an_invented_outage_that_is_not_counted_is_no_injustice() -> None:
    result = changed(lambda a, b, c: c["outages"].append(outage("C-9", piece(68, 72, "7"))))
    assert (len(result.extra), result.unjust) == (1, ())


def test_time_counted_against_the_carrier_for_anothers_fault_is_unjust_even_where_several_things_may_be_said() -> None:
    """Between the power's return and the agent's first word nobody can tell row 7 from row 9b: 9b would be counted."""
    truth = replace(
        TRUTH, notices=(), faults=(fault("power", "power_cut", "01", (10, 30)), fault("dark", "lan_dead", "01", (20, 50)))
    )
    found = {
        "period": {"from": instant(0), "to": instant(100)},
        "links": [
            link(A, 0, outage("A-1", piece(10.4, 30.2, "7"), piece(30.2, 34, "9b"), piece(34, 50.3, "9"))),
            link(B, 0),
            link(C, 0),
        ],
        "events": [],
    }
    result = score(truth, found)
    assert result.unjust == (f"{A} 30.20–34.00 s: {FINDINGS['9b']}: counted, and nothing of the carrier's was broken",)


def test_time_counted_while_another_part_of_the_carriers_network_is_broken_is_just() -> None:
    def blame_the_modem(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
        a["outages"][0]["slices"][0].update(piece(10.4, 20.4, "10"))

    assert changed(blame_the_modem).unjust == ()


DARK = replace(TRUTH, battery=("01",), notices=(), faults=(fault("dark", "office_dark", "01", (10, 40)),))


@pytest.mark.parametrize(
    ("row", "until", "notices", "found"),
    [
        ("9", 12.1, ((12.1, 30),), []),  # the first look: the office is dark for its agent, not yet for the county
        ("9", 12.1, (), ["11.05–12.10 s"]),  # nothing keeps it from being smoothed away
        ("10", 12.1, ((12.1, 30),), ["11.05–12.10 s"]),  # no look across this edge says so
        ("9", 13, ((13, 30),), ["12.55–13.00 s"]),  # the second look is past it
    ],
)
def test_what_a_look_across_an_edge_says_is_right_only_where_an_instant_keeps_it(
    row: str, until: float, notices: tuple[tuple[float, float], ...], found: list[str]
) -> None:
    stated = [Noticed(kind="power_notice", type="", links=(A,), from_us=at(since), to_us=at(to)) for since, to in notices]
    dark = {"cause": "POWER_SUSPECTED", "party": "unknown", "class": "disputed"}
    made = {
        "period": {"from": instant(0), "to": instant(100)},
        "links": [
            link(A, 0, outage("A-1", piece(10.4, until, row), {**piece(until, 40.4, "9b"), **dark})),
            link(B, 0),
            link(C, 0),
        ],
        "events": [],
    }
    result = score(replace(DARK, notices=tuple(stated)), made)
    assert [miss.split(":")[0] for miss in misses(result)] == found


def test_a_slice_that_ends_elsewhere_is_a_miss() -> None:
    def shift(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
        b["outages"][0] = outage("B-1", piece(10.9, 19, "4"), piece(19, 26.3, "11"))

    assert misses(changed(shift)) == [f"18.55–19.00 s: {CUTOVER} instead of {ACCESS}"]


def test_one_outage_told_as_two_is_a_miss() -> None:
    def tear(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
        a["outages"][:1] = [outage("A-1", piece(10.4, 14, "11")), outage("A-1b", piece(14, 20.4, "11"))]

    assert misses(changed(tear)) == ["10.00–20.00 s: one outage told as 2: ['A-1', 'A-1b']"]


def test_what_the_probing_leaves_of_the_service_at_the_edge_of_a_line_fault_is_no_outage() -> None:
    def leave(until: float) -> Callable[..., None]:
        return lambda a, b, c: a["outages"].append(outage("A-9", piece(10, until, "18")))

    assert changed(leave(10.4)).right
    assert not changed(leave(13.5)).right


def test_neighbouring_slices_with_one_judgement_are_one() -> None:
    def split(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
        a["outages"][0] = outage("A-1", piece(10.4, 15, "11"), piece(15, 20.4, "11"))

    assert changed(split).right


def test_time_that_is_unknown_though_somebody_saw_it_is_a_miss() -> None:
    result = changed(lambda a, b, c: c.update(unknown_spans=[{"from": instant(30), "to": instant(33)}]))
    assert result.extra == (f"{C} 30.00–33.00 s: unknown instead of up",)


def test_time_that_is_known_though_nobody_can_know_it_is_a_miss() -> None:
    blind = (fault("county", "county_agent_crash", "*", (58, 90)), fault("crash", "agent_crash", "05", (64, 80)))
    result = score(replace(TRUTH, faults=(*TRUTH.faults[:3], *blind)), statement())
    assert misses(result) == ["65.05–78.95 s: up instead of unknown"]


def test_an_event_told_as_two_is_a_miss() -> None:
    found = statement()
    found["events"] = [event("E", "SERVER_MAINT", 40.4, 52.9, A, C), event("F", "SERVER_MAINT", 40.7, 52.9, B)]
    result = score(TRUTH, found)
    assert result.events == (f"SERVER_MAINT on {A}, {B}, {C}: 2 events instead of one: ['E', 'F']",)
    assert not result.right


def test_a_link_left_out_of_its_event_is_a_miss() -> None:
    found = statement()
    found["events"][0]["links"].remove(B)
    assert score(TRUTH, found).events == (f"SERVER_MAINT on {A}, {B}, {C}: 2 events instead of one: ['E', 'None']",)


def test_a_short_failure_without_a_flap_in_the_figures_is_a_miss() -> None:
    result = changed(lambda a, b, c: c["flaps"].update(count=0))
    assert result.figures == (f"{C} 0.00–100.00 s: 0 flaps in the figures, of 1 at least",)


def test_thinned_and_slow_lines_must_show_in_loss_and_latency() -> None:
    spoilt = (fault("half", "loss_icmp_half", "01", (60, 70)), fault("slow", "delay", "05", (75, 90)))
    truth = replace(TRUTH, faults=(*TRUTH.faults[:3], *spoilt))

    def figures(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
        a["loss"].update(lost=3)

    assert changed(figures, truth).figures == (
        f"{A} 0.00–100.00 s: 3 lost samples in the figures, of 4 at least",
        f"{B} 0.00–100.00 s: p99 is 4 ms, though many round trips took 180 ms",
    )


def test_the_scenarios_own_word_on_the_rows_is_held_against_the_statement_too() -> None:
    wrong = replace(TRUTH.faults[1], rows=("4", "11", "12"))
    result = score(replace(TRUTH, faults=(TRUTH.faults[0], wrong, *TRUTH.faults[2:])), statement())
    assert misses(result) == ["rows 4 → 11 instead of 4 → 11 → 12"]


def test_a_fault_alone_must_be_found_in_its_kinds_own_row() -> None:
    truth = replace(TRUTH, notices=(), faults=(fault("cut", "link_cut", "01", (10, 20)),))
    found = {"period": {"from": instant(0), "to": instant(100)}, "events": []}
    links = [link(A, 0, outage("A-1", piece(10.4, 20.4, "10"))), link(B, 0), link(C, 0)]
    assert misses(score(truth, {**found, "links": links}))[-1] == "rows 10 instead of 11"


def test_an_acknowledged_batch_that_is_lost_is_a_miss() -> None:
    assert score(TRUTH, statement(), ("a01: number 7",)).misses == 1


def test_a_clock_that_was_set_during_the_run_spoils_the_truth() -> None:
    assert not score(replace(TRUTH, clock_step_us=2_000_000), statement()).right


def test_a_link_the_statement_lacks_is_a_miss() -> None:
    found = statement()
    del found["links"][1]
    assert f"{B}: not in the statement" in score(TRUTH, found).extra


def test_the_truth_survives_being_written_down(tmp_path: Path) -> None:
    TRUTH.save(tmp_path / "truth.json")
    assert Truth.load(tmp_path / "truth.json") == TRUTH


@pytest.mark.parametrize(
    ("told", "missed"), [("up", []), ("down", ["direction down instead of up"]), (None, ["direction None instead of up"])]
)
def test_a_line_that_carries_one_way_must_be_told_which(told: str | None, missed: list[str]) -> None:
    truth = replace(TRUTH, notices=(), peers=True, faults=(fault("up", "loss_up", "01", (10, 20), rows=("11",)),))
    found = {
        "period": {"from": instant(0), "to": instant(100)},
        "links": [link(A, 0, outage("A-1", {**piece(10.4, 20.4, "11"), "direction": told})), link(B, 0), link(C, 0)],
        "events": [],
    }
    assert misses(score(truth, found)) == missed
