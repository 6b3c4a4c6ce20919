"""What a person must say before another tool's history can be read: whose its names are, and what its files leave unsaid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from jinbao_agent.sample import outcome_problem
from jinbao_config import units
from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, COUNTY_TARGETS, TOWNSHIP_TARGETS
from jinbao_reports.files import STATES
from jinbao_reports.source import BadInput

SAMPLES, INTERVALS = "samples", "intervals"
_RUNGS = {"township": TOWNSHIP_TARGETS, "county": COUNTY_TARGETS}


@dataclass(frozen=True, slots=True)
class Place:
    """Whose a probe is: the link, and for samples the vantage and the rung."""

    link: str
    vantage: str = ""
    target: str = ""

    def __str__(self) -> str:
        return "/".join(word for word in (self.link, self.vantage, self.target) if word)


def parse_place(text: str) -> Place:
    """'510422101' or '510422101/county/cpe'. Raises ValueError."""
    link, *rung = text.split("/")
    if not link or "," in link or len(rung) not in (0, 2):
        raise ValueError("expected CODE or CODE/VANTAGE/TARGET, such as 510422101 or 510422101/county/cpe")
    place = Place(link, *rung)
    problem = rung_problem(place) if rung else None
    if problem:
        raise ValueError(problem)
    return place


def rung_problem(place: Place) -> str | None:
    """What is wrong with a place for samples (judgement R6), or None."""
    known = _RUNGS.get(place.vantage)
    if known is None:
        return f"vantage {place.vantage!r}: expected township or county"
    if place.target not in known:
        return f"target {place.target!r}: the {place.vantage} has {', '.join(known)}"
    if place.link == ALL_LINKS and (place.vantage != "county" or place.target not in COUNTY_SITE_TARGETS):
        return f"link *: only the county's {', '.join(COUNTY_SITE_TARGETS)} belong to all links"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything about a history that its file does not say. An origin takes the fields it names; the rest must stay unsaid."""

    link: str = ""
    vantage: str = ""
    target: str = ""
    names: Mapping[str, Place] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    interval_ms: int | None = None
    round_ms: int | None = None
    timeout_ms: int | None = None
    start_us: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    rtt_unit: str = "us"
    time_format: str = ""

    def check(self, origin: str, shape: str, takes: Iterable[str]) -> None:
        """Raises BadInput where something was said that this origin would not hear, or that cannot be meant."""
        said = {field.name for field in fields(self) if getattr(self, field.name) != getattr(_NOTHING_SAID, field.name)}
        common = {"link", "names", "outcomes"} | ({"vantage", "target"} if shape == SAMPLES else set())
        for name in sorted(said - common - set(takes)):
            raise BadInput(f"{OPTION[name]}: means nothing to --from {origin}")
        if self.link and self.names:
            raise BadInput("--link is for a file about one link, --map for a file with names: give one of them")
        for theirs, token in self.outcomes.items():
            problem = _token_problem(token, shape)
            if problem:
                raise BadInput(f"--outcome {theirs}={token}: {problem}")
        if "columns" not in takes and shape == SAMPLES:
            for place in [self._whole(place) for place in self.names.values()] or ([self.here] if self.link else []):
                self._check_rung(place)

    @property
    def here(self) -> Place:
        """The one place of a file that names none."""
        return Place(self.link, self.vantage, self.target)

    def place_of(self, names: Iterable[str]) -> Place | None:
        """Where the first of these names was mapped to; None: nowhere."""
        for name in names:
            if name in self.names:
                return self._whole(self.names[name])
        return self.here if self.link else None

    def _whole(self, place: Place) -> Place:
        return place if place.target else Place(place.link, self.vantage, self.target)

    def _check_rung(self, place: Place) -> None:
        if not place.vantage or not place.target:
            raise BadInput("say by --vantage and --target, or by --map NAME=CODE/VANTAGE/TARGET, which rung these probes asked")
        problem = rung_problem(place)
        if problem:
            raise BadInput(f"{place}: {problem}")


_NOTHING_SAID = Reading()
OPTION = {
    "link": "--link",
    "vantage": "--vantage",
    "target": "--target",
    "names": "--map",
    "outcomes": "--outcome",
    "zone": "--zone",
    "interval_ms": "--interval",
    "round_ms": "--round",
    "timeout_ms": "--timeout",
    "start_us": "--start",
    "columns": "--column",
    "constants": "--constant",
    "rtt_unit": "--rtt-unit",
    "time_format": "--time-format",
}


def _token_problem(token: str, shape: str) -> str | None:
    if shape == SAMPLES:
        return outcome_problem(token)
    return None if token in STATES else f"expected one of {', '.join(STATES)}"


def instant_us(text: str, zone: tzinfo | None, time_format: str = "") -> int:
    """A time as other tools write it -> microseconds UTC, finer digits cut: ISO 8601, or milliseconds since 1970, or as
    `time_format` (strptime) says. Raises ValueError."""
    if time_format:
        at = datetime.strptime(text, time_format)  # noqa: DTZ007  # its zone is asked for below
    elif text.isdecimal() and text.isascii():
        return units.plausible(int(text) * 1000, "milliseconds")
    else:
        at = datetime.fromisoformat(text)
    return units.datetime_us(at if at.tzinfo is not None else _in_zone(at, zone))


def _in_zone(at: datetime, zone: tzinfo | None) -> datetime:
    if zone is None:
        raise ValueError("the time has no offset; name its zone by --zone, such as Asia/Shanghai")
    first, second = at.replace(tzinfo=zone), at.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        raise ValueError(f"the clocks of {zone} changed in this hour: the time is ambiguous without its offset")
    return first


def epoch_us(text: str) -> int:
    """Seconds since 1970 with any digits -> microseconds, finer digits cut. Raises ValueError."""
    return units.microseconds(text, "s")
