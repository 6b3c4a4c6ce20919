"""What deploy/ has for Grafana: it parses and refers to what is there, and a real InfluxDB answers every query in it.

The InfluxDB is that of tests/servers.py: JINBAO_INFLUX_URL, JINBAO_INFLUX_ORG, JINBAO_INFLUX_TOKEN.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from influxdb_client import InfluxDBClient

from collecting import NOON
from servers import SERVERS, Place
from two_days import HOUR_MS, collector, two_days

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))


def board(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def queries(file: Path) -> Iterator[tuple[str, str]]:
    """Panel or variable, and its Flux."""
    made = board(file)
    for panel in made["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["query"]
    for variable in made["templating"]["list"]:
        yield variable["name"], variable["query"]


ASKED = [pytest.param(flux, id=f"{file.stem}-{name}") for file in BOARDS for name, flux in queries(file)]


def test_there_are_an_overview_a_link_and_the_agents() -> None:
    assert [file.stem for file in BOARDS] == ["agents", "link", "overview"]
    assert len({board(file)["uid"] for file in BOARDS}) == 3


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_a_board_asks_the_provisioned_source_and_its_panels_do_not_overlap(file: Path) -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/influxdb.yaml").read_text(encoding="utf-8"))
    (uid,) = (one["uid"] for one in source["datasources"])
    made = board(file)
    assert made["timezone"] == "Asia/Shanghai"
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        assert panel["type"] == "text" or panel["datasource"]["uid"] == uid
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert any("不是证据" in panel["options"].get("content", "") for panel in made["panels"])


def test_compose_mounts_what_is_there_and_keeps_every_secret_outside() -> None:
    made = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert made["services"]["influxdb"]["image"] == "influxdb:2.7"
    mounts = [volume.split(":") for service in made["services"].values() for volume in service["volumes"]]
    for source, *_ in mounts:
        assert (DEPLOY / source).is_dir() if source.startswith(".") else source in made["volumes"]
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    offered = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert asked == set(offered)
    assert all(not value for name, value in offered.items() if "PASSWORD" in name or "TOKEN" in name)
    assert all(port.startswith("127.0.0.1:") for service in made["services"].values() for port in service["ports"])
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/jinbao.yaml").read_text(encoding="utf-8"))
    assert provider["providers"][0]["options"]["path"] in [target for _, target, *_ in mounts]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("boards")
    with SERVERS["influxdb"](folder) as place:
        ground = two_days(folder)
        with collector(ground, list(range(len(ground.batches))), {}) as data:
            place.fill(data)
        yield place


@pytest.mark.parametrize("flux", ASKED)
def test_a_real_server_answers_every_query(filled: Place, flux: str) -> None:
    """With the macros that Grafana fills in, over the ten hours in which most of it happened."""
    macros = {
        "v.defaultBucket": f'"{filled.config.bucket}"',
        "v.timeRangeStart": f"time(v: {(NOON - HOUR_MS) * 10**6})",
        "v.timeRangeStop": f"time(v: {(NOON + 10 * HOUR_MS) * 10**6})",
        "v.windowPeriod": "10m",
        "${link}": "510422101",
        "start: -30d": "start: 0",
    }
    for macro, value in macros.items():
        flux = flux.replace(macro, value)
    assert "v." not in re.sub(r"v: ", "", flux), "a macro that is not Grafana's"
    assert filled.config.org is not None
    with InfluxDBClient(filled.config.url, token=filled.token, org=filled.config.org) as client:
        rows = [record.values for table in client.query_api().query(flux) for record in table.records]
    if "app" not in flux or '"app"' not in flux:
        assert rows
    for row in rows:
        value = row.get("_value")
        assert not isinstance(value, float) or value >= 0
        assert "percent" not in row
