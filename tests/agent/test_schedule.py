"""The grid never drifts, no number comes twice, and what was not served is said."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from hand_clock import HandClock
from jinbao_agent.ladder import Rung, ladder, voice_of
from jinbao_agent.loop import Ticker
from jinbao_agent.probes import Result
from jinbao_agent.sample import Sample
from jinbao_agent.schedule import SKIPS_TOLD, Schedule, grid_of
from jinbao_config.links import County, Defaults, Link, Links, Target, parse_target
from jinbao_config.services import AgentConfig

HERE = Target("icmp", "127.0.0.1")
T = 10_000
HOUR_US = 3_600_000_000
BOOT, INSTALL = "boot-1", "install-1"


def rungs(*names: str, link: str = "510422101", interval_ms: int = T) -> list[Rung]:
    return [Rung(link, name, HERE, interval_ms) for name in names]


# Which rungs


def links() -> Links:
    targets = {
        name: parse_target(value) for name, value in (("lan", "10.1.1.1"), ("cpe", "10.1.2.1"), ("app", "tcp://10.0.9.1:443"))
    }
    return Links(
        schema="jinbao.links/1",
        defaults=Defaults(interval=T, targets={"app": 60_000}),
        county=County(targets={"gw": parse_target("10.0.0.1")}),
        link=tuple(Link(code=code, name=code, targets=targets) for code in ("510422101", "510422102")),
    )


def test_a_township_agent_climbs_its_own_links_ladder() -> None:
    config = AgentConfig(schema="jinbao.agent/1", vantage="township", link="510422102")
    found = ladder(config, links())
    assert {(rung.link, rung.name, rung.interval_ms) for rung in found} == {
        ("510422102", "lan", T),
        ("510422102", "cpe", T),
        ("510422102", "app", 60_000),
    }
    assert voice_of(config) == "510422102"


def test_a_county_agent_climbs_its_own_site_once_and_every_link_from_above() -> None:
    config = AgentConfig(schema="jinbao.agent/1", vantage="county")
    found = [(rung.link, rung.name) for rung in ladder(config, links())]
    assert found == [("*", "gw"), ("510422101", "cpe"), ("510422101", "app"), ("510422102", "cpe"), ("510422102", "app")]
    assert voice_of(config) == "*"


# When


@given(st.text(), st.text(), st.sampled_from([1000, 5000, 10_000, 60_000]), st.integers(0, 10**12))
def test_a_grid_point_is_numbered_by_the_boottime_alone(boot: str, link: str, interval_ms: int, now_us: int) -> None:
    grid = grid_of(boot, INSTALL, link, interval_ms)
    number = grid.last_before(now_us)
    assert grid.instant(number) <= now_us < grid.instant(number + 1)
    assert grid.instant(number + 1) - grid.instant(number) == interval_ms * 1000
    assert 0 <= grid.phase_us < interval_ms * 1000


def test_links_spread_over_the_slot_and_a_boot_moves_them_all() -> None:
    codes = [str(510422101 + index) for index in range(200)]
    phases = {boot: [grid_of(boot, INSTALL, code, T).phase_us for code in codes] for boot in ("a", "b")}
    tenths = {phase // 1_000_000 for phase in phases["a"]}
    assert tenths == set(range(10))
    assert not set(phases["a"]) & set(phases["b"])


def test_where_one_interval_divides_another_the_slow_points_are_points_of_the_fast_grid() -> None:
    fast, slow = (grid_of(BOOT, INSTALL, "510422101", ms) for ms in (T, 6 * T))
    assert all((slow.instant(number) - fast.phase_us) % fast.interval_us == 0 for number in range(20))


def test_rungs_of_one_link_with_the_same_interval_are_due_together() -> None:
    members = rungs("lan", "cpe", "core") + rungs("app", interval_ms=6 * T) + rungs("core", link="510422102")
    schedule = Schedule(members, BOOT, INSTALL, HOUR_US)
    together = {(due.rungs[0].link, due.grid.interval_us): len(due.rungs) for due in schedule.due(HOUR_US + T * 1000)}
    assert together["510422101", T * 1000] == 3
    assert together["510422102", T * 1000] == 1


@given(st.lists(st.integers(1, 40_000_000), min_size=1, max_size=30), st.integers(0, 30))
def test_every_point_is_served_or_skipped_exactly_once_even_across_a_restart(naps: list[int], restart: int) -> None:
    now_us = HOUR_US
    schedule = Schedule(rungs("core"), BOOT, INSTALL, now_us)
    grid = grid_of(BOOT, INSTALL, "510422101", T)
    first = grid.last_before(now_us) + 1
    told: list[int] = []
    for step, nap in enumerate(naps):
        if step == restart:
            # What came due between the last look and the restart is nobody's: a dead process cannot own up to it.
            told.extend(range(first + len(told), grid.last_before(now_us) + 1))
            schedule = Schedule(rungs("core"), BOOT, INSTALL, now_us)
        now_us += nap
        for due in schedule.due(now_us):
            told.extend([*due.skipped, due.number])
    assert told == list(range(first, grid.last_before(now_us) + 1))


def test_a_long_stall_is_one_gap() -> None:
    schedule = Schedule(rungs("core"), BOOT, INSTALL, HOUR_US)
    (due,) = schedule.due(HOUR_US + (SKIPS_TOLD + 5) * T * 1000)
    assert len(due.skipped) == 0
    assert due.untold >= SKIPS_TOLD
    (after,) = schedule.due(due.grid.instant(due.number + 1))
    assert (after.number, after.untold) == (due.number + 1, 0)


def test_a_thousand_rungs_own_up_to_fewer_points_each() -> None:
    many = [rung for index in range(1000) for rung in rungs("core", link=str(index))]
    schedule = Schedule(many, BOOT, INSTALL, HOUR_US)
    samples = sum(len(due.skipped) * len(due.rungs) for due in schedule.due(HOUR_US + 15 * T * 1000))
    assert 10_000 < samples <= 20_000


# The ticker


class Answers:
    """Probes that answer at once, unless told otherwise; each rung is known by its host."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.behave: dict[str, Callable[[], object]] = {}

    async def probe(self, target: Target, wait_s: float) -> Result:
        result = Result(sent_us=self.clock.utc_us(), mono_us=self.clock.boottime_us(), outcome="reply", rtt_us=7)
        self.asked.put_nowait(target.host)
        if target.host in self.behave:
            waited = self.behave[target.host]()
            if asyncio.isfuture(waited):
                await waited
        return result


class Scene:
    """A ticker over a hand clock."""

    def __init__(self, members: list[Rung], wait_s: float = 1.0) -> None:
        self.clock = HandClock()
        self.answers = Answers(self.clock)
        self.recorded: asyncio.Queue[list[Sample]] = asyncio.Queue()
        self.schedule = Schedule(members, BOOT, INSTALL, self.clock.boottime)
        self.ticker = Ticker(
            self.schedule,
            self.answers,
            self.clock,
            lambda samples: self.recorded.put_nowait(list(samples)),
            vantage="township",
            boot=BOOT,
            wait_s=wait_s,
        )

    def to_next_point(self) -> None:
        self.clock.forward(self.schedule.wait_us(self.clock.boottime))


def ladder_of(**hosts: str) -> list[Rung]:
    return [Rung("510422101", name, Target("icmp", host), T) for name, host in hosts.items()]


def test_a_tick_probes_the_ladder_and_numbers_its_samples_by_the_grid() -> None:
    async def scene() -> list[Sample]:
        stage = Scene(ladder_of(lan="a", core="b"))
        stage.to_next_point()
        running = asyncio.create_task(stage.ticker.run())
        samples = await stage.recorded.get()
        running.cancel()
        return samples

    lan, core = asyncio.run(scene())
    grid = grid_of(BOOT, INSTALL, "510422101", T)
    assert (lan.target, core.target) == ("lan", "core")
    assert lan.mono_us == grid.instant(lan.seq or 0)
    assert (lan.seq, lan.outcome, lan.rtt_us, lan.boot, lan.interval_ms) == (core.seq, "reply", 7, BOOT, T)


def test_a_stall_becomes_not_sent_samples_at_the_points_it_missed() -> None:
    async def scene() -> tuple[list[Sample], list[Sample], HandClock]:
        stage = Scene(ladder_of(lan="a", core="b"))
        stage.to_next_point()
        stage.clock.forward(3 * T * 1000 + 5_000_000)
        running = asyncio.create_task(stage.ticker.run())
        skipped, served = await stage.recorded.get(), await stage.recorded.get()
        running.cancel()
        return skipped, served, stage.clock

    skipped, served, clock = asyncio.run(scene())
    assert [(sample.outcome, sample.target) for sample in skipped] == [
        ("not_sent:skipped", name) for name in ("lan", "core")
    ] * 3
    assert sorted({sample.seq or 0 for sample in skipped}) == list(range((served[0].seq or 0) - 3, served[0].seq or 0))
    for sample in skipped:
        ago_us = clock.boottime - (sample.mono_us or 0)
        assert sample.sent_us == clock.utc - ago_us
        assert ago_us > 0


def test_a_broken_probe_and_one_that_never_comes_back_spoil_only_their_own_rung() -> None:
    def broken() -> None:
        raise RuntimeError("a bug in a probe")

    async def scene() -> list[Sample]:
        # The ticker's patience is two seconds beyond `wait`; the test has none.
        stage = Scene(ladder_of(lan="fine", cpe="broken", core="stuck"), wait_s=-1.99)
        stage.answers.behave = {"broken": broken, "stuck": asyncio.get_running_loop().create_future}
        stage.to_next_point()
        running = asyncio.create_task(stage.ticker.run())
        samples = await stage.recorded.get()
        running.cancel()
        return samples

    outcomes = {sample.target: sample.outcome for sample in asyncio.run(scene())}
    assert outcomes == {"lan": "reply", "cpe": "not_sent:error", "core": "not_sent:stuck"}


def test_an_answer_still_on_its_way_when_the_agent_stops_is_not_called_lost() -> None:
    async def scene() -> list[Sample]:
        stage = Scene(ladder_of(lan="fine", core="slow"), wait_s=60)
        stage.answers.behave = {"slow": asyncio.get_running_loop().create_future}
        stage.to_next_point()
        running = asyncio.create_task(stage.ticker.run())
        assert {await stage.answers.asked.get(), await stage.answers.asked.get()} == {"fine", "slow"}
        running.cancel()
        await stage.ticker.finish(0)
        return stage.recorded.get_nowait()

    outcomes = {sample.target: sample.outcome for sample in asyncio.run(scene())}
    assert outcomes == {"lan": "reply", "core": "not_sent:stopped"}


def test_a_ticker_started_anew_repeats_no_number() -> None:
    async def scene() -> list[int]:
        stage = Scene(ladder_of(core="a"))
        numbers = []
        for _ in range(3):
            stage.to_next_point()
            running = asyncio.create_task(stage.ticker.run())
            numbers.extend([sample.seq or 0 for sample in await stage.recorded.get()])
            running.cancel()
        return numbers

    first, *rest = asyncio.run(scene())
    assert rest == [first + 1, first + 2]
