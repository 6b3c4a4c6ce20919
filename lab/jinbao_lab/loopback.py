"""The county where namespaces cannot be made: every rung, as each prober sees it, is an address of its own in 127.0.0.0/8.

Agents, collector and server are real and so are the probes. The lines between are not there: which rungs a fault silences is
read off the county's drawing, and those rungs are made deaf. What needs a machine of its own, a power cut with its new boot
id, cannot be made here.
"""

from collections.abc import Sequence

from jinbao_lab.county import County
from jinbao_lab.defects import Answer, Damage, Drawing
from jinbao_lab.ground import CENTRE, Rungs
from jinbao_lab.orders import Responders

_ORDER = ("lan", "cpe", "edge", "core", "app", "agent", "gw", "ce", "carrier")
_FROM_COUNTY, _SITE = 100, 200


class Loopback:
    name = "addresses of the loopback"
    has_boxes = False
    centre_host = "127.0.0.1"

    def __init__(self, county: County) -> None:
        self.county = county
        # address on the loopback -> (who asks, what answers, its address in the drawing)
        self._rungs: dict[str, tuple[str, str, str]] = {}
        self._servers: dict[str, tuple[str, str, str]] = {}
        self._drawing = Drawing(county)
        self._app: Responders | None = None
        self._devices: Responders | None = None
        self._app_port = 0

    def build(self) -> Rungs:
        county = self.county
        up = {one: self._addresses(f"a{one}", int(one), county.rungs_from_township(one)) for one in county.townships}
        down = {
            one: self._addresses(CENTRE, _FROM_COUNTY + int(one), county.rungs_from_county(one)) for one in county.townships
        }
        site = self._addresses(CENTRE, _SITE, county.county_rungs())
        self._devices = Responders("tcp")
        port = self._devices.listen(self._rungs)
        self.start_app()  # and makes deaf what is mute from the start
        return Rungs(
            county={name: f"tcp://{address}:{port}" for name, address in site.items()},
            township={one: {"nic": "nic:lo", **self._targets(rungs, port)} for one, rungs in up.items()},
            from_county={one: self._targets(rungs, port) for one, rungs in down.items()},
        )

    def _addresses(self, asker: str, net: int, rungs: dict[str, tuple[str, str]]) -> dict[str, str]:
        found = {}
        for name, (node, address) in rungs.items():
            found[name] = f"127.{net}.{1 + _ORDER.index(name)}.1"
            (self._servers if name == "app" else self._rungs)[found[name]] = asker, node, address
        return found

    def _targets(self, rungs: dict[str, str], port: int) -> dict[str, str]:
        return {
            name: f"http://{address}:{self._app_port}/" if name == "app" else f"tcp://{address}:{port}"
            for name, address in rungs.items()
        }

    def apply(self, damage: Damage) -> None:
        self._drawing = Drawing(self.county, damage.present)
        self._deafen()

    def _deafen(self) -> None:
        """A device's rung stands for its ping, though it is asked by TCP."""
        ping, connect = self._drawing.ping, self._drawing.connect
        if self._devices:
            self._devices.set_deaf([to for to, who in self._rungs.items() if ping(*who) is Answer.LOST])
        if self._app:
            self._app.set_deaf([to for to, who in self._servers.items() if connect(*who) is Answer.LOST])

    def at(self, node: str, command: Sequence[str]) -> list[str]:
        return list(command)

    def start_app(self) -> None:
        self._app = Responders("http")
        self._app_port = self._app.listen(self._servers, self._app_port)
        self._deafen()

    def stop_app(self) -> None:
        """A stopped server refuses on all its addresses, even where the line to it is cut too: the loopback knows no better."""
        if self._app:
            self._app.kill()
            self._app = None

    def hang_app(self, *, hangs: bool) -> None:
        assert self._app is not None
        self._app.hang(hangs=hangs)

    def close(self) -> None:
        self.stop_app()
        if self._devices:
            self._devices.kill()
