"""What a spoilt line does to each packet: exact losses, exact times, and packets that are still packets."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frames import CENTRE, ECHO, ECHO_REPLY, UNREACHABLE, ping, segment
from jinbao_lab.defects import Spoilt
from jinbao_lab.treatment import ALIEN, QUEUE_BYTES, Packet, Treatment, checksum, is_ipv4

WIRE = "p01-olt-1"


def treated(treatment: Treatment, frame: bytes, now: float = 0.0) -> list[Packet]:
    return list(treatment.apply(Packet(frame, now), now))


def survivors(treatment: Treatment, frames: Sequence[bytes]) -> list[int]:
    return [index for index, frame in enumerate(frames) if treated(treatment, frame)]


@given(st.integers(1, 100), st.integers(1, 400))
def test_losses_are_exact_and_evenly_spread(loss: int, packets: int) -> None:
    line = Treatment(Spoilt(wire=WIRE, loss=loss), "up")
    lost = [index for index in range(packets) if not treated(line, ping())]
    assert len(lost) == packets * loss // 100
    assert all(after - before in (100 // loss, 100 // loss + 1) for before, after in pairwise(lost))


@given(st.integers(1, 99), st.lists(st.sampled_from([ping(), ping(source=CENTRE), segment(), ping(ECHO_REPLY)])))
def test_every_flow_loses_its_share_whatever_else_is_on_the_line(loss: int, frames: list[bytes]) -> None:
    line = Treatment(Spoilt(wire=WIRE, loss=loss), "up")
    kept = [frames[index] for index in survivors(line, frames)]
    for frame in set(frames):
        assert kept.count(frame) == frames.count(frame) - frames.count(frame) * loss // 100


def test_only_icmp_is_only_icmp() -> None:
    line = Treatment(Spoilt(wire=WIRE, only_icmp=True, loss=100), "up")
    assert survivors(line, [ping(), segment(), ping(UNREACHABLE)]) == [1]


def test_delay_is_exact_and_jitter_stays_within_its_bounds_and_is_the_same_in_every_run() -> None:
    assert [packet.due for packet in treated(Treatment(Spoilt(wire=WIRE, delay=120), "up"), ping(), 5.0)] == [5.12]
    spoilt = Spoilt(wire=WIRE, delay=120, jitter=30)
    runs = [[packet.due for line in [Treatment(spoilt, "up")] for _ in range(200) for packet in treated(line, ping())]] * 2
    assert runs[0] == runs[1]
    assert all(0.09 <= due <= 0.15 for due in runs[0])
    assert max(runs[0]) - min(runs[0]) > 0.05


def test_twice_is_twice_the_same_at_once() -> None:
    first, second = treated(Treatment(Spoilt(wire=WIRE, duplicate=True), "up"), ping())
    assert (first.frame, first.due) == (second.frame, second.due) == (ping(), 0.0)


@pytest.mark.parametrize("payload", [b"even", b"odd", b"x" * 56])
@pytest.mark.parametrize("kind", [ECHO, ECHO_REPLY])
def test_a_corrupted_echo_has_another_payload_and_a_right_checksum(kind: int, payload: bytes) -> None:
    (packet,) = treated(Treatment(Spoilt(wire=WIRE, corrupt=True), "down"), ping(kind, payload=payload))
    assert packet.frame[:36] == ping(kind, payload=payload)[:36]
    assert packet.frame[42:] not in (b"", payload)
    assert checksum(packet.frame[34:]) == b"\0\0"


def test_padding_of_a_short_frame_is_not_taken_for_payload() -> None:
    padded = ping(payload=b"abc") + b"\xee" * 12
    (packet,) = treated(Treatment(Spoilt(wire=WIRE, corrupt=True), "down"), padded)
    assert packet.frame[-12:] == b"\xee" * 12
    assert packet.frame[42:45] != b"abc"
    assert checksum(packet.frame[34:45]) == b"\0\0"


def test_a_spoofed_echo_comes_from_nobody_with_right_checksums() -> None:
    (packet,) = treated(Treatment(Spoilt(wire=WIRE, spoof=True), "down"), ping(ECHO_REPLY))
    assert packet.frame[26:30] == ALIEN
    assert checksum(packet.frame[14:34]) == b"\0\0"
    assert packet.frame[34:] == ping(ECHO_REPLY)[34:]


@pytest.mark.parametrize("frame", [segment(), ping(UNREACHABLE)])
def test_what_is_no_echo_is_neither_corrupted_nor_spoofed(frame: bytes) -> None:
    line = Treatment(Spoilt(wire=WIRE, corrupt=True, spoof=True), "down")
    assert [packet.frame for packet in treated(line, frame)] == [frame]


def test_a_slow_line_sends_one_after_the_other_and_drops_what_its_queue_cannot_hold() -> None:
    line, frame = Treatment(Spoilt(wire=WIRE, rate=64_000), "up"), ping(payload=bytes(958))
    assert len(frame) == 1000
    sent = [packet for _ in range(40) for packet in treated(line, frame, 10.0)]
    assert len(sent) == QUEUE_BYTES // 1000
    assert [round(packet.due - 10.0, 6) for packet in sent[:3]] == [0.125, 0.25, 0.375]
    assert all(packet.waits for packet in sent)
    # An eighth of a second later there is room for one again.
    assert len([packet for _ in range(2) for packet in treated(line, frame, 10.125)]) == 1


def test_ethernets_own_traffic_is_no_packet() -> None:
    assert is_ipv4(ping())
    assert not is_ipv4(bytes(12) + b"\x08\x06" + bytes(28))
