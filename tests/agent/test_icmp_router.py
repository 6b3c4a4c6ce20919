"""What a real router and our own stack say when a packet cannot be delivered: the signatures attribution lives on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from hostile_net import Namespace, namespace, router_behind
from jinbao_agent.probes import Prober, Result
from jinbao_config.links import parse_target

pytestmark = pytest.mark.root


@dataclass(frozen=True)
class Office:
    """Our namespace, 10.9.0.1, and a function that runs `ip` and friends on its router, 10.9.0.2."""

    inside: Namespace
    on_router: Callable[[str], None]

    def ask(self, target: str, wait_s: float = 5.0) -> Result:
        async def play() -> Result:
            async with Prober() as prober:
                return await prober.probe(parse_target(target), wait_s)

        return self.inside.run(play)


@pytest.fixture(params=["raw", "ping"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    with namespace() as inside:
        if request.param == "ping":
            inside.allow_ping_sockets()
        with router_behind(inside) as on_router:
            yield Office(inside, on_router)


@pytest.fixture
def impatient_arp(office: Office) -> None:
    """The neighbour table gives up within a tenth of a second instead of three."""
    office.inside.set("ipv4/neigh/ours/mcast_solicit", "1")
    office.inside.set("ipv4/neigh/ours/retrans_time_ms", "100")


ROUTER_SAYS = {"unreachable": "unreachable:3:1:10.9.0.2", "prohibit": "unreachable:3:13:10.9.0.2"}


@pytest.mark.parametrize("target", ["10.8.0.1", "tcp://10.8.0.1:443", "http://10.8.0.1:80/"])
@pytest.mark.parametrize("route", ROUTER_SAYS)
def test_a_router_without_a_way_is_named(office: Office, route: str, target: str) -> None:
    office.on_router(f"ip route add {route} 10.8.0.0/16")
    assert office.ask(target).outcome == ROUTER_SAYS[route]


def test_an_error_that_arrives_while_we_send_fails_nobody_else(office: Office) -> None:
    """A ping socket hands it to the next sender; the router here answers before our call returns."""
    office.on_router("ip route add unreachable 10.8.0.0/16")
    assert office.ask("10.9.0.2").outcome == "reply"

    async def play() -> list[str]:
        async with Prober() as prober:
            targets = [parse_target("10.8.0.1"), parse_target("10.9.0.2")] * 10
            return [result.outcome for result in await prober.sweep(targets, 1.0)]

    outcomes = office.inside.run(play)
    assert set(outcomes[1::2]) == {"reply"}
    # Linux sends such errors to one host about once a second: the rest is silence.
    assert set(outcomes[0::2]) <= {"unreachable:3:1:10.9.0.2", "lost"}


@pytest.mark.parametrize("target", ["10.8.0.1", "tcp://10.8.0.1:443", "http://10.8.0.1:80/"])
def test_a_router_that_swallows_is_silence(office: Office, target: str) -> None:
    office.on_router("ip route add blackhole 10.8.0.0/16")
    assert office.ask(target, 0.05).outcome == "lost"


@pytest.mark.usefixtures("impatient_arp")
@pytest.mark.parametrize("target", ["10.9.0.7", "tcp://10.9.0.7:443"])
def test_a_neighbour_that_is_switched_off_is_a_failure_seen_by_ourselves(office: Office, target: str) -> None:
    assert office.ask(target).outcome == "unreachable:3:1:10.9.0.1"


@pytest.mark.parametrize("target", ["10.9.0.2", "tcp://10.9.0.2:443", "http://10.9.0.2:80/"])
def test_without_a_route_the_network_says_no(office: Office, target: str) -> None:
    """A card that is down takes its routes along: failures, or a dead LAN would be unknown for ever."""
    office.inside.ip("link set ours down")
    assert office.ask(target).outcome == "unreachable:3:0:local"


def test_a_cable_pulled_is_lost_on_the_card_and_beyond(office: Office) -> None:
    assert office.ask("nic:ours").outcome == "reply"
    office.on_router("ip link set theirs down")
    assert office.ask("nic:ours").outcome == "lost"
    assert office.ask("10.9.0.2", 0.05).outcome in {"lost", "unreachable:3:0:local"}


def test_a_card_switched_off_is_lost_and_one_that_is_missing_was_not_asked(office: Office) -> None:
    office.inside.ip("link set ours down")
    assert office.ask("nic:ours").outcome == "lost"
    assert office.ask("nic:eth0").outcome == "not_sent:no_such_interface"
    assert office.ask("nic:a-name-too-long-for-a-card").outcome == "not_sent:no_such_interface"


@pytest.mark.parametrize("target", ["10.8.0.1", "tcp://10.8.0.1:443"])
def test_our_own_prohibition_is_our_own_fault(office: Office, target: str) -> None:
    office.inside.ip("route add prohibit 10.8.0.0/16")
    assert office.ask(target).outcome == "not_sent:EACCES"


def test_our_own_unreachable_route_is_the_network_saying_no(office: Office) -> None:
    office.inside.ip("route add unreachable 10.8.0.0/16")
    assert office.ask("10.8.0.1").outcome == "unreachable:3:1:local"
    assert office.ask("tcp://10.8.0.1:443").outcome == "unreachable:3:1:local"


def test_without_an_ipv6_route_the_answer_has_the_numbers_of_icmpv6(office: Office) -> None:
    assert office.ask("2001:db8::1").outcome == "unreachable:1:0:local"
    assert office.ask("tcp://[2001:db8::1]:443").outcome == "unreachable:1:0:local"


def test_an_ipv6_router_without_a_way_is_named(office: Office) -> None:
    office.inside.ip("addr add fd09::1/64 dev ours nodad", "route add default via fd09::2")
    office.on_router("ip addr add fd09::2/64 dev theirs nodad")
    office.on_router("sysctl -qw net.ipv6.conf.all.forwarding=1")
    office.on_router("ip route add unreachable fd08::/16")
    assert office.ask("fd09::2").outcome == "reply"
    assert office.ask("fd08::1").outcome == "unreachable:1:0:fd09::2"
    assert office.ask("tcp://[fd08::1]:443").outcome == "unreachable:1:0:fd09::2"


def test_ports_that_have_run_out_are_our_own_fault(office: Office) -> None:
    office.inside.set("ipv4/ip_local_port_range", "40000 40000")
    office.on_router("ip route add blackhole 10.8.0.0/16")

    async def play() -> list[Result]:
        async with Prober() as prober:
            return await prober.sweep([parse_target("tcp://10.8.0.1:443")] * 2, 0.05)

    assert sorted(result.outcome for result in office.inside.run(play)) == ["lost", "not_sent:EADDRNOTAVAIL"]
