"""`jinbao-report what-if`: the same inputs judged twice, as declared and under a hypothesis; only what differs is told."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinbao_collector.entry import read_entries
from jinbao_config import units
from jinbao_reports import words
from jinbao_reports.arguments import add_inputs, inputs
from jinbao_reports.comparison import differing_figures, differing_outages
from jinbao_reports.comparison_table import FIGURE, LINK, OUTAGE, SCOPE, figure_rows, outage_rows
from jinbao_reports.hypothesis import Hypothesis, under
from jinbao_reports.load import gather
from jinbao_reports.printing import print_json, print_table
from jinbao_reports.source import BadInput
from jinbao_reports.words import Text

SCHEMA = "jinbao.what-if/1"
_NOW, _THEN = Text("现行", "as declared"), Text("假设", "what if")
_SAME = Text("没有差异：各项数字和认定均不变", "nothing changes: every figure and every class stays")
_NO_EFFECT = Text("{entry} 在假设中没有作用：{reason}", "{entry} has no effect: {reason}")
_NO_WINDOW = "none"
Json = dict[str, Any]


def _window(text: str) -> int | None:
    return None if text == _NO_WINDOW else units.duration_ms(text)


def _n(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("expected a whole number, at least 1")
    return int(text)


_CONTRACT: Mapping[str, Callable[[str], Any]] = {
    "target": units.ratio,
    "mode": str,
    "clock_start": str,
    "unattributed": str,
    "claim_window": _window,
}
_RULE: Mapping[str, Callable[[str], Any]] = {"n": _n, "wait": units.duration_ms}


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_inputs(command)
    add = command.add_argument_group("the hypothesis, with --profile").add_argument
    add("--target", metavar="99.5%", help="another promised availability")
    add("--mode", choices=("remove", "credit"), help="what becomes of excused time")
    add("--clock-start", choices=("onset", "report"), help="when the carrier's clock starts")
    add("--unattributed", choices=("counted", "disputed"), help="the class of an outage without a cause")
    add("--claim-window", metavar="5d", help="how long after onset a fault may be reported; none: no ticket is needed")
    add("--n", metavar="3", help="consecutive results that turn the state")
    add("--wait", metavar="2s", help="W: a later answer is a failure")
    add("--with-ledger", type=Path, action="append", default=[], metavar="FILE.toml", help="more entries, taken as approved")
    add("--without", action="append", default=[], metavar="ENTRY", help="leave an entry of the ledger out; repeat it")


def what_if(asked: argparse.Namespace) -> int:
    # Judged first as the contract says: --profile belongs to the hypothesis here.
    gathered = gather(replace(inputs(asked), profile=None))
    hypothesis, said = _hypothesis(asked)
    now, then = gathered.answer().statement(), gathered.answer(under(gathered.case, hypothesis)).statement()
    then = {**then, "hypothesis": said}
    figures, outages = differing_figures((now, then)), differing_outages((now, then))
    names = {link["link"]: link["name"] for link in now["links"]}
    if asked.json:
        print_json(
            {
                "schema": SCHEMA,
                "hypothesis": said,
                "figures": [{"link": row.link or None, "figure": row.name, **_both(row.values)} for row in figures],
                "outages": [{"id": row.id, "link": row.link, "scope": row.scope, **_both(row.values)} for row in outages],
                "statements": {"as_declared": now, "what_if": then},
            }
        )
        return 0
    if figures:
        print_table((LINK, FIGURE, _NOW, _THEN), figure_rows(figures, names, asked.lang), asked.lang)
    if outages:
        print_table((OUTAGE, LINK, SCOPE, _NOW, _THEN), outage_rows(outages, names, asked.lang), asked.lang)
    if not figures and not outages:
        print(_SAME.to(asked.lang))
    for line in _without_effect(then, hypothesis, asked.lang):
        print(line)
    return 0


def _hypothesis(asked: argparse.Namespace) -> tuple[Hypothesis, Json]:
    """What was said, and what it means. Raises BadInput and ConfigError."""
    documents = [read_entries(file) for file in asked.with_ledger]
    hypothesis = Hypothesis(
        profile=asked.profile,
        contract=dict(_values(asked, _CONTRACT)),
        rule=dict(_values(asked, _RULE)),
        entries=tuple(entry for document in documents for entry in document.value.entry),
        without=tuple(asked.without),
    )
    said = {name: getattr(asked, name) for name in ("profile", *_CONTRACT, *_RULE) if getattr(asked, name) is not None}
    if documents:
        said["with_ledger"] = [document.sha256 for document in documents]
    return hypothesis, {**said, **({"without": asked.without} if asked.without else {})}


def _values(asked: argparse.Namespace, known: Mapping[str, Callable[[str], Any]]) -> Iterator[tuple[str, Any]]:
    for name, parse in known.items():
        text = getattr(asked, name)
        try:
            if text is not None:
                yield name, parse(text)
        except ValueError as problem:
            raise BadInput(f"--{name.replace('_', '-')} {text!r}: {problem}") from None


def _both(values: tuple[Any, ...]) -> Json:
    return dict(zip(("as_declared", "what_if"), values, strict=True))


def _without_effect(then: Json, hypothesis: Hypothesis, lang: str) -> Iterator[str]:
    """Exclusions that were tried and do nothing, each once, with the reason."""
    tried = {entry.id for entry in hypothesis.entries}
    reasons = {
        item["entry"]: item["reason_if_not"]
        for link in then["links"]
        for item in link["exclusions"]
        if item["entry"] in tried and item["reason_if_not"]
    }
    for entry, reason in reasons.items():
        yield _NO_EFFECT.to(lang, entry=entry, reason=words.word(words.REASONS, reason, lang))
