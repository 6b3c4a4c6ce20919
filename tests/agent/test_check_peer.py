"""What `check` tells an operator of the two ends of a line, and what to do about it."""

import os
import socket
from pathlib import Path

import pytest

from jinbao_agent.check_peer import examine_peer
from jinbao_agent.finding import Finding
from jinbao_agent.identity import Home
from jinbao_agent.ladder import ladder
from jinbao_agent.peers import Keyring, LinkSecrets, PeerSecrets
from jinbao_config.links import read_links
from jinbao_config.services import read_agent
from peering import LINK, OTHER_LINK, reflecting_beside, shared

LINKS = """
schema = "jinbao.links/1"
[[link]]
code = "510422101"
name = "红格镇"
targets = {{ nic = "nic:lo"{targets} }}
county_targets = {{ cpe = "nic:lo"{county} }}
[[link]]
code = "510422102"
name = "渔门镇"
targets = {{ nic = "nic:lo" }}
"""
AGENT = 'schema = "jinbao.agent/1"\nvantage = "{vantage}"\n{link}\nwait = "300ms"\n{peer}'


def check(
    folder: Path,
    *,
    vantage: str = "township",
    peer: int | None = None,
    targets: str = "",
    county: str = "",
    known: PeerSecrets | None = None,
    lang: int = 1,
) -> list[Finding]:
    """As `check` of a running, enrolled agent that reflects at port `peer`."""
    (folder / "links.toml").write_text(LINKS.format(targets=targets, county=county))
    link = f'link = "{LINK}"' if vantage == "township" else ""
    reflects = f'[peer]\nlisten = "127.0.0.1:{peer}"' if peer else ""
    (folder / "agent.toml").write_text(AGENT.format(vantage=vantage, link=link, peer=reflects))
    config, links = read_agent(folder / "agent.toml").value, read_links(folder / "links.toml").value
    home = Home(folder / "data")
    home.make()
    if known is not None:
        known.save(home)
    return [*examine_peer(config, links, ladder(config, links), home, True, lambda zh, en: (zh, en)[lang])]


def closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.name, finding.level) for finding in findings]


def test_where_no_peer_is_declared_nothing_is_said(tmp_path: Path) -> None:
    assert check(tmp_path) == []
    assert check(tmp_path, vantage="county") == []


@pytest.mark.parametrize(
    ("vantage", "targets", "county"),
    [("township", "", ', peer = "peer://10.1.1.10"'), ("county", ', peer = "peer://10.0.0.9"', "")],
)
def test_an_end_that_is_asked_and_does_not_reflect_is_named(tmp_path: Path, vantage: str, targets: str, county: str) -> None:
    (finding,) = check(tmp_path, vantage=vantage, targets=targets, county=county)
    assert told([finding]) == [("reflector", "problem")]
    assert "[peer] listen" in finding.remedy
    (finding,) = check(tmp_path, vantage=vantage, targets=targets, county=county, lang=0)
    assert "未开启反射" in finding.text


def test_without_secrets_the_way_to_get_them_is_told(tmp_path: Path) -> None:
    (finding,) = check(tmp_path, peer=closed_port())
    assert told([finding]) == [("peer_keys", "problem")]
    assert "after its first upload" in finding.remedy


def test_both_ends_that_answer_are_ok(tmp_path: Path) -> None:
    with reflecting_beside(Keyring("township", shared())) as ours, reflecting_beside(Keyring("county", shared())) as theirs:
        findings = check(tmp_path, peer=ours, targets=f', peer = "peer://127.0.0.1:{theirs}"', known=shared())
    assert told(findings) == [("reflector", "ok"), ("peer", "ok")]
    assert findings[1].text == "peers that answer: 1"


def test_a_reflector_that_does_not_answer_is_our_problem(tmp_path: Path) -> None:
    (finding,) = check(tmp_path, peer=closed_port(), known=shared())
    assert told([finding]) == [("reflector", "problem")]
    assert "refused" in finding.text
    with reflecting_beside(Keyring("township", shared(secret=os.urandom(32)))) as port:
        (finding,) = check(tmp_path, peer=port, known=shared())
    assert "lost" in finding.text


def test_a_peer_that_does_not_answer_comes_with_the_likely_reason(tmp_path: Path) -> None:
    pending = PeerSecrets("", {LINK: LinkSecrets(None, (os.urandom(32),))})
    nobody = closed_port()
    with reflecting_beside(Keyring("county", shared(secret=os.urandom(32)))) as other:
        asked = [
            check(tmp_path, targets=f', peer = "peer://127.0.0.1:{port}"', known=known)
            for port, known in ((nobody, shared()), (other, shared()), (other, pending), (nobody, shared(OTHER_LINK)))
        ]
    assert [told(findings) for findings in asked] == [[("peer", "problem")]] * 4
    remedies = [findings[0].remedy for findings in asked]
    assert [any(word in remedy for word in ("[peer]", "firewalls", "minutes")) for remedy in remedies] == [True] * 4
    assert ["[peer]" in remedies[0], "firewalls" in remedies[1], "minutes" in remedies[2]] == [True] * 3
