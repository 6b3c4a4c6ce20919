"""The labelled inference: quantiles against published tables, bounds against their promises, and what stays undefined."""

from collections.abc import Callable
from fractions import Fraction
from math import comb, exp, factorial, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from county import County, at
from jinbao_reports.inference import availability_low, event_bounds
from jinbao_reports.quantiles import chi_square, fisher

TWELVE = tuple(f"5104221{number:02d}" for number in (0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13))
YEAR = ("2021-01-01 00:00", "2022-01-01 00:00")
P95 = Fraction(95, 100)

confidences = st.sampled_from([Fraction(n, 1000) for n in (500, 600, 800, 900, 950, 975, 990, 999)])


def share(text: str) -> Fraction:
    return Fraction(text)


@pytest.mark.parametrize(
    ("p", "degrees", "value"),
    [
        ("0.025", 2, 0.0506),
        ("0.05", 4, 0.711),
        ("0.025", 6, 1.237),
        ("0.10", 10, 4.865),
        ("0.95", 2, 5.991),
        ("0.975", 8, 17.535),
        ("0.99", 10, 23.209),
        ("0.999", 20, 45.315),
        ("0.95", 100, 124.342),
    ],
)
def test_chi_square_quantiles_are_those_of_the_published_tables(p: str, degrees: int, value: float) -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4."""
    assert round(float(chi_square(share(p), degrees)), len(str(value).partition(".")[2])) == value


@pytest.mark.parametrize(
    ("p", "degrees", "value"),
    [
        ("0.95", 2, 19.000),
        ("0.95", 6, 4.284),
        ("0.95", 10, 2.978),
        ("0.95", 20, 2.124),
        ("0.99", 4, 15.977),
        ("0.99", 10, 4.849),
    ],
)
def test_f_quantiles_are_those_of_the_published_tables(p: str, degrees: int, value: float) -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.3."""
    assert round(float(fisher(share(p), degrees)), 3) == value


@pytest.mark.parametrize(("n", "low", "high"), [(1, 0.179, 39.498), (2, 0.277, 8.257), (3, 0.342, 4.849), (10, 0.544, 2.085)])
def test_mtbf_factors_are_those_of_the_nist_handbook(n: int, low: float, high: float) -> None:
    """NIST/SEMATECH e-Handbook 8.4.5.1: what the estimate is multiplied by, for an interval of 95 %."""
    assert [round(float(n / bound), 3) for bound in reversed(event_bounds(n, P95))] == [low, high]


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(1, 0.0253, 5.5716), (2, 0.2422, 7.2247), (5, 1.6235, 11.6683), (10, 4.7954, 18.3904), (20, 12.2165, 30.8884)],
)
def test_event_bounds_are_garwoods(n: int, low: float, high: float) -> None:
    """Garwood, Biometrika 28 (1936): exact limits for the mean of a Poisson variable, 95 %."""
    assert [round(float(bound), 4) for bound in event_bounds(n, P95)] == [low, high]


@pytest.mark.parametrize(
    ("n", "up", "down", "confidence", "expected"),
    [(1, 999, 1, "0.975", 0.9624), (10, 9990, 10, "0.975", 0.9975), (1, 999, 1, "0.95", 0.9813)],
)
def test_availability_bounds_are_trivedis(n: int, up: int, down: int, confidence: str, expected: float) -> None:
    """Trivedi, Probability and Statistics, 2nd edition, example 10.27."""
    assert round(float(availability_low(up, down, n, share(confidence))), 4) == expected


@given(st.fractions(Fraction(1, 1000), Fraction(999, 1000), max_denominator=1000))
def test_two_degrees_have_a_closed_form(p: Fraction) -> None:
    assert float(chi_square(p, 2)) == pytest.approx(-2 * log(1 - p), rel=1e-14)
    assert float(fisher(p, 2)) == pytest.approx(float(p / (1 - p)), rel=1e-14)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), confidences)
def test_poisson_sums_undo_the_event_bounds(n: int, confidence: Fraction) -> None:
    """Expecting `high`, so few as n happen with half of what is left of the confidence; expecting `low`, so many as n."""
    low, high = map(float, event_bounds(n, confidence))
    tail = float((1 - confidence) / 2)
    assert sum(_poisson(k, high) for k in range(n + 1)) == pytest.approx(tail, rel=1e-9)
    assert 1 - sum(_poisson(k, low) for k in range(n)) == pytest.approx(tail, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), confidences)
def test_binomial_sums_undo_the_f_quantile(n: int, p: Fraction) -> None:
    """F with 2n degrees above and below is beta(n, n) in disguise, and that counts heads."""
    found = float(fisher(p, 2 * n))
    heads = found / (1 + found)
    tosses = 2 * n - 1
    reached = sum(comb(tosses, k) * heads**k * (1 - heads) ** (tosses - k) for k in range(n, tosses + 1))
    assert reached == pytest.approx(float(p), rel=1e-9)


def _poisson(k: int, mean: float) -> float:
    return exp(-mean) * mean**k / factorial(k)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 30), confidences, confidences)
def test_bounds_grow_with_the_events_and_widen_with_the_confidence(n: int, one: Fraction, other: Fraction) -> None:
    less, more = sorted((one, other))
    low, high = event_bounds(n, less)
    assert low <= n <= high or (n == 0 and high > 0)
    assert event_bounds(n + 1, less)[0] > low
    if n:
        assert event_bounds(n + 1, less)[1] > high
    wider = event_bounds(n, more)
    assert wider[0] <= low
    assert wider[1] >= high


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 10**6), st.integers(1, 10**6), confidences, confidences)
def test_the_availability_bound_lies_below_the_estimate_and_falls_with_confidence(
    n: int, up: int, down: int, one: Fraction, other: Fraction
) -> None:
    less, more = sorted((one, other))
    estimate = Fraction(up, up + down)
    assert 0 < availability_low(up, down, n, more) <= availability_low(up, down, n, less) <= estimate
    if less > Fraction(1, 2):
        assert availability_low(up * 2, down * 2, n * 2, less) > availability_low(up, down, n, less)


@pytest.mark.parametrize("mean", [0.05, 0.5, 1.0, 2.9, 3.7, 5.0, 12.5, 30.0])
def test_the_event_bounds_hold_as_often_as_they_promise(mean: float) -> None:
    """Summed over every outcome, not simulated: at least 95 % of the counts bound the true mean."""
    seen = [(k, *map(float, event_bounds(k, P95))) for k in range(70)]
    assert sum(_poisson(k, mean) for k, low, high in seen if low <= mean <= high) >= 0.95


def test_the_availability_bound_holds_as_often_as_it_promises() -> None:
    """40000 links of three outages each: the bound is below the truth for 95 % of them."""
    draws = np.random.default_rng(2021)
    n, links, true = 3, 40_000, 1000 / 1010
    up, down = (draws.exponential(mean, (links, n)).sum(axis=1) for mean in (1000.0, 10.0))
    low = 1 / (1 + down / up * float(fisher(P95, 2 * n)))
    assert np.mean(low <= true) == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / links) ** 0.5)


@pytest.fixture
def county(tmp_path: Path) -> County:
    """Twelve links, a year, as intervals."""
    return County(tmp_path, links=TWELVE)


Infer = Callable[[], Any]


@pytest.fixture
def infer(county: County, capsys: pytest.CaptureFixture[str]) -> Infer:
    return lambda: county.compute(capsys, "2021").json["inference"]


def hours(seconds: int | str | float) -> float:
    return float(seconds) / 3600


def a_year(county: County, outages: dict[str, tuple[str, str]], cause: str = "") -> None:
    for link in TWELVE:
        edges = outages.get(link)
        if edges:
            county.interval(YEAR[0], edges[0], "up", link=link).interval(*edges, "down", cause, link=link)
        county.interval(edges[1] if edges else YEAR[0], YEAR[1], "up", link=link)


def test_g29_a_year_without_an_outage_bounds_the_rate_from_above_only(county: County, infer: Infer) -> None:
    a_year(county, {})
    group = infer()["group"]
    assert (group["n"], hours(group["exposure_seconds"])) == (0, 12 * 8760)
    assert group["rate_per_hour"] == {
        "estimate": 0.0,
        "low": 0.0,
        "high": pytest.approx(2.850e-5, abs=5e-9),
        "sides": 1,
        "reason": "no_outage",
    }
    assert (group["mtbf"]["estimate"], group["mtbf"]["high"]) == (None, None)
    assert int(hours(group["mtbf"]["low"])) == 35_089
    assert group["availability"] == {"estimate": None, "low": None, "sides": None, "reason": "no_outage"}
    assert group["downtime_sd"] == {"estimate": None, "reason": "no_outage"}


def test_g30_three_outages_bound_rate_availability_and_scatter(county: County, infer: Infer) -> None:
    a_year(
        county,
        {
            TWELVE[0]: ("2021-03-01 00:00", "2021-03-01 01:00"),
            TWELVE[4]: ("2021-05-01 00:00", "2021-05-01 02:00"),
            TWELVE[9]: ("2021-07-01 00:00", "2021-07-01 03:00"),
        },
    )
    group = infer()["group"]
    assert (group["n"], group["outages"]) == (3, 3)
    assert hours(group["mtbf"]["estimate"]) == 35_038
    assert hours(group["mtbsi"]["estimate"]) == 35_040
    assert [round(hours(group["mtbsi"][bound])) for bound in ("low", "high")] == [11_990, 169_912]
    assert round(hours(group["downtime_sd"]["estimate"]), 3) == 3.742
    assert round(group["availability"]["low"], 8) == 0.99975553
    assert round(group["availability"]["estimate"], 8) == 0.99994292


def test_each_link_has_its_own_estimate(county: County, infer: Infer) -> None:
    a_year(county, {TWELVE[0]: ("2021-03-01 00:00", "2021-03-01 01:00")})
    first, second, *_ = infer()["links"]
    assert (first["link"], first["n"], first["down_seconds"]) == (TWELVE[0], 1, 3600)
    assert [round(float(first["rate_per_hour"][bound]) * 8760, 4) for bound in ("low", "high")] == [0.0253, 5.5716]
    assert (second["n"], second["mtbsi"]["reason"]) == (0, "no_outage")


def test_one_fault_on_many_links_is_one_event(county: County, infer: Infer) -> None:
    """The county's line: twelve times the downtime, one event (A3.6)."""
    a_year(county, dict.fromkeys(TWELVE, ("2021-03-01 00:00", "2021-03-01 01:00")), "COUNTY_ACCESS")
    group = infer()["group"]
    assert (group["outages"], group["n"], hours(group["down_seconds"])) == (12, 1, 12)
    assert hours(group["downtime_sd"]["estimate"]) == 12


def test_what_was_never_measured_has_no_estimate(county: County, infer: Infer) -> None:
    county.interval("2020-01-01 00:00", "2020-02-01 00:00", "up", link=TWELVE[0])
    found = infer()["links"][0]
    for name in ("rate_per_hour", "mtbsi", "mtbf", "availability", "downtime_sd"):
        assert found[name].pop("reason") == "no_data"
        assert set(found[name].values()) == {None}


def test_an_outage_that_is_not_over_bounds_the_rate_but_no_duration(county: County, infer: Infer) -> None:
    county.interval(YEAR[0], "2021-12-31 23:00", "up", link=TWELVE[0])
    county.interval("2021-12-31 23:00", "2022-01-01 05:00", "down", link=TWELVE[0])
    county.interval("2022-01-01 05:00", "2022-02-01 00:00", "up", link=TWELVE[0])
    found = infer()["links"][0]
    assert (found["n"], found["mtbf"]["sides"]) == (1, 2)
    assert found["availability"]["reason"] == found["downtime_sd"]["reason"] == "outage_not_over"


def test_unknown_time_is_no_exposure_and_changes_no_figure_of_compliance(
    county: County, capsys: pytest.CaptureFixture[str]
) -> None:
    county.interval("2021-01-01 00:00", "2021-07-02 12:00", "up", link=TWELVE[0])
    made = county.compute(capsys, "2021")
    found = made.json["inference"]["links"][0]
    length = (at("2021-07-02 12:00") - at("2021-01-01 00:00")).total_seconds()
    assert found["exposure_seconds"] == length
    assert float(found["mtbsi"]["low"]) == pytest.approx(length / 2.995732, rel=1e-6)
    metrics = made.link(TWELVE[0])["metrics"]
    assert float(metrics["lower_bound_mtbsi"]) == pytest.approx(365 * 86400 / 2.995732, rel=1e-6)
    assert made.json["inference"]["labelled"] is True
