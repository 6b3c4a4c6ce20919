"""Row 21: in which direction a line was down, from what both ends' reflectors counted; and the rung `peer` as evidence."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from county import FIRST, County, at
from jinbao_reports.cli import main
from jinbao_reports.direction import PeerCounts, direction

DAY = ("2021-04-10 09:00", "2021-04-10 11:00")
OUTAGE = ("2021-04-10 10:00", "2021-04-10 10:05")
PEER = "[state]\nreference = { vantage = 'township', target = 'peer' }"


def seen(vantage: str, sent: int, arrived: int, returned: int) -> PeerCounts:
    return PeerCounts(vantage, 0, 1, sent, arrived, returned)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        # Both ends ask, and the line is dead in one direction, or in both.
        ([seen("township", 30, 0, 0), seen("county", 30, 30, 0)], "up"),
        ([seen("township", 30, 30, 0), seen("county", 30, 0, 0)], "down"),
        ([seen("township", 30, 0, 0), seen("county", 30, 0, 0)], "both"),
        # One end alone: that answers are lost it knows, that questions are lost may be half of the truth.
        ([seen("township", 30, 30, 0)], "down"),
        ([seen("county", 30, 30, 0)], "up"),
        ([seen("township", 30, 0, 0)], None),
        ([seen("county", 30, 0, 0)], None),
        # Some get through: then both directions were tried.
        ([seen("township", 30, 18, 18)], "up"),
        ([seen("township", 30, 30, 12)], "down"),
        ([seen("township", 30, 20, 10)], "both"),
        ([seen("county", 30, 18, 18)], "down"),
        # Nothing lost, nothing counted.
        ([seen("township", 3, 3, 3)], None),
        ([], None),
    ],
)
def test_the_direction_is_what_the_counts_prove_and_no_more(counts: list[PeerCounts], said: str | None) -> None:
    assert direction(counts) == said
    assert direction(reversed(counts)) == said


def cut(folder: Path, *, contract: str = 'unattributed = "disputed"', cpe_down: Sequence[tuple[str, str]] = ()) -> County:
    """The carrier's access is down for five minutes, and both ends ask each other's reflector too."""
    county = County(folder, step=10, contract=contract)
    county.series(*DAY, target="lan")
    county.series(*DAY, cpe_down, target="cpe")
    for target in ("edge", "core", "peer", "app"):
        county.series(*DAY, [OUTAGE], target=target)
    for target in ("cpe", "peer", "app"):
        county.series(*DAY, [OUTAGE], vantage="county", target=target)
    for target in ("gw", "ce", "carrier"):
        county.series(*DAY, link="*", vantage="county", target=target)
    return county


def counted(county: County, vantage: str, sent: int, arrived: int, returned: int, when: str = OUTAGE[1], **more: str) -> County:
    """An episode as an agent records it, three answers after its end."""
    start, end = (int(at(edge).timestamp() * 1000) for edge in OUTAGE)
    detail = f"sent={sent};arrived={arrived};returned={returned};from_ms={start};to_ms={end - 10_000};mono_ns=1"
    return county.event(when, "peer_counts", vantage=vantage, **{"detail": detail, **more})  # type: ignore[arg-type]


def directions(county: County, capsys: pytest.CaptureFixture[str]) -> list[str | None]:
    return [piece["direction"] for outage in county.compute(capsys, "2021-04-10").outages() for piece in outage["slices"]]


def test_a_slice_says_in_which_direction_the_line_was_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = counted(counted(cut(tmp_path), "township", 30, 0, 0), "county", 30, 30, 0)
    made = county.compute(capsys, "2021-04-10")
    (outage,) = made.outages()
    assert [(piece["row"], piece["class"], piece["direction"]) for piece in outage["slices"]] == [("11", "counted", "up")]


def test_the_direction_changes_no_second_and_cuts_no_slice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Even an event in the middle of the outage: of an episode that ended there, while `core` went on failing."""
    plain = cut(tmp_path).compute(capsys, "2021-04-10").json["links"]
    county = counted(cut(tmp_path), "township", 9, 9, 0, when="2021-04-10 10:02:03")
    made = county.compute(capsys, "2021-04-10").json["links"]
    for before, after in zip(plain, made, strict=True):
        for piece in (*before["outages"][0]["slices"], *after["outages"][0]["slices"]):
            piece.pop("direction")
    assert made == plain


@pytest.mark.parametrize("kind", ["path", "certificate"])
def test_what_the_agent_saw_beside_its_samples_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Just before and after a moment of another cause, which an edge on either side would keep apart from what is around it."""
    moment = ("2021-04-10 10:02:00", "2021-04-10 10:02:20")

    def county(name: str) -> County:
        (tmp_path / name).mkdir()
        return cut(tmp_path / name, cpe_down=[moment])

    plain = county("plain").compute(capsys, "2021-04-10").json["links"]
    seen = county("seen")
    for when in moment:
        seen.event(when, kind, detail="mono_ns=1")
    assert seen.compute(capsys, "2021-04-10").json["links"] == plain


def test_without_counts_the_direction_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert directions(cut(tmp_path), capsys) == [None]


@pytest.mark.parametrize(
    "detail",
    [
        "sent=3;arrived=4;returned=0;from_ms={start};to_ms={end}",
        "sent=3;arrived=1;returned=2;from_ms={start};to_ms={end}",
        "sent=3;arrived=3;returned=-1;from_ms={start};to_ms={end}",
        "sent=3;arrived=3;returned=0;from_ms={end};to_ms={start}",
        "sent=3;arrived=3;from_ms={start};to_ms={end}",
        "sent=3;arrived=x;returned=0;from_ms={start};to_ms={end}",
        "",
    ],
)
def test_counts_that_contradict_themselves_prove_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], detail: str
) -> None:
    start, end = (int(at(edge).timestamp() * 1000) for edge in OUTAGE)
    county = counted(cut(tmp_path), "township", 0, 0, 0, detail=detail.format(start=start, end=end))
    assert directions(county, capsys) == [None]


def test_another_times_or_links_counts_prove_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long_ago = int(at("2021-04-10 09:30").timestamp() * 1000)
    detail = f"sent=3;arrived=3;returned=0;from_ms={long_ago};to_ms={long_ago + 30_000}"
    county = counted(cut(tmp_path), "township", 0, 0, 0, detail=detail)
    counted(county, "township", 30, 30, 0, link="510422102")
    assert directions(county, capsys) == [None]


def test_explain_tells_the_direction_and_the_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = counted(counted(cut(tmp_path), "township", 30, 30, 0), "county", 30, 0, 0)
    outage = f"{FIRST}-{int(at(OUTAGE[0]).timestamp() * 1000)}"
    arguments = [*county.write(), "--period", "2021-04-10"]
    assert main(["explain", *arguments, "--lang", "en", outage]) == 0
    told = capsys.readouterr().out
    assert "CARRIER_ACCESS" in told
    assert "only downwards, from county to township" in told
    assert "township peer 2021-04-10T10:00:00+08:00 → 2021-04-10T10:04:50+08:00: 30 sent, 30 arrived, 0 came back" in told
    assert "county peer 2021-04-10T10:00:00+08:00 → 2021-04-10T10:04:50+08:00: 30 sent, 0 arrived, 0 came back" in told
    assert "township peer: no answer @" in told
    assert main(["explain", *arguments, outage]) == 0
    assert "仅下行（县至乡镇）中断" in capsys.readouterr().out


# `peer` as the reference, and as evidence


def test_a_contract_may_have_the_reflector_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody between answers echoes for the county's router: core looks up, and only the reflector tells."""
    county = cut(tmp_path, contract=PEER)
    county.samples = [row for row in county.samples if ",township,core," not in row]
    county.series(*DAY, target="core")
    made = county.compute(capsys, "2021-04-10")
    assert made.seconds("up") == 2 * 3600 - 300
    assert [(row, cause) for row, cause, _ in made.rows()] == [("11", "CARRIER_ACCESS")]
    (outage,) = made.outages()
    shown = {(look["vantage"], look["target"]): look["outcome"] for look in outage["slices"][0]["evidence"]}
    assert shown["township", "peer"] == shown["county", "peer"] == "lost"
    assert shown["township", "core"] == "reply"


def test_a_dead_agent_at_the_county_blames_no_carrier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its reflector is silent, while core answers: that no row explains, and it is disputed."""
    county = County(tmp_path, step=10, contract='unattributed = "disputed"\n' + PEER)
    for target in ("lan", "cpe", "edge", "core", "app"):
        county.series(*DAY, target=target)
    county.series(*DAY, [OUTAGE], target="peer")
    made = county.compute(capsys, "2021-04-10")
    assert made.rows() == [("-", "UNATTRIBUTED", "disputed")]


@pytest.mark.parametrize("refusal", ["refused", "unreachable:3:3:10.0.0.9"])
def test_a_refusal_by_a_reflectors_machine_proves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], refusal: str
) -> None:
    """Elsewhere it proves the line; here anybody between could say it, and be believed for a whole outage."""
    county = County(tmp_path, step=10, contract=PEER)
    county.series(*DAY, [OUTAGE], target="peer", bad=refusal)
    text = county.write()
    links = tmp_path / "links.toml"
    links.write_text(links.read_text().replace('core = "10.0.0.2"', 'core = "10.0.0.2", peer = "peer://10.0.0.9:8620"'))
    assert main(["compute", *text, "--period", "2021-04-10T09:00:00+08:00/2021-04-10T11:00:00+08:00", "--json"]) in (0, 1)
    (link,) = json.loads(capsys.readouterr().out)["links"]
    assert link["seconds"]["up"] == 2 * 3600 - 300
    assert link["seconds"]["unknown"] == 300
    assert link["outages"] == []
