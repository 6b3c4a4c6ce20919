"""Which way questions were lost, from the two ends' counts: o answered, u lost on the way there, d lost on the way back."""

from collections.abc import Iterator
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinbao_agent.probes.counts import QUIET, Counts, Tally

LIFE, ANOTHER = b"a" * 8, b"b" * 8
SECOND_US = 1_000_000


def played(picture: str, *, ends: list[int] | None = None) -> list[Counts]:
    """What is told of these questions, a second apart. R stands for a reflector that begins anew before the next one.

    `ends` is the order in which their ends become known, by default that in which they left.
    """
    tally, told = Tally(), []
    count, life, fates = 0, LIFE, []
    for sign in picture:
        if sign == "R":
            count, life = 0, ANOTHER
            continue
        tally.left(len(fates), len(fates) * SECOND_US)
        fates.append((count, life) if sign == "o" else None)
        count += sign in "od"
    for number in ends or range(len(fates)):
        fate = fates[number]
        told += tally.failed(number) if fate is None else tally.answered(number, *fate)
    return told


def counts(first: int, last: int, sent: int, arrived: int, returned: int) -> Counts:
    return Counts(first * SECOND_US, last * SECOND_US, sent, arrived, returned)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        ("ooooo", []),
        ("oouuuuooo", [counts(2, 5, 4, 0, 0)]),
        ("ooddddooo", [counts(2, 5, 4, 4, 0)]),
        ("oouudooo", [counts(2, 4, 3, 1, 0)]),
        ("ooduooo", [counts(2, 3, 2, 1, 0)]),
        ("ouooo", [counts(1, 1, 1, 0, 0)]),
        ("ouoouooo", [counts(1, 4, 4, 2, 2)]),  # two answers do not end it
        ("ouoooudooo", [counts(1, 1, 1, 0, 0), counts(5, 6, 2, 1, 0)]),
        ("ouuuoo", []),  # not over yet
        ("uuuooo", []),  # where the count began is not known
        ("oouuRooo", []),  # the reflector began anew meanwhile
        ("oouudddddRddddddddddddooo", []),  # and has counted further since than it had before
        ("oouuRooouooo", [counts(7, 7, 1, 0, 0)]),  # the next one is known again
    ],
)
def test_what_is_told_of_an_episode(picture: str, told: list[Counts]) -> None:
    assert played(picture) == told


def test_the_order_in_which_ends_become_known_changes_nothing() -> None:
    """Question 3 is given up only after the answers to 4, 5 and 6 have come."""
    assert played("oouuooo", ends=[0, 1, 2, 4, 5, 6, 3]) == played("oouuooo") == [counts(2, 3, 2, 0, 0)]


def test_an_answer_after_its_question_was_given_up_did_return() -> None:
    tally = Tally()
    for number in range(6):
        tally.left(number, number * SECOND_US)
    tally.answered(0, 0, LIFE)
    tally.failed(1)
    tally.late()
    tally.failed(2)
    told = [tally.answered(number, number, LIFE) for number in (3, 4, 5)]
    assert told == [[], [], [counts(1, 2, 2, 2, 1)]]


def test_what_our_own_queue_dropped_says_nothing_of_the_line() -> None:
    tally = Tally()
    for number in range(7):
        tally.left(number, number * SECOND_US)
    tally.answered(0, 0, LIFE)
    tally.failed(1)
    tally.spoilt()
    assert [tally.answered(number, number, LIFE) for number in (3, 4, 5, 6)] == [[]] * 4


def episodes(picture: str) -> Iterator[tuple[int, int]]:
    """First and last loss of each: losses with fewer than QUIET answers between them belong together."""
    first, last = None, 0
    for answered, group in groupby(enumerate(picture), key=lambda item: item[1] == "o"):
        places = [place for place, _ in group]
        if not answered:
            first, last = (places[0] if first is None else first), places[-1]
        elif first is not None and len(places) >= QUIET:
            yield first, last
            first = None


@given(st.text("ooouud", max_size=60))
def test_every_episode_is_counted_as_it_was(losses: str) -> None:
    picture = "o" + losses
    expected = []
    for first, last in episodes(picture):
        inside = picture[first : last + 1]
        expected.append(counts(first, last, len(inside), sum(sign in "od" for sign in inside), inside.count("o")))
    assert played(picture) == expected
