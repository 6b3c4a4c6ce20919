"""Many replayed scenarios drawn by chance, and what they came to."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jinbao_lab.chance import Wish, draw
from jinbao_lab.replay import Replayed, replay
from jinbao_lab.show import Show


@dataclass
class Tally:
    """Of many replays: how many scenarios and faults, the pieces found by row, the seeds that missed and why."""

    scenarios: int = 0
    faults: int = 0
    lasted_s: float = 0.0
    took_s: float = 0.0
    rows: "Counter[str]" = field(default_factory=Counter)
    missed: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def add(self, seed: int, done: Replayed) -> None:
        self.scenarios += 1
        self.faults += len(done.truth.faults)
        self.lasted_s += done.lasted_s
        self.took_s += done.took_s
        outages = (outage for link in done.statement["links"] for outage in link["outages"])
        self.rows.update(piece["row"] for outage in outages for piece in outage["slices"])
        if not done.score.right:
            self.missed[seed] = tuple(problems(done))


def problems(done: Replayed) -> Iterator[str]:
    """Every miss of a replay, in words."""
    score = done.score
    for line in score.lines:
        yield from (f"{line.fault} {line.link}: {miss}" for miss in line.misses)
    yield from (*score.extra, *score.unjust, *score.events, *score.figures, *score.clock)


def replay_many(wishes: Sequence[Wish], show: Show) -> Tally:
    """Each wish's seed draws a scenario and how it is sampled."""
    tally = Tally()
    with show.clock(len(wishes)) as clock:
        for at, wish in enumerate(wishes):
            clock.show(at, f"seed {wish.seed}")
            tally.add(wish.seed, replay(draw(wish), wish.seed))
            for problem in tally.missed.get(wish.seed, ()):
                show.tell(f"种子 {wish.seed}：{problem}", f"seed {wish.seed}: {problem}")
    return tally


def tell(tally: Tally, show: Show) -> None:
    """The summary."""
    rows = " · ".join(f"{row}: {count}" for row, count in sorted(tally.rows.items()))
    speed = tally.lasted_s / tally.took_s
    show.tell(
        f"{tally.scenarios} 个场景，{tally.faults} 个故障，共 {tally.lasted_s / 3600:.1f} 小时",
        f"{tally.scenarios} scenarios, {tally.faults} faults, {tally.lasted_s / 3600:.1f} hours of county",
    )
    show.tell(f"各行判定的时段数  {rows}", f"pieces by row  {rows}")
    show.tell(
        f"每个场景 {1000 * tally.took_s / tally.scenarios:.0f} 毫秒，比真实报文快 {speed:.0f} 倍",
        f"{1000 * tally.took_s / tally.scenarios:.0f} ms a scenario, {speed:.0f} times faster than packets",
    )
    seeds = ", ".join(map(str, tally.missed)) or "–"
    show.tell(f"误判的场景 {len(tally.missed)} 个，种子：{seeds}", f"{len(tally.missed)} scenarios with a miss, seeds: {seeds}")
