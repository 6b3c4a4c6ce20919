"""Makes the statements beside this file (judgement R7) that the document tests read: `python tests/reports/statements/make.py`.

The sums are worked out here by plain addition, so that pages show a month that adds up; the judgement itself is not asked.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CHINA = timezone(timedelta(hours=8))
APRIL, MAY = datetime(2021, 4, 1, tzinfo=CHINA), datetime(2021, 5, 1, tzinfo=CHINA)
TARGET = Fraction(999, 1000)
CLASSED = ("counted", "excluded", "not_carrier", "disputed", "unclaimed")
TOWNSHIPS = {
    "510422100": "桐子林镇",
    "510422101": "红格镇",
    "510422102": "渔门镇",
    "510422103": "永兴镇",
    "510422104": "新九镇",
    "510422105": "惠民镇",
    "510422203": "红果彝族乡",
    "510422205": "共和乡",
    "510422206": "国胜乡",
    "510422207": "红宝苗族彝族乡",
    "510422210": "温泉彝族乡",
    "510422211": "格萨拉彝族乡",
}
RULES = {
    "CARRIER_ACCESS": ("carrier", "counted", "11", "township.cpe=reply township.edge=lost county.cpe=lost"),
    "CARRIER_AGG": ("carrier", "counted", "12", "township.edge=lost county.carrier=reply county.cpe=lost"),
    "CARRIER_CORE": ("carrier", "counted", "13", "township.edge=reply township.core=lost county.cpe=lost"),
    "CPE_FAULT": ("carrier", "counted", "10", "township.lan=reply township.cpe=lost county.cpe=lost"),
    "CARRIER_PATH": ("carrier", "counted", "11/13", "township.cpe=reply county.cpe=lost"),
    "COUNTY_ACCESS": ("carrier", "counted", "14", "county.ce=reply county.carrier=unreachable:3:1:10.0.0.1"),
    "POWER_TOWNSHIP": ("grid", "not_carrier", "5", "county.cpe=lost"),
    "POWER_DOCUMENTED": ("grid", "not_carrier", "6", "county.cpe=lost county.agent=lost"),
    "POWER_SUSPECTED": ("unknown", "disputed", "7", "county.cpe=lost county.agent=lost"),
    "POWER_RECOVERY": ("grid", "not_carrier", "8", ""),
    "LAN_LOCAL": ("township", "not_carrier", "ledger:L5", "township.lan=lost county.cpe=reply"),
    "COUNTY_SITE": ("centre", "not_carrier", "15", "county.gw=lost"),
    "PLANNED_CUTOVER": ("carrier", "excluded", "4", "county.cpe=lost"),
    "UNATTRIBUTED": ("unknown", "disputed", "-", "township.core=lost"),
    "PATH_OR_POLICY": ("unknown", "disputed", "18b", "township.core=lost county.cpe=reply"),
    "SERVER_MAINT": ("app_owner", "not_carrier", "16", "township.app=lost county.app=lost"),
    "SERVICE_DOWN_LINK_UP": ("app_owner", "not_carrier", "19", "township.app=refused"),
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2021-{text}+08:00")


def instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def ratio(value: Fraction | None) -> str | None:
    return None if value is None else f"{value.numerator * 10**12 // value.denominator / 10**12:.12f}"


def seen(tokens: str, moment: datetime) -> list[dict[str, str]]:
    parted = [token.replace("=", ".", 1).split(".", 2) for token in tokens.split()]
    return [{"vantage": side, "target": rung, "at": instant(moment), "outcome": outcome} for side, rung, outcome in parted]


def outage(code: str, onset: datetime, *pieces: tuple[str, int], end: datetime = MAY, **more: Any) -> dict[str, Any]:
    """`pieces` = (cause, seconds) one after the other; `more` overrides fields."""
    slices, moment = [], max(onset, more.pop("clip", onset))
    for cause, seconds in pieces:
        party, class_, row, evidence = RULES[cause]
        after = min(moment + timedelta(seconds=seconds), end)
        fields = {"from": instant(moment), "to": instant(after), "seconds": int((after - moment).total_seconds())}
        slices.append(
            {**fields, "cause": cause, "party": party, "class": class_, "row": row, "evidence": seen(evidence, moment)}
        )
        moment = after
    seconds = sum(piece["seconds"] for piece in slices)
    made = {
        "id": f"{code}-{int(onset.timestamp() * 1000)}",
        "scope": "link",
        "onset": instant(onset),
        "restored": instant(moment),
        "seconds": seconds,
        "period_seconds": seconds,
        "counted": sum(piece["seconds"] for piece in slices if piece["class"] == "counted"),
        "suspect": False,
        "edge": False,
        "event_id": None,
        "ticket": None,
        "reported_at": None,
        "acked_at": None,
        "repair_seconds": None,
        "claim_state": None,
        "slices": slices,
    }
    return made | more


def link(
    code: str,
    name: str,
    outages: Sequence[dict[str, Any]] = (),
    unknown: Sequence[tuple[datetime, datetime]] = (),
    period: tuple[datetime, datetime] = (APRIL, MAY),
    **more: Any,
) -> dict[str, Any]:
    seconds = {"period": int((period[1] - period[0]).total_seconds())}
    seconds["service"] = seconds["period"]
    seconds["unknown"] = sum(int((end - start).total_seconds()) for start, end in unknown)
    pieces = [piece for item in outages if item["scope"] == "link" for piece in item["slices"]]
    for class_ in CLASSED:
        seconds[class_] = sum(piece["seconds"] for piece in pieces if piece["class"] == class_)
    seconds["up"] = seconds["service"] - seconds["unknown"] - sum(seconds[class_] for class_ in CLASSED)
    seconds["denominator"] = seconds["service"] - seconds["excluded"] - seconds["not_carrier"]
    judged = _judged(code, name, list(outages), seconds, unknown)
    return judged | _parts(judged, period) | more


def _judged(
    code: str, name: str, outages: list[dict[str, Any]], seconds: dict[str, int], unknown: Iterable[Any]
) -> dict[str, Any]:
    known = seconds["unknown"] != seconds["denominator"]
    low = Fraction(seconds["up"] + seconds["unclaimed"], seconds["denominator"]) if known else None
    high = 1 - Fraction(seconds["counted"], seconds["denominator"]) if known else None
    allowed = int((1 - TARGET) * seconds["denominator"])
    counting = [item for item in outages if item["counted"]]
    down = sum(item["period_seconds"] for item in outages)
    service_down = sum(item["period_seconds"] for item in outages if item["scope"] == "service")
    verdict = _verdict(low, high)
    bounds = {"low": low, "high": high, "measured": high, "user_low": low, "user_high": None}
    if known:
        bounds["user_low"] = 1 - Fraction(down + seconds["unknown"], seconds["service"])
        bounds["user_high"] = 1 - Fraction(down, seconds["service"])
    return {
        "link": code,
        "name": name,
        "group": "olt-1",
        "seconds": seconds,
        "service_seconds": {"up": seconds["up"], "down": service_down, "unknown": seconds["unknown"]},
        "availability": {key: ratio(value) for key, value in bounds.items()},
        "exact": {key: None if value is None else f"{value.numerator}/{value.denominator}" for key, value in bounds.items()},
        "coverage": ratio(1 - Fraction(seconds["unknown"], seconds["denominator"])) if known else None,
        "edge_error_seconds": 10 * len(counting),
        "verdict": verdict,
        "verdict_within_edge_error": bool(
            high is not None and abs(high - TARGET) * seconds["denominator"] <= 10 * len(counting)
        ),
        "outages": outages,
        "unknown_spans": [{"from": instant(start), "to": instant(end)} for start, end in unknown],
        "hli": None,
        "chli_runs": None,
        "ipdv": {"mean_abs": 0.75, "j": 0.8} if known else {"mean_abs": None, "j": None},
        "flaps": {"count": 2, "samples": 3, "seconds": 30} if known else {"count": 0, "samples": 0, "seconds": 0},
        "loss": {"sent": 259200, "lost": 42, "ratio": "0.000162037037"} if known else {"sent": 0, "lost": 0, "ratio": None},
        "latency": {
            "n": 259158,
            "p50": "8.412",
            "p95": "21.077",
            "p99": "35.5",
            "median": "8.412",
            "min": "6.1",
            "pdv_p99": "29.4",
        }
        if known
        else None,
        "metrics": {
            "n": len(counting),
            "mtrs": sum(item["seconds"] for item in counting) // len(counting) if counting else None,
            "mtbf": None,
            "mtbsi": None,
            "lower_bound_mtbsi": None,
        },
        "allowance": {"allowed": allowed, "used": seconds["counted"], "left": allowed - seconds["counted"]},
        "exclusions": [],
        "clauses": [],
        "bands": [],
    }


def _parts(judged: dict[str, Any], period: tuple[datetime, datetime]) -> dict[str, Any]:
    """The months and the eventful days of a link, by plain addition of what was drawn into them."""
    pieces = [
        (datetime.fromisoformat(piece["from"]), datetime.fromisoformat(piece["to"]), piece["class"])
        for item in judged["outages"]
        if item["scope"] == "link"
        for piece in item["slices"]
    ]
    pieces += [
        (datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["to"]), "unknown") for gap in judged["unknown_spans"]
    ]
    days, start = [], period[0]
    while start < period[1]:
        after = min((start + timedelta(days=1)).replace(hour=0, minute=0, second=0), period[1])
        row = {"day": str(start.date())} | _sums(pieces, start, after)
        if row["up"] != row["service"]:
            days.append(row)
        start = after
    return {"months": _months(pieces, period), "days": days}


def _sums(pieces: Sequence[tuple[datetime, datetime, str]], start: datetime, after: datetime) -> dict[str, int]:
    sums = dict.fromkeys((*CLASSED, "unknown"), 0)
    for begin, end, class_ in pieces:
        sums[class_] += max(0, int((min(end, after) - max(begin, start)).total_seconds()))
    service = int((after - start).total_seconds())
    return {"service": service, "up": service - sum(sums.values()), **sums}


def _months(pieces: Sequence[tuple[datetime, datetime, str]], period: tuple[datetime, datetime]) -> list[dict[str, Any]]:
    months, start = [], period[0]
    while start < period[1]:
        first_of_next = datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=CHINA)
        after = min(first_of_next, period[1])
        seconds = _sums(pieces, start, after)
        seconds["denominator"] = seconds["service"] - seconds["excluded"] - seconds["not_carrier"]
        known = seconds["unknown"] != seconds["denominator"]
        low = Fraction(seconds["up"] + seconds["unclaimed"], seconds["denominator"]) if known else None
        high = 1 - Fraction(seconds["counted"], seconds["denominator"]) if known else None
        bounds = {"low": low, "high": high}
        months.append(
            {
                "month": start.strftime("%Y-%m"),
                "seconds": seconds,
                "availability": {key: ratio(value) for key, value in bounds.items()},
                "exact": {key: value and f"{value.numerator}/{value.denominator}" for key, value in bounds.items()},
                "coverage": ratio(1 - Fraction(seconds["unknown"], seconds["denominator"])) if known else None,
                "verdict": _verdict(low, high),
            }
        )
        start = after
    return months


def _verdict(low: Fraction | None, high: Fraction | None) -> str:
    if low is None or high is None:
        return "no_data"
    return "pass" if low >= TARGET else "fail" if high < TARGET else "inconclusive"


def _causes(links: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for item in (item for judged in links for item in judged["outages"] if item["scope"] == "link"):
        for piece in item["slices"]:
            found.setdefault((piece["cause"], piece["party"], piece["class"]), []).append((item["id"], piece["seconds"]))
    rows = [
        {
            "cause": cause,
            "party": party,
            "class": class_,
            "outages": len({id_ for id_, _ in hits}),
            "seconds": sum(s for _, s in hits),
        }
        for (cause, party, class_), hits in found.items()
    ]
    return sorted(rows, key=lambda row: (-row["seconds"], row["cause"]))


def _group(links: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = {key: sum(item["seconds"][key] for item in links) for key in (*CLASSED, "unknown", "up", "denominator")}
    known = seconds["unknown"] != seconds["denominator"]
    verdicts = [item["verdict"] for item in links]
    return {
        "mean_low": ratio(Fraction(seconds["up"] + seconds["unclaimed"], seconds["denominator"])) if known else None,
        "mean_high": ratio(1 - Fraction(seconds["counted"], seconds["denominator"])) if known else None,
        "worst": min(links, key=lambda item: item["availability"]["low"] or "9")["link"] if known else None,
        "passing": verdicts.count("pass"),
        "links": len(links),
        "verdicts": {code: verdicts.count(code) for code in ("pass", "fail", "inconclusive", "no_data")},
        "outages": {
            scope: sum(o["scope"] == scope for item in links for o in item["outages"]) for scope in ("link", "service")
        },
        "counted": sum(item["metrics"]["n"] for item in links),
        "seconds": {key: seconds[key] for key in (*CLASSED, "unknown")},
        "causes": _causes(links),
    }


def statement(links: list[dict[str, Any]], period: tuple[datetime, datetime] = (APRIL, MAY), **more: Any) -> dict[str, Any]:
    made = {
        "schema": "jinbao.statement/1",
        "as_of": None,
        "period": {
            "name": "2021-04",
            "from": instant(period[0]),
            "to": instant(period[1]),
            "seconds": int((period[1] - period[0]).total_seconds()),
        },
        "profile": {
            "name": "default",
            "T": 10,
            "n": 3,
            "dt": None,
            "C": None,
            "p": None,
            "W": 2,
            "mode": "remove",
            "clock_start": "onset",
            "target": "999/1000",
            "unattributed": "disputed",
        },
        "contract": {
            "title": "盐边县乡镇金保网网络运行维护合同",
            "customer": "盐边县社会保险事务中心",
            "carrier": "中国电信攀枝花分公司",
            "target": "999/1000",
            "effective": {"from": "2021-01-01", "to": None},
            "version": hashlib.sha256(b"contract.toml").hexdigest(),
            "claim_window": 432000,
        },
        "placeholders": [],
        "inputs": {name: hashlib.sha256(name.encode()).hexdigest() for name in ("links.toml", "contract.toml", "samples.csv")},
        "integrity": [],
        "links": links,
        "events": [],
        "group": _group(links),
        "inference": {},
        "credits": {"on_high": None, "on_low": None, "rows": []},
        "made_by": {"version": "0.1.0"},
    }
    return made | more


def quiet() -> dict[str, Any]:
    """Twelve links, not one outage, every second measured."""
    links = [link(code, name, flaps={"count": 0, "samples": 0, "seconds": 0}) for code, name in TOWNSHIPS.items()]
    return statement(links, manifest={"day": "2021-04-30", "hash": hashlib.sha256(b"2021-04-30").hexdigest()})


def one_outage() -> dict[str, Any]:
    cut = outage("510422101", at("04-10T09:00:00"), ("CARRIER_ACCESS", 1800), ticket="GD2021041001", claim_state="in_time")
    return statement([link(code, name, [cut] if code == "510422101" else []) for code, name in TOWNSHIPS.items()])


def forty_outages() -> dict[str, Any]:
    """Every cause, all classes, events, exclusions applied and refused, clauses, integrity notes, credits."""
    causes = list(RULES)
    made: dict[str, list[dict[str, Any]]] = {code: [] for code in TOWNSHIPS}
    codes = list(TOWNSHIPS)
    for number in range(38):
        code, cause = codes[number * 5 % 11], causes[number % 14]
        onset = APRIL + timedelta(hours=17 * number + 3, minutes=7 * number % 60, seconds=13 * number % 60)
        made[code].append(outage(code, onset, (cause, 240 + 97 * number % 1500)))
    mixed = outage(
        "510422211", at("04-20T02:10:00"), ("POWER_TOWNSHIP", 5400), ("POWER_RECOVERY", 300), ("CARRIER_ACCESS", 4100)
    )
    start = datetime(2021, 3, 31, 23, 30, tzinfo=CHINA)
    early = outage("510422211", start, ("CARRIER_CORE", 900), clip=APRIL, seconds=2700, suspect=True)
    made["510422211"] += [early, mixed]
    made["510422100"].append(outage("510422100", at("04-22T22:00:00"), ("SERVER_MAINT", 600), scope="service", counted=0))
    made["510422101"].append(
        outage("510422101", at("04-30T23:50:00"), ("SERVICE_DOWN_LINK_UP", 900), scope="service", counted=0, restored=None)
    )
    links = [link(code, name, sorted(made[code], key=lambda item: item["onset"])) for code, name in TOWNSHIPS.items()]
    _ledger(links)
    events = [
        {
            "id": "E1",
            "cause": "COUNTY_ACCESS",
            "party": "carrier",
            "from": instant(at("04-11T10:00:00")),
            "to": instant(at("04-11T10:15:00")),
            "links": codes,
        },
        {
            "id": "E2",
            "cause": "CARRIER_AGG",
            "party": "carrier",
            "from": instant(at("04-19T08:20:00")),
            "to": None,
            "links": codes[2:5],
        },
        {"id": "E3", "cause": "LAN_LOCAL", "party": "township", "from": instant(APRIL), "to": instant(MAY), "links": codes[:1]},
    ]
    notes = [
        {"kind": "conflict", "link": "510422101", "target": "core", "at": instant(at("04-10T09:00:00"))},
        {"kind": "clock_step", "link": "510422211", "target": None, "at": instant(at("04-01T00:03:00"))},
        {"kind": "unsigned", "link": None, "target": None, "at": None},
    ]
    credits = {"on_high": "84.00", "on_low": "126.00", "rows": []}
    return statement(links, events=events, integrity=notes, credits=credits)


def _exclusion(
    entry: str, start: str, end: str, applied: int, reason: str | None, approver: str | None = "李某"
) -> dict[str, Any]:
    return {
        "entry": entry,
        "type": "cutover",
        "from": instant(at(start)),
        "to": instant(at(end)),
        "notified_at": instant(at("04-10T09:00:00")),
        "author": "张某",
        "approved_by": approver,
        "approved_at": instant(at("04-11T09:00:00")) if approver else None,
        "document": None,
        "applied_seconds": applied,
        "reason_if_not": reason,
    }


def _ledger(links: list[dict[str, Any]]) -> None:
    for judged in links:
        judged["exclusions"] = [_exclusion("L1", "04-15T00:00:00", "04-15T02:00:00", 7200, None)]
    for judged in links[3:5]:
        judged["exclusions"].append(_exclusion("L2", "04-18T00:00:00", "04-18T06:00:00", 0, "notice_too_short"))
    links[5]["exclusions"].append(_exclusion("L9", "04-18T00:00:00", "04-18T06:00:00", 0, "approved_by_its_author", "张某"))
    links[6]["exclusions"].append(_exclusion("L10", "04-19T00:00:00", "04-19T06:00:00", 0, "not_approved", None))
    links[11]["clauses"] = [
        {"id": "availability", "actual": 0.998066, "limit": 0.999, "verdict": "fail"},
        {"id": "repair", "actual": 15300, "limit": 14400, "verdict": "fail"},
        {"id": "response", "actual": 600, "limit": 1800, "verdict": "pass"},
        {"id": "loss", "actual": "0.0123", "limit": "0.01", "verdict": "fail"},
        {"id": "p95_ms", "actual": None, "limit": 50.0, "verdict": "not_applicable"},
        {"id": "outages", "actual": 4, "limit": 3, "verdict": "fail"},
    ]


def all_unknown() -> dict[str, Any]:
    return statement([link(code, name, unknown=[(APRIL, MAY)]) for code, name in TOWNSHIPS.items()])


def one_link() -> dict[str, Any]:
    cut = outage("510422101", at("04-10T09:00:00"), ("CARRIER_ACCESS", 2592))
    return statement([link("510422101", "红格镇", [cut])])


def fail() -> dict[str, Any]:
    """G02: 2593 s; 99.8999 %, never 99.90."""
    cut = outage("510422101", at("04-10T09:00:00"), ("CARRIER_ACCESS", 2593))
    return statement([link(code, name, [cut] if code == "510422101" else []) for code, name in list(TOWNSHIPS.items())[:3]])


def inconclusive() -> dict[str, Any]:
    """G12 without evidence of the mains, G19's silence, and contract values that are placeholders."""
    power = outage("510422100", at("04-10T14:03:30"), ("POWER_SUSPECTED", 3980))
    open_cause = outage("510422103", at("04-12T09:30:00"), ("UNATTRIBUTED", 2700))
    cut = outage("510422102", at("04-20T06:00:00"), ("CARRIER_CORE", 1800))
    gaps = [(at("04-08T11:00:00"), at("04-09T11:00:00")), (at("04-14T02:00:00"), at("04-14T03:03:20"))]
    links = [
        link("510422100", "桐子林镇", [power], verdict_within_edge_error=True),
        link("510422101", "红格镇"),
        link("510422102", "渔门镇", [cut], unknown=gaps),
        link("510422103", "永兴镇", [open_cause], unknown=gaps[1:]),
        link("510422104", "新九镇", unknown=[(APRIL, MAY)]),
    ]
    marked = ["target", "parties.customer", "parties.carrier", "parties.title", "rule.n", "rule.wait", "mode", "unattributed"]
    return statement(links, placeholders=marked, as_of=instant(MAY))


def long_names() -> dict[str, Any]:
    names = {
        "622927100": "积石山保安族东乡族撒拉族自治县寨子沟乡金保网业务经办服务站",
        "510422101": "Honggexiang township social insurance service point, second floor",
        "510422102": "NORTHEASTERN-SUBDISTRICT-ADMINISTRATIVE-OFFICE-WITHOUT-ANY-BLANK",
        "510422103": "Unbreakable0123456789Unbreakable0123456789Unbreakable0123456789",
        "510422104": "堽城镇㙍𠮷#*_`$@<>{}[]\\\\",
        "510422105": "ꆈꌠ😀乡",
    }
    cuts = [
        outage(code, at("04-10T09:00:00"), (cause, 3600), ticket="攀枝花分公司-故障工单-2021-0410-000123456789-乡镇专线")
        for code, cause in zip(
            names, ("CARRIER_PATH", "CARRIER_ACCESS", "LAN_LOCAL", "CPE_FAULT", "UNATTRIBUTED", "CARRIER_AGG"), strict=True
        )
    ]
    made = statement([link(code, name, [cut]) for (code, name), cut in zip(names.items(), cuts, strict=True)])
    made["contract"] |= {
        "title": "盐边县社会保险事务中心乡镇金保网网络运行维护及相关配套服务（含县中心接入线路）项目合同补充协议之二"
    }
    made["inputs"]["journal/2021-04/a-very-long-file-name-that-no-column-was-made-for.db"] = hashlib.sha256(b"long").hexdigest()
    return made


def three_minutes() -> dict[str, Any]:
    """The demonstration: a period of minutes, named by its instants, on a day of another year."""
    period = (datetime(2026, 11, 22, 17, 4, 30, tzinfo=CHINA), datetime(2026, 11, 22, 17, 7, 30, tzinfo=CHINA))
    start, end = period
    dark = [(start, start + timedelta(seconds=12))]
    names = list(TOWNSHIPS.items())
    cuts = {
        names[0][0]: [outage(names[0][0], start + timedelta(seconds=40), ("CARRIER_ACCESS", 35), end=end)],
        names[1][0]: [outage(names[1][0], start + timedelta(seconds=52), ("POWER_SUSPECTED", 61), end=end)],
        names[2][0]: [outage(names[2][0], start + timedelta(seconds=150), ("CPE_FAULT", 60), end=end, restored=None)],
    }
    links = [link(code, name, cuts.get(code, []), unknown=dark, period=period) for code, name in names]
    made = statement(links, period)
    made["period"]["name"] = f"{start.isoformat()}/{end.isoformat()}"
    return made


def year(outages: int = 400, links: int = 12, seed: int = 7) -> dict[str, Any]:
    """2021 with so many outages spread over the links, months without data, and delay by month. Not kept as a file."""
    chance = random.Random(seed)
    period = datetime(2021, 1, 1, tzinfo=CHINA), datetime(2022, 1, 1, tzinfo=CHINA)
    names = dict(list(TOWNSHIPS.items())[:links])
    made: dict[str, list[dict[str, Any]]] = {code: [] for code in names}
    causes = [cause for cause in RULES if not cause.startswith("SERV")]
    for number in range(outages):
        onset = period[0] + timedelta(seconds=number * 31_536_000 // outages + chance.randrange(3600))
        code = list(names)[number % links if number % 7 else 0]
        cause = causes[number * number % len(causes)]
        claimed = {"ticket": f"GD{number:05}", "reported_at": instant(onset + timedelta(minutes=9))} if number % 3 else {}
        made[code].append(outage(code, onset, (cause, 60 + chance.randrange(4000)), end=period[1], **claimed))
    gap = [(at("07-03T00:00:00"), at("08-02T12:00:00"))]
    judged = [
        link(code, name, made[code], gap if place == 3 else (), period, bands=_bands(chance, place == 3))
        for place, (code, name) in enumerate(names.items())
    ]
    drawn = statement(judged, period, credits={"on_high": "84.00", "on_low": "126.00", "rows": []})
    drawn["period"]["name"] = "2021"
    drawn["contract"]["annual_fee"] = "8400/1"
    drawn["manifest"] = {"day": "2021-12-31", "hash": hashlib.sha256(b"2021-12-31").hexdigest()}
    return drawn


def _bands(chance: random.Random, dark: bool) -> list[dict[str, Any]]:
    bands = []
    for month in range(1, 13):
        start = datetime(2021, month, 1, tzinfo=CHINA)
        end = datetime(2021 + month // 12, month % 12 + 1, 1, tzinfo=CHINA)
        p50 = 6 + chance.randrange(300) / 100
        delays = {"p50": p50, "p95": p50 * 2, "p99": p50 * 3 + chance.randrange(9)}
        if dark and month == 7:
            delays = dict.fromkeys(delays)
        bands.append({"from": instant(start), "to": instant(end), "n": 259_000, "sent": 259_200, "lost": 200, **delays})
    return bands


STATEMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "quiet": quiet,
    "one_outage": one_outage,
    "forty_outages": forty_outages,
    "all_unknown": all_unknown,
    "one_link": one_link,
    "fail": fail,
    "inconclusive": inconclusive,
    "long_names": long_names,
    "three_minutes": three_minutes,
}


def written(made: dict[str, Any]) -> str:
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    for name, make in STATEMENTS.items():
        (HERE / f"{name}.json").write_text(written(make()), encoding="utf-8")
