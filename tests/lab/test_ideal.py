"""What an all-knowing observer says: the rule book put to nature, not to samples."""

import inspect
from collections.abc import Iterator

import pytest

from jinbao_lab import hearing, lives, nature, observer, possible, rulebook
from jinbao_lab import ideal as ideal_module
from jinbao_lab.county import County
from jinbao_lab.faults import FAULTS
from jinbao_lab.hearing import Heard, Rule, knowledge
from jinbao_lab.ideal import UNKNOWN, UNTOLD, UP, ideal
from jinbao_lab.rulebook import FINDINGS, Finding
from jinbao_lab.truth import Injected, Noticed, Truth

NOON, S = 1_700_000_000_000_000, 1_000_000
BY_COUNTY = "*"


def fault(kind: str, on: str, *spans: tuple[float, float]) -> Injected:
    moments = tuple((NOON + round(since * S), NOON + round(until * S)) for since, until in spans)
    return Injected(id=f"{kind} {on} {spans}", kind=kind, on=on, rows=None, spans=moments)


def notice(kind: str, township: str, since: float, until: float) -> Noticed:
    span = NOON + round(since * S), NOON + round(until * S)
    return Noticed(kind=kind, type="", links=(County().code(township),), from_us=span[0], to_us=span[1])


def truth(*faults: Injected, **more: object) -> Truth:
    facts: dict[str, object] = {"townships": County().townships, **more}
    return Truth(
        interval_ms=1000, from_us=NOON, to_us=NOON + 60 * S, since_us=NOON - 8 * S, clock_step_us=0, faults=faults, **facts
    )  # type: ignore[arg-type]  # one dict for several keys


def told(made: Truth, township: str = "01", scope: str = "link") -> list[tuple[float, float, str]]:
    """(since, until, what may be said), seconds from the beginning, without what is simply up."""
    pieces = ideal(made)[township].pieces[scope]
    return [
        ((piece.since_us - NOON) / S, (piece.until_us - NOON) / S, " ".join(sorted(map(word, piece.may))))
        for piece in pieces
        if piece.may != {UP}
    ]


def word(said: Finding | str) -> str:
    return said.row if isinstance(said, Finding) else said


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_alone_on_a_healthy_county_lands_in_its_kinds_row(name: str) -> None:
    kind = FAULTS[name]
    place = kind.places(County())[0]
    made = truth(fault(name, place, (20, 40)))
    scope = "service" if kind.row in ("16", "17", "18", "19") else "link"
    certain = [one for one in told(made, scope=scope) if " " not in one[2]]
    assert [(until, row) for _, until, row in certain] == ([(40, kind.row)] if kind.row else [])
    fades = {"power_cut", "power_cut_disk"}  # the agent's last records still prove it alive for a while
    if kind.row:
        assert certain[0][0] == (22.55 if name in fades else 20)
    members = County().members(place)
    assert all(bool(told(made, one, scope)) == (one in members) for one in County().townships if certain)


def test_nothing_of_the_judge_is_in_it() -> None:
    for module in (hearing, ideal_module, lives, nature, observer, possible, rulebook):
        imports = [line for line in inspect.getsource(module).splitlines() if line.startswith(("from ", "import "))]
        assert not [line for line in imports if "jinbao_reports" in line or "jinbao_collector" in line]


# The state: reference, substitute, nothing


def test_while_the_agent_is_dead_the_countys_probes_stand_in() -> None:
    crash, cut = fault("agent_crash", "01", (10, 50)), fault("link_cut", "01", (20, 30))
    assert [one for one in told(truth(crash, cut)) if one[2] != f"{UP} -"] == [(20, 30, "-")]


def test_while_nobody_looks_the_state_is_unknown() -> None:
    made = truth(fault("agent_crash", "01", (10, 40)), fault("county_agent_crash", BY_COUNTY, (20, 30)))
    assert (20, 30, UNKNOWN) in told(made)
    assert told(made, "02") == []


def test_the_countys_probes_mean_nothing_while_its_own_gateway_is_dead() -> None:
    made = truth(fault("agent_crash", "01", (10, 40)), fault("county_gateway_dead", BY_COUNTY, (20, 30)))
    assert (20, 30, UNKNOWN) in told(made)


def test_unknown_time_inside_an_exclusion_is_not_told() -> None:
    made = truth(
        fault("agent_crash", "01", (10, 40)),
        fault("county_agent_crash", BY_COUNTY, (20, 30)),
        notices=(notice("exclusion", "01", 24, 50),),
    )
    assert [one for one in told(made) if one[0] in (20, 24)] == [(20, 24, UNKNOWN), (24, 30, UNTOLD)]


def test_an_agent_that_starts_may_or_may_not_record_yet() -> None:
    made = truth(fault("power_cut", "01", (10, 20)), fault("link_cut", "01", (15, 40)))
    assert told(made) == [(10, 12.55, "- 7"), (12.55, 20, "7"), (20, 25, "11 7"), (25, 40, "11")]


def test_an_agent_that_dies_while_a_rung_is_silent_takes_its_last_probes_with_it() -> None:
    """So the line may look up again through the county's, until these fail too."""
    made = truth(fault("lan_dead", "01", (10, 30)), fault("power_cut", "01", (20, 40)))
    assert (18.95, 20, f"9 {UP}") in [
        (since, until, " ".join(sorted(set(said.split()) - {"-"}))) for since, until, said in told(made)
    ]


def test_what_a_full_disk_kept_from_being_recorded_dies_with_the_agent() -> None:
    made = truth(
        fault("disk_full", "01", (10, 30)),
        fault("agent_crash", "01", (20, 40)),
        fault("county_agent_crash", BY_COUNTY, (8, 50)),
    )
    assert (10, 20, f"{UNKNOWN} {UP}") in told(made)
    freed = truth(fault("disk_full", "01", (10, 18)), fault("agent_crash", "01", (22, 40)))
    assert told(freed) == []


# n = 3 on nature


def series(*runs: tuple[str, float]) -> Iterator[str]:
    """What may be known in each run: of `u`p, `d`own, `s`ome and `-` (not recorded), with their lengths in T."""
    words = {"u": Heard(True), "d": Heard(False), "s": Heard(None), "-": Heard(None, False)}
    cuts = [0]
    for _, length in runs:
        cuts.append(cuts[-1] + round(length * S))
    names = {True: "up", False: "down", None: "unknown"}
    for known in knowledge([words[sign] for sign, _ in runs], cuts, Rule(S)):
        yield "/".join(sorted(names[one] for one in known))


@pytest.mark.parametrize(
    ("runs", "known"),
    [
        ((("u", 9), ("d", 4), ("u", 9)), ["up", "down", "up"]),
        ((("u", 9), ("d", 1.9), ("u", 9)), ["up", "up", "up"]),
        ((("u", 9), ("d", 2.5), ("u", 9)), ["up", "down/up", "up"]),
        ((("u", 9), ("d", 9), ("u", 1.9), ("d", 9), ("u", 9)), ["up", "down", "down", "down", "up"]),
        ((("u", 9), ("d", 1.5), ("u", 1.5), ("d", 1.5), ("u", 9)), ["up", "up", "up", "up", "up"]),
        # Between two failures an answer of less than T may be missed, and then three fail in a row.
        ((("u", 9), ("d", 1.5), ("u", 0.5), ("d", 1.5), ("u", 9)), ["up", "down/up", "down/up", "down/up", "up"]),
        ((("u", 9), ("-", 9), ("d", 9)), ["up", "unknown", "down"]),
        ((("u", 9), ("d", 2), ("-", 9), ("d", 9)), ["up", "down/unknown/up", "unknown", "down"]),
        # Some lost: never an outage, and after one never its end.
        ((("u", 9), ("s", 9), ("u", 9)), ["up", "up", "up"]),
        ((("d", 9), ("s", 9), ("u", 9)), ["down", "down/up", "up"]),
    ],
)
def test_only_what_every_sampling_would_tell_is_certain(runs: tuple[tuple[str, float], ...], known: list[str]) -> None:
    assert list(series(*runs)) == known


def test_flapping_too_quick_to_be_an_outage_leaves_its_trace_in_the_figures() -> None:
    rhythm = tuple((20 + 3 * turn, 21.5 + 3 * turn) for turn in range(4))
    made = truth(fault("link_cut", "01", *rhythm))
    assert told(made) == []
    assert len(ideal(made)["01"].traces.flaps) == 4


def test_unknown_does_not_end_an_outage_and_a_line_that_is_seen_up_does() -> None:
    blind = fault("county_agent_crash", BY_COUNTY, (5, 55))
    made = truth(fault("link_cut", "01", (10, 50)), fault("agent_crash", "01", (20, 30)), blind)
    (outage,) = ideal(made)["01"].outages
    assert [round((at - NOON) / S) for span in outage.certain for at in span] == [10, 19, 35, 50]
    twice = truth(fault("link_cut", "01", (10, 20), (30, 50)))
    assert len(ideal(twice)["01"].outages) == 2


# The rules of R4


def test_two_lines_of_one_group_cut_at_once_look_like_their_aggregation() -> None:
    made = truth(fault("link_cut", "01", (10, 40)), fault("loss_up", "02", (20, 30)))
    assert told(made) == [(10, 20, "11"), (20, 30, "12"), (30, 40, "11")]
    assert told(made, "02") == [(20, 30, "12")]
    assert told(truth(fault("link_cut", "01", (10, 40)), fault("loss_up", "05", (20, 30)))) == [(10, 40, "11")]


def test_all_links_are_those_with_a_known_core() -> None:
    others = fault("core_cut", "olt-1", (10, 40))
    few = {"townships": ("01", "02", "05")}
    assert told(truth(others, **few)) == [(10, 40, "13")]
    assert told(truth(others, fault("agent_crash", "05", (5, 50)), **few))[0] == (10, 40, "13b")


def test_one_link_alone_is_not_all_links() -> None:
    assert told(truth(fault("county_line_cut", BY_COUNTY, (10, 40)), townships=("01",))) == [(10, 40, "-")]


def test_a_hop_that_never_answers_is_silent_not_down() -> None:
    core, alone = fault("core_cut", "olt-1", (20, 40)), ("01", "05", "09")
    assert told(truth(core, townships=alone)) == [(20, 40, "13")]
    assert told(truth(core, mute=("olt-1",), townships=alone)) == [(20, 40, "11/13")]
    assert told(truth(core, mute=("olt-1",))) == [(20, 40, "12")]
    assert told(truth(fault("county_line_cut", BY_COUNTY, (20, 40)), mute=("core",))) == [(20, 40, "14")]


def test_a_hop_counts_as_silent_by_its_answers_while_the_line_was_up() -> None:
    long, short = fault("hop_filtered", "olt-1", (0, 50)), fault("hop_filtered", "olt-1", (25, 50))
    cut = fault("link_cut", "01", (30, 45))
    assert told(truth(long, cut)) == [(30, 45, "11/13")]
    assert told(truth(short, cut)) == [(30, 45, "11")]
    assert told(truth(fault("hop_filtered", "olt-1", (11, 50)), cut)) == [(30, 45, "11 11/13")]


def test_a_battery_without_mains_sense_makes_a_dead_modem_a_suspected_power_cut() -> None:
    made = truth(fault("office_dark", "01", (20, 40)), battery=("01",))
    ((_, _, _),) = told(made)
    (piece,) = [piece for piece in ideal(made)["01"].pieces["link"] if piece.may != {UP}]
    assert piece.may == {Finding("9b", "POWER_SUSPECTED", "unknown", "disputed")}


def test_a_power_notice_is_evidence_while_it_lasts_and_grants_grace_afterwards() -> None:
    power, cut = fault("power_cut", "01", (10, 20)), fault("link_cut", "01", (15, 50))
    made = truth(power, cut, notices=(notice("power_notice", "01", 5, 25),))
    after = [(12.55, 20, "6"), (20, 25, "11 6 8"), (25, 30, "8"), (30, 35, "11 8"), (35, 50, "11")]
    assert told(made) == [(10, 12.55, "- 6"), *after]
    half = truth(power, notices=(notice("power_notice", "01", 5, 14),))
    assert told(half)[1:] == [(12.55, 14, "6"), (14, 20, "7")]


def test_mains_sense_proves_a_power_cut_that_the_agent_outlives() -> None:
    made = truth(fault("mains_cut", "01", (10, 30)), fault("link_cut", "01", (20, 55)))
    assert told(made) == [(10, 30, "5"), (30, 32.5, "11 8"), (32.5, 40, "8"), (40, 42.5, "11 8"), (42.5, 55, "11")]


def test_an_exclusion_goes_before_every_cause_and_a_server_notice_names_maintenance() -> None:
    made = truth(fault("link_cut", "01", (10, 40)), notices=(notice("exclusion", "01", 15, 25),))
    assert told(made) == [(10, 15, "11"), (15, 25, "4"), (25, 40, "11")]
    served = truth(fault("server_stop", BY_COUNTY, (10, 40)), notices=(notice("server_notice", "01", 15, 25),))
    assert told(served, scope="service") == [(10, 15, "17"), (15, 25, "16"), (25, 40, "17")]
    assert told(served, "02", "service") == [(10, 40, "17")]


def test_a_refusal_without_the_countys_word_leaves_the_line_out_of_it() -> None:
    made = truth(fault("server_stop", BY_COUNTY, (10, 40)), app_unprobed=True)
    assert told(made, scope="service") == [(10, 40, "19")]


def test_a_service_behind_a_line_that_is_down_is_no_outage_of_its_own() -> None:
    made = truth(fault("server_stop", BY_COUNTY, (10, 50)), fault("link_cut", "01", (20, 30)))
    # While one core is down they are not all up: neither row 16 nor 17 can be told.
    assert told(made, scope="service") == [(10, 20, "17"), (30, 50, "17")]
    assert told(made, "05", "service") == [(10, 20, "17"), (20, 30, "-"), (30, 50, "17")]
    assert [one.scope for one in ideal(made)["01"].outages] == ["link", "service"]


def test_every_row_of_the_rule_book_has_its_finding() -> None:
    rows = {row for row, _ in (*rulebook._LINE, *rulebook._SERVICE)}
    assert rows | {"-"} == set(FINDINGS)
