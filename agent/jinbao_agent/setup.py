"""What a command works with: the command line, and what the files it names say."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinbao_agent.configuration import Judge, Plan, Shelf, begin, present
from jinbao_agent.finding import Say
from jinbao_agent.identity import Home, read_boot
from jinbao_agent.ladder import ladder
from jinbao_agent.run import Machine
from jinbao_config.central import Allowed, read_allowed
from jinbao_config.links import read_links
from jinbao_config.services import AgentConfig, read_agent
from jinbao_config.shape import ConfigError


class Setup:
    """What the command line and the files it names say. Raises ConfigError."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.file: Path = options.config
        self.config: AgentConfig = read_agent(self.file).value
        self.home = Home(self.file.parent / self.config.data)
        self.say: Say = (lambda zh, en: zh) if options.lang == "zh" else (lambda zh, en: en)

    def plan(self) -> Plan:
        """What holds now. Changes nothing."""
        local, judge = self.local(), self.judge(self.allowed())
        return present(Shelf(self.home), judge, local) if judge else local

    def begin(self, local: Plan, allowed: Allowed | None, machine: Machine) -> Plan:
        """What the life that begins now measures by."""
        judge = self.judge(allowed)
        return begin(Shelf(self.home), judge, local, read_boot(machine.boot_file)) if judge else local

    def local(self) -> Plan:
        """As this machine's own files say."""
        links = read_links(self.file.parent / self.config.links).value
        try:
            rungs = ladder(self.config, links)
        except KeyError:
            problem = f"{self.config.link!r}: {self.config.links} declares no such link"
            raise ConfigError(str(self.file), "link", problem) from None
        if not rungs:
            raise ConfigError(str(self.file), "links", f"{self.config.links} names no target for this agent; add targets")
        return Plan(config=self.config, links=links, rungs=rungs)

    def allowed(self) -> Allowed | None:
        """What the centre may order; None where it may order nothing."""
        file = self.file.parent / self.config.allow
        return read_allowed(file).value if file.exists() else None

    def judge(self, allowed: Allowed | None) -> Judge | None:
        """None while no configuration of a centre can be judged."""
        try:
            enrolment = self.home.read_enrolment()
        except (ValueError, OSError):
            enrolment = None  # `status` and `check` tell of it
        return Judge(enrolment, allowed, self.config) if allowed and enrolment else None

    def show(self, facts: Any, text: Callable[[], None]) -> None:
        """JSON for programs, text for people."""
        if self.options.json:
            print(json.dumps(facts, ensure_ascii=False, indent=1))
        else:
            text()
