"""Scenarios drawn by chance: any fault anywhere at any time, one inside another, with notices right and wrong.

A draw is kept only if the truth can still be decided in time by n = 3 samples; that is asked of the all-knowing observer, who
knows it for every combination. What nature itself cannot tell is not drawn.
"""

import json
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from jinbao_config.shape import ConfigError
from jinbao_lab.county import TOWNSHIPS, County
from jinbao_lab.defects import Spoilt
from jinbao_lab.faults import FAULTS
from jinbao_lab.ideal import UP, Ideal, Piece, ideal
from jinbao_lab.kind import Need
from jinbao_lab.lives import START_US
from jinbao_lab.nature import Now
from jinbao_lab.observer import observer_of
from jinbao_lab.replay import planned
from jinbao_lab.rulebook import Finding
from jinbao_lab.scenario import Fault, Notice, Rhythm, Scenario, check
from jinbao_lab.truth import Truth

_INTERVAL_MS = 1000
_SHORTEST_US = 5_000_000
"""Of a piece of the truth: 5 T, so that a command that takes its time changes nothing."""
_SHORTEST_CAUSE_US = 6_000_000
"""Of a cause inside an outage, whose edges are known less well."""
_UNTOLD_US = START_US + 2_000_000
"""For so long several things may be said: an agent starts."""
_EITHER_US = 2_500_000
"""For so long a line may be up or down: the last samples of an agent that dies, or of a line that loses some."""
_EVERY_MS, _TRIES = 7_000, 5
_SHORT_MS, _LONG_MS = (1_100, 1_750), (5_500, 9_000)


@dataclass(frozen=True, slots=True)
class Wish:
    """`lacking`: needs that cannot be met, so faults that need them are not drawn."""

    seed: int
    minutes: float = 1.0
    townships: int = 4
    lacking: Collection[Need] = ()


def draw(wish: Wish) -> Scenario:
    """The same wish draws the same scenario."""
    chance = random.Random(f"{wish.seed} {round(wish.minutes * 60)} {wish.townships}")
    scenario = _county(wish, chance)
    kinds = [name for name, kind in FAULTS.items() if not kind.needs.intersection(wish.lacking)]
    # What breaks no line is nearly always decidable, and would crowd out the rest.
    weights = [1.0 if FAULTS[name].row else 0.3 for name in kinds]
    for _ in range(_TRIES * scenario.duration // _EVERY_MS):
        if len(scenario.fault) * _EVERY_MS > scenario.duration * len(scenario.townships) // 2:
            break
        longer = _with(scenario, _fault(scenario, chance.choices(kinds, weights)[0], chance), chance)
        if is_decidable(longer):
            scenario = longer
    return scenario


def _county(wish: Wish, chance: random.Random) -> Scenario:
    townships = tuple(sorted(chance.sample(list(TOWNSHIPS), wish.townships)))
    hops = (*County(townships).groups, "core")
    return Scenario(
        schema="jinbao.scenario/1",
        name=f"随机场景，种子 {wish.seed} · drawn by chance, seed {wish.seed}",
        interval=_INTERVAL_MS,
        duration=round(wish.minutes * 60_000),
        townships=townships,
        mute=(chance.choice(hops),) if chance.random() < 0.25 else (),
        app_unprobed=chance.random() < 0.1,
    )


def _fault(scenario: Scenario, name: str, chance: random.Random) -> Fault:
    place = chance.choice(FAULTS[name].places(scenario.county))
    rhythm, lasting = _lasting(chance)
    at = _off_grid(chance.randrange(_INTERVAL_MS, max(_INTERVAL_MS + 1, scenario.duration - lasting)))
    return Fault(
        id=f"{name}-{len(scenario.fault) + 1}",
        kind=name,
        on=place,
        at=at,
        for_=lasting,
        rhythm=rhythm,
        notice=_notice(name, lasting, chance) if chance.random() < 0.4 else None,
    )


def _off_grid(at_ms: int) -> int:
    return at_ms + (at_ms % _INTERVAL_MS == 0)


def _lasting(chance: random.Random) -> tuple[Rhythm | None, int]:
    """Mostly an outage; sometimes too short to be one, once or in turns; sometimes outages in turns."""
    way = chance.random()
    if way < 0.75:
        return None, chance.randrange(5_500, 28_000)
    if way < 0.83:
        return None, chance.randrange(*_SHORT_MS)
    if way < 0.91:
        return Rhythm(down=chance.randrange(*_SHORT_MS), up=chance.randrange(*_SHORT_MS)), chance.randrange(8_000, 16_000)
    return Rhythm(down=chance.randrange(*_LONG_MS), up=chance.randrange(*_LONG_MS)), chance.randrange(18_000, 30_000)


def _notice(name: str, lasting: int, chance: random.Random) -> Notice:
    """Of the kind people would file; now and then another. It covers the fault, a part of it, or nothing of it."""
    kinds = ("exclusion", "power_notice", "server_notice")
    likely = {"grid": 1, "app_owner": 2}.get(FAULTS[name].blame, 0)
    kind = kinds[likely] if chance.random() < 0.8 else chance.choice(kinds)
    begin, end = chance.choice((
        (-chance.randrange(2_000, 9_000), lasting + chance.randrange(7_000, 20_000)),
        (-chance.randrange(2_000, 9_000), lasting * chance.randrange(30, 70) // 100),
        (lasting * chance.randrange(30, 70) // 100, lasting + chance.randrange(7_000, 20_000)),
        (lasting + 9_000, lasting + 25_000),
    ))  # fmt: skip
    exclusion = {"type": "cutover", "notified": -100 * 3_600_000} if kind == "exclusion" else {}
    return Notice(kind=kind, from_=begin, to=end, **exclusion)  # type: ignore[arg-type]  # one key is a text, one a time


def _with(scenario: Scenario, fault: Fault, chance: random.Random) -> Scenario:
    """An agent that outlives the mains on a battery is mostly declared so."""
    declared = fault.kind == "office_dark" and fault.on not in scenario.battery
    battery = (*scenario.battery, fault.on) if declared else scenario.battery
    return replace(scenario, fault=(*scenario.fault, fault), battery=battery)


def is_decidable(scenario: Scenario) -> bool:
    try:
        check(scenario, "drawn")
    except ConfigError:
        return False
    truth = planned(scenario)
    if any(_is_misdeclared(truth, township) for township in truth.townships):
        return False
    history = observer_of(truth).history
    if any(_is_unclear(now) for now in history) or any(map(_hides_a_step, history, history[1:])):
        return False
    return all(_is_clear(one, truth) for one in ideal(truth).values())


def _is_unclear(now: Now) -> bool:
    """Where nature itself does not say what comes of it."""
    lines = [one.wire for one in now.defects if isinstance(one, Spoilt)]
    return len(lines) != len(set(lines))


def _is_misdeclared(truth: Truth, township: str) -> bool:
    """A UPS cannot tell its agent that the mains is there and leave it in the dark."""
    kinds = {FAULTS[fault.kind] for fault in truth.faults if fault.on == township}
    return FAULTS["office_dark"] in kinds and any(kind.ups for kind in kinds)


def _hides_a_step(before: Now, after: Now) -> bool:
    """An agent that does not see the clock being set, or a machine that boots with a wrong one, cannot tell of it."""
    if before.clock_ms != after.clock_ms:
        return not all(site.runs for site in before.sites.values())
    return before.clock_ms != 0 and any(site.boot != before.sites[place].boot for place, site in after.sites.items())


def _is_clear(one: Ideal, truth: Truth) -> bool:
    """Whether every piece lasts long enough to be found where it is, and is the only thing that can be said."""
    for scope, pieces in one.pieces.items():
        inside = list(_inside(pieces, truth))
        for at, piece in enumerate(inside):
            sides = [inside[side] for side in (at - 1, at + 1) if 0 <= side < len(inside)]
            if len(piece.may) > 1:
                if scope == "link" and piece.length > _most(piece):
                    return False
            elif piece.length < _least(piece, sides):
                return False
    return True


def _most(piece: Piece) -> int:
    down = any(isinstance(said, Finding) for said in piece.may)
    return _EITHER_US if down and UP in piece.may else _UNTOLD_US


def _inside(pieces: tuple[Piece, ...], truth: Truth) -> Iterator[Piece]:
    for piece in pieces:
        since, until = max(piece.since_us, truth.from_us), min(piece.until_us, truth.to_us)
        if since < until:
            yield Piece(since, until, piece.may)


def _least(piece: Piece, sides: list[Piece]) -> int:
    cause = any(isinstance(said, Finding) for side in sides for said in side.may)
    return _SHORTEST_CAUSE_US if cause and not piece.may & {UP} else _SHORTEST_US


def as_toml(scenario: Scenario) -> str:
    """scenario.toml, so that it can be played again with `run`."""
    lines = [
        f"schema = {_toml(scenario.schema)}",
        f"name = {_toml(scenario.name)}",
        f'interval = "{scenario.interval}ms"',
        f'warm_up = "{scenario.warm_up}ms"',
        f'duration = "{scenario.duration}ms"',
        f"townships = {_toml(scenario.townships)}",
        f"mute = {_toml(scenario.mute)}",
        f"battery = {_toml(scenario.battery)}",
        f"app_unprobed = {_toml(scenario.app_unprobed)}",
    ]
    return "\n".join([*lines, *(line for fault in scenario.fault for line in _fault_lines(fault))]) + "\n"


def _fault_lines(fault: Fault) -> Iterator[str]:
    yield f"[[fault]]\nid = {_toml(fault.id)}\nkind = {_toml(fault.kind)}\non = {_toml(fault.on)}"
    yield f'at = "{fault.at}ms"\nfor = "{fault.for_}ms"'
    if fault.rhythm:
        yield f'rhythm = {{ down = "{fault.rhythm.down}ms", up = "{fault.rhythm.up}ms" }}'
    if fault.notice:
        told = fault.notice
        notified = "" if told.notified is None else f', notified = "{told.notified}ms"'
        moments = f'from = "{told.from_}ms", to = "{told.to}ms"{notified}'
        yield f"notice = {{ kind = {_toml(told.kind)}, type = {_toml(told.type)}, {moments} }}"


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
