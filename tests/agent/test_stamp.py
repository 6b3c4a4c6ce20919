"""The packets of RFC 8762 to the octet, and that nothing else passes for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinbao_agent import stamp
from jinbao_agent.stamp import Question

NOON_US = 1_617_969_600_000_000  # 2021-04-09 12:00 UTC = 0xe41ac040 seconds since 1900
KEY = bytes(range(32))
QUESTION = Question(7, 510_422_101, bytes.fromhex("0102030405060708"))
LIFE = bytes.fromhex("1112131415161718")

# Laid out by hand after the figures of sections 4.2.2 and 4.3.2; the last 16 octets are the first 128 bits of
# `openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f` over the 96 before them.
ASKED = bytes.fromhex(
    "00000007 1e6c6c55 0102030405060708 e41ac040 80000000 8eec" + "00" * 70 + "ac87d73fe7d6f5292d0beb750bbdb1ae"
)
ANSWERED = bytes.fromhex(
    "00000003 1e6c6c55 1112131415161718 e41ac040 c0000000 0d86 000000000000 e41ac040 a0000000 0000000000000000"
    "00000007 1e6c6c55 0102030405060708 e41ac040 80000000 8eec 000000000000 fa 000000000000000000000000000000"
    "5848494250c90c41d2bb0473b8c9923f"
)


def asked(number: int = 7, key: bytes = KEY) -> bytes:
    return stamp.make_question(QUESTION._replace(number=number), NOON_US + 500_000, stamp.error_estimate(True, 900), key)


def answered(question: bytes = ASKED, key: bytes = KEY) -> bytes:
    return stamp.make_answer(
        question,
        3,
        LIFE,
        received_us=NOON_US + 625_000,
        sent_us=NOON_US + 750_000,
        error=stamp.error_estimate(False, 255),
        ttl=250,
        key=key,
    )


def test_a_question_has_the_rfcs_octets() -> None:
    assert asked() == ASKED


def test_an_answer_has_the_rfcs_octets_and_as_many_as_its_question() -> None:
    assert answered() == ANSWERED
    assert len(answered()) == len(asked()) == 112


def test_a_question_is_read_as_it_was_asked() -> None:
    assert stamp.read_question(ASKED) == QUESTION
    assert stamp.is_signed(ASKED, KEY)


def test_an_answer_tells_which_question_it_is_to_and_how_long_that_was_held() -> None:
    answer = stamp.read_answer(ANSWERED)
    assert answer is not None
    assert (answer.number, answer.link, answer.life, answer.ttl) == (3, 510_422_101, LIFE, 250)
    assert answer.question == QUESTION
    assert answer.held_us == 125_000
    assert stamp.is_signed(ANSWERED, KEY)
    assert stamp.answers(answer, ASKED)
    assert not stamp.answers(answer, asked(number=8))


def test_an_answer_sent_back_is_no_question() -> None:
    """Whatever it says: its receive timestamp stands where a question has zeros."""
    assert stamp.is_signed(ANSWERED, KEY)
    assert stamp.read_question(ANSWERED) is None


@pytest.mark.parametrize("length", [0, 1, 26, 96, 111, 113, 1400])
def test_other_lengths_are_neither(length: int) -> None:
    data = (ASKED * 13)[:length]
    assert stamp.read_question(data) is None
    assert stamp.read_answer(data) is None


@given(st.integers(0, 111), st.integers(1, 255))
def test_one_octet_changed_anywhere_is_noticed(place: int, flip: int) -> None:
    for packet in (ASKED, ANSWERED):
        changed = packet[:place] + bytes([packet[place] ^ flip]) + packet[place + 1 :]
        assert not stamp.is_signed(changed, KEY)


def test_each_end_asks_with_a_key_of_its_own_and_each_link_with_its_own() -> None:
    keys = [stamp.asking_key(secret, vantage) for secret in (bytes(32), KEY) for vantage in ("township", "county")]
    assert len(set(keys)) == 4
    for key in keys:
        assert [stamp.is_signed(asked(key=key), other) for other in keys] == [key == other for other in keys]


@given(st.integers(0, 2**33 * 10**6))
def test_ntp_time_is_to_the_microsecond_and_goes_round_in_2036(at_us: int) -> None:
    seconds, fraction = divmod(stamp.ntp(at_us), 2**32)
    assert seconds == (at_us // 10**6 + 2_208_988_800) % 2**32
    assert -(-fraction * 10**6 // 2**32) == at_us % 10**6


@given(st.integers(0, 2**33 * 10**6), st.integers(-(10**12), 10**12))
def test_how_long_a_question_was_held_is_exact_even_over_the_end_of_an_era(received_us: int, held_us: int) -> None:
    packet = stamp.make_answer(ASKED, 0, LIFE, received_us=received_us, sent_us=received_us + held_us, error=1, ttl=1, key=KEY)
    answer = stamp.read_answer(packet)
    assert answer is not None
    assert answer.held_us == held_us


@given(st.integers(0, 10**8), st.booleans())
def test_an_error_estimate_is_never_too_small_and_hardly_too_large(error_us: int, sync: bool) -> None:
    """RFC 4656 section 4.1.2: multiplier x 2^-32 x 2^scale seconds, the multiplier never zero."""
    field = stamp.error_estimate(sync, error_us)
    multiplier, scale = field & 0xFF, field >> 8 & 0x3F
    assert field >> 14 == (2 if sync else 0)
    assert 1 <= multiplier <= 255
    error = multiplier << scale
    assert error * 10**6 >= error_us << 32
    assert error == 1 or (error * 10**6 >> 32) <= error_us * 129 // 128 + 1
