"""What the demonstration's site declares: the shipped twelve links and contract, and a collector of its own."""

import re
from pathlib import Path

from jinbao_lab.year_samples import INTERVAL_MS

_SHIPPED = Path(__file__).parents[2] / "config"
_NOTE = "# 演示数据：jinbao-lab year 所用，地址无效。 Demonstration data of jinbao-lab year; no address here exists.\n"
_COLLECTOR = """schema = "jinbao.collector/1"
data = "data"
listen = "127.0.0.1:8443"
names = ["127.0.0.1"]
links = "links.toml"
contracts = ["contract.toml"]
"""
_SENSED = 3
"""Each such link has a UPS that tells of the mains."""


def write_declared(folder: Path) -> None:
    """links.toml, contract.toml and collector.toml."""
    for name, text in (("links.toml", _links()), ("contract.toml", _contract()), ("collector.toml", _COLLECTOR)):
        (folder / name).write_text(_NOTE + text, encoding="utf-8")


def _links() -> str:
    """The shipped one at the demonstration's interval, in three groups; its values are no placeholders here."""
    text = (_SHIPPED / "links.toml").read_text(encoding="utf-8").replace("placeholder:", "")
    text = re.sub(r'interval = "[^"]*"', f'interval = "{INTERVAL_MS // 1000}s"', text)
    text = re.sub(r"mains_sense = .*\n", "", text)
    text = re.sub(r"targets\.nic = .*\n|county_targets\.agent = .*\n", "", text)
    head, *links = text.split("[[link]]")
    told = ("\nmains_sense = true" if number % _SENSED == 0 else "" for number in range(len(links)))
    return head + "".join(f"[[link]]{sensed}{link}" for sensed, link in zip(told, links, strict=True))


def _contract() -> str:
    """The shipped one: its values stay placeholders, for nobody agreed on them."""
    return (_SHIPPED / "contract.toml").read_text(encoding="utf-8")
