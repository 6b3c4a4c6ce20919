"""What `check` finds of the rung `peer`: whether our reflector answers, and whether those we ask do."""

import asyncio
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jinbao_agent.finding import NOTE, OK, PROBLEM, Finding, Say
from jinbao_agent.identity import Home
from jinbao_agent.ladder import Rung
from jinbao_agent.peers import Keyring, LinkSecrets, PeerSecrets, read_peers
from jinbao_agent.probes import Peering, Prober
from jinbao_agent.probes.peer import NO_KEY, links_of
from jinbao_agent.sample import LATE, LOST, REFUSED, REPLY, not_sent
from jinbao_config.links import Links, Target
from jinbao_config.services import AgentConfig

_LISTED = 5


@dataclass(frozen=True, slots=True)
class _Setting:
    config: AgentConfig
    known: PeerSecrets
    say: Say


def examine_peer(
    config: AgentConfig, links: Links, rungs: Sequence[Rung], home: Home, running: bool, say: Say
) -> Iterator[Finding]:
    """Asks reflectors, ours as the other end would, so it needs the secrets that a running agent has fetched."""
    asked = links_of(rungs)
    if config.peer is None and _is_asked(config, links):
        yield Finding(
            "reflector",
            PROBLEM,
            say("links.toml 声明对端会探测本机，但未开启反射", "links.toml has the other end ask here, but nothing reflects"),
            say('在 agent.toml 加 [peer] listen = "0.0.0.0:8620"', 'add [peer] listen = "0.0.0.0:8620" to agent.toml'),
        )
    if config.peer is None and not asked:
        return
    setting = _Setting(config, read_peers(home), say)
    if not setting.known.links:
        yield Finding(
            "peer_keys",
            PROBLEM,
            say("尚无对端密钥，对端探测未进行", "no secrets of peers yet, so none is asked or answered"),
            say("探针登记并首次上传后自动取得", "a running agent fetches them after its first upload"),
        )
        return
    if config.peer is not None and running:
        yield _reflector(config.peer.listen, setting)
    if asked:
        yield from _peers(asked, setting)


def _is_asked(config: AgentConfig, links: Links) -> bool:
    """Whether links.toml names a reflector that can only be this agent's."""
    if config.link is not None:
        return "peer" in links[config.link].county_targets
    return any("peer" in link.targets for link in links.link)


def _reflector(listen: tuple[str, int], setting: _Setting) -> Finding:
    host, port = listen
    address = ipaddress.ip_address(host)
    here = str(address) if not address.is_unspecified else "127.0.0.1" if address.version == 4 else "::1"
    target, say = Target("peer", here, port), setting.say
    code, link = next(iter(setting.known.links.items()))
    as_asked = PeerSecrets("", {code: LinkSecrets(link.known[0], link.known)})
    theirs = "county" if setting.config.vantage == "township" else "township"
    (outcome,) = _ask({target: code}, Keyring(theirs, as_asked), setting)
    if outcome in (REPLY, LATE):
        return Finding("reflector", OK, say(f"反射正常：{target}", f"the reflector answers: {target}"))
    return Finding(
        "reflector",
        PROBLEM,
        say(f"本机反射无应答：{target} {outcome}", f"our reflector does not answer: {target} {outcome}"),
        say(
            "查看探针日志：端口可能被占用，或刚启动、密钥尚未更新",
            "read the agent's log: the port may be taken, or it has just started or been given other secrets",
        ),
    )


def _peers(asked: Mapping[Target, str], setting: _Setting) -> Iterator[Finding]:
    outcomes = _ask(asked, Keyring(setting.config.vantage, setting.known), setting)
    found = dict(zip(asked.items(), outcomes, strict=True))
    good = sum(outcome in (REPLY, LATE) for outcome in outcomes)
    say = setting.say
    if good:
        yield Finding("peer", OK, say(f"{good} 个对端应答", f"peers that answer: {good}"))
    bad = [(target, code, outcome) for (target, code), outcome in found.items() if outcome not in (REPLY, LATE)]
    for target, code, outcome in bad[:_LISTED]:
        text = say(
            f"线路 {code} 对端无应答：{target} {outcome}", f"the peer of link {code} does not answer: {target} {outcome}"
        )
        yield Finding("peer", PROBLEM, text, _remedy(outcome, say))
    if bad[_LISTED:]:
        more = len(bad) - _LISTED
        yield Finding("peer", NOTE, say(f"另有 {more} 个对端无应答", f"{more} more peers do not answer"))


def _remedy(outcome: str, say: Say) -> str:
    if outcome == not_sent(NO_KEY):
        return say("中心几分钟内发放密钥，两端都须已登记", "the centre gives keys within minutes, once both ends are enrolled")
    if outcome == REFUSED:
        return say("对端探针未运行或未开启 [peer]", "the agent there does not run, or its agent.toml has no [peer]")
    if outcome == LOST:
        return say(
            "检查线路、防火墙是否放行此 UDP 端口，以及对端是否已取得密钥",
            "check the line, firewalls for this UDP port, and whether the agent there has its secrets",
        )
    return say("检查地址与路由", "check address and route")


def _ask(asked: Mapping[Target, str], keyring: Keyring, setting: _Setting) -> list[str]:
    async def play() -> list[str]:
        async with Prober(peering=Peering(keyring, asked)) as prober:
            results = await prober.sweep([*asked], setting.config.wait / 1000)
        return [result.outcome for result in results]

    return asyncio.run(play())
