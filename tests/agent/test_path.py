"""The way to a host, as real routers tell it; when the agent asks for it, and what it writes down."""

import asyncio
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import icmplib
import pytest

from agent_process import COMMAND, running
from agent_records import everything_in
from hand_clock import HandClock
from hostile_net import Answer, Namespace, echo_reply, message, namespace, neighbour
from jinbao_agent.events import Voice
from jinbao_agent.identity import Home
from jinbao_agent.ladder import Rung
from jinbao_agent.onlooker import FAILURES, Onlooker, farthest
from jinbao_agent.probes import Prober, Result
from jinbao_agent.probes import path as way
from jinbao_agent.probes.path import Path as Way
from jinbao_agent.probes.result import Certificate
from jinbao_agent.sample import Event
from jinbao_config.links import parse_target
from router_chain import Chain, router_chain

LINK, OTHER = "510422101", "510422102"


def trace(inside: Namespace, host: str, wait_s: float = 5.0) -> Way:
    async def play() -> Way:
        async with Prober() as prober:
            return await way.trace(prober, host, wait_s)

    return inside.run(play)


@pytest.fixture(params=["raw", "ping"], scope="module")
def inside(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    with namespace() as made:
        if request.param == "ping":
            made.allow_ping_sockets()
        yield made


@pytest.fixture(scope="module")
def chain(inside: Namespace) -> Iterator[Chain]:
    """Who spoils it mends it."""
    with router_chain(inside, 7) as made:
        yield made


@pytest.fixture
def alone() -> Iterator[Namespace]:
    with namespace() as made:
        yield made


@pytest.mark.root
@pytest.mark.usefixtures("chain")
def test_every_router_on_the_way_is_named_once_in_order(inside: Namespace) -> None:
    """Over more hops than are asked together."""
    for net in ("10.9.{}.2", "fd09:{}::2"):
        expected = tuple(str(ipaddress.ip_address(net.format(number))) for number in range(7))
        assert trace(inside, expected[-1]) == Way(expected, reached=True)
        assert trace(inside, expected[0]) == Way(expected[:1], reached=True)


@pytest.mark.root
@pytest.mark.usefixtures("chain")
def test_it_is_the_way_that_icmplib_finds(inside: Namespace) -> None:
    hops = inside.call(lambda: icmplib.traceroute("10.9.6.2", count=1, interval=0, timeout=5))
    assert trace(inside, "10.9.6.2").hops == tuple(hop.address for hop in hops)


@pytest.mark.root
def test_a_router_that_never_answers_is_silence_and_the_way_goes_on(inside: Namespace, chain: Chain) -> None:
    chain.on(2, "sysctl -qw net.ipv4.icmp_ratelimit=2147483647 net.ipv4.icmp_ratemask=6168")
    expected = ("10.9.0.2", "10.9.1.2", "*", "10.9.3.2", "10.9.4.2")
    assert trace(inside, "10.9.4.2", 0.25) == Way(expected, reached=True)
    chain.on(2, "sysctl -qw net.ipv4.icmp_ratemask=0")


@pytest.mark.root
@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("blackhole", Way(("10.9.0.2", "10.9.1.2", "10.9.2.2"), reached=False)),
        ("prohibit", Way(("10.9.0.2", "10.9.1.2", "10.9.2.2", "10.9.3.2!3:13"), reached=False)),
    ],
)
def test_where_the_way_ends_is_where_the_fault_is(inside: Namespace, chain: Chain, route: str, path: Way) -> None:
    chain.on(3, f"ip route add {route} 10.9.6.0/25")
    assert trace(inside, "10.9.6.2", 0.25) == path
    chain.on(3, f"ip route del {route} 10.9.6.0/25")


@pytest.mark.root
def test_without_a_route_our_own_stack_says_so(alone: Namespace) -> None:
    assert trace(alone, "10.8.0.1") == Way(("local!3:0",), reached=False)
    alone.ip("route add prohibit 10.8.0.0/16")
    assert trace(alone, "10.8.0.1") == Way((), reached=False, problem="EACCES")


@pytest.mark.root
def test_who_does_not_quote_our_packet_is_no_router_of_ours(alone: Namespace) -> None:
    def answers(request):  # type: ignore[no-untyped-def]
        forged = request.packet[:26] + bytes(2) + request.packet[28:36]
        return [
            Answer(message(11, 0, bytes(4) + forged), source="127.0.0.66"),
            Answer(echo_reply(request), source="127.0.0.67"),
            Answer(message(11, 0, bytes(4) + request.packet[:28]), source="127.0.0.9"),
        ]

    with neighbour(alone, answers):
        path = trace(alone, "127.0.0.5")
    assert set(path.hops) == {"127.0.0.9"}
    assert not path.reached


# When


def rung(name: str, target: str, link: str = LINK) -> Rung:
    return Rung(link, name, parse_target(target), 10_000)


def outcome(token: str, certificate: Certificate | None = None) -> Result:
    return Result(sent_us=0, mono_us=0, outcome=token, certificate=certificate)


def test_the_path_is_that_to_the_rung_an_outage_is_judged_by() -> None:
    ladder = [rung("nic", "nic:eth0"), rung("lan", "10.1.1.1"), rung("core", "10.0.0.2"), rung("app", "http://10.0.9.1/")]
    assert farthest("township", ladder)[LINK].name == "core"
    assert farthest("township", [ladder[0], ladder[3]])[LINK].name == "app"
    assert farthest("township", [ladder[0], rung("app", "https://app.example.cn/")]) == {}
    seen = [rung("cpe", "10.1.2.1"), rung("app", "10.0.9.1"), rung("gw", "10.0.0.1", "*"), rung("carrier", "10.0.0.3", "*")]
    assert {link: one.name for link, one in farthest("county", seen).items()} == {LINK: "cpe", "*": "carrier"}


class Scene:
    """An onlooker over a hand clock, whose paths are traced on loopback."""

    def __init__(self, prober: Prober, *rungs: Rung) -> None:
        self.clock = HandClock()
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        voice = Voice(LINK, "township", "boot-1")
        self.onlooker = Onlooker(rungs, prober, voice, self.clock, self.told.put_nowait, "install-1")

    def look(self, rung: Rung, *tokens: str) -> None:
        for token in tokens:
            self.onlooker.look(rung, outcome(token))


CORE = rung("core", "127.0.0.5")


def play(*tokens: str) -> list[Event]:
    """What is told of the results of a core, and of one path of another link's that is asked for last."""

    async def scene() -> list[Event]:
        async with Prober() as prober:
            other = rung("core", "127.0.0.6", OTHER)
            stage = Scene(prober, rung("lan", "127.0.0.1"), CORE, other)
            stage.look(CORE, *tokens)
            stage.look(rung("lan", "127.0.0.1"), *["lost"] * FAILURES)
            stage.look(other, *["lost"] * FAILURES)
            running = asyncio.create_task(stage.onlooker.run())
            told = [await stage.told.get()]
            while told[-1].link != OTHER:
                told.append(await stage.told.get())
            running.cancel()
            await asyncio.wait([running])
            return told[:-1]

    return asyncio.run(scene())


DOWN = ["lost"] * FAILURES


def test_an_outages_onset_is_one_path() -> None:
    (event,) = play(*DOWN, *DOWN, *DOWN)
    assert (event.event, event.link, event.vantage, event.boot) == ("path", LINK, "township", "boot-1")
    assert event.detail.startswith("target=core;to=127.0.0.5;why=onset;hops=127.0.0.5;reached=1;mono_ns=")


@pytest.mark.parametrize(
    "tokens",
    [
        ("lost", "lost", "reply", "lost", "lost", "late", "lost", "lost", "refused", "lost"),
        ("lost", "lost", "not_sent:skipped"),
        ("not_sent:EPERM",) * 9,
    ],
)
def test_single_losses_and_what_was_not_sent_are_no_onset(tokens: tuple[str, ...]) -> None:
    assert play(*tokens) == []


def test_what_was_not_sent_interrupts_no_outage() -> None:
    assert len(play("lost", "not_sent:skipped", "unreachable:3:1:10.0.0.1", "bad_reply")) == 1


def test_every_hour_a_path_is_told_whatever_happens() -> None:
    async def scene() -> list[Event]:
        async with Prober() as prober:
            stage = Scene(prober, CORE)
            told = []
            running = asyncio.create_task(stage.onlooker.run())
            for _ in range(2):
                stage.clock.forward(3_600_000_000)
                told.append(await stage.told.get())
            running.cancel()
            await asyncio.wait([running])
            return told

    first, second = asyncio.run(scene())
    assert [event.fact("why") for event in (first, second)] == ["hourly"] * 2
    assert second.at_us - first.at_us == 3_600_000_000


def test_a_path_of_which_our_own_machine_knows_nothing_is_not_told() -> None:
    """It is told in the log; the next one is."""

    async def scene() -> list[Event]:
        async with Prober() as prober:
            unknown, other = rung("core", "fe80::1%no-such-card"), rung("core", "127.0.0.6", OTHER)
            stage = Scene(prober, unknown, other)
            stage.look(unknown, *DOWN)
            stage.look(other, *DOWN)
            running = asyncio.create_task(stage.onlooker.run())
            told = [await stage.told.get()]
            running.cancel()
            await asyncio.wait([running])
            return told

    assert [event.link for event in asyncio.run(scene())] == [OTHER]


def test_a_certificate_is_told_when_first_seen_and_when_it_is_another_one() -> None:
    async def scene() -> list[str]:
        async with Prober() as prober:
            app = rung("app", "https://127.0.0.1/")
            stage = Scene(prober, app)
            for name, until in (("a", 5), ("a", 5), ("b", 6), ("b", 6), ("a", 5), ("c", None)):
                stage.onlooker.look(app, outcome("reply", Certificate(name, until)))
                stage.onlooker.look(app, outcome("lost"))
            return [stage.told.get_nowait().detail.rpartition(";")[0] for _ in range(stage.told.qsize())]

    assert asyncio.run(scene()) == [
        f"target=app;not_after_ms={until};sha256={name}" for name, until in (("a", 5), ("b", 6), ("a", 5), ("c", ""))
    ]


LINKS = f"""
schema = "jinbao.links/1"
[defaults]
interval = "1s"
[[link]]
code = "{LINK}"
name = "红格镇"
targets = {{ lan = "127.0.0.1", core = "10.8.0.1" }}
"""
AGENT = f"""
schema = "jinbao.agent/1"
vantage = "township"
link = "{LINK}"
data = "data"
[spool]
floor = "0MB"
"""


@pytest.mark.root
def test_a_running_agent_records_the_way_of_its_outage_and_keeps_its_cadence(tmp_path: Path) -> None:
    """There is no way to its core at all."""
    (tmp_path / "links.toml").write_text(LINKS)
    (tmp_path / "agent.toml").write_text(AGENT)
    with namespace() as inside:
        life = running([*COMMAND, "--config", str(tmp_path / "agent.toml"), "run"], tmp_path)
        agent = inside.call(life.__enter__)
        try:
            agent.ready()
            agent.beats(FAILURES + 2)
            assert agent.stop() == 0
        finally:
            inside.call(life.__exit__, None, None, None)
    _, samples, events = everything_in(Home(tmp_path / "data").spool)
    (path,) = [event for event in events if event.event == "path"]
    assert path.fact("why") == "onset"
    assert path.fact("hops") == "local!3:0"
    numbers = sorted(sample.seq or 0 for sample in samples if sample.target == "lan")
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
