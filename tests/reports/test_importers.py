"""Other tools' histories, through `jinbao-report import` and then `jinbao-report compute`. Their origins: import/README.md."""

import csv
import json
import random
import shutil
import subprocess
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from county import FIRST, SHANGHAI, County, Statement
from jinbao_collector import line_protocol
from jinbao_reports.cli import main
from jinbao_reports.importers import ORIGINS
from jinbao_reports.importers.found import ranges
from jinbao_reports.importers.reading import OPTION, instant_us

HISTORIES = Path(__file__).parent / "import"
SECOND = "510422102"
CORE = ("--vantage", "township", "--target", "core")
ONE_STRIKE = 'unattributed = "counted"\n[rule]\nn = 1'
SITE = "access-website-public-webpage"


class Desk:
    """A person at the command line, with a county's links and contract at hand."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.out = folder / "imported.csv"

    def run(self, *asked: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(list(asked))
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def imported(self, origin: str, file: Path, *said: str) -> dict[str, Any]:
        """The summary; the samples or intervals are in `out`."""
        code, out, err = self.run("import", "--from", origin, str(file), *said, "--out", str(self.out), "--json")
        assert code == 0, err
        summary: dict[str, Any] = json.loads(out)
        assert [summary["out"], summary["from"]] == [str(self.out), origin]
        return summary

    def refused(self, origin: str, file: Path, *said: str) -> str:
        code, out, err = self.run("import", "--from", origin, str(file), *said, "--out", str(self.out))
        assert (code, out) == (2, "")
        assert not self.out.exists()
        return err

    def rows(self, *columns: str) -> list[tuple[str, ...]]:
        with self.out.open(encoding="utf-8", newline="") as text:
            return [tuple(row[column] for column in columns) for row in csv.DictReader(text)]

    def judged(self, period: str, contract: str = ONE_STRIKE, basis: str = "--samples") -> Statement:
        declared = County(self.folder, contract=contract).write()[:4]
        code, out, err = self.run("compute", *declared, basis, str(self.out), "--period", period, "--json")
        assert code in (0, 1), err
        return Statement(json.loads(out), code)

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        return file


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def spans(made: Statement, scope: str = "link") -> list[tuple[str, str | None, int]]:
    """(onset, restored, seconds) of each outage, times of day only."""
    return [
        (outage["onset"][11:19], outage["restored"] and outage["restored"][11:19], outage["seconds"])
        for outage in made.outages(scope=scope)
    ]


# --- Upptime


def test_upptime_checks_become_samples_that_judge_to_the_recorded_outages(desk: Desk) -> None:
    told = desk.imported("upptime", HISTORIES / "upptime-checks.csv", "--map", f"{SITE}={FIRST}", *CORE, "--interval", "3h")
    assert told["samples"] == 15
    assert told["left_out"] == {"curc-docs-public-webpage": 8}
    assert desk.rows("sent_at", "outcome", "rtt_us")[:2] == [
        ("2026-05-27T01:00:52Z", "reply", "792000"),
        ("2026-05-27T03:22:08Z", "lost", ""),
    ]
    assert ("2026-05-27T11:19:30Z", "bad_reply", "621000") in desk.rows("sent_at", "outcome", "rtt_us")
    # Upptime waits 60 s: its answer of 10.3 s at 11:17:01 is one only by that.
    assert spans(desk.judged("2026-05", f'{ONE_STRIKE}\nwait = "60s"')) == [
        ("11:22:08", "13:35:28", 8000),
        ("19:19:30", "19:21:51", 141),
        ("07:33:21", "11:17:01", 13420),
    ]


def upptime_repository(folder: Path, versions: Iterable[str]) -> Path:
    clone = folder / "clone"
    (clone / "history").mkdir(parents=True)
    git = ("git", "-C", str(clone), "-c", "user.name=Upptime Bot", "-c", "user.email=bot@example.invalid")
    subprocess.run(["git", "init", "-q", str(clone)], check=True)
    for number, version in enumerate(versions):
        (clone / "history" / "honge.yml").write_text(version, encoding="utf-8")
        (clone / "history" / "summary.json").write_text(f"[{number}]", encoding="utf-8")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "🟩 红格镇 is up (200 in 133 ms) [skip ci] [upptime]"], check=True)
    return clone


def upptime_version(updated: str, status: str = "up", code: str = "200", took: str = "133") -> str:
    return f"url: https://10.0.0.2\nstatus: {status}\ncode: {code}\nresponseTime: {took}\nlastUpdated: {updated}\n"


def test_an_upptime_clone_gives_every_version_of_every_site(desk: Desk) -> None:
    clone = upptime_repository(
        desk.folder,
        [
            upptime_version("2021-04-10T01:00:00.133Z"),
            upptime_version("2021-04-10T01:05:00.000Z", "down", "0", "0"),
            upptime_version("2021-04-10T01:10:01.500Z", "degraded", "200", "1500"),
        ],
    )
    told = desk.imported("upptime", clone, "--map", f"honge={FIRST}", *CORE)
    assert told["samples"] == 3
    assert desk.rows("sent_at", "outcome", "rtt_us") == [
        ("2021-04-10T01:00:00Z", "reply", "133000"),
        ("2021-04-10T01:05:00Z", "lost", ""),
        ("2021-04-10T01:10:00Z", "reply", "1500000"),
    ]


def test_a_wrong_version_in_an_upptime_clone_is_named_by_its_commit(desk: Desk) -> None:
    clone = upptime_repository(desk.folder, [upptime_version("2021-04-10T01:00:00Z"), upptime_version("gestern")])
    head = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    err = desk.refused("upptime", clone, "--map", f"honge={FIRST}", *CORE)
    assert f"record 2: commit {head[:10]}, honge: Invalid isoformat string: 'gestern'" in err


def test_a_folder_that_is_no_clone_is_refused(desk: Desk) -> None:
    (desk.folder / "empty").mkdir()
    assert "is no clone of an Upptime repository: fatal: " in desk.refused("upptime", desk.folder / "empty", *CORE)


# --- SmokePing


def test_a_smokeping_row_is_one_sample_and_a_doubtful_row_is_none(desk: Desk) -> None:
    told = desk.imported("smokeping", HISTORIES / "smokeping.csv", "--link", FIRST, *CORE)
    assert told["samples"] == 19
    assert told["notes"] == {
        "pings_a_round": [20],
        "row_seconds": [300],
        "rows_without_data": 0,
        "rows_undecided": 2,
        "rows_partly_lost": 3,
        "loss_percent": 37.8947,
    }
    doubtful = [when for when, outcome in desk.rows("sent_at", "outcome") if outcome.startswith("not_sent")]
    assert doubtful == ["2021-04-23T13:00:00Z", "2021-04-23T13:35:00Z"]
    made = desk.judged("2021-04")
    assert spans(made) == [("21:05:00", "21:25:00", 1200), ("21:40:00", "21:45:00", 300)]
    assert made.seconds("up") + made.seconds("counted") == 17 * 300


def test_an_hourly_mean_hides_a_dead_round_so_only_clean_hours_are_up(desk: Desk) -> None:
    hourly = desk.write("hourly.csv", "unix,loss_of_20,median_s\n1618016400,0.5,0.02\n1618020000,1.2,0.02\n1618023600,20,nan\n")
    told = desk.imported("smokeping", hourly, "--link", FIRST, *CORE)
    assert told["notes"]["rows_undecided"] == 1
    assert desk.rows("sent_at", "outcome", "rtt_us", "interval_ms") == [
        ("2021-04-10T00:00:00Z", "reply", "20000", "3600000"),
        ("2021-04-10T01:00:00Z", "not_sent:partial_loss", "", "3600000"),
        ("2021-04-10T02:00:00Z", "lost", "", "3600000"),
    ]


def test_the_same_hourly_row_is_clear_when_a_round_is_an_hour(desk: Desk) -> None:
    hourly = desk.write("hourly.csv", "unix,loss_of_20,median_s\n1618016400,0.5,0.02\n1618020000,1.2,0.02\n")
    desk.imported("smokeping", hourly, "--link", FIRST, *CORE, "--round", "1h")
    assert [outcome for (outcome,) in desk.rows("outcome")] == ["reply", "reply"]


@pytest.mark.skipif(shutil.which("rrdtool") is None, reason="needs the program rrdtool")
class TestRrd:
    """Against the real rrdtool: rounds of 4 pings each 300 s, 112 s past the grid, as a daemon writes them."""

    BEGIN = 1618012800
    LOSSES = (0,) * 20 + (4,) + (0,) * 3 + (4, 4, 4) + (0, 0, 1) + (0,) * 18

    def rrd(self, folder: Path) -> Path:
        file = folder / "honge.rrd"
        names = ("uptime", "loss", "median", "ping1", "ping2", "ping3", "ping4")
        sources = [f"DS:{name}:GAUGE:600:0:{4 if name == 'loss' else 'U'}" for name in names]
        archives = ["RRA:AVERAGE:0.5:1:30", "RRA:AVERAGE:0.5:12:100", "RRA:MAX:0.5:12:100"]
        create = ["rrdtool", "create", str(file), "--step", "300", "--start", str(self.BEGIN - 300), *sources, *archives]
        subprocess.run(create, check=True)
        rounds = []
        for index, loss in enumerate(self.LOSSES):
            times = ["0.02"] * (4 - loss) + ["U"] * loss
            rounds.append(f"{self.BEGIN + 112 + 300 * index}:U:{loss}:{'0.02' if loss < 4 else 'U'}:{':'.join(times)}")
        subprocess.run(["rrdtool", "update", str(file), *rounds], check=True)
        return file

    def fetched(self, file: Path, width: int) -> str:
        end = self.BEGIN + 300 * len(self.LOSSES)
        fetch = ["rrdtool", "fetch", str(file), "AVERAGE", "-r", str(width), "-s", str(end - 30 * 300), "-e", str(end - 600)]
        told = subprocess.run(fetch, capture_output=True, text=True, check=True).stdout.splitlines()
        rows = [line.replace(":", "").split() for line in told if line[:1].isdigit()]
        return "".join(["unix,loss_of_4,median_s\n", *(f"{row[0]},{row[2]},{row[3]}\n" for row in rows)])

    def test_a_lone_dead_round_never_reads_as_up_throughout(self, desk: Desk) -> None:
        told = desk.imported("smokeping", self.rrd(desk.folder), "--link", FIRST, *CORE)
        outcomes = [outcome for (outcome,) in desk.rows("outcome")]
        dead = [outcome for outcome in outcomes if outcome != "reply"]
        assert dead == ["not_sent:partial_loss", "not_sent:partial_loss", "lost", "lost"]  # one round, then three
        assert told["notes"]["pings_a_round"] == [4]

    def test_coarse_means_serve_only_before_the_fine_ones(self, desk: Desk) -> None:
        desk.imported("smokeping", self.rrd(desk.folder), "--link", FIRST, *CORE)
        rows = [(instant_us(when, None), int(width)) for when, width in desk.rows("sent_at", "interval_ms")]
        assert [width for _, width in rows[:1]] == [3_600_000]
        assert {width for _, width in rows} == {3_600_000, 300_000}
        assert all(at + width * 1000 <= after for (at, width), (after, _) in pairwise(rows))

    def test_the_csv_of_rrdtool_fetch_gives_the_same_samples(self, desk: Desk) -> None:
        file = self.rrd(desk.folder)
        desk.imported("smokeping", desk.write("honge.csv", self.fetched(file, 300)), "--link", FIRST, *CORE)
        from_csv = desk.rows("sent_at", "outcome", "rtt_us")
        desk.imported("smokeping", file, "--link", FIRST, *CORE)
        assert from_csv
        assert set(from_csv) <= set(desk.rows("sent_at", "outcome", "rtt_us"))

    def test_an_rrd_of_another_tool_is_refused(self, desk: Desk) -> None:
        file = desk.folder / "traffic.rrd"
        subprocess.run(["rrdtool", "create", str(file), "DS:in:COUNTER:600:0:U", "RRA:AVERAGE:0.5:1:10"], check=True)
        assert "is no RRD of SmokePing: it holds in" in desk.refused("smokeping", file, "--link", FIRST, *CORE)

    def test_a_broken_rrd_is_refused_in_rrdtools_words(self, desk: Desk) -> None:
        file = desk.folder / "broken.rrd"
        file.write_bytes(self.rrd(desk.folder).read_bytes()[:200])
        assert "broken.rrd: rrdtool cannot read it: ERROR" in desk.refused("smokeping", file, "--link", FIRST, *CORE)


def test_without_rrdtool_the_environment_is_to_blame(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk.folder / "honge.rrd").write_bytes(b"RRD\x000003")
    monkeypatch.setenv("PATH", str(desk.folder))
    code, _, err = desk.run("import", "--from", "smokeping", str(desk.folder / "honge.rrd"), "--link", FIRST, *CORE)
    assert code == 3
    assert "needs the program rrdtool" in err


# --- RIPE Atlas


def test_atlas_packets_keep_their_order_and_judge_to_one_outage(desk: Desk) -> None:
    told = desk.imported("ripe-atlas", HISTORIES / "ripe-atlas.json", "--map", f"6012={FIRST}", *CORE)
    assert (told["samples"], told["left_out"], told["beside"]) == (12, {"6013 10.0.0.2": 1}, {"traceroute": 1})
    assert told["notes"] == {"results_with_unknown_clock": 1, "longest_since_clock_sync_s": 72}
    assert desk.rows("sent_at", "outcome", "rtt_us", "interval_ms")[:4] == [
        ("2021-04-10T01:00:00Z", "reply", "20318", "1000"),
        ("2021-04-10T01:00:01Z", "reply", "19987", "1000"),
        ("2021-04-10T01:00:02Z", "reply", "20110", "58000"),
        ("2021-04-10T01:01:00Z", "lost", "", "1000"),
    ]
    assert ("2021-04-10T01:02:00Z", "not_sent:sendto_failed_network_is_unreachable") in desk.rows("sent_at", "outcome")
    assert spans(desk.judged("2021-04-10", 'unattributed = "counted"')) == [("09:01:00", "09:03:00", 120)]


def test_atlas_results_one_a_line_give_the_same(desk: Desk) -> None:
    said = ("--map", f"6012={FIRST}", *CORE)
    desk.imported("ripe-atlas", HISTORIES / "ripe-atlas.json", *said)
    from_array = desk.out.read_bytes()
    results = json.loads((HISTORIES / "ripe-atlas.json").read_text(encoding="utf-8"))
    desk.imported("ripe-atlas", desk.write("lines.txt", "\n".join(json.dumps(result) for result in results)), *said)
    assert desk.out.read_bytes() == from_array


def test_old_atlas_firmware_that_kept_only_sums_is_no_sample(desk: Desk) -> None:
    old = desk.write("old.json", '[{"fw":1,"prb_id":1,"timestamp":1332938930,"sent":3,"rcvd":3,"avg":20.1,"addr":"10.0.0.2"}]')
    assert "result 1: has no list of single packets" in desk.refused("ripe-atlas", old, "--link", FIRST, *CORE)


# --- Telegraf

TOWNSHIP_BOX = (
    "--map",
    f"tw-01 10.0.0.2={FIRST}/township/core",
    "--map",
    f"10.0.9.1:443={FIRST}/township/app",
    "--interval",
    "60s",
)


def test_telegraf_points_become_samples_of_two_rungs(desk: Desk) -> None:
    told = desk.imported("telegraf", HISTORIES / "telegraf.lp", *TOWNSHIP_BOX)
    assert told["samples"] == 9
    assert told["left_out"] == {"tw-01 10.1.2.1": 1, "tw-01 https://10.0.9.1/health?a=b": 1}
    assert told["beside"] == {"cpu": 1}
    assert told["notes"] == {"pings_sent": 5, "pings_lost": 3, "rounds_partly_lost": 0}
    assert desk.rows("target", "sent_at", "outcome", "rtt_us")[:2] == [
        ("app", "2021-04-10T01:00:00Z", "reply", "21092"),
        ("core", "2021-04-10T01:00:00Z", "reply", "20118"),
    ]
    assert ("app", "not_sent:connection_failed") in desk.rows("target", "outcome")
    assert ("core", "not_sent:result_code_2") in desk.rows("target", "outcome")
    made = desk.judged("2021-04-10")
    assert spans(made) == [("09:01:00", "09:05:00", 180)]


def test_who_knows_what_a_failed_connection_was_can_say_so(desk: Desk) -> None:
    desk.imported("telegraf", HISTORIES / "telegraf.lp", *TOWNSHIP_BOX, "--outcome", "connection_failed=refused")
    assert ("app", "refused") in desk.rows("target", "outcome")


def test_telegraf_calls_a_503_a_success_and_we_do_not(desk: Desk) -> None:
    url = "https://10.0.9.1/health?a=b"
    desk.imported("telegraf", HISTORIES / "telegraf.lp", "--map", f"{url}={FIRST}/township/app")
    assert desk.rows("outcome", "rtt_us") == [("bad_reply", "37655")]


def test_a_round_that_lost_some_packets_was_answered_and_is_told_of(desk: Desk) -> None:
    told = desk.imported("telegraf", HISTORIES / "telegraf.lp", "--map", f"10.1.2.1={FIRST}/township/cpe")
    assert desk.rows("outcome", "rtt_us") == [("reply", "1250")]
    assert told["notes"] == {"pings_sent": 3, "pings_lost": 1, "rounds_partly_lost": 1}


def test_two_boxes_never_become_one_series(desk: Desk) -> None:
    both = desk.write(
        "both.lp",
        "".join(
            f"ping,host=tw-0{box},url=10.0.0.2 packets_transmitted=1i,packets_received=0i 1618016400000000000\n" for box in "12"
        ),
    )
    err = desk.refused("telegraf", both, "--map", f"10.0.0.2={FIRST}/township/core")
    assert f"'tw-01 10.0.0.2', 'tw-02 10.0.0.2' would all become {FIRST}/township/core" in err


@pytest.mark.parametrize(
    ("line", "point"),
    [
        ("m f=1 1", ("m", {}, {"f": 1}, 1)),
        (r"a\ b\,c,t\=1=x\ y f=1i,g=t 5", ("a b,c", {"t=1": "x y"}, {"f": 1, "g": True}, 5)),
        (r'm,path=C:\x s="a \"b\", c\\d",e=-1.5e3 7', ("m", {"path": r"C:\x"}, {"s": r'a "b", c\d', "e": -1500}, 7)),
        ("m  f=1u  9 ", ("m", {}, {"f": 1}, 9)),
    ],
)
def test_line_protocol_is_read_with_its_escapes(line: str, point: tuple[object, ...]) -> None:
    read = line_protocol.parse(line)
    assert (read.measurement, dict(read.tags), dict(read.fields), read.stamp) == point


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("m f=1", "expected a blank and the timestamp at character 6"),
        ("m,t f=1 1", "expected '=' at character 4"),
        ("m f=yes 1", "field f=yes: expected a number"),
        ("m f=1 1 1", "expected the end of the line at character 8"),
        (",t=1 f=1 1", "expected a measurement at character 1"),
        ('m f="open 1', 'field f="open: expected a number'),
    ],
)
def test_what_is_no_line_protocol_is_told_where(line: str, problem: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        line_protocol.parse(line)
    assert problem in str(caught.value)


# --- fping


def test_a_recorded_fping_loop_judges_to_the_outage_that_was_made(desk: Desk) -> None:
    told = desk.imported("fping", HISTORIES / "fping-loop.txt", "--map", f"10.0.0.2={FIRST}/township/core", "--interval", "1s")
    assert (told["samples"], told["left_out"], told["beside"]) == (9, {"10.0.0.3": 8}, {"host summary": 2})
    assert desk.rows("sent_at", "outcome", "rtt_us")[2:4] == [
        ("2026-11-22T18:47:45.308712Z", "reply", "38"),
        ("2026-11-22T18:47:46.309520Z", "lost", ""),
    ]
    assert [outage[2] for outage in spans(desk.judged("2026-11-23"))] == [pytest.approx(4, abs=0.01)]


def test_a_lost_ping_was_sent_a_timeout_before_its_line(desk: Desk) -> None:
    said = ("--map", f"10.0.0.3={FIRST}/township/core", "--interval", "1s", "--timeout", "500ms")
    desk.imported("fping", HISTORIES / "fping-loop.txt", *said)
    assert desk.rows("sent_at", "outcome")[0] == ("2026-11-22T18:47:43.818550Z", "lost")


def test_fping_summaries_take_their_time_from_the_line_before(desk: Desk) -> None:
    said = ("--map", f"10.0.0.2={FIRST}/township/core", "--interval", "300ms", "--round", "1m")
    desk.imported("fping", HISTORIES / "fping-summary.txt", *said)
    rows = desk.rows("sent_at", "outcome", "rtt_us", "interval_ms")
    assert rows[3:6] == [
        ("2021-04-10T01:00:00.900000Z", "reply", "53", "300"),
        ("2021-04-10T01:00:01.200000Z", "reply", "45", "58800"),
        ("2021-04-10T01:01:00Z", "lost", "", "300"),
    ]
    made = desk.judged("2021-04-10", 'unattributed = "counted"\n[rule]\nn = 3')
    assert spans(made)[0][:2] == ("09:01:00", None)


def test_a_summary_without_a_time_is_refused_unless_its_start_is_said(desk: Desk) -> None:
    summary = desk.write("C.txt", "10.0.0.2 : 91.7 37.0 - 29.2\n")
    said = ("--link", FIRST, *CORE, "--interval", "1s")
    assert "line 1: when was this?" in desk.refused("fping", summary, *said)
    desk.imported("fping", summary, *said, "--start", "2021-04-10T09:00:00+08:00")
    assert desk.rows("sent_at", "outcome", "rtt_us")[2:] == [
        ("2021-04-10T01:00:02Z", "lost", ""),
        ("2021-04-10T01:00:03Z", "reply", "29200"),
    ]


def test_pings_that_an_old_fping_never_mentioned_are_counted_not_invented(desk: Desk) -> None:
    line = "[161801640{0}.00000] 10.0.0.2 : [{0}], 84 bytes, 20.1 ms (20.1 avg, 0% loss)\n"
    old = desk.write("old.txt", "".join(line.format(index) for index in (0, 1, 5, 6)))
    told = desk.imported("fping", old, "--link", FIRST, *CORE, "--interval", "1s")
    assert (told["samples"], told["notes"]) == (4, {"pings_without_a_line": 3})
    made = desk.judged("2021-04-10", 'unattributed = "counted"\n[rule]\nn = 2')
    assert (made.seconds("up"), made.seconds("counted")) == (4, 0)


def test_an_answer_from_another_address_is_no_answer(desk: Desk) -> None:
    line = "[1618016400.00000] 10.0.0.2 : [0], 64 bytes, 20.1 ms (20.1 avg, 0% loss) [<- 10.9.9.9]\n"
    desk.imported("fping", desk.write("other.txt", line), "--link", FIRST, *CORE, "--interval", "1s")
    assert desk.rows("outcome") == [("bad_reply",)]


def test_fping_must_be_told_its_period(desk: Desk) -> None:
    assert "say by --interval what -p was" in desk.refused("fping", HISTORIES / "fping-loop.txt", "--link", FIRST, *CORE)


# --- Nagios and Icinga


def test_a_nagios_log_becomes_intervals_and_claims_no_more_than_it_saw(desk: Desk) -> None:
    told = desk.imported("nagios", HISTORIES / "nagios.log", "--map", f"honge={FIRST}")
    assert [
        (state, int(instant_us(end, None) - instant_us(begin, None)) // 1_000_000) for begin, end, state in intervals(desk)
    ] == [
        ("up", 3600),  # to the first SOFT check of the outage
        ("down", 1800),
        ("up", 1860),  # a SOFT problem of a minute within
        ("unknown", 600),  # UNREACHABLE
        ("up", 340),  # to the shutdown
        ("up", 600),  # from the first word after the start to the last line before a crash
        ("up", 600),
        ("unknown", 60),  # SOFT at the end of the log: never confirmed
    ]
    assert told["intervals"] == 8
    assert told["left_out"] == {"honge;HTTPS": 1, "yumen": 1}
    assert told["notes"] == {
        "soft_only_problems": 1,
        "soft_only_seconds": 60,
        "ends_without_a_stop": 1,
        "longest_silence_s": 3600,
    }
    made = desk.judged("2021-04-10", basis="--intervals")
    assert spans(made) == [("09:00:00", "09:30:00", 1800)]
    assert made.seconds("unknown") == 86400 - 3600 - 1800 - 1860 - 340 - 600 - 600


def intervals(desk: Desk) -> list[tuple[str, ...]]:
    return desk.rows("from", "to", "state")


def test_a_service_of_nagios_can_stand_for_the_application(desk: Desk) -> None:
    log = desk.write(
        "icinga.log",
        "[1618016400] CURRENT SERVICE STATE: honge;HTTPS;OK;HARD;1;ok\n"
        "[1618016460] SERVICE ALERT: honge;HTTPS;CRITICAL;HARD;3;connection refused\n"
        "[1618016580] SERVICE ALERT: honge;HTTPS;WARNING;HARD;1;slow\n"
        "[1618016700] LOG ROTATION: DAILY\n",
    )
    desk.imported("nagios", log, "--map", f"honge;HTTPS={FIRST}", "--outcome", "CRITICAL=service_down")
    assert [state for _, _, state in intervals(desk)] == ["up", "service_down", "up"]
    made = desk.judged("2021-04-10", basis="--intervals")
    assert (spans(made), spans(made, "service")) == ([], [("09:01:00", "09:03:00", 120)])


def test_after_a_reload_nothing_is_forgotten(desk: Desk) -> None:
    log = desk.write(
        "reload.log",
        "[1618016400] CURRENT HOST STATE: honge;UP;HARD;1;ok\n"
        "[1618016460] Caught SIGHUP, restarting...\n"
        "[1618016461] Nagios 4.4.6 starting... (PID=12)\n"
        "[1618016520] HOST ALERT: honge;DOWN;HARD;1;gone\n"
        "[1618016580] LOG ROTATION: DAILY\n",
    )
    told = desk.imported("nagios", log, "--link", FIRST)
    assert [state for _, _, state in intervals(desk)] == ["up", "down"]
    assert told["notes"]["ends_without_a_stop"] == 0


@pytest.mark.parametrize(
    ("origin", "file", "said"),
    [
        ("telegraf", "telegraf.lp", TOWNSHIP_BOX),
        ("nagios", "nagios.log", ("--map", f"honge={FIRST}")),
        ("upptime", "upptime-checks.csv", ("--map", f"{SITE}={FIRST}", *CORE)),
        ("ripe-atlas", "ripe-atlas.json", ("--map", f"6012={FIRST}", *CORE)),
    ],
)
def test_the_order_of_a_files_rows_does_not_matter(desk: Desk, origin: str, file: str, said: tuple[str, ...]) -> None:
    desk.imported(origin, HISTORIES / file, *said)
    first = desk.out.read_bytes()
    text = (HISTORIES / file).read_text(encoding="utf-8")
    head, rest = ("", text)
    if origin == "upptime":
        head, rest = text.split("\n", 1)
    rows = rest.splitlines() if origin != "ripe-atlas" else [json.dumps(result) for result in json.loads(text)]
    random.Random(1).shuffle(rows)
    if origin == "nagios":
        # Within one second the log's own order tells, so archives change places, not lines.
        rows = rest.splitlines()[12:] + rest.splitlines()[:12]
    desk.imported(origin, desk.write(f"again-{file}", "\n".join([head, *rows]).lstrip("\n") + "\n"), *said)
    assert desk.out.read_bytes() == first


# --- CSV


def test_a_csv_with_its_own_times_and_names_becomes_samples(desk: Desk) -> None:
    theirs = desk.write(
        "theirs.csv", "epoch;x,place,rtt,cp\n09/10/2016 07:56,红格,159.498985,0\n09/10/2016 08:00,鱼门,1000,0\n"
    )
    said = ["--column", "sent_at=epoch;x", "--column", "link=place", "--column", "outcome=cp", "--column", "rtt_us=rtt"]
    said += ["--time-format", "%d/%m/%Y %H:%M", "--zone", "Asia/Shanghai", "--rtt-unit", "ms", "--outcome", "0=reply"]
    desk.imported("csv", theirs, *said, "--map", f"红格={FIRST}", "--map", f"鱼门={SECOND}", *CORE, "--interval", "4m")
    assert desk.rows("link", "sent_at", "rtt_us", "interval_ms") == [
        (FIRST, "2016-10-08T23:56:00Z", "159498", "240000"),
        (SECOND, "2016-10-09T00:00:00Z", "1000000", "240000"),
    ]


def test_our_own_samples_pass_through_a_csv_import_unchanged(desk: Desk) -> None:
    county = County(desk.folder, step=10).series(
        "2021-04-10 09:00", "2021-04-10 09:10", [("2021-04-10 09:04", "2021-04-10 09:06")]
    )
    county.compute(desk.capsys, "2021-04-10")
    desk.imported("csv", desk.folder / "samples.csv")
    made = desk.judged("2021-04-10", 'unattributed = "counted"')
    assert made.json["links"] == county.compute(desk.capsys, "2021-04-10").json["links"]
    assert spans(made) == [("09:04:00", "09:06:00", 120)]


def test_a_time_that_a_change_of_clocks_made_ambiguous_is_refused() -> None:
    with pytest.raises(ValueError, match="ambiguous"):
        instant_us("1991-09-15 01:30", SHANGHAI)
    assert instant_us("2021-04-10 09:00", SHANGHAI) == 1618016400_000_000


# --- Wrong rows

BAD = [
    ("smokeping", "unix,loss_of_20,median_s\n1618016400,0,inf\n", 2, "such a loss or median cannot be"),
    ("telegraf", "http_response,server=a,result=success response_time=1e999999 1618016400000000000\n", 1, "below 1e+12"),
    ("ripe-atlas", '{"prb_id":1,"timestamp":1618016400,"step":9e9,"result":[{"x":"*"}]}\n', 1, "step '9e9': expected a whole"),
    ("csv", "sent_at,outcome,rtt_us\n\n2021-04-10T09:00:00Z,re\udcffly,1\n", 3, "holds bytes that are no UTF-8"),
    ("csv", "sent_at,outcome,rtt_us\n1618016400,reply,1\n", 2, "expected milliseconds since 1970"),
    ("upptime", "commit_unix,slug,status,http_code,response_ms\n1618016400,a,asleep,200,1\n", 2, "status 'asleep' with code"),
    ("upptime", "commit_unix,slug,status,http_code,response_ms\n1618016400,a,up\n", 2, "has 3 fields where the header has 5"),
    ("smokeping", "unix,loss_of_20,median_s\n1618016400,0,0.02\n1618016700,21,0.02\n", 3, "such a loss or median cannot be"),
    ("smokeping", "unix,loss_of_20,median_s\n1618016400,0,0.02\n1618016100,0,0.02\n", 3, "must be in order of time"),
    ("ripe-atlas", '{"prb_id":1}\nnot json\n', 1, "timestamp None: expected a whole number"),
    ("ripe-atlas", '{"prb_id":1,"timestamp":1618016400,"result":[{"y":1}]}\n', 1, "expected rtt, x or error"),
    ("telegraf", "ping,url=a packets_transmitted=1i,packets_received=2i 1618016400000000000\n", 1, "received ≤ sent"),
    ("telegraf", "ping,url=a packets_transmitted=1i,packets_received=0i 1618016400\n", 1, "expected nanoseconds since 1970"),
    ("telegraf", "ping,url=a packets_transmitted=1i,packets_received=1i 1618016400000000000\n", 1, "without a response time"),
    ("telegraf", "net_response,server=a,port=1,result=odd a=1 1618016400000000000\n", 1, "result 'odd': expected one of"),
    (
        "fping",
        "[1618016400.0] a : [0], 64 bytes, 1 ms (1 avg, 0% loss)\nwas ist das\n",
        2,
        "neither a line of fping nor a time",
    ),
    ("nagios", "[1618016400] HOST ALERT: a;DOWN;HARD\n", 1, "expected NAME;STATE;SOFT or HARD;ATTEMPT;OUTPUT"),
    ("nagios", "[1618016400] HOST ALERT: a;ASLEEP;HARD;1;x\n", 1, "state 'ASLEEP': expected one of UP"),
    ("nagios", "Apr 10 09:00:00 x nagios: HOST ALERT\n", 1, "expected a log line"),
    (
        "csv",
        "sent_at,outcome,rtt_us,interval_ms\n2021-04-10T09:00:00Z,reply,1,0\n",
        2,
        "interval_ms '0': expected a whole number",
    ),
    ("csv", "sent_at,outcome,rtt_us\n\nnow,reply,1\n", 3, "sent_at 'now': Invalid isoformat string"),
    ("csv", 'sent_at,outcome,rtt_us\n"2021-04-10T09:00:00Z",reply,-1\n', 2, "rtt_us '-1': expected a number, at least 0"),
]


@pytest.mark.parametrize(("origin", "text", "line", "problem"), BAD)
def test_a_wrong_row_is_listed_with_its_line_and_nothing_is_written(
    desk: Desk, origin: str, text: str, line: int, problem: str
) -> None:
    said = ("--link", FIRST, *(CORE if origin != "nagios" else ()), *(("--interval", "1s") if origin == "fping" else ()))
    err = desk.refused(origin, desk.write("wrong", text), *said)
    assert f"wrong: line {line}: " in err
    assert problem in err


def test_skipped_rows_are_told_of_on_standard_error_and_in_the_summary(desk: Desk) -> None:
    good = "ping,url=a packets_transmitted=1i,packets_received=0i 1618016{:03}000000000\n"
    lines = [good.format(number) if number % 10 < 6 else "rubbish\n" for number in range(60)]
    file = desk.write("some.lp", "".join(lines))
    asked = ["import", "--from", "telegraf", str(file), "--link", FIRST, *CORE, "--skip-bad", "--out", str(desk.out), "--json"]
    code, out, err = desk.run(*asked)
    bad = [number + 1 for number in range(60) if number % 10 >= 6]
    assert code == 0
    assert json.loads(out)["bad"] == {"count": 24, "counted": "line", "numbers": bad}
    assert "跳过 24 条有误记录（line 7-10, 17-20, 27-30, 37-40, 47-50, 57-60）" in err
    assert "line 7: is no line protocol: expected ' ' at character 8" in err
    assert "… and line 57-60" in err
    assert len(desk.rows("link")) == 36
    assert "skipped 24 wrong rows" in desk.run("--lang", "en", *asked)[2]


def test_skipping_everything_is_refused(desk: Desk) -> None:
    assert "line 1: is no line protocol" in desk.refused(
        "telegraf", desk.write("x", "rubbish\n"), "--link", FIRST, *CORE, "--skip-bad"
    )


def test_a_refusal_leaves_the_file_that_was_there(desk: Desk) -> None:
    desk.out.write_text("kept", encoding="utf-8")
    file = desk.write("x", "rubbish\n")
    code, _, _ = desk.run("import", "--from", "telegraf", str(file), "--link", FIRST, *CORE, "--out", str(desk.out))
    assert (code, desk.out.read_text(encoding="utf-8")) == (2, "kept")


@pytest.mark.parametrize(
    ("origin", "file", "said", "problem"),
    [
        ("telegraf", "telegraf.lp", ("--link", FIRST), "say by --vantage and --target"),
        (
            "telegraf",
            "telegraf.lp",
            ("--link", FIRST, "--vantage", "county", "--target", "core"),
            "target 'core': the county has gw",
        ),
        ("telegraf", "telegraf.lp", ("--link", "*", *CORE), "link *: only the county's gw, ce, carrier belong to all links"),
        ("telegraf", "telegraf.lp", ("--link", FIRST, "--map", f"a={FIRST}", *CORE), "give one of them"),
        ("telegraf", "telegraf.lp", CORE, "none of its names is mapped; it has 'tw-01 10.0.0.2', 'tw-01 10.0.9.1:443'"),
        ("telegraf", "telegraf.lp", ("--column", "a=b"), "--column: means nothing to --from telegraf"),
        ("telegraf", "telegraf.lp", ("--outcome", "timeout=gone", *CORE), "--outcome timeout=gone: expected reply, lost"),
        ("nagios", "nagios.log", ("--vantage", "county"), "--vantage: means nothing to --from nagios"),
        ("nagios", "nagios.log", ("--outcome", "WARNING=lost"), "expected one of up, down, unknown, service_down"),
        ("nagios", "nagios.log", ("--link", FIRST), f"'honge', 'honge;HTTPS', 'yumen' would all become {FIRST}"),
        ("ripe-atlas", "nagios.log", CORE, "is no JSON"),
        ("smokeping", "telegraf.lp", ("--link", FIRST, *CORE), "expected the columns unix,loss_of_N,median_s"),
        ("upptime", "smokeping.csv", ("--link", FIRST, *CORE), "expected the columns commit_unix or commit_time"),
        ("csv", "smokeping.csv", ("--link", FIRST, *CORE), "no column 'sent_at' for sent_at"),
        ("telegraf", "nowhere", ("--link", FIRST, *CORE), "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_meant_is_refused(desk: Desk, origin: str, file: str, said: tuple[str, ...], problem: str) -> None:
    assert problem in desk.refused(origin, HISTORIES / file, *said)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (("--map", FIRST), "expected NAME=CODE"),
        (("--map", f"a={FIRST}/core"), "expected CODE or CODE/VANTAGE/TARGET"),
        (("--map", f"a={FIRST}/township/gw"), "target 'gw': the township has nic"),
        (("--interval", "10"), "a duration is a whole number with its unit"),
        (("--zone", "Chongqing"), "expected a time zone such as Asia/Shanghai"),
    ],
)
def test_words_that_cannot_be_read_are_explained(desk: Desk, said: tuple[str, ...], problem: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        desk.run("import", "--from", "telegraf", str(HISTORIES / "telegraf.lp"), *said)
    assert stopped.value.code == 2
    assert problem in desk.capsys.readouterr().err


def test_numbers_are_shown_as_ranges() -> None:
    assert ranges([9, 3, 7, 8]) == "3, 7-9"


def test_a_coarse_history_claims_no_more_than_its_rows(desk: Desk) -> None:
    """The bounds, not the point, carry the doubt: the undecided rows lie between low and high."""
    desk.imported("smokeping", HISTORIES / "smokeping.csv", "--link", FIRST, *CORE)
    made = desk.judged("2021-04-23T20:25:00+08:00/2021-04-23T22:00:00+08:00")
    low, high = made.exact("low"), made.exact("high")
    assert (low, high) == (Fraction(12, 19), Fraction(14, 19))


def test_the_guide_knows_every_origin_and_option() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
    assert [origin for origin in ORIGINS if f"\n### {origin}\n" not in guide] == []
    assert [option for option in OPTION.values() if option not in guide] == []
