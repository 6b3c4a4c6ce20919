"""What the centre says of an agent's silence is what the agent itself recorded, whatever befell it and however late it came."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

from collecting import LINK, NOON, TestClock, centre_in, enrolled, post
from jinbao_agent.sample import Event, Sample
from jinbao_agent.silence import Probe, silences
from jinbao_collector.cli import main
from jinbao_collector.silences import silences_of
from jinbao_collector.store import open_store
from silent_agents import AFTER, BEFORE, NEXT_BOOT, OTHER_BOOT, SAME_BOOT, T_MS, Why, event

CASES = {
    **{name: ([*BEFORE, *between, *AFTER], events, why) for name, (between, events, why) in SAME_BOOT.items()},
    **{
        name: ([*BEFORE, *NEXT_BOOT], [*events, event("boot", 1005, boot="b2"), event("start", 1005, boot="b2")], why)
        for name, (events, why) in OTHER_BOOT.items()
    },
}


def samples(probes: Sequence[Probe]) -> list[Sample]:
    return [
        Sample(
            link=LINK,
            vantage="township",
            target=target,
            sent_us=one.at_ms * 1000,
            outcome=one.outcome,
            boot=one.boot,
            seq=one.mono_us // 10_000_000,
            mono_us=one.mono_us,
            interval_ms=T_MS,
            rtt_us=900 if one.outcome == "reply" else None,
        )
        for one in probes
        for target in ("core", "app")
    ]


@pytest.mark.parametrize(("probes", "events", "why"), CASES.values(), ids=CASES)
def test_the_centre_tells_the_same_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], probes: list[Probe], events: list[Event], why: Why
) -> None:
    clock = TestClock(NOON)
    with centre_in(tmp_path, clock) as centre:
        agent = enrolled(centre)
        for boot, mine in groupby(probes, key=lambda one: one.boot):
            agent.boot = boot
            post(centre, agent.batch(NOON, samples(list(mine)), [one for one in events if one.boot == boot]))
        reader = open_store(centre.place.home.root)
        member = centre.roster().members[agent.key.public.fingerprint]
        told = silences_of(reader, member, NOON - 30 * 86_400_000, NOON)
        reader.close()
        assert told == silences(probes, events, T_MS)
        assert [one.why for one in told] == [why]
        clock_of_today = ["--days", "9999"]
        code = main(["--config", str(centre.place.file), "silences", "--agent", "tw-01", *clock_of_today, "--json"])
        assert code == int(why is Why.UNRECORDED)
        assert [one["why"] for one in json.loads(capsys.readouterr().out)] == [why]


def test_every_word_has_its_text_and_an_agent_nobody_knows_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with centre_in(tmp_path, TestClock()) as centre:
        agent = enrolled(centre)
        post(centre, agent.batch(NOON))
        base = ["--config", str(centre.place.file), "--lang", "en", "silences", "--agent"]
        assert main([*base, "tw-01"]) == 0
        assert "tw-01: no gaps" in capsys.readouterr().out
        assert main([*base, "tw-99"]) == 2
        assert "tw-99: no such agent" in capsys.readouterr().err
