"""wire|node NAME: breaks it in a county of three townships, in a box of its own, and compares probes with the drawing."""

import asyncio
import os
import sys

from jinbao_agent.probes import Prober
from jinbao_agent.sample import REPLY
from jinbao_config.links import parse_target
from jinbao_lab import box
from jinbao_lab.county import County
from jinbao_lab.defects import Answer, Cut, Damage, Dead, Drawing
from jinbao_lab.namespaces import Network

_PATIENCE = 3
Answers = dict[tuple[str, str, str], bool]


def main(kind: str, name: str) -> None:
    box.settle()
    county, damage = County(("01", "02", "05")), Damage()
    network = Network(county)
    network.build()
    broken = Cut(name) if kind == "wire" else Dead(name)
    damage.add(broken)
    network.apply(damage)
    probed, drawn = probe(county), draw(county, damage)
    assert probed == drawn, {key: probed[key] for key in drawn if probed[key] != drawn[key]}
    assert not all(drawn.values())
    damage.remove(broken)
    network.apply(damage)
    # A packet sent in the moment of healing may still be waiting for a neighbour that did not answer.
    healed: Answers = {}
    for _ in range(_PATIENCE):
        healed = probe(county)
        if all(healed.values()):
            break
    assert all(healed.values()), healed
    network.close()
    print("as drawn, and healed")


def rungs(county: County) -> dict[tuple[str, str, str], tuple[str, str]]:
    """(who asks, about which township, rung) → (node, address)"""
    found = {}
    for one in county.townships:
        found |= {(f"a{one}", one, rung): target for rung, target in county.rungs_from_township(one).items()}
        found |= {("centre", one, rung): target for rung, target in county.rungs_from_county(one).items()}
    return found | {("centre", "*", rung): target for rung, target in county.county_rungs().items()}


def draw(county: County, damage: Damage) -> Answers:
    drawing = Drawing(county, damage.present)
    return {key: drawing.ping(key[0], *target) is Answer.REPLY for key, target in rungs(county).items()}


def probe(county: County) -> Answers:
    found: Answers = {}
    for asker in dict.fromkeys(key[0] for key in rungs(county)):
        with box.network_of(asker):
            found |= asyncio.run(ask({key: address for key, (_, address) in rungs(county).items() if key[0] == asker}))
    return found


async def ask(targets: dict[tuple[str, str, str], str]) -> Answers:
    async with Prober() as prober:
        results = await prober.sweep([parse_target(address) for address in targets.values()], 0.25)
    return {key: result.outcome == REPLY for key, result in zip(targets, results, strict=True)}


if __name__ == "__main__":
    if box.inside():
        main(*sys.argv[1:])
    else:
        os.execvpe(*box.command([sys.executable, __file__, *sys.argv[1:]]))
