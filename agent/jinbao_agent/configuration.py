"""What this agent measures by: its own files, or what the centre signed and this machine allows.

A configuration of the centre is on trial until, under it, something was measured and the centre acknowledged it. One that
cannot be read, is not allowed, or does not stand its trial is refused: the one before goes on, and every header says so.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinbao_agent.identity import Enrolment, Home, write_durably
from jinbao_agent.ladder import Rung, ladder
from jinbao_agent.wire import Signed, WireError
from jinbao_config.central import Allowed, Central, parse_central
from jinbao_config.links import Links
from jinbao_config.services import AgentConfig
from jinbao_config.shape import ConfigError

log = logging.getLogger(__name__)

CONFIG_TAG = "jinbao-config/1"
_LONGEST_WHY = 300


class ConfigRefused(Exception):
    """A configuration of the centre is not taken: says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one life measures by. `version` is the centre's, 0 where the local files hold."""

    config: AgentConfig
    links: Links
    rungs: tuple[Rung, ...]
    version: int = 0
    on_trial: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The last version that was refused, and why."""

    version: int
    why: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything a configuration of the centre is held against."""

    enrolment: Enrolment
    allowed: Allowed
    local: AgentConfig

    def plan(self, document: Signed) -> Plan:
        """Raises ConfigRefused."""
        version, central = self._read(document)
        times, config = central.times, self.local
        upload = replace(config.collector, every=times.every or config.collector.every)
        config = replace(config, wait=times.wait or config.wait, batch=times.batch or config.batch, collector=upload)
        try:
            rungs = ladder(config, central.links)
        except KeyError:
            raise ConfigRefused(f"link {config.link} is not in it") from None
        if not rungs:
            raise ConfigRefused("nothing would be probed")
        objections = list(self.allowed.objections((rung.name, rung.target, rung.interval_ms) for rung in rungs))
        if objections:
            raise ConfigRefused("; ".join(objections[:3]))
        return Plan(config=config, links=central.links, rungs=rungs, version=version)

    def _read(self, document: Signed) -> tuple[int, Central]:
        version = version_of(document)
        if document.tag != CONFIG_TAG or not document.verified_by(self.enrolment.collector):
            raise ConfigRefused("not signed by the centre's key")
        fields = document.fields()
        if fields.get("agent") != self.enrolment.agent:
            raise ConfigRefused("it is for another agent")
        try:
            return version, parse_central(fields.get("content"), f"configuration {version}")
        except ConfigError as problem:
            raise ConfigRefused(str(problem)) from None


def version_of(document: Signed) -> int:
    """Raises ConfigRefused."""
    try:
        version = document.fields().get("version")
    except WireError as problem:
        raise ConfigRefused(f"not a configuration: {problem}") from None
    if type(version) is not int or version < 1:
        raise ConfigRefused("a configuration has a version from 1")
    return version


class Shelf:
    """The centre's configurations on disk: the `accepted` one, the one on `trial`, the `next` one, and the last refusal.

    Every document is kept as it came and verified anew whenever it is read.
    """

    def __init__(self, home: Home) -> None:
        self._folder = home.folder

    def document(self, name: str) -> Signed | None:
        """None where there is none, or none that can be read."""
        try:
            return Signed.from_lines(self._file(name).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, WireError) as problem:
            log.error("a configuration cannot be read file=%s: %s", self._file(name), problem)
            return None

    def put_next(self, document: Signed) -> None:
        """Durably. Raises OSError."""
        write_durably(self._file("next"), document.to_lines())

    def refuse(self, version: int, why: str, name: str | None = None) -> None:
        """Takes it off the shelf. Raises OSError."""
        log.error("a configuration of the centre is refused version=%d: %s", version, why)
        write_durably(self._refused, json.dumps({"version": version, "why": why[:_LONGEST_WHY]}).encode())
        if name is not None:
            self._file(name).unlink(missing_ok=True)

    def refusal(self) -> Refusal | None:
        try:
            fields = json.loads(self._refused.read_bytes())
            return Refusal(int(fields["version"]), str(fields["why"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as problem:
            log.error("the last refusal cannot be read file=%s: %s", self._refused, problem)
            return None

    def tried_in(self) -> str:
        """The boot in which a life began under the one on trial and has not ended in order; "" for none."""
        try:
            return self._file("tried").read_text()
        except FileNotFoundError:
            return ""

    def mark_tried(self, boot: str) -> None:
        """Durably. Raises OSError."""
        write_durably(self._file("tried"), boot.encode())

    def unmark_tried(self) -> None:
        """Raises OSError."""
        self._file("tried").unlink(missing_ok=True)

    def move(self, name: str, to: str) -> None:
        """Raises OSError."""
        self._file(name).replace(self._file(to))

    @property
    def _refused(self) -> Path:
        return self._folder / "config.refused"

    def _file(self, name: str) -> Path:
        return self._folder / f"config.{name}"


def begin(shelf: Shelf, judge: Judge, local: Plan, boot: str) -> Plan:
    """The plan of a life that begins now. Raises OSError."""
    if shelf.document("next") is not None:
        shelf.move("next", "trial")
    elif shelf.tried_in() == boot:
        # A life that ends in order takes its mark away, and a power cut is another boot.
        _give_up(shelf, "the agent ended unexpectedly under it")
    for name in ("trial", "accepted"):
        document = shelf.document(name)
        if document is None:
            continue
        try:
            plan = replace(judge.plan(document), on_trial=name == "trial")
        except ConfigRefused as problem:
            shelf.refuse(_version_or_0(document), str(problem), name)
            continue
        if plan.on_trial:
            shelf.mark_tried(boot)
        return plan
    return local


def present(shelf: Shelf, judge: Judge, local: Plan) -> Plan:
    """What holds now, for whoever only looks."""
    for name in ("trial", "accepted"):
        document = shelf.document(name)
        if document is not None:
            try:
                return replace(judge.plan(document), on_trial=name == "trial")
            except ConfigRefused:
                continue
    return local


def _give_up(shelf: Shelf, why: str) -> None:
    document = shelf.document("trial")
    if document is not None:
        shelf.refuse(_version_or_0(document), why, "trial")


def _version_or_0(document: Signed) -> int:
    try:
        return version_of(document)
    except ConfigRefused:
        return 0


def report(plan: Plan, shelf: Shelf) -> Mapping[str, Any]:
    """The header's `config`: the version that holds, 0 for the local files, and the last refusal."""
    refusal = shelf.refusal()
    facts: dict[str, Any] = {"version": plan.version, "trial": int(plan.on_trial)}
    # A refusal older than what holds is settled.
    if refusal is not None and refusal.version > plan.version:
        facts |= {"refused": refusal.version, "why": refusal.why}
    return facts
