"""A county drawn in text: files for `jinbao-report compute`, made from short descriptions.

Times are local (Asia/Shanghai) as people write them; every series samples each `step` seconds.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jinbao_reports.cli import main

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST = "510422101"

LINKS = """
schema = "jinbao.links/1"
[defaults]
interval = "{step}s"
[county]
targets = {{ gw = "10.0.0.1", ce = "10.0.0.2", carrier = "10.0.0.3" }}
"""
LINK = """
[[link]]
code = "{code}"
name = "乡镇{code}"
from = 2010-01-01
{more}
targets = {{ lan = "10.1.1.1", cpe = "10.1.2.1", edge = "10.1.3.1", core = "10.0.0.2", app = "tcp://10.0.9.1:443" }}
"""
CONTRACT = """
schema = "jinbao.contract/1"
effective = {{ from = 2010-01-01 }}
target = "{target}"
{more}
"""


def at(text: str) -> datetime:
    """'2021-04-10 09:00:00' or without seconds, local."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def rfc(moment: datetime) -> str:
    return moment.isoformat()


@dataclass
class County:
    """Rows for the files of one judgement. `compute` writes them and runs the command."""

    folder: Path
    step: int = 60
    links: tuple[str, ...] = (FIRST,)
    link_more: str = ""
    links_more: str = ""
    target: str = "99.9%"
    contract: str = 'unattributed = "counted"'
    ledger: str = ""
    samples: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    intervals: list[str] = field(default_factory=list)

    def series(
        self,
        since: str | datetime,
        until: str | datetime,
        down: Iterable[tuple[str, str]] = (),
        *,
        link: str = FIRST,
        vantage: str = "township",
        target: str = "core",
        missing: Iterable[tuple[str, str]] = (),
        bad: str = "lost",
        boot: str = "b1",
        step: int | None = None,
        shift: float = 0,
    ) -> "County":
        """Replies from `since` until `until`, `bad` where down, no sample where missing."""
        begin, end = (at(edge) if isinstance(edge, str) else edge for edge in (since, until))
        step = step or self.step
        failing, absent = ([(at(first), at(last)) for first, last in spans] for spans in (down, missing))
        now = begin + timedelta(seconds=shift)
        while now < end:
            if not any(first <= now < last for first, last in absent):
                failed = any(first <= now < last for first, last in failing)
                self.sample(now, bad if failed else "reply", link=link, vantage=vantage, target=target, boot=boot, step=step)
            now += timedelta(seconds=step)
        return self

    def sample(
        self,
        when: datetime,
        outcome: str,
        *,
        link: str = FIRST,
        vantage: str = "township",
        target: str = "core",
        boot: str = "b1",
        seq: int | str = "",
        rtt: int | str | None = None,
        mono: int | str = "",
        step: int | None = None,
    ) -> None:
        answer = (20000 if outcome in ("reply", "late") else "") if rtt is None else rtt
        interval = (step or self.step) * 1000
        self.samples.append(f"{link},{vantage},{target},{rfc(when)},{outcome},{answer},{boot},{seq},{mono},{interval}")

    def event(
        self, when: str, kind: str, *, link: str = FIRST, vantage: str = "township", boot: str = "b1", detail: str = ""
    ) -> "County":
        self.events.append(f"{link},{vantage},{rfc(at(when))},{kind},{boot},{detail}")
        return self

    def interval(self, since: str, until: str, state: str, cause: str = "", link: str = FIRST) -> "County":
        self.intervals.append(f"{link},{rfc(at(since))},{rfc(at(until))},{state},{cause}")
        return self

    def entry(self, **facts: object) -> "County":
        """A ledger entry; datetimes are written 'YYYY-MM-DD HH:MM', a list becomes a list."""
        lines = []
        for name, value in facts.items():
            key = name.rstrip("_")
            if key in ("from", "to") or key.endswith("_at"):
                lines.append(f"{key} = {rfc(at(str(value)))}")
            else:
                lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
        self.ledger += "\n[[entry]]\n" + "\n".join(lines) + "\n"
        return self

    def exclusion(self, since: str, until: str, **more: object) -> "County":
        facts: dict[str, object] = {
            "id": f"X{self.ledger.count('[[entry]]')}",
            "kind": "exclusion",
            "type": "cutover",
            "links": list(self.links),
            "from_": since,
            "to": until,
            "author": "a",
            "approved_by": "b",
            "entered_at": "2011-01-01 00:00",
            "notified_at": "2011-01-01 00:00",
        }
        return self.entry(**{**facts, **more})

    def write(self) -> list[str]:
        """The files, and the arguments that name them."""
        declared = LINKS.format(step=self.step) + self.links_more
        declared += "".join(LINK.format(code=code, more=self.link_more) for code in self.links)
        files = {"links.toml": declared, "contract.toml": CONTRACT.format(target=self.target, more=self.contract)}
        arguments = ["--links", "links.toml", "--contract", "contract.toml"]
        if self.intervals:
            files["intervals.csv"] = _csv("link,from,to,state,cause", self.intervals)
            arguments += ["--intervals", "intervals.csv"]
        else:
            files["samples.csv"] = _csv(
                "link,vantage,target,sent_at,outcome,rtt_us,boot_id,seq,mono_ns,interval_ms", self.samples
            )
            arguments += ["--samples", "samples.csv"]
        if self.events:
            files["events.csv"] = _csv("link,vantage,at,event,boot_id,detail", self.events)
            arguments += ["--events", "events.csv"]
        if self.ledger:
            files["ledger.toml"] = self.ledger
            arguments += ["--ledger", "ledger.toml"]
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        return [str(self.folder / word) if word in files else word for word in arguments]

    def compute(self, capsys: pytest.CaptureFixture[str], period: str, *more: str) -> "Statement":
        capsys.readouterr()
        code = main(["compute", *self.write(), "--period", period, "--json", *more])
        told = capsys.readouterr()
        assert code in (0, 1), told.err
        return Statement(json.loads(told.out), code)


def _csv(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


@dataclass(frozen=True)
class Statement:
    """What `compute` printed."""

    json: Mapping[str, Any]
    code: int

    def link(self, code: str = FIRST) -> Mapping[str, Any]:
        return next(link for link in self.json["links"] if link["link"] == code)

    def seconds(self, name: str, code: str = FIRST) -> Fraction:
        return Fraction(str(self.link(code)["seconds"][name]))

    def exact(self, name: str, code: str = FIRST) -> Fraction | None:
        value = self.link(code)["exact"][name]
        return None if value is None else Fraction(value)

    def outages(self, code: str = FIRST, scope: str = "link") -> list[Mapping[str, Any]]:
        return [outage for outage in self.link(code)["outages"] if outage["scope"] == scope]

    def rows(self, code: str = FIRST, scope: str = "link") -> list[tuple[str, str, str]]:
        """(row, cause, class) of every slice."""
        return [
            (piece["row"], piece["cause"], piece["class"]) for outage in self.outages(code, scope) for piece in outage["slices"]
        ]
