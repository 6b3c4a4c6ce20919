"""A county's agent as a process, whose links all have a peer."""

from collections import Counter
from pathlib import Path

from agent_process import COMMAND, running
from agent_records import everything_in
from jinbao_agent.identity import Home
from jinbao_agent.peers import Keyring
from peering import reflecting_beside, shared

LINKS, TURNS = 200, 5
AGENT = """
schema = "jinbao.agent/1"
vantage = "county"
data = "data"
wait = "4s"
[spool]
floor = "0MB"
"""
LINK = """
[[link]]
code = "{code}"
name = "乡镇{code}"
county_targets = {{ peer = "peer://127.0.1.{number}:{port}" }}
"""


def test_a_county_asks_two_hundred_links_every_second_and_none_is_lost(tmp_path: Path) -> None:
    """It has its secrets from an earlier life, and no collector to talk to."""
    codes = [f"5104{number:05}" for number in range(LINKS)]
    home = Home(tmp_path / "data")
    home.make()
    shared(*codes).save(home)
    (tmp_path / "agent.toml").write_text(AGENT)
    with reflecting_beside(Keyring("township", shared(*codes)), "0.0.0.0") as port:
        text = "".join(LINK.format(code=code, number=number, port=port) for number, code in enumerate(codes, 1))
        (tmp_path / "links.toml").write_text(f'schema = "jinbao.links/1"\n[defaults]\ninterval = "1s"\n{text}')
        with running([*COMMAND, "--config", str(tmp_path / "agent.toml"), "run"], tmp_path) as agent:
            agent.ready()
            agent.beats(TURNS + 1)
            assert agent.stop() == 0
    samples = everything_in(home.spool)[1]
    # A busy machine may skip a point, which is said and is nobody's loss.
    assert {sample.outcome for sample in samples} <= {"reply", "not_sent:skipped", "not_sent:stopped"}
    answered = Counter(sample.link for sample in samples if sample.outcome == "reply")
    assert len(answered) == LINKS
    assert sum(answered.values()) >= LINKS * TURNS
