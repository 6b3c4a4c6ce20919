"""`python3 -m verify FILE.zip`: everything but the figures, which `jinbao-report verify` recomputes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .checks import Chains, check_anchors, check_day, check_disclosed, check_lost, read_chains
from .container import Package
from .said import Broken
from .signatures import verifier

_TOLD = {
    "rows": ("{days}天，日志{rows}行，核对签名{signatures}个", "{days} days, {rows} journal rows, {signatures} signatures"),
    "unsigned": (
        "本机没有 cryptography 或 openssl，未核对签名",
        "signatures not checked: neither cryptography nor openssl is here",
    ),
    "figures": (
        "数字未重算。重算：pip install 'jinbao-uptime[reports]=={version}'，然后 jinbao-report verify 本文件",
        "figures not recomputed. To do so: pip install 'jinbao-uptime[reports]=={version}', then jinbao-report verify FILE",
    ),
    "bare": (
        "报告期内有{count}个批次没有内容：无法分辨是探针磁盘满时舍弃，还是事后取走",
        "{count} batches of the period have no body: dropped by a full spool or taken out later, nobody can tell",
    ),
    "anchored": ("与外部锚点一致，至{day}", "agrees with what you know from outside, through {day}"),
    "partly": ("锚点只到{day}，其后自洽但无锚", "anchored through {day} only; what follows is consistent, unanchored"),
    "unanchored": ("自洽，无外部锚点", "consistent, unanchored"),
    "broken": ("证据已损：{why}", "BROKEN: {why}"),
}


def main() -> int:
    """0 intact and anchored, 1 broken, 3 consistent but not anchored, or signatures not checked."""
    parser = argparse.ArgumentParser("verify", description="Checks an evidence package. 核对证据包。")
    parser.add_argument("file", type=Path)
    parser.add_argument("--sheet", action="append", default=[], metavar="HASH", help="a manifest's hash from a signed sheet")
    parser.add_argument("--keys", action="append", default=[], metavar="FINGERPRINT", help="the centre's key as you know it")
    parser.add_argument("--all", action="store_true", help="every signature, not only those the chains need")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    asked = parser.parse_args()

    def tell(name: str, **facts: object) -> None:
        print(_TOLD[name][asked.lang == "en"].format(**facts))

    try:
        return _check(asked, tell)
    except Broken as broken:
        tell("broken", why=broken.says(asked.lang))
        return broken.exit_code
    except OSError as problem:
        print(problem, file=sys.stderr)
        return 3


def _check(asked: argparse.Namespace, tell: object) -> int:
    assert callable(tell)
    package, verifies = Package(asked.file), verifier()
    chains = read_chains(package, verifies)
    through = check_anchors(chains, asked.sheet, asked.keys)
    days = {day: check_day(package, chains, day, verifies, every=asked.all) for day in chains.days}
    found, bare = list(days.values()), check_disclosed(package, chains, days)
    check_lost(found)
    signatures = sum(one.signatures for one in found) + len(chains.manifests)
    tell("rows", days=len(found), rows=sum(one.rows for one in found), signatures=signatures if verifies else 0)
    tell("figures", version=package.facts.get("made_by", {}).get("version"))
    if verifies is None:
        tell("unsigned")
    if bare:
        tell("bare", count=bare)
    _tell_anchor(chains, through, tell)
    return 0 if verifies and not bare and through == chains.manifests[-1].day else 3


def _tell_anchor(chains: Chains, through: str | None, tell: object) -> None:
    assert callable(tell)
    if through is None:
        tell("unanchored")
    else:
        tell("anchored" if through == chains.manifests[-1].day else "partly", day=through)


if __name__ == "__main__":
    sys.exit(main())
