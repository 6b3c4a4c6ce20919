"""How long a year's documents take, and how much memory: `python bench/documents.py [--links 12] [--outages 400] [--lang zh]`.

A drawn year of intervals is judged; then the whole set is written from its Statement in every format: annual report, annex,
ledger, counter-signature, guide, workbook, JSON and CSV.
The delays of the charts are drawn, for intervals have none. To reach: 20 s and 1 GB.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jinbao_config.links import read_links
from jinbao_config.office import read_office
from jinbao_reports.load import Asked, answer
from jinbao_reports.render.written import DATA, PAGES, Wanted, write_documents

TARGET_S, TARGET_GB = 20.0, 1.0
CONFIG = Path(__file__).parents[1] / "config"
YEAR_S, START = 31_536_000, 1_609_430_400  # 2021 in China
CAUSES = ("CARRIER_ACCESS", "CARRIER_AGG", "CARRIER_CORE", "POWER_TOWNSHIP", "POWER_SUSPECTED", "LAN_LOCAL", "UNATTRIBUTED")


def main() -> int:
    options = _options()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        made = _statement(Path(folder), options, chance)
        wanted = Wanted(
            kinds=("year", "annex", "ledger", "sheet", "guide"),
            formats=(*PAGES, *DATA),
            langs=tuple(options.lang.split(",")),
            office=read_office(CONFIG / "office.example.toml").value,
        )
        begun, worked = time.perf_counter(), time.process_time()
        files = write_documents(made, wanted, Path(folder) / "out")
        elapsed, worked = time.perf_counter() - begun, time.process_time() - worked
        size = sum(file.path.stat().st_size for file in files)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{options.links} links, {options.outages} outages: {len(files)} files, {size / 1e6:.1f} MB")
    print(f"written in {elapsed:.1f} s, {worked:.1f} s of processor (to reach: {TARGET_S:.0f} s)")
    print(f"most memory {most:.2f} GB (to reach: {TARGET_GB:.0f} GB)")
    return 0 if elapsed <= TARGET_S and most <= TARGET_GB else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--links", type=int, default=12)
    parser.add_argument("--outages", type=int, default=400, help="of all links together")
    parser.add_argument("--lang", default="zh", help="zh, en or zh,en")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _statement(folder: Path, options: argparse.Namespace, chance: random.Random) -> dict[str, Any]:
    codes = [link.code for link in read_links(CONFIG / "links.toml").value.link][: options.links]
    file = folder / "intervals.csv"
    rows = [row for place, code in enumerate(codes) for row in _rows(code, place, len(codes), options.outages, chance)]
    file.write_text("\n".join(["link,from,to,state,cause", *rows]) + "\n", encoding="utf-8")
    asked = Asked(
        links=CONFIG / "links.toml",
        contracts=[CONFIG / "contract.toml"],
        period="2021",
        intervals=file,
        indicators=CONFIG / "indicators.example.toml",
        office=CONFIG / "office.example.toml",
    )
    made = answer(asked).statement()
    for link in made["links"]:
        for band in link["bands"]:
            p50 = 6 + chance.randrange(300) / 100
            band |= {"n": 259_000, "sent": 259_200, "lost": 200, "p50": p50, "p95": 2 * p50, "p99": 3 * p50}
    return made


def _rows(code: str, place: int, links: int, outages: int, chance: random.Random) -> list[str]:
    """A link's year: up, but for its share of the outages, each in a part of the year of its own."""
    mine = outages // links + (place < outages % links)
    rows, at = [], START
    for number in range(mine):
        room = YEAR_S // mine
        down = START + number * room + chance.randrange(room - 7200)
        back = down + chance.randrange(30, 5400)
        rows += [f"{code},{_at(at)},{_at(down)},up,", f"{code},{_at(down)},{_at(back)},down,{chance.choice(CAUSES)}"]
        at = back
    return [*rows, f"{code},{_at(at)},{_at(START + YEAR_S)},up,"]


def _at(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


if __name__ == "__main__":
    sys.exit(main())
