"""MTRS, MTBF, response, repair, detection, loss and delay in the Statement; what is not defined stays null (methods A4)."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from county import FIRST, County, Statement, at
from jinbao_reports.quality import percentile

APRIL = ("2021-04-01 00:00", "2021-05-01 00:00")
MONTH = 30 * 86400
Compute = Callable[..., Statement]


@pytest.fixture
def county(tmp_path: Path) -> County:
    return County(tmp_path, step=600)


@pytest.fixture
def compute(county: County, capsys: pytest.CaptureFixture[str]) -> Compute:
    return lambda period, *more: county.compute(capsys, period, *more)


def clauses(made: Statement) -> dict[str, Any]:
    return {clause["id"]: clause for clause in made.link()["clauses"]}


def test_means_of_two_outages(county: County, compute: Compute) -> None:
    county.series(*APRIL, down=[("2021-04-10 10:00", "2021-04-10 11:00"), ("2021-04-20 10:00", "2021-04-20 13:00")])
    metrics = compute("2021-04").link()["metrics"]
    assert {name: metrics[name] for name in ("n", "open", "mtrs", "mtbf", "mtbsi")} == {
        "n": 2,
        "open": 0,
        "mtrs": 7200,
        "mtbf": (MONTH - 4 * 3600) // 2,
        "mtbsi": MONTH // 2,
    }
    assert metrics["lower_bound_mtbsi"] is None
    assert Fraction(metrics["mtbsi"]) == Fraction(metrics["mtbf"]) + metrics["mtrs"]


def test_no_outage_has_a_bound_instead_of_a_mean(county: County, compute: Compute) -> None:
    county.series(*APRIL)
    metrics = compute("2021-04").link()["metrics"]
    assert [metrics[name] for name in ("n", "mtrs", "mtbf", "mtbsi")] == [0, None, None, None]
    assert metrics["lower_bound_mtbsi"] == "865230.856"  # 2592000 s / -ln 0.05
    assert metrics["response"] == metrics["repair"] == {
        "n": 0, "mean": None, "longest": None, "in_time": None, "ratio": None, "exact": None,
    }  # fmt: skip


def test_an_open_outage_is_counted_but_has_no_time_to_restore(county: County, compute: Compute) -> None:
    county.series("2021-04-01 00:00", "2021-04-20 00:00", down=[("2021-04-19 22:00", "2021-04-20 00:00")])
    made = compute("2021-04")
    metrics = made.link()["metrics"]
    assert (metrics["n"], metrics["open"], metrics["mtrs"]) == (1, 1, None)
    assert (made.outages()[0]["restored"], made.outages()[0]["repair_seconds"]) == (None, None)


@pytest.mark.parametrize(("limit", "in_time", "exact"), [('"30m"', 1, "1/2"), ('"2h"', 2, "1/1"), (None, None, None)])
def test_the_share_of_tickets_answered_in_time_needs_a_limit_and_a_ticket(
    county: County, compute: Compute, limit: str | None, in_time: int | None, exact: str | None
) -> None:
    county.contract += f"\n[limits]\nresponse = {limit}\n" if limit else ""
    county.series(*APRIL, down=[("2021-04-10 10:00", "2021-04-10 11:00"), ("2021-04-20 10:00", "2021-04-20 13:00")])
    for name, day, acked in (("T1", "2021-04-10", "10:40"), ("T2", "2021-04-20", "11:10")):
        county.entry(id=name, kind="ticket", link=FIRST, reported_at=f"{day} 10:10", acked_at=f"{day} {acked}")
    made = compute("2021-04")
    response = made.link()["metrics"]["response"]
    assert (response["n"], response["mean"], response["longest"]) == (2, 2700, 3600)
    assert (response["in_time"], response["exact"]) == (in_time, exact)
    assert [outage["response_seconds"] for outage in made.outages()] == [1800, 3600]


def test_repairs_on_a_working_clock_run_in_service_hours_only(county: County, compute: Compute) -> None:
    """Reported Friday 16:30, restored Monday 10:00: 30 minutes and an hour."""
    county.contract += '\n[limits]\nrepair = { limit = "2h", clock = "working" }\n'
    county.contract += '[service_hours]\ndays = "legal_workdays"\nspans = ["09:00-12:00", "13:30-17:00"]\n'
    county.series(*APRIL, down=[("2021-04-09 16:00", "2021-04-12 10:00")])
    county.entry(id="T1", kind="ticket", link=FIRST, reported_at="2021-04-09 16:30")
    repair = compute("2021-04").link()["metrics"]["repair"]
    assert (repair["n"], repair["mean"], repair["in_time"], repair["exact"]) == (1, 5400, 1, "1/1")


def test_a_promise_that_nobody_watched_is_not_kept_but_without_data(county: County, compute: Compute) -> None:
    county.contract += '\n[limits]\nresponse = "30m"\noutages = { max = 3 }\nlongest = "8h"\nloss = "1%"\np95_ms = "50"\n'
    county.series("2021-03-01 00:00", "2021-03-01 01:00")
    found = clauses(compute("2021-04"))
    assert {name: clause["verdict"] for name, clause in found.items()} == {
        "availability": "no_data",
        "response": "not_applicable",
        "outages": "no_data",
        "longest": "no_data",
        "loss": "no_data",
        "p95_ms": "no_data",
    }
    assert {clause["actual"] for clause in found.values()} == {None}


def test_a_watched_promise_is_judged(county: County, compute: Compute) -> None:
    county.contract += '\n[limits]\noutages = { max = 1 }\nlongest = "1h"\nloss = "1%"\np95_ms = "20"\n'
    county.series(*APRIL, down=[("2021-04-10 10:00", "2021-04-10 11:00"), ("2021-04-20 10:00", "2021-04-20 11:00")])
    verdicts = {name: (clause["actual"], clause["verdict"]) for name, clause in clauses(compute("2021-04")).items()}
    assert verdicts["outages"] == (2, "fail")
    assert verdicts["longest"] == (3600, "pass")
    assert verdicts["loss"] == (pytest.approx(12 / 4320), "pass")
    assert verdicts["p95_ms"] == (20.0, "pass")


def test_an_outage_is_detected_at_the_nth_failure(county: County, compute: Compute) -> None:
    county.step = 10
    county.series("2021-04-10 09:00", "2021-04-10 11:00", down=[("2021-04-10 10:00", "2021-04-10 10:05")])
    (outage,) = compute("2021-04-10").outages()
    assert (outage["onset"], outage["detected_at"]) == ("2021-04-10T10:00:00+08:00", "2021-04-10T10:00:20+08:00")
    (outage,) = compute("2021-04-10", "--profile", "mef").outages()
    assert (outage["onset"], outage["detected_at"]) == ("2021-04-10T10:00:00+08:00", "2021-04-10T10:01:40+08:00")


def test_where_another_series_takes_over_an_outage_is_known_at_once(county: County, compute: Compute) -> None:
    """The county saw the modem fail all along; from 10:01 the agent is silent, and its word decides."""
    county.step = 10
    down = [("2021-04-10 10:00", "2021-04-10 10:05")]
    county.series("2021-04-10 09:00", "2021-04-10 10:01").series("2021-04-10 10:05", "2021-04-10 11:00")
    county.series("2021-04-10 09:00", "2021-04-10 11:00", down=down, vantage="county", target="cpe")
    (outage,) = compute("2021-04-10").outages()
    assert (outage["onset"], outage["detected_at"]) == ("2021-04-10T10:01:00+08:00", "2021-04-10T10:01:00+08:00")


def test_a_service_outage_is_detected_on_its_own_series(county: County, compute: Compute) -> None:
    county.step = 10
    county.series("2021-04-10 09:00", "2021-04-10 11:00")
    county.series(
        "2021-04-10 09:00", "2021-04-10 11:00", [("2021-04-10 10:00", "2021-04-10 10:05")], target="app", bad="refused"
    )
    (outage,) = compute("2021-04-10").outages(scope="service")
    assert outage["detected_at"] == "2021-04-10T10:00:20+08:00"


def test_a_history_of_intervals_does_not_say_when_it_was_detected(county: County, compute: Compute) -> None:
    county.interval("2021-04-10 09:00", "2021-04-10 10:00", "down")
    made = compute("2021-04-10")
    assert made.outages()[0]["detected_at"] is None
    link = made.link()
    assert link["loss"] == {"sent": 0, "lost": 0, "ratio": None}
    assert set(link["latency"].values()) == {0, None}
    assert link["ipdv"] == {"mean_abs": None, "j": None}
    assert (link["hli"], link["chli_runs"]) == (None, None)


@pytest.mark.parametrize(("percent", "value"), [(15, -5), (25, -2), (50, 4), (99, 18), (100, 18)])
def test_g31_percentiles_follow_the_definition_of_rfc_2330(percent: int, value: int) -> None:
    assert percentile(np.sort(np.array([-2, 7, 7, 4, 18, -5])), percent) == value


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=40), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    found = percentile(np.sort(np.array(values)), percent)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= percent * len(values)
    assert 100 * sum(value < found for value in values) < percent * len(values)


def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle(county: County, compute: Compute) -> None:
    for minute, delay in enumerate((7, 4, 18, 5)):
        county.sample(at(f"2021-04-10 10:0{minute}"), "reply", rtt=delay * 1000)
    latency = compute("2021-04-10").link()["latency"]
    assert (latency["n"], latency["p50"], latency["median"], latency["pdv_p99"]) == (4, 5.0, 6.0, 14.0)


def test_only_answers_that_came_have_a_delay_and_the_loss_stands_beside_it(county: County, compute: Compute) -> None:
    county.step = 60
    county.series("2021-04-10 10:00", "2021-04-10 10:30", down=[("2021-04-10 10:00", "2021-04-10 10:30")])
    link = compute("2021-04-10").link()
    assert link["loss"] == {"sent": 30, "lost": 30, "ratio": 1.0}
    assert link["latency"] == {"n": 0, "p50": None, "p95": None, "p99": None, "median": None, "min": None, "pdv_p99": None}


def test_a_run_of_bad_windows_too_short_to_be_an_outage_is_a_chli(county: County, compute: Compute) -> None:
    """MEF: n = 10 windows turn the state, p = 5 make a consecutive high loss interval."""
    county.step = 10
    county.contract += '\n[rule]\nprofile = "mef"\n'
    bad = [("2021-04-10 10:00", "2021-04-10 10:00:50"), ("2021-04-10 10:10", "2021-04-10 10:10:40")]
    county.series("2021-04-10 09:00", "2021-04-10 11:00", down=bad)
    link = compute("2021-04-10").link()
    assert (link["hli"], link["chli_runs"], link["metrics"]["n"]) == (9, 1, 0)
