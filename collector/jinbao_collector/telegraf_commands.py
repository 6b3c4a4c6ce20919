"""`jinbao-collector telegraf …`: who may write unsigned samples."""

import argparse
from collections.abc import Callable
from dataclasses import asdict

from jinbao_collector.commands import links_named, place_of
from jinbao_collector.door import Holder, holders, issue, take_back
from jinbao_collector.ledger import Ledger
from jinbao_collector.texts import Output
from jinbao_config import units

Now = Callable[[], int]


def telegraf_issue(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = place_of(options)
    holder = Holder(options.name, options.vantage, tuple(links_named(options, place, out)), _interval(options, out))
    with Ledger(place.home.ledger) as ledger:
        token = issue(ledger, holder, now_ms())
    out.say("issued", holder=holder.name, token=token, url=place.url)
    out.facts({**asdict(holder), "token": token, "url": place.url})
    return 0


def telegraf_revoke(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    with Ledger(place_of(options).home.ledger) as ledger:
        take_back(ledger, options.name, now_ms())
    out.say("taken_back", holder=options.name)
    out.facts({"name": options.name})
    return 0


def telegraf_list(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    with Ledger(place_of(options).home.ledger) as ledger:
        found = sorted(holders(ledger).values(), key=lambda holder: holder.name)
    if not found:
        out.say("no_holder")
    for holder in found:
        out.say("holder", holder=holder.name, vantage=holder.vantage, links=",".join(holder.links))
    out.facts([asdict(holder) for holder in found])
    return 0


def _interval(options: argparse.Namespace, out: Output) -> int | None:
    if options.interval is None:
        return None
    try:
        return units.duration_ms(options.interval)
    except ValueError:
        raise out.wrong("bad_interval", interval=options.interval) from None
