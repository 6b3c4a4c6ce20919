"""When a link counts as down: the contract's own rule, or a published one with its parameters (judgement R2, R9).

MEF and Y.1540 look at windows of dt and their loss ratio. With a probe each 10 s no window holds the hundreds of packets
that Y.1540 presumes, so these are Y.1540-*style* and never "conform to" it (methods A1).
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from jinbao_config.contract import Rule


@dataclass(frozen=True, slots=True)
class OutageRule:
    """n consecutive results turn the state. With `dt` (ms) the results are windows, bad above loss ratio `c`.

    A CHLI is a run of at least `p` bad windows inside available time.
    """

    name: str
    n: int
    dt: int | None = None
    c: Fraction | None = None
    p: int | None = None


PROFILES = {
    "default": OutageRule("default", 3),
    "mef": OutageRule("mef", 10, 10_000, Fraction(1, 2), 5),
    "y1540-2011": OutageRule("y1540-2011", 1, 300_000, Fraction(3, 4)),
    "y1540-2016": OutageRule("y1540-2016", 1, 60_000, Fraction(1, 5)),
}


def outage_rule(rule: Rule) -> OutageRule:
    """The contract's profile with the parameters the contract sets. Y.1540 always turns at once."""
    profile = PROFILES[rule.profile]
    if profile.dt is None:
        return replace(profile, n=rule.n or profile.n)
    windowed = replace(profile, dt=rule.dt or profile.dt, c=profile.c if rule.c is None else rule.c, p=rule.p or profile.p)
    return windowed if rule.profile.startswith("y1540") else replace(windowed, n=rule.n or profile.n)
