"""The loopback county's rungs: they answer, they go deaf without a word, and they hear again."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from compare_ground import defects_of, drawable
from jinbao_lab.county import County
from jinbao_lab.defects import Answer, Damage, Drawing, Mute
from jinbao_lab.faults import FAULTS
from jinbao_lab.ground import Rungs
from jinbao_lab.loopback import Loopback
from jinbao_lab.orders import Responders

ADDRESSES = [f"127.77.{rung}.1" for rung in range(1, 5)]
ASK_S = 0.4


@pytest.fixture(params=["tcp", "http"])
def rungs(request: pytest.FixtureRequest) -> Iterator[tuple[Responders, int]]:
    responders = Responders(request.param)
    yield responders, responders.listen(ADDRESSES)
    responders.kill()


def answers(address: str, port: int) -> bool:
    """Whether a connection comes about within the time given; a refusal is an error."""
    try:
        with socket.create_connection((address, port), ASK_S):
            return True
    except TimeoutError:
        return False


def test_a_deaf_rung_answers_nothing_and_its_neighbours_do(rungs: tuple[Responders, int]) -> None:
    responders, port = rungs
    responders.set_deaf(ADDRESSES[:2])
    assert [answers(address, port) for address in ADDRESSES] == [False, False, True, True]
    responders.set_deaf(ADDRESSES[1:3])
    assert [answers(address, port) for address in ADDRESSES] == [True, False, False, True]
    responders.set_deaf([])
    assert all(answers(address, port) for address in ADDRESSES)


def test_a_server_that_is_stopped_refuses() -> None:
    responders = Responders("http")
    port = responders.listen(ADDRESSES)
    responders.kill()
    with pytest.raises(ConnectionRefusedError):
        answers(ADDRESSES[0], port)


def test_an_order_that_cannot_be_obeyed_is_an_error_not_a_wait() -> None:
    responders = Responders("tcp")
    with pytest.raises(RuntimeError, match="the responder ended on the order 'listen', exit code 1"):
        responders.listen(["192.0.2.1"])


COUNTY = County(("01", "02", "05"))
MADE_HERE = [name for name, kind in FAULTS.items() if not kind.needs and drawable(name)]


@pytest.fixture(scope="module")
def loopback() -> Iterator[tuple[Loopback, Rungs]]:
    ground = Loopback(COUNTY)
    yield ground, ground.build()
    ground.close()


@pytest.mark.parametrize("fault", MADE_HERE)
def test_the_loopback_county_is_as_broken_as_its_drawing(fault: str, loopback: tuple[Loopback, Rungs]) -> None:
    (ground, rungs), damage = loopback, Damage()
    damage.add(*defects_of(fault))
    ground.apply(damage)
    drawing = Drawing(COUNTY, damage.present)
    wanted = {
        **{("a01", rung): target for rung, target in COUNTY.rungs_from_township("01").items()},
        **{("centre", rung): target for rung, target in COUNTY.rungs_from_county("01").items()},
        **{("centre", rung): target for rung, target in COUNTY.county_rungs().items()},
    }
    targets = {("a01", rung): rungs.township["01"][rung] for rung in COUNTY.rungs_from_township("01")}
    targets |= {("centre", rung): target for rung, target in {**rungs.county, **rungs.from_county["01"]}.items()}
    with ThreadPoolExecutor(len(targets)) as pool:
        heard = dict(zip(targets, pool.map(lambda target: answers(*_address(target)), targets.values()), strict=True))
    for (prober, rung), target in wanted.items():
        ask = drawing.connect if rung == "app" else drawing.ping
        assert heard[prober, rung] == (ask(prober, *target) is Answer.REPLY), (prober, rung)
    ground.apply(Damage())


def _address(target: str) -> tuple[str, int]:
    host, port = target.split("//")[1].rstrip("/").split(":")
    return host, int(port)


def test_a_server_that_hangs_accepts_and_never_answers_until_it_resumes() -> None:
    responders = Responders("http")
    port = responders.listen(ADDRESSES[:1])
    responders.hang(hangs=True)
    with socket.create_connection((ADDRESSES[0], port), ASK_S) as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        responders.hang(hangs=False)
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
    with socket.create_connection((ADDRESSES[0], port), 30 * ASK_S) as asking:
        asking.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert asking.recv(12) == b"HTTP/1.1 200"
    responders.kill()


def test_a_mute_hop_is_deaf_on_the_loopback_and_a_mute_server_is_not() -> None:
    county, damage = County(("01", "05"), frozenset({"olt-1"})), Damage()
    ground = Loopback(county)
    rungs = ground.build()
    assert {rung: answers(*_address(rungs.township["01"][rung])) for rung in ("edge", "core", "app")} == {
        "edge": False,
        "core": True,
        "app": True,
    }
    damage.add(Mute("ce"))
    ground.apply(damage)
    assert {rung: answers(*_address(rungs.township["01"][rung])) for rung in ("core", "app")} == {"core": False, "app": True}
    ground.close()
