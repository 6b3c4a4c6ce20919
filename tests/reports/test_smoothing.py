"""How a short run of one cause gives way (judgement R4.2): what it may cross, and how far it may spread."""

from collections.abc import Mapping
from itertools import groupby

from jinbao_reports.smoothing import Slice, smooth
from jinbao_reports.table import ROWS, UNATTRIBUTED, Observation

T, LEAST = 10, 30
ROW = {row.number: row for row in (*ROWS, UNATTRIBUTED)}


def slices(text: str) -> tuple[Slice, ...]:
    """'13b 11 11': one slice of T for each row."""
    return tuple(Slice(at * T, (at + 1) * T, ROW[number], Observation(), ()) for at, number in enumerate(text.split()))


def smoothed(text: str, edges: Mapping[int, frozenset[str]] | None = None) -> str:
    """'11*5 4*2': runs of rows with their number of slices."""
    found = [piece.row.number for piece in smooth(slices(text), edges or {}, LEAST)]
    return " ".join(f"{number}*{len(list(run))}" for number, run in groupby(found))


def test_a_short_run_goes_to_its_longer_neighbour() -> None:
    assert smoothed("11 11 11 18b 12 12 12 12") == "11*3 12*5"


def test_it_never_crosses_an_edge_of_its_own_row_or_of_its_neighbours() -> None:
    assert smoothed("4 4 4 4 11", {40: frozenset({"4"})}) == "4*4 11*1"
    assert smoothed("13 5 5 5 5", {10: frozenset({"5", "8"})}) == "13*1 5*4"


def test_an_edge_of_other_rows_is_none_to_what_samples_tell() -> None:
    """The county's mains_off comes half a period after the outage: what was sampled before it is no cause of its own."""
    assert smoothed("13b 15 15 15 15", {10: frozenset()}) == "15*5"
    assert smoothed("18b 12 12 12 12", {10: frozenset({"6", "7"})}) == "12*5"


def test_a_short_row_gives_way_to_a_long_one_of_the_same_cause() -> None:
    """All cores are down only when the last link has seen it; until then the same cause has another row."""
    assert smoothed("13 13b 13b 13b 13b") == "13b*5"
    assert smoothed("11 11 11 11 13 13 13b 13b") == "11*4 13*2 13b*2"


def test_a_cause_does_not_spread_without_end_over_what_other_parties_did() -> None:
    """Runs too short to stand would each go to the same neighbour; where there are many, no cause is established."""
    assert smoothed("11 11 11 18b -") == "11*5"
    assert smoothed("11 11 11 18b - 18b - 18b -") == "11*3 -*6"


def test_what_the_same_party_answers_for_may_spread() -> None:
    assert smoothed("11 11 11 11 12 10 12 10") == "11*8"
