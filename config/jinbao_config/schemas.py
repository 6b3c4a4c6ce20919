"""JSON Schemas for editors, from the same shapes that read the files: `python -m jinbao_config.schemas DIRECTORY`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jinbao_config.central import Allowed
from jinbao_config.contract import Contract
from jinbao_config.counties import Counties
from jinbao_config.indicators import Indicators
from jinbao_config.links import Links
from jinbao_config.office import Office
from jinbao_config.schedule import Schedule
from jinbao_config.services import AgentConfig, CollectorConfig
from jinbao_config.shape import table_schema

SHAPES: dict[str, type] = {
    "links": Links,
    "contract": Contract,
    "indicators": Indicators,
    "counties": Counties,
    "office": Office,
    "schedule": Schedule,
    "agent": AgentConfig,
    "allow": Allowed,
    "collector": CollectorConfig,
}


def schema_text(name: str) -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{name}.toml of jinbao-uptime",
        **table_schema(SHAPES[name]),
    }
    return json.dumps(schema, ensure_ascii=False, indent=1) + "\n"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m jinbao_config.schemas DIRECTORY", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHAPES:
        (folder / f"{name}.schema.json").write_text(schema_text(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
