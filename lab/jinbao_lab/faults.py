"""Every fault the lab can make, in one table. A new one is one entry: what it breaks, where it can be, what it needs.

A fault acts on a Scene: the damage of wires and nodes, the sites with their agents, and the servers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from jinbao_lab.county import EVERYWHERE, County
from jinbao_reports.words import Text


class Site(Protocol):
    """A place with power and an agent in it."""

    def power_off(self) -> None: ...

    def power_on(self) -> None: ...

    def crash_agent(self) -> None: ...

    def start_agent(self) -> None: ...


class Server(Protocol):
    def stop(self) -> None: ...

    def start(self) -> None: ...


class Scene(Protocol):
    """What faults can act on. Every method returns when its effect is there."""

    @property
    def county(self) -> County: ...

    @property
    def app(self) -> Server: ...

    def site(self, township: str) -> Site: ...

    def damage(self, wires: Iterable[str] = (), nodes: Iterable[str] = ()) -> None: ...

    def repair(self, wires: Iterable[str] = (), nodes: Iterable[str] = ()) -> None: ...


Act = Callable[[Scene, str], None]


@dataclass(frozen=True)
class Kind:
    """`inject` and `heal` act on a place. `needs_boxes`: cannot be made on loopback. `stands_in`: while it lasts, the county's
    probes tell the same as the township's, so that an agent may restart meanwhile without the statement changing."""

    says: Text
    places: Callable[[County], tuple[str, ...]]
    inject: Act
    heal: Act
    needs_boxes: bool = False
    stands_in: bool = True


def _township(county: County) -> tuple[str, ...]:
    return county.townships


def _group(county: County) -> tuple[str, ...]:
    return county.groups


def _county(_: County) -> tuple[str, ...]:
    return (EVERYWHERE,)


def _breaks(
    says: Text,
    places: Callable[[County], tuple[str, ...]],
    wires: Callable[[County, str], tuple[str, ...]] = lambda county, place: (),
    nodes: Callable[[County, str], tuple[str, ...]] = lambda county, place: (),
    stands_in: bool = True,
) -> Kind:
    """A fault that is only lines and devices."""
    return Kind(
        says,
        places,
        lambda scene, place: scene.damage(wires(scene.county, place), nodes(scene.county, place)),
        lambda scene, place: scene.repair(wires(scene.county, place), nodes(scene.county, place)),
        stands_in=stands_in,
    )


def _power_off(scene: Scene, township: str) -> None:
    scene.site(township).power_off()
    scene.damage(nodes=_devices_of(township))


def _power_on(scene: Scene, township: str) -> None:
    scene.repair(nodes=_devices_of(township))
    scene.site(township).power_on()


def _devices_of(township: str) -> tuple[str, ...]:
    return (f"g{township}", f"p{township}")


FAULTS: Mapping[str, Kind] = {
    "link_cut": _breaks(
        Text("光猫与 OLT 之间的线路中断", "the line between 光猫 and OLT is cut"),
        _township,
        wires=lambda county, place: (county.wire(f"p{place}").name,),
    ),
    "cpe_dead": _breaks(Text("光猫故障", "the 光猫 is dead"), _township, nodes=lambda _, place: (f"p{place}",)),
    "lan_dead": _breaks(
        Text("乡镇内网网关故障", "the township's LAN gateway is dead"),
        _township,
        nodes=lambda _, place: (f"g{place}",),
        stands_in=False,
    ),
    "olt_dead": _breaks(Text("汇聚设备（OLT）故障", "an aggregation device is dead"), _group, nodes=lambda _, place: (place,)),
    "core_cut": _breaks(
        Text("汇聚到运营商核心的线路中断", "the line between aggregation and the carrier's core is cut"),
        _group,
        wires=lambda county, place: (county.wire(place).name,),
    ),
    "county_line_cut": _breaks(
        Text("县中心的接入线路中断", "the county's own access line is cut"),
        _county,
        wires=lambda county, _: (county.wire("ce").name,),
    ),
    "county_site_dead": _breaks(
        Text("县中心的网关与路由器断电", "gateway and router of the county site are dead"),
        _county,
        nodes=lambda _, __: ("gw", "ce"),
        stands_in=False,
    ),
    "power_cut": Kind(
        Text(
            "乡镇停电：探针、网关、光猫同时断电，来电后重新启动",
            "the township loses power: agent, gateway and 光猫 go off at once and come back with a new boot",
        ),
        _township,
        _power_off,
        _power_on,
        needs_boxes=True,
    ),
    "agent_crash": Kind(
        Text("探针进程被杀死后重启，机器未断电", "the agent's process is killed and started again; its machine stays on"),
        _township,
        lambda scene, place: scene.site(place).crash_agent(),
        lambda scene, place: scene.site(place).start_agent(),
    ),
    "server_stop": Kind(
        Text("业务服务器停止服务，机器未断电", "the application server's process is stopped; its machine stays on"),
        _county,
        lambda scene, _: scene.app.stop(),
        lambda scene, _: scene.app.start(),
    ),
}
