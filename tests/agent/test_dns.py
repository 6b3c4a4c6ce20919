"""The probe of a name server: what counts as its answer, and what is counted and not believed. Real sockets on loopback."""

import asyncio
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_net import await_stamps, namespace, router_behind
from jinbao_agent.probes import Prober, Result, sockets
from jinbao_config.links import Target, parse_target

Answers = Callable[[dns.message.Message], Iterable[bytes]]
LOCAL = "127.0.0.1"


@contextmanager
def nameserver(answers: Answers, host: str = LOCAL, said: threading.Event | None = None) -> Iterator[socket.socket]:
    """Answers each question with these datagrams, until closed. `said` is set when all of a question's are out."""

    def serve() -> None:
        while True:
            data, asker = server.recvfrom(4096)
            if not data:
                return
            for answer in answers(dns.message.from_wire(data)):
                server.sendto(answer, asker)
            if said is not None:
                said.set()

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server, socket.socket(family, socket.SOCK_DGRAM) as stopper:
        server.bind((host, 0))
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            stopper.sendto(b"", server.getsockname())
            thread.join()


def target_of(server: socket.socket, question: str = "app.example.cn") -> Target:
    host, port = server.getsockname()[:2]
    return parse_target(f"dns://[{host}]:{port}/{question}" if ":" in host else f"dns://{host}:{port}/{question}")


def ask(
    answers: Answers, question: str = "app.example.cn", wait_s: float = 5.0, host: str = LOCAL
) -> tuple[Result, Counter[str]]:
    async def play(target: Target) -> tuple[Result, Counter[str]]:
        async with Prober() as prober:
            return await prober.probe(target, wait_s), prober.dns_stats

    with nameserver(answers, host) as server:
        return asyncio.run(play(target_of(server, question)))


def outlast(answers: Answers) -> tuple[Result, Counter[str]]:
    """What comes of a question once all these answers have come and its time is up."""
    said = threading.Event()

    async def play(target: Target) -> tuple[Result, Counter[str]]:
        async with Prober() as prober:
            asked = asyncio.create_task(prober.probe(target, 0.05))
            await asyncio.sleep(0)
            said.wait()
            return await asked, prober.dns_stats

    with nameserver(answers, said=said) as server:
        return asyncio.run(play(target_of(server)))


def honest(query: dns.message.Message, *records: str, rcode: int = dns.rcode.NOERROR, flags: int = 0) -> bytes:
    """An answer with these records, each `TYPE DATA`."""
    response = dns.message.make_response(query)
    response.set_rcode(rcode)
    response.flags |= flags
    name = query.question[0].name
    for record in records or ("A 10.0.9.1",):
        kind, data = record.split(" ", 1)
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, data))
    return response.to_wire()


def bare(query: dns.message.Message, rcode: int = dns.rcode.NOERROR, flags: int = 0) -> bytes:
    response = dns.message.make_response(query)
    response.set_rcode(rcode)
    response.flags |= flags
    return response.to_wire()


@pytest.mark.parametrize("host", [LOCAL, "::1"])
def test_the_record_asked_for_is_a_reply(host: str) -> None:
    result, stats = ask(lambda query: [honest(query)], host=host)
    assert result.outcome == "reply"
    assert result.rtt_us is not None
    assert stats == {"sent": 1}


@pytest.mark.parametrize(
    ("question", "records", "outcome"),
    [
        ("app.example.cn#answer=10.0.9.1", ("A 10.0.9.2", "A 10.0.9.1"), "reply"),
        ("app.example.cn#answer=10.0.9.1", ("A 10.0.9.2",), "bad_reply"),
        ("app.example.cn?type=AAAA#answer=FD00:0::9", ("AAAA fd00::9",), "reply"),
        ("app.example.cn?type=CNAME#answer=WWW.example.cn", ("CNAME www.example.cn.",), "reply"),
        ("app.example.cn", ("CNAME www.example.cn.", "A 10.0.9.1"), "reply"),
        ("app.example.cn", ("CNAME www.example.cn.",), "bad_reply"),
        ("app.example.cn?type=TXT", ('TXT "正常"',), "reply"),
    ],
)
def test_the_answer_is_the_one_expected(question: str, records: tuple[str, ...], outcome: str) -> None:
    assert ask(lambda query: [honest(query, *records)], question)[0].outcome == outcome


@pytest.mark.parametrize("rcode", [dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP])
def test_a_server_that_does_not_know_the_name_is_a_bad_reply(rcode: int) -> None:
    assert ask(lambda query: [bare(query, rcode)])[0].outcome == "bad_reply"


def test_an_answer_without_a_record_is_a_bad_reply_but_one_too_long_for_a_datagram_is_none() -> None:
    assert ask(lambda query: [bare(query)])[0].outcome == "bad_reply"
    assert ask(lambda query: [bare(query, flags=dns.flags.TC)])[0].outcome == "reply"
    assert ask(lambda query: [bare(query, flags=dns.flags.TC)], "app.example.cn#answer=10.0.9.1")[0].outcome == "bad_reply"


# Who lies


def another_number(query: dns.message.Message) -> bytes:
    answer = honest(query)
    return bytes([answer[0] ^ 1]) + answer[1:]


def another_question(query: dns.message.Message) -> bytes:
    other = dns.message.make_query("evil.example.cn", "A", id=query.id)
    return honest(other)


def our_own_question(query: dns.message.Message) -> bytes:
    return query.to_wire()


def cut_short(query: dns.message.Message) -> bytes:
    return honest(query)[:-3]


def endless_name(query: dns.message.Message) -> bytes:
    """A compression pointer that points at itself."""
    return query.id.to_bytes(2, "big") + b"\x81\x80\0\x01\0\0\0\0\0\0" + b"\xc0\x0c\0\x01\0\x01"


LIES = [
    another_number,
    another_question,
    our_own_question,
    cut_short,
    endless_name,
    lambda query: b"",
    lambda query: bytes(600),
]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_alone_is_a_bad_reply_and_no_answer(lie: Callable[[dns.message.Message], bytes]) -> None:
    result, stats = outlast(lambda query: [lie(query)])
    assert (result.outcome, result.rtt_us, stats["bad_payload"]) == ("bad_reply", None, 1)


def test_lies_before_the_answer_change_nothing() -> None:
    result, stats = ask(lambda query: [*(lie(query) for lie in LIES), honest(query)])
    assert (result.outcome, stats["bad_payload"]) == ("reply", len(LIES))


def test_the_first_good_answer_counts_and_what_comes_after_it_does_not() -> None:
    assert ask(lambda query: [honest(query), bare(query, dns.rcode.SERVFAIL)])[0].outcome == "reply"


def test_an_answer_from_somebody_else_never_arrives() -> None:
    """The socket is connected: the kernel lets nobody else in."""

    async def play() -> str:
        async with Prober() as prober:
            return (await prober.probe(target_of(server), 0.25)).outcome

    def overhear() -> None:
        data, asker = server.recvfrom(4096)
        for place in (("127.0.0.66", server.getsockname()[1]), (LOCAL, 0)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(place)
                stranger.sendto(honest(dns.message.from_wire(data)), asker)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((LOCAL, 0))
        thread = threading.Thread(target=overhear)
        thread.start()
        assert asyncio.run(play()) == "lost"
        thread.join()


@given(st.binary(max_size=120), st.booleans())
def test_no_datagram_breaks_the_reader(rubbish: bytes, ours: bool) -> None:
    """Not even one that begins as the answer would."""
    result, _ = ask(lambda query: [honest(query)[:24] + rubbish if ours else rubbish, honest(query)])
    assert result.outcome in ("reply", "bad_reply")  # rubbish may happen to be an answer without a record


def test_a_flood_of_answers_to_other_questions_changes_nothing() -> None:
    chance = random.Random(7)

    def answers(query: dns.message.Message) -> Iterable[bytes]:
        good = honest(query)
        for _ in range(2000):
            yield chance.randbytes(2) + good[2:] if chance.random() < 0.9 else chance.randbytes(60)
        yield good

    result, stats = ask(answers)
    # One in 65,536 of them guesses the number, and is then an answer like the true one.
    assert result.outcome == "reply"
    assert stats["bad_payload"] > 1000


def test_answers_our_own_queue_had_no_room_for_are_not_the_servers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RECEIVE_BUFFER", 1)

    def answers(query: dns.message.Message) -> Iterable[bytes]:
        for _ in range(500):
            yield another_number(query)
        flooded.set()

    flooded = threading.Event()

    async def play(target: Target) -> str:
        async with Prober() as prober:
            asked = asyncio.create_task(prober.probe(target, 0.05))
            await asyncio.sleep(0)
            flooded.wait()  # nobody reads meanwhile
            return (await asked).outcome

    with nameserver(answers) as server:
        assert asyncio.run(play(target_of(server))) == "not_sent:queue_overflow"


def datagram(source: tuple[str, int], destination: tuple[str, int], payload: bytes, check: int) -> bytes:
    """IPv4 and UDP, whose checksum nobody has reckoned."""
    ends = b"".join(socket.inet_aton(address) for address, _ in (source, destination))
    length = 28 + len(payload)
    ip = struct.pack("!BBHIBBH", 0x45, 0, length, 0, 64, socket.IPPROTO_UDP, 0) + ends
    return ip + struct.pack("!HHHH", source[1], destination[1], length - 20, check) + payload


@pytest.mark.root
def test_an_answer_with_a_wrong_checksum_never_came_and_excuses_nothing() -> None:
    """Taken for one that our queue had no room for, it would let anybody hide an outage."""

    def overhear(server: socket.socket, mouth: socket.socket) -> None:
        data, asker = server.recvfrom(4096)
        good = honest(dns.message.from_wire(data))
        mouth.sendto(datagram(server.getsockname(), asker, good, 0x5555), asker)

    async def play(target: Target) -> tuple[str, int]:
        async with Prober() as prober:
            return (await prober.probe(target, 0.5)).outcome, prober.dns_stats["queue_drops"]

    def scene() -> tuple[str, int]:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as mouth,
        ):
            server.bind((LOCAL, 0))
            thread = threading.Thread(target=overhear, args=(server, mouth))
            thread.start()
            found = asyncio.run(play(target_of(server)))
            thread.join()
            return found

    with namespace() as inside:
        assert inside.call(scene) == ("lost", 0)


# Who is silent, or says no


def test_a_server_that_does_not_answer_is_lost() -> None:
    result, _ = ask(lambda query: (), wait_s=0.05)
    assert (result.outcome, result.rtt_us) == ("lost", None)


def test_an_answer_after_the_wait_is_late_even_if_we_were_too_busy_to_give_up() -> None:
    def answers(query: dns.message.Message) -> Iterable[bytes]:
        time.sleep(0.2)
        yield honest(query)
        out.set()

    out = threading.Event()

    async def play(target: Target) -> Result:
        async with Prober() as prober:
            asked = asyncio.create_task(prober.probe(target, 0.05))
            await asyncio.sleep(0)
            out.wait()  # the loop stalls
            return await asked

    with nameserver(answers) as server:
        result = asyncio.run(play(target_of(server)))
    assert result.outcome == "late"
    assert (result.rtt_us or 0) >= 200_000


def test_a_stalled_loop_loses_no_answer_and_lengthens_none() -> None:
    async def play(target: Target) -> Result:
        async with Prober() as prober:
            await_stamps()
            asked = asyncio.create_task(prober.probe(target, 0.3))
            await asyncio.sleep(0)
            time.sleep(0.5)  # the fault under test
            return await asked

    with nameserver(lambda query: [honest(query)]) as server:
        result = asyncio.run(play(target_of(server)))
    assert result.outcome == "reply"
    assert (result.rtt_us or 0) < 250_000


@pytest.mark.parametrize("host", [LOCAL, "::1"])
def test_a_port_where_nobody_listens_is_refused(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind((host, 0))
        target = target_of(gone)

    async def play() -> str:
        async with Prober() as prober:
            return (await prober.probe(target, 5.0)).outcome

    assert asyncio.run(play()) == "refused"


@pytest.mark.root
@pytest.mark.parametrize(
    ("route", "outcome"),
    [("unreachable", "unreachable:3:1:10.9.0.2"), ("prohibit", "unreachable:3:13:10.9.0.2"), ("blackhole", "lost")],
)
def test_a_router_that_says_no_is_named(route: str, outcome: str) -> None:
    async def play() -> str:
        async with Prober() as prober:
            return (await prober.probe(parse_target("dns://10.8.0.53/app.example.cn"), 0.25)).outcome

    with namespace() as inside, router_behind(inside) as on_router:
        on_router(f"ip route add {route} 10.8.0.0/16")
        assert inside.run(play) == outcome


@pytest.mark.root
def test_without_a_route_the_network_says_no_and_what_we_prohibit_is_our_own_fault() -> None:
    async def play() -> str:
        async with Prober() as prober:
            return (await prober.probe(parse_target("dns://10.8.0.53/app.example.cn"), 5.0)).outcome

    with namespace() as inside:
        assert inside.run(play) == "unreachable:3:0:local"
        inside.ip("route add prohibit 10.8.0.0/16")
        assert inside.run(play) == "not_sent:EACCES"
