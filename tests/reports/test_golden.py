"""Golden cases of the methods notes (G..), as read by judgement R8, through `jinbao-report compute` on files.

Exact fractions are compared; the printed percentages of the notes are cut to 6 decimals.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from county import FIRST, County, Statement, at
from jinbao_reports.cli import main

TWELVE = tuple(f"5104221{number:02d}" for number in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
APRIL = ("2021-04-01 00:00", "2021-05-01 00:00")
Compute = Callable[..., Statement]


@pytest.fixture
def county(tmp_path: Path) -> County:
    return County(tmp_path)


@pytest.fixture
def compute(county: County, capsys: pytest.CaptureFixture[str]) -> Compute:
    return lambda period, *more: county.compute(capsys, period, *more)


def percent(share: Fraction | None) -> str:
    """Cut to 6 decimals, as the notes print it."""
    assert share is not None
    millionths = int(share * 10**8)
    return f"{millionths // 10**6}.{millionths % 10**6:06d}"


def test_g01_an_outage_of_exactly_the_allowance_passes(county: County, compute: Compute) -> None:
    county.step = 48
    county.series(*APRIL, down=[("2021-04-10 09:00:00", "2021-04-10 09:43:12")])
    made = compute("2021-04")
    assert made.exact("low") == made.exact("high") == Fraction(999, 1000)
    assert made.link()["verdict"] == "pass"
    assert made.code == 0


def test_g02_one_second_more_fails_and_is_never_rounded_up(county: County, compute: Compute) -> None:
    county.series(APRIL[0], "2021-04-10 09:43:13", down=[("2021-04-10 09:00:00", "2021-04-10 09:43:13")])
    county.series("2021-04-10 09:43:13", APRIL[1])
    made = compute("2021-04")
    assert made.seconds("counted") == 2593
    assert made.exact("high") == 1 - Fraction(2593, 2592000)
    assert percent(made.exact("high")) == "99.899961"
    assert made.link()["verdict"] == "fail"
    assert made.code == 1


@pytest.mark.parametrize(("mode", "expected"), [("remove", "99.860529"), ("credit", "99.861111")])
def test_g03_overlapping_exclusions_are_subtracted_once(county: County, compute: Compute, mode: str, expected: str) -> None:
    county.contract += f'\nmode = "{mode}"\n[exclusion.cutover]\nnotice = "72h"\n'
    county.series(*APRIL, down=[("2021-04-15 01:00", "2021-04-15 04:00")])
    county.exclusion("2021-04-15 00:00", "2021-04-15 02:00").exclusion("2021-04-15 01:30", "2021-04-15 03:00")
    made = compute("2021-04")
    assert made.seconds("excluded") == 10800
    assert made.seconds("counted") == 3600
    assert made.seconds("denominator") == (2581200 if mode == "remove" else 2592000)
    assert percent(made.exact("high")) == expected


@pytest.mark.parametrize(("mode", "expected"), [("remove", "99.837511"), ("credit", "99.837962")])
def test_g04_the_overrun_of_a_cutover_counts(county: County, compute: Compute, mode: str, expected: str) -> None:
    county.contract += f'\nmode = "{mode}"\n[exclusion.cutover]\nnotice = "72h"\n'
    county.series(*APRIL, down=[("2021-04-15 01:30", "2021-04-15 03:10")])
    county.exclusion("2021-04-15 00:00", "2021-04-15 02:00")
    made = compute("2021-04")
    assert made.seconds("counted") == 4200
    assert made.seconds("excluded") == 7200
    assert percent(made.exact("low")) == percent(made.exact("high")) == expected
    assert [klass for _, _, klass in made.rows()] == ["excluded", "counted"]


@pytest.mark.parametrize(
    ("period", "counted", "expected"),
    [("2021-12", 1800, "99.932795"), ("2022-01", 4500, "99.831989"), ("2021", 1800, "99.994292"), ("2022", 4500, "99.985730")],
)
def test_g05_an_outage_over_new_year_is_one_event_of_the_old_year(
    county: County, compute: Compute, period: str, counted: int, expected: str
) -> None:
    county.step = 900
    county.series("2020-12-31 00:00", "2023-01-02 00:00", down=[("2021-12-31 23:30", "2022-01-01 01:15")])
    made = compute(period)
    assert made.seconds("counted") == counted
    assert percent(made.exact("high")) == expected
    (outage,) = made.outages()
    assert outage["seconds"] == 6300
    assert outage["period_seconds"] == counted
    metrics = made.link()["metrics"]
    assert (metrics["n"], metrics["mtrs"]) == ((1, 6300) if period.startswith("2021") else (0, None))


def test_g06_months_are_cut_at_local_midnight_not_in_utc(county: County, compute: Compute) -> None:
    county.step = 900
    county.series("2020-12-31 00:00", "2022-01-02 00:00", down=[("2021-12-31 23:30", "2022-01-01 01:15")])
    made = compute("2021")
    assert made.json["period"] == {
        "name": "2021",
        "from": "2021-01-01T00:00:00+08:00",
        "to": "2022-01-01T00:00:00+08:00",
        "seconds": 1640966400 - 1609430400,
    }
    assert made.seconds("counted") == 1800


@pytest.mark.parametrize(
    ("period", "length"), [("2021", 31536000), ("2024", 31622400), ("2021-02", 2419200), ("2024-02", 2505600)]
)
def test_g07_calendar_lengths(county: County, compute: Compute, period: str, length: int) -> None:
    county.series("2021-02-01 00:00", "2021-02-01 01:00")
    assert compute(period).json["period"]["seconds"] == length


def test_g08_a_sample_holds_forward_to_the_next(county: County, compute: Compute) -> None:
    county.series("2021-04-10 09:50", "2021-04-10 10:20", down=[("2021-04-10 10:05", "2021-04-10 10:08")])
    (outage,) = compute("2021-04-10").outages()
    assert (outage["onset"], outage["restored"]) == ("2021-04-10T10:05:00+08:00", "2021-04-10T10:08:00+08:00")
    assert outage["seconds"] == 180


def test_g09_order_and_repetition_change_nothing(county: County, compute: Compute) -> None:
    for seq in range(1, 11):
        moment = at(f"2021-04-10 10:{seq:02d}")
        county.sample(moment, "lost" if seq in (4, 5, 6) else "reply", seq=seq)
    straight = compute("2021-04-10")
    county.samples += [county.samples[3], county.samples[6]]
    random.Random(9).shuffle(county.samples)
    shuffled = compute("2021-04-10")
    assert shuffled.link() == straight.link()
    assert shuffled.link()["loss"] == {"sent": 10, "lost": 3, "ratio": 0.3}
    assert shuffled.json["integrity"] == []


def test_g09_a_repeated_key_with_another_payload_is_unknown_and_flagged(county: County, compute: Compute) -> None:
    for seq in range(1, 11):
        county.sample(at(f"2021-04-10 10:{seq:02d}"), "reply", seq=seq)
    county.sample(at("2021-04-10 10:05"), "lost", seq=5)
    made = compute("2021-04-10T00:00:00+08:00/2021-04-10T10:11:00+08:00")
    flaw = {"kind": "conflict", "link": FIRST, "target": "core", "at": "2021-04-10T10:05:00+08:00"}
    assert made.json["integrity"] == [flaw]
    assert made.link()["loss"]["sent"] == 9
    assert made.seconds("up") == 9 * 60
    assert made.seconds("counted") == 0


def test_g10_late_data_supersedes_what_was_unknown(county: County, compute: Compute) -> None:
    county.step = 10
    county.series("2021-04-10 00:00", "2021-04-11 00:00", missing=[("2021-04-10 09:00", "2021-04-10 09:30")])
    before = compute("2021-04-10")
    assert percent(before.exact("low")) == "97.916666"
    assert before.exact("high") == 1
    assert before.link()["coverage"] == pytest.approx(0.979166666666)
    county.series("2021-04-10 09:00", "2021-04-10 09:30")
    after = compute("2021-04-10")
    assert after.exact("low") == after.exact("high") == 1


def test_g11_an_agent_restart_is_unknown_for_42_seconds(county: County, compute: Compute) -> None:
    county.step = 10
    county.series("2021-04-10 00:00", "2021-04-10 12:00:01").series("2021-04-10 12:00:52", "2021-04-11 00:00")
    made = compute("2021-04-10")
    assert made.seconds("unknown") == 42
    assert made.link()["coverage"] == pytest.approx(0.999513888888)
    assert made.exact("high") == 1


def test_g11_the_county_vantage_fills_the_gap(county: County, compute: Compute) -> None:
    county.step = 10
    county.series("2021-04-10 00:00", "2021-04-10 12:00:01").series("2021-04-10 12:00:52", "2021-04-11 00:00")
    county.series("2021-04-10 00:00", "2021-04-11 00:00", vantage="county", target="cpe")
    made = compute("2021-04-10")
    assert made.seconds("unknown") == 0
    assert made.exact("low") == 1


@pytest.fixture
def power_cut(county: County) -> County:
    """G12: silent from 14:03:20 to a new boot at 15:10 while the county's probe of the cpe fails 14:03:30-15:09:40."""
    county.step = 10
    county.contract = 'unattributed = "disputed"'
    cut = ("2021-04-10 14:03:30", "2021-04-10 15:09:50")
    for target in ("lan", "cpe", "edge", "core"):
        county.series(APRIL[0], "2021-04-10 13:00", target=target, step=600)
        county.series("2021-04-10 13:00", "2021-04-10 14:03:21", target=target)
        county.series("2021-04-10 15:10", "2021-04-10 16:00", target=target, boot="b2")
        county.series("2021-04-10 16:00", APRIL[1], target=target, boot="b2", step=600)
    county.series("2021-04-10 13:00", "2021-04-10 16:00", down=[cut], vantage="county", target="cpe")
    county.event("2021-04-10 14:03:20", "heartbeat", boot="b1")
    county.event("2021-04-10 15:10", "boot", boot="b2").event("2021-04-10 15:10", "start", boot="b2")
    return county


def test_g12_a_power_cut_without_evidence_is_disputed(power_cut: County, compute: Compute) -> None:
    made = compute("2021-04")
    assert made.seconds("disputed") == 3980
    assert percent(made.exact("low")) == "99.846450"
    assert made.exact("high") == 1
    assert made.link()["verdict"] == "inconclusive"
    assert made.rows() == [("7", "POWER_SUSPECTED", "disputed")]


def test_g12_with_mains_evidence_it_is_not_the_carriers(power_cut: County, compute: Compute) -> None:
    power_cut.event("2021-04-10 14:03:25", "mains_off").event("2021-04-10 15:09:40", "mains_on", boot="b2")
    made = compute("2021-04")
    assert made.seconds("not_carrier") == 3980
    assert made.seconds("denominator") == 2588020
    assert made.exact("low") == made.exact("high") == 1
    assert {cause for _, cause, _ in made.rows()} == {"POWER_TOWNSHIP", "POWER_RECOVERY"}


def test_g12_an_approved_power_notice_documents_it(power_cut: County, compute: Compute) -> None:
    power_cut.entry(
        id="P1",
        kind="power_notice",
        links=[FIRST],
        from_="2021-04-10 13:00",
        to="2021-04-10 16:00",
        author="a",
        approved_by="b",
    )
    made = compute("2021-04")
    assert made.rows() == [("6", "POWER_DOCUMENTED", "not_carrier")]
    assert made.exact("low") == 1


def test_g19_unknown_time_widens_the_bounds(county: County, compute: Compute) -> None:
    county.interval("2021-04-01 00:00", "2021-04-29 22:26:40", "up")
    county.interval("2021-04-29 22:26:40", "2021-04-29 22:56:40", "down")
    made = compute("2021-04")
    assert (made.seconds("up"), made.seconds("counted"), made.seconds("unknown")) == (2500000, 1800, 90200)
    assert percent(made.exact("low")) == "96.450617"
    assert percent(made.exact("high")) == "99.930555"
    assert percent(made.exact("measured")) == "99.928051"
    assert made.link()["coverage"] == pytest.approx(0.965200617)
    assert made.link()["verdict"] == "inconclusive"


def test_g20_no_sample_is_no_data_never_a_hundred_percent(county: County, compute: Compute) -> None:
    county.series("2021-03-01 00:00", "2021-03-01 01:00")
    made = compute("2021-04")
    assert made.link()["verdict"] == "no_data"
    assert set(made.link()["availability"].values()) == {None}
    assert made.link()["coverage"] is None
    assert made.json["group"]["mean_low"] is None


def test_g21_server_maintenance_leaves_the_carrier_untouched(county: County, compute: Compute) -> None:
    county.links = TWELVE
    span, down = ("2021-04-10 21:00", "2021-04-10 23:00"), [("2021-04-10 22:00", "2021-04-10 22:10")]
    for link in TWELVE:
        county.series(*span, link=link).series(*span, down, link=link, target="app", bad="refused")
        county.series(*span, down, link=link, vantage="county", target="app", bad="refused")
    county.entry(
        id="S1", kind="server_notice", links=["*"], from_="2021-04-10 21:55", to="2021-04-10 22:15", author="a", approved_by="b"
    )
    made = compute("2021-04-10 ".strip())
    for link in TWELVE:
        assert made.seconds("counted", link) == 0
        assert made.outages(link) == []
        assert made.link(link)["service_seconds"]["down"] == 600
        assert made.rows(link, "service") == [("16", "SERVER_MAINT", "not_carrier")]
        assert made.exact("user_high", link) == 1 - Fraction(600, 86400)
    (event,) = made.json["events"]
    assert event["cause"] == "SERVER_MAINT"
    assert event["links"] == list(TWELVE)


def test_g22_one_county_fault_is_one_event_not_twelve(county: County, compute: Compute) -> None:
    county.links, county.step = TWELVE, 300
    down = [("2021-04-10 09:00", "2021-04-10 09:15")]
    for link in TWELVE:
        for target in ("lan", "cpe", "edge"):
            county.series(*APRIL, link=link, target=target)
        county.series(*APRIL, down, link=link)
        county.series(*APRIL, down, link=link, vantage="county", target="cpe")
    for target in ("gw", "ce"):
        county.series(*APRIL, link="*", vantage="county", target=target)
    county.series(*APRIL, down, link="*", vantage="county", target="carrier")
    made = compute("2021-04")
    for link in TWELVE:
        assert made.rows(link) == [("14", "COUNTY_ACCESS", "counted")]
        assert percent(made.exact("high", link)) == "99.965277"
    assert made.json["group"]["exact"]["mean_high"] == f"{Fraction(2591100, 2592000)}"
    (event,) = made.json["events"]
    assert len(event["links"]) == 12


def test_g24_a_refusal_proves_the_link_and_disproves_the_service(county: County, compute: Compute) -> None:
    span = ("2021-04-10 09:00", "2021-04-10 11:00")
    county.series(*span).series(*span, [("2021-04-10 10:00", "2021-04-10 10:30")], target="app", bad="refused")
    made = compute("2021-04-10")
    assert made.outages() == []
    assert made.seconds("up") == 7200
    assert made.rows(scope="service") == [("19", "SERVICE_DOWN_LINK_UP", "not_carrier")]
    assert made.link()["service_seconds"]["down"] == 1800


@pytest.mark.parametrize("outcome", ["late", "reply"])
def test_g25_the_same_late_answer_is_lost_or_not_by_w(county: County, compute: Compute, outcome: str) -> None:
    county.series("2021-04-10 10:00", "2021-04-10 10:10").series("2021-04-10 10:20", "2021-04-10 10:30")
    for minute in range(10, 20):
        county.sample(at(f"2021-04-10 10:{minute}"), outcome, rtt=2400000)
    county.contract += '\n[rule]\nwait = "2s"\n'
    strict = compute("2021-04-10")
    assert strict.seconds("counted") == 600
    county.contract = county.contract.replace('"2s"', '"3s"')
    patient = compute("2021-04-10")
    assert patient.seconds("counted") == 0
    assert patient.link()["latency"]["p99"] == 2400.0


def test_g13_the_choice_of_definition_alone_moves_the_same_data(county: County, compute: Compute) -> None:
    """30 x (failed, answered, answered) at 10 s, beginning at a full minute."""
    county.step = 10
    county.series("2021-04-10 09:00", "2021-04-10 10:00")
    for index in range(90):
        minute, second = divmod(index * 10, 60)
        county.sample(at(f"2021-04-10 10:{minute:02d}:{second:02d}"), "lost" if index % 3 == 0 else "reply")
    county.series("2021-04-10 10:15", "2021-04-10 11:00")
    down = {profile: compute("2021-04-10", "--profile", profile) for profile in ("default", "mef", "y1540-2011", "y1540-2016")}
    assert {name: made.seconds("counted") for name, made in down.items()} == {
        "default": 0,
        "mef": 0,
        "y1540-2011": 0,
        "y1540-2016": 900,
    }
    assert (down["mef"].link()["hli"], down["mef"].link()["chli_runs"]) == (30, 0)
    assert down["default"].link()["flaps"]["count"] == 30
    assert down["y1540-2016"].json["profile"]["C"] == "1/5"


def test_g15_ten_consecutive_bad_windows_turn_and_ten_good_ones_turn_back(county: County, compute: Compute) -> None:
    county.step = 1
    county.contract += '\n[rule]\nprofile = "mef"\ndt = "1s"\nn = 10\n'
    county.series("2021-04-10 09:59:30", "2021-04-10 10:00:40")
    bad = [*range(5, 20), *range(25, 27)]
    county.samples = [
        row.replace("reply,20000", "lost,") if index - 30 in bad else row for index, row in enumerate(county.samples)
    ]
    made = compute("2021-04-10")
    assert made.seconds("counted") == 22
    assert made.outages()[0]["onset"] == "2021-04-10T10:00:05+08:00"
    assert made.link()["hli"] == 0


@pytest.mark.parametrize(("period", "counted"), [("2021-04", 50), ("2021-05", 120)])
def test_g17_the_state_at_a_period_edge_needs_the_look_ahead(
    county: County, compute: Compute, period: str, counted: int
) -> None:
    county.step = 10
    county.contract += '\n[rule]\nprofile = "mef"\n'
    county.series("2021-04-30 22:00", "2021-05-01 02:00", down=[("2021-04-30 23:59:10", "2021-05-01 00:02")])
    assert compute(period).seconds("counted") == counted


def test_g26_a_clock_step_is_undone_through_the_monotonic_clock(county: County, compute: Compute) -> None:
    """The clock was an hour fast until seq 30, then synchronised; seq 40-44 were lost."""
    county.step = 10
    start = at("2021-04-10 10:00")
    for seq in range(100):
        fast = timedelta(hours=1) if seq < 30 else timedelta(0)
        county.sample(
            start + timedelta(seconds=10 * seq) + fast,
            "lost" if 40 <= seq <= 44 else "reply",
            seq=seq,
            mono=seq * 10_000_000_000,
        )
    county.event("2021-04-10 10:05", "clock_step", detail=f"delta_ms=-3600000;synced=1;mono_ns={295 * 10**9}")
    made = compute("2021-04-10T10:00:00+08:00/2021-04-10T10:16:40+08:00")
    assert made.seconds("unknown") == 0
    (outage,) = made.outages()
    assert (outage["seconds"], outage["onset"], outage["suspect"]) == (50, "2021-04-10T10:06:40+08:00", False)


def test_g26_an_outage_made_of_restamped_samples_is_suspect(county: County, compute: Compute) -> None:
    county.step = 10
    start = at("2021-04-10 10:00")
    for seq in range(100):
        fast = timedelta(hours=1) if seq < 50 else timedelta(0)
        outcome = "lost" if 20 <= seq <= 24 else "reply"
        county.sample(start + timedelta(seconds=10 * seq) + fast, outcome, seq=seq, mono=seq * 10_000_000_000)
    county.event("2021-04-10 10:08:20", "clock_step", detail=f"delta_ms=-3600000;synced=1;mono_ns={495 * 10**9}")
    (outage,) = compute("2021-04-10").outages()
    assert (outage["seconds"], outage["onset"], outage["suspect"]) == (50, "2021-04-10T10:03:20+08:00", True)


def test_g28_a_leap_second_does_not_exist_in_posix_time(county: County, compute: Compute) -> None:
    county.step = 5
    county.series("2017-01-01 07:59", "2017-01-01 08:01", down=[("2017-01-01 07:59:50", "2017-01-01 08:00:05")])
    made = compute("2017-01-01")
    assert made.json["period"]["seconds"] == 86400
    assert made.outages()[0]["seconds"] == 15


def test_g33_variation_is_taken_only_over_pairs_without_a_loss_between(county: County, compute: Compute) -> None:
    for minute, delay in enumerate((20, 22, 21, 30, None, 23, 20)):
        outcome = "lost" if delay is None else "reply"
        county.sample(at(f"2021-04-10 10:0{minute}"), outcome, rtt="" if delay is None else delay * 1000)
    link = compute("2021-04-10").link()
    assert link["ipdv"]["mean_abs"] == 3.75
    assert round(link["ipdv"]["j"], 4) == 0.8728
    assert link["loss"] == {"sent": 7, "lost": 1, "ratio": pytest.approx(1 / 7)}
    assert (link["latency"]["min"], link["latency"]["median"], link["latency"]["p99"]) == (20.0, 21.5, 30.0)


@pytest.mark.parametrize(
    ("day", "down", "counted"),
    [
        ("2021-05-08", ("2021-05-08 10:00", "2021-05-08 10:30"), 1800),
        ("2021-05-03", ("2021-05-03 10:00", "2021-05-03 10:30"), 0),
        ("2021-04-12", ("2021-04-12 11:45", "2021-04-12 13:45"), 1800),
        ("2021-04-12/2021-04-14", ("2021-04-12 16:30", "2021-04-13 09:20"), 3000),
    ],
)
def test_g34_only_legal_working_hours_count(
    county: County, compute: Compute, day: str, down: tuple[str, str], counted: int
) -> None:
    county.contract += '\n[service_hours]\ndays = "legal_workdays"\nspans = ["09:00-12:00", "13:30-17:00"]\n'
    county.series("2021-04-12 00:00", "2021-04-14 00:00", down=[down]).series(
        "2021-05-03 00:00", "2021-05-04 00:00", down=[down]
    )
    county.series("2021-05-08 00:00", "2021-05-09 00:00", down=[down])
    made = compute(day)
    assert made.seconds("counted") == counted
    assert [outage["counted"] for outage in made.outages()] == [counted]


def test_g34_the_legal_year_2021_has_250_workdays(county: County, compute: Compute) -> None:
    county.contract += '\n[service_hours]\ndays = "legal_workdays"\nspans = ["09:00-12:00", "13:30-17:00"]\n'
    county.series("2021-04-12 00:00", "2021-04-12 01:00")
    made = compute("2021")
    assert made.seconds("service") == 250 * 23400 == 5850000


def test_g34_a_year_without_a_published_calendar_raises(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    county.contract += '\n[service_hours]\ndays = "legal_workdays"\n'
    county.series("2021-04-12 00:00", "2021-04-12 01:00")
    assert main(["compute", *county.write(), "--period", "2049"]) == 2
    assert "no legal calendar is known for 2049" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reported", "counted", "state"),
    [
        (None, 0, "missing"),
        ("2021-04-15 10:00", 300, "in_time"),
        ("2021-04-15 10:00:01", 0, "late"),
        ("2021-04-10 09:51", 300, "in_time"),
    ],
)
def test_g36_a_fault_not_reported_in_time_is_unclaimed(
    county: County, compute: Compute, reported: str | None, counted: int, state: str
) -> None:
    county.contract += '\nclaim_window = "5d"\n'
    county.series("2021-04-01 00:00", "2021-05-01 00:00", down=[("2021-04-10 10:00", "2021-04-10 10:05")])
    if reported:
        county.entry(id="T1", kind="ticket", link=FIRST, number="GD-1", reported_at=reported)
    made = compute("2021-04")
    assert (made.seconds("counted"), made.seconds("unclaimed")) == (counted, 300 - counted)
    assert made.outages()[0]["claim_state"] == state
    assert made.exact("user_high") == 1 - Fraction(300, 2592000)
    assert made.exact("low") == 1 - Fraction(counted, 2592000)


def test_as_of_ends_what_is_known(county: County, compute: Compute) -> None:
    county.step = 600
    county.series("2021-04-10 08:00", "2021-04-10 12:00", down=[("2021-04-10 10:00", "2021-04-10 12:00")])
    made = compute("2021-04-10", "--as-of", "2021-04-10T10:45:00+08:00")
    assert made.seconds("counted") == 2700
    assert made.link()["edge_error_seconds"] == 600


def test_a_ticket_belongs_to_the_latest_outage_even_beyond_the_period(county: County, compute: Compute) -> None:
    county.contract += '\nclaim_window = "5d"\n'
    county.step = 600
    down = [("2021-04-30 10:00", "2021-04-30 12:00"), ("2021-05-04 00:00", "2021-05-04 02:00")]
    county.series("2021-04-20 00:00", "2021-05-20 00:00", down=down)
    county.entry(id="T1", kind="ticket", link=FIRST, reported_at="2021-05-04 00:30")
    made = compute("2021-04")
    assert (made.seconds("unclaimed"), made.outages()[0]["claim_state"]) == (7200, "missing")


def test_an_acknowledgement_is_judged_in_the_period_it_falls_into(county: County, compute: Compute) -> None:
    county.contract += '\nclaim_window = "5d"\n[limits]\nresponse = "30m"\n'
    county.series("2021-04-30 00:00", "2021-05-02 00:00", down=[("2021-04-30 22:00", "2021-04-30 23:50")])
    county.entry(id="T1", kind="ticket", link=FIRST, reported_at="2021-04-30 22:30", acked_at="2021-05-01 00:30")
    verdicts = [{item["id"]: item for item in compute(month).link()["clauses"]}["response"] for month in ("2021-04", "2021-05")]
    assert [item["verdict"] for item in verdicts] == ["not_applicable", "fail"]
    assert verdicts[1]["actual"] == 7200


def test_the_sliver_of_service_failure_beside_a_link_outage_is_listed_and_marked(county: County, compute: Compute) -> None:
    county.series("2021-04-10 09:00", "2021-04-10 11:00", down=[("2021-04-10 10:00", "2021-04-10 10:10")])
    county.series("2021-04-10 09:00", "2021-04-10 11:00", down=[("2021-04-10 10:00", "2021-04-10 10:11")], target="app")
    (sliver,) = compute("2021-04-10").outages(scope="service")
    assert (sliver["seconds"], sliver["edge"]) == (60, True)
