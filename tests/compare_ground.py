"""FAULT…: makes each in a county of three townships, in a box of its own, and compares probes with the drawing.

Every prober asks every rung it has, by a ping and by a connection; afterwards everything must answer again.
"""

import asyncio
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from jinbao_agent.probes import Prober
from jinbao_agent.sample import REFUSED, REPLY
from jinbao_config.links import parse_target
from jinbao_lab import box
from jinbao_lab.county import County
from jinbao_lab.defects import Answer, Damage, Defect, Drawing, Spoilt
from jinbao_lab.faults import FAULTS
from jinbao_lab.namespaces import Network
from jinbao_lab.orders import Responders

# What the lab's contract waits, for T of a second; where nothing is delayed, less is enough.
WAIT_S, SHORT_WAIT_S = 0.8, 0.2
T_MS = 200
SWEEPS, PATIENCE, IN_A_ROW = 14, 3, 3
PORT = 7

Question = tuple[str, str, str, str]
"""who asks, how, whom, at which address"""
Answers = dict[Question, Answer]
COUNTY = County(("01", "02", "05"))


class Recorded:
    """As much of a scene as a fault needs that only breaks lines and devices."""

    county = COUNTY

    def __init__(self) -> None:
        self.broken: list[Defect] = []

    def damage(self, *defects: Defect) -> None:
        self.broken += defects


def defects_of(name: str) -> tuple[Defect, ...]:
    places = FAULTS[name].places(COUNTY)
    scene = Recorded()
    FAULTS[name].inject(scene, places[0])  # type: ignore[arg-type]
    return tuple(scene.broken)


def drawable(name: str) -> bool:
    """Whether a fault is lines and devices alone, so that the drawing tells what it does."""
    try:
        return bool(defects_of(name))
    except AttributeError:
        return False


def main(names: Iterable[str]) -> None:
    box.settle()
    lines = [COUNTY.wire(f"p{one}").name for one in COUNTY.townships]
    network = Network(COUNTY, lines, T_MS)
    network.build()
    listeners = listen_everywhere(network)
    assert set(answers(SHORT_WAIT_S).values()) == {Answer.REPLY}
    for name in names:
        compare(name, network)
        print(f"{name}: as drawn, and healed", flush=True)
    for one in listeners:
        one.kill()
    network.close()


def compare(name: str, network: Network) -> None:
    damage, broken = Damage(), defects_of(name)
    damage.add(*broken)
    network.apply(damage)
    wait_s = WAIT_S if any(isinstance(one, Spoilt) and (one.delay or one.rate) for one in broken) else SHORT_WAIT_S
    drawn = draw(damage)
    often = Answer.SOME in drawn.values()
    asked = [answers(T_MS / 1000 if often else wait_s) for _ in range(SWEEPS if often else 1)]
    for question, expected in drawn.items():
        agrees([one[question] for one in asked], expected, f"{name}: {question}")
    assert name in INVISIBLE or set(drawn.values()) != {Answer.REPLY}
    damage.remove(*broken)
    network.apply(damage)
    # A packet sent in the moment of healing may still be waiting for a neighbour that did not answer.
    healed: Answers = {}
    for _ in range(PATIENCE):
        healed = answers(SHORT_WAIT_S)
        if set(healed.values()) == {Answer.REPLY}:
            return
    raise AssertionError(f"{name}: not healed: {[question for question, answer in healed.items() if answer != Answer.REPLY]}")


# Slow or double, but all there.
INVISIBLE = ("delay", "replies_twice")


def agrees(got: list[Answer], expected: Answer, of: str) -> None:
    if expected is not Answer.SOME:
        assert set(got) == {expected}, (of, expected, got)
        return
    runs = [len(list(run)) for answer, run in groupby(got) if answer is not Answer.REPLY]
    assert max(runs, default=0) < IN_A_ROW, (of, got)
    # Which packet of a connection is lost is chance: it may be none that matters.
    assert runs or "connect" in of, (of, got)


def questions() -> list[Question]:
    asks = dict.fromkeys(COUNTY.asks())
    return [(asker, how, node, address) for asker, node, address in asks for how in ("ping", "connect")]


def draw(damage: Damage) -> Answers:
    drawing = Drawing(COUNTY, damage.present)
    return {(asker, how, *at): getattr(drawing, how)(asker, *at) for asker, how, *at in questions()}


def answers(wait_s: float) -> Answers:
    """One question of each kind to everyone, all at once."""
    askers = list(dict.fromkeys(asker for asker, *_ in questions()))
    with ThreadPoolExecutor(len(askers)) as pool:
        return {question: answer for found in pool.map(lambda one: ask_from(one, wait_s), askers) for question, answer in found}


def ask_from(asker: str, wait_s: float) -> list[tuple[Question, Answer]]:
    with box.network_of(asker):
        return asyncio.run(ask([question for question in questions() if question[0] == asker], wait_s))


async def ask(asked: list[Question], wait_s: float) -> list[tuple[Question, Answer]]:
    targets = [parse_target(address if how == "ping" else f"tcp://{address}:{PORT}") for _, how, _, address in asked]
    async with Prober() as prober:
        (*results,) = await asyncio.gather(prober.sweep(targets, wait_s), asyncio.sleep(wait_s))
    told = {REPLY: Answer.REPLY, REFUSED: Answer.REFUSED}
    return [(question, told.get(result.outcome, Answer.LOST)) for question, result in zip(asked, results[0], strict=True)]


def listen_everywhere(network: Network) -> list[Responders]:
    """On every rung's own address, so that an impostor has no listener."""
    addresses: dict[str, set[str]] = {}
    for _, _, node, address in questions():
        addresses.setdefault(node, set()).add(address)
    found = []
    for node, mine in addresses.items():
        found.append(Responders("tcp", network.at(node, ())))
        found[-1].listen(mine, PORT)
    return found


if __name__ == "__main__":
    if box.inside():
        main(sys.argv[1:])
    else:
        os.execvpe(*box.command([sys.executable, __file__, *sys.argv[1:]]))
