"""A backlog leaves a thin line to others: so many bytes a second and no more, over any span."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from jinbao_agent.pace import Pace

PIECE = 2048


class Hand:
    """A clock that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@given(st.lists(st.tuples(st.integers(0, 60_000), st.floats(0, 30)), max_size=6), st.integers(1_000, 100_000))
def test_over_any_span_no_more_than_the_rate_and_a_piece(requests: list[tuple[int, float]], rate: int) -> None:
    hand = Hand()
    pace = Pace(rate, lambda: hand.now_s, hand.sleep)
    sent: list[tuple[float, int]] = []
    for size, pause_s in requests:
        data = bytes(index % 251 for index in range(size))
        pieces = []
        for piece in pace.pieces(data):
            sent.append((hand.now_s, len(piece)))
            pieces.append(piece)
        assert b"".join(pieces) == data
        hand.sleep(pause_s)
    totals = [0, *accumulate(size for _, size in sent)]
    for first, (since_s, _) in enumerate(sent):
        for last in range(first, len(sent)):
            assert totals[last + 1] - totals[first] <= rate * (sent[last][0] - since_s) * (1 + 1e-9) + PIECE


def test_a_backlog_of_half_a_megabyte_takes_a_quarter_of_a_line_of_2_mbit() -> None:
    hand = Hand()
    pace = Pace(64_000, lambda: hand.now_s, hand.sleep)
    assert sum(map(len, pace.pieces(bytes(512_000)))) == 512_000
    assert 7.9 < hand.now_s - 100.0 <= 8.0
    assert pace.seconds(512_000) == 8.0


def test_a_fast_line_gets_large_pieces() -> None:
    hand = Hand()
    assert len(list(Pace(125_000_000, lambda: hand.now_s, hand.sleep).pieces(bytes(5_000_000)))) == 2
