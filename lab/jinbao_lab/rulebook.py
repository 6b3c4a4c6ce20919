"""Judgement R4.4 said again, from the rule book alone and in another way than the judge says it: so that neither can copy
the other's mistake. One plain look at the ladder from both ends → the row; the row → cause, party, class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

ALL, NONE, SOME = "all", "none", "some"
"""How many of the links with a known rung have it up, where at least two are known; else SOME."""


class Look(NamedTuple):
    """What is seen at one instant: True up, False down, None not measured. Rungs named county_* are asked from the county."""

    lan: bool | None
    cpe: bool | None
    edge: bool | None
    core: bool | None
    app: bool | None
    nic: bool | None
    refused: bool
    gw: bool | None
    ce: bool | None
    carrier: bool | None
    county_cpe: bool | None
    county_app: bool | None
    cores: str
    county_cpes: str
    neighbour_cut: bool
    silent: bool
    rebooted: bool
    returned: bool
    mains_off: bool
    county_mains_off: bool
    cutover: bool
    power_notice: bool
    server_notice: bool
    grace: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What must be said of an instant: why, who answers for it, and how it counts."""

    row: str
    cause: str
    party: str
    klass: str

    def __str__(self) -> str:
        return f"{self.cause} {self.party} {self.klass} {self.row}"


_FINDINGS = (
    Finding("4", "PLANNED_CUTOVER", "carrier", "excluded"),
    Finding("5", "POWER_TOWNSHIP", "grid", "not_carrier"),
    Finding("6", "POWER_DOCUMENTED", "grid", "not_carrier"),
    Finding("7", "POWER_SUSPECTED", "unknown", "disputed"),
    Finding("8", "POWER_RECOVERY", "grid", "not_carrier"),
    Finding("9", "LAN_LOCAL", "township", "not_carrier"),
    Finding("9b", "CPE_FAULT", "carrier", "counted"),
    Finding("10", "CPE_FAULT", "carrier", "counted"),
    Finding("11", "CARRIER_ACCESS", "carrier", "counted"),
    Finding("12", "CARRIER_AGG", "carrier", "counted"),
    Finding("13", "CARRIER_CORE", "carrier", "counted"),
    Finding("13b", "CARRIER_CORE", "carrier", "counted"),
    Finding("11/13", "CARRIER_PATH", "carrier", "counted"),
    Finding("14", "COUNTY_ACCESS", "carrier", "counted"),
    Finding("15", "COUNTY_SITE", "centre", "not_carrier"),
    Finding("18b", "PATH_OR_POLICY", "unknown", "disputed"),
    Finding("16", "SERVER_MAINT", "app_owner", "not_carrier"),
    Finding("17", "SERVER_FAULT", "app_owner", "not_carrier"),
    Finding("18", "PATH_OR_POLICY", "unknown", "disputed"),
    Finding("19", "SERVICE_DOWN_LINK_UP", "app_owner", "not_carrier"),
    Finding("-", "UNATTRIBUTED", "unknown", "disputed"),
)
FINDINGS: Mapping[str, Finding] = {finding.row: finding for finding in _FINDINGS}
"""Under the lab's contract: the carrier's 光猫 and county line, power excused, what nobody can tell disputed."""

ON_BATTERY = {row: Finding(row, "POWER_SUSPECTED", "unknown", "disputed") for row in ("9b", "10")}
"""Where the agent outlives the mains and nothing senses it, a dead 光猫 and a power cut look alike."""

ONE_EVENT = frozenset({"12", "13b", "14", "15", "16", "17"})
"""Rows that say of many links one thing: a common event (R4.7)."""

UP, DOWN = True, False
_Says = Callable[[Look], bool]


def line_row(look: Look) -> str:
    """Of a line that is down."""
    return next((row for row, holds in _LINE if holds(look)), "-")


def service_row(look: Look) -> str:
    """Of a service that is down over a line that is not."""
    return next((row for row, holds in _SERVICE if holds(look)), "-")


def cut(look: Look) -> bool:
    """Of a line: it ends beyond its 光猫, as in row 11 or where hops are hidden."""
    return _access(look) or _path(look)


def _dark(look: Look) -> bool:
    return look.mains_off and (look.cpe is DOWN or (look.lan is DOWN and look.cpe is None) or look.silent)


def _county_site(look: Look) -> bool:
    return look.cores == NONE and (look.gw is DOWN or look.ce is DOWN or look.county_mains_off)


def _county_access(look: Look) -> bool:
    if look.cores != NONE or not (look.gw and look.ce):
        return False
    return look.carrier is DOWN or (look.carrier is None and look.county_cpes == NONE)


def _power(look: Look) -> bool:
    return look.county_cpe is DOWN and look.silent and look.rebooted


def _gone(look: Look) -> bool:
    return look.county_cpe is DOWN and look.silent and not look.returned


def _lan(look: Look) -> bool:
    return (look.nic is DOWN or look.lan is DOWN) and not look.silent and not look.mains_off and look.county_cpe is UP


def _all_dead_inside(look: Look) -> bool:
    return look.lan is DOWN and look.cpe is not UP and look.county_cpe is DOWN and not look.silent


def _cpe(look: Look) -> bool:
    return look.lan is UP and look.cpe is DOWN and look.county_cpe is DOWN and not look.mains_off


def _access(look: Look) -> bool:
    return look.cpe is UP and look.edge is DOWN and look.county_cpe is DOWN


def _path(look: Look) -> bool:
    if look.core is not DOWN or look.county_cpe is not DOWN or not (look.gw and look.ce):
        return False
    return (look.edge is None and look.cpe is UP) or (look.edge is UP and look.carrier is None)


def _core(look: Look) -> bool:
    county_stands = look.gw and look.ce and look.carrier
    return bool(look.edge is UP and look.core is DOWN and look.county_cpe is DOWN and county_stands)


def _server(look: Look) -> bool:
    return look.cores == ALL and look.app is DOWN and look.county_app is DOWN


_LINE: tuple[tuple[str, _Says], ...] = (
    ("4", lambda look: look.cutover),
    ("5", _dark),
    ("8", lambda look: look.grace),
    ("15", _county_site),
    ("14", _county_access),
    ("6", lambda look: look.power_notice and _power(look)),
    ("7", lambda look: _power(look) or _gone(look)),
    ("9", _lan),
    ("9b", _all_dead_inside),
    ("10", _cpe),
    ("12", lambda look: look.neighbour_cut and cut(look)),
    ("11", _access),
    ("13", lambda look: look.cores != NONE and _core(look)),
    ("13b", _core),
    ("11/13", _path),
    ("18b", lambda look: look.core is DOWN and look.county_cpe is UP),
)
_SERVICE: tuple[tuple[str, _Says], ...] = (
    ("4", lambda look: look.cutover),
    ("16", lambda look: look.server_notice and _server(look)),
    ("17", _server),
    ("18", lambda look: look.core is UP and look.app is DOWN and look.county_app is UP),
    ("19", lambda look: look.app is DOWN and look.refused and look.county_app is None),
)
