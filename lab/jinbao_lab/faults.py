"""Every fault the lab can make, in one table. A new one is one entry: what it breaks, where it can be, what it needs."""

from collections.abc import Callable, Iterable, Mapping

from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.defects import Barred, Cut, Dead, Defect, Impostor, Mute, Spoilt
from jinbao_lab.kind import Kind, Need, Scene
from jinbao_reports.words import Text


def _township(county: County) -> tuple[str, ...]:
    return county.townships


def _group(county: County) -> tuple[str, ...]:
    return county.groups


def _county(_: County) -> tuple[str, ...]:
    return (EVERYWHERE,)


_BOXES = frozenset({Need.BOXES})


def _breaks(
    says: Text,
    places: Callable[[County], tuple[str, ...]],
    defects: Callable[[County, str], Iterable[Defect]],
    *,
    row: str = "",
    blame: str = "",
    needs: frozenset[Need] = frozenset(),
    stands_in: bool = True,
) -> Kind:
    """A fault that is only lines and devices."""
    return Kind(
        says=says,
        places=places,
        inject=lambda scene, place: scene.damage(*defects(scene.county, place)),
        heal=lambda scene, place: scene.repair(*defects(scene.county, place)),
        row=row,
        blame=blame,
        needs=needs,
        stands_in=stands_in,
    )


def _spoils(says: Text, make: Callable[[str], Spoilt], *, row: str = "", direction: str = "") -> Kind:
    """A fault of a township's line to the carrier, made in userspace."""
    return Kind(
        says=says,
        places=_township,
        inject=lambda scene, place: scene.damage(make(_line(scene.county, place))),
        heal=lambda scene, place: scene.repair(make(_line(scene.county, place))),
        row=row,
        blame="carrier" if row else "",
        direction=direction,
        needs=frozenset({Need.BOXES, Need.LINE}),
        lines=lambda county, place: (_line(county, place),),
    )


def _line(county: County, township: str) -> str:
    return county.wire(f"p{township}").name


def _devices_of(place: str) -> tuple[Dead, ...]:
    """What hangs on a site's mains."""
    return (Dead("gw"), Dead("ce")) if place == EVERYWHERE else (Dead(f"g{place}"), Dead(f"p{place}"))


def _power_off(scene: Scene, place: str) -> None:
    scene.site(place).power_off()
    scene.damage(*_devices_of(place))


def _power_on(scene: Scene, place: str) -> None:
    scene.repair(*_devices_of(place))
    scene.site(place).power_on()


def _power_off_with_disk(scene: Scene, place: str) -> None:
    scene.site(place).lose_writes()
    _power_off(scene, place)


def _mains_off(scene: Scene, place: str) -> None:
    scene.site(place).mains(on=False)
    scene.damage(*_devices_of(place))


def _mains_on(scene: Scene, place: str) -> None:
    scene.repair(*_devices_of(place))
    scene.site(place).mains(on=True)


def _reboot_off(scene: Scene, place: str) -> None:
    scene.site(place).power_off()


def _reboot_on(scene: Scene, place: str) -> None:
    scene.site(place).power_on()


_CLOCK_STEP_MS = 90_000
_SERVERS = "10.0.0.0/16"

FAULTS: Mapping[str, Kind] = {
    # -- the township's own site
    "lan_dead": _breaks(
        Text("乡镇内网网关故障", "the township's LAN gateway is dead"),
        _township,
        lambda _, place: [Dead(f"g{place}")],
        row="9",
        blame="township",
        stands_in=False,
    ),
    "nic_unplugged": _breaks(
        Text("探针网线被拔出", "the agent's network cable is pulled"),
        _township,
        lambda county, place: [Cut(county.wire(f"a{place}").name)],
        row="9",
        blame="township",
        stands_in=False,
    ),
    "power_cut": Kind(
        says=Text(
            "乡镇停电：探针、网关、光猫同时断电，来电后重新启动",
            "the township loses power: agent, gateway and 光猫 go off at once and come back with a new boot",
        ),
        places=_township,
        inject=_power_off,
        heal=_power_on,
        row="7",
        blame="grid",
        needs=_BOXES,
    ),
    "power_cut_disk": Kind(
        says=Text(
            "乡镇停电，探针磁盘未落盘的数据全部丢失",
            "the township loses power, and the agent's disk loses all it was not made to keep",
        ),
        places=_township,
        inject=_power_off_with_disk,
        heal=_power_on,
        row="7",
        blame="grid",
        needs=frozenset({Need.BOXES, Need.LOSABLE_DISK}),
    ),
    "mains_cut": Kind(
        says=Text(
            "乡镇停电，探针由 UPS 供电并得知市电中断",
            "the township loses power; the agent lives on its UPS, which tells it so",
        ),
        places=_township,
        inject=_mains_off,
        heal=_mains_on,
        row="5",
        blame="grid",
        needs=_BOXES,
        ups=True,
        stands_in=False,
    ),
    "office_dark": _breaks(
        Text(
            "乡镇停电，探针靠电池运行而无市电监测",
            "gateway and 光猫 lose power; the agent lives on a battery and does not know it",
        ),
        _township,
        lambda _, place: _devices_of(place),
        row="9b",
        blame="grid",
        stands_in=False,
    ),
    "cpe_dead": _breaks(
        Text("光猫故障", "the 光猫 is dead"), _township, lambda _, place: [Dead(f"p{place}")], row="10", blame="carrier"
    ),
    "agent_crash": Kind(
        says=Text("探针进程被杀死后重启，机器未断电", "the agent's process is killed and started again; its machine stays on"),
        places=_township,
        inject=lambda scene, place: scene.site(place).crash_agent(),
        heal=lambda scene, place: scene.site(place).start_agent(),
    ),
    "agent_reboot": Kind(
        says=Text("探针主机断电重启，线路未受影响", "the agent's machine loses power and boots again; the line stays up"),
        places=_township,
        inject=_reboot_off,
        heal=_reboot_on,
        needs=_BOXES,
    ),
    "agent_isolated": _breaks(
        Text("探针与采集中心之间不通，其余正常，恢复后补传", "the agent cannot reach the collector, nothing else is wrong"),
        _township,
        lambda county, place: [Barred(f"g{place}", f"{county.address('centre')}/32")],
        needs=_BOXES,
    ),
    "disk_full": Kind(
        says=Text("探针磁盘写满", "the agent's disk is full"),
        places=_township,
        inject=lambda scene, place: scene.site(place).fill_disk(),
        heal=lambda scene, place: scene.site(place).free_disk(),
        needs=frozenset({Need.BOXES, Need.SMALL_DISK}),
        stands_in=False,  # what waits in memory would die with the agent
        shows=False,
    ),
    "policy_drop": _breaks(
        Text("乡镇网关丢弃去往县中心的报文", "the township's gateway drops what goes to the county"),
        _township,
        lambda _, place: [Barred(f"g{place}", _SERVERS)],
        row="18b",
        blame="township",
        stands_in=False,
    ),
    "policy_prohibit": _breaks(
        Text("乡镇网关以 ICMP 3/13 拒绝去往县中心的报文", "the township's gateway prohibits the way to the county (ICMP 3/13)"),
        _township,
        lambda _, place: [Barred(f"g{place}", _SERVERS, "prohibit")],
        row="18b",
        blame="township",
        needs=_BOXES,
        stands_in=False,
    ),
    "app_barred": _breaks(
        Text("乡镇网关丢弃去往业务服务器的报文", "the township's gateway drops what goes to the server"),
        _township,
        lambda county, place: [Barred(f"g{place}", f"{county.address('app')}/32")],
        row="18",
        blame="township",
    ),
    "app_refused_here": _breaks(
        Text("乡镇网关冒充业务服务器并拒绝连接（RST）", "the township's gateway answers in the server's name, with RST"),
        _township,
        lambda county, place: [Impostor(f"g{place}", county.address("app"))],
        row="18",
        blame="township",
        needs=_BOXES,
    ),
    # -- the carrier's line to the township
    "link_cut": _breaks(
        Text("光猫与 OLT 之间的线路中断", "the line between 光猫 and OLT is cut"),
        _township,
        lambda county, place: [Cut(_line(county, place))],
        row="11",
        blame="carrier",
    ),
    "return_path_dead": _breaks(
        Text(
            "运营商回程路由丢失：去得了，回不来", "the carrier lost the way back to the agent: requests arrive, answers do not"
        ),
        _township,
        lambda county, place: [Barred(county.group(place), f"{county.address(f'a{place}')}/32")],
        row="18b",
        blame="carrier",
        stands_in=False,
    ),
    "loss_up": _spoils(
        Text("线路上行全部丢包", "everything towards the county is lost"),
        lambda wire: Spoilt(wire=wire, direction="up", loss=100),
        row="11",
        direction="up",
    ),
    "loss_down": _spoils(
        Text("线路下行全部丢包", "everything towards the township is lost"),
        lambda wire: Spoilt(wire=wire, direction="down", loss=100),
        row="11",
        direction="down",
    ),
    "loss_icmp": _spoils(
        Text("线路只丢 ICMP，业务照常", "only ICMP is lost; connections work"),
        lambda wire: Spoilt(wire=wire, only_icmp=True, loss=100),
        row="11",
    ),
    "loss_some": _spoils(
        Text("线路每十个报文丢一个", "one of ten packets is lost, both ways"), lambda wire: Spoilt(wire=wire, loss=10)
    ),
    "loss_icmp_half": _spoils(
        Text("上行 ICMP 每两个丢一个", "every other ping towards the county is lost"),
        lambda wire: Spoilt(wire=wire, direction="up", only_icmp=True, loss=50),
    ),
    "delay": _spoils(
        Text("线路时延 120±30 ms（单向）", "120±30 ms one way"), lambda wire: Spoilt(wire=wire, delay=120, jitter=30)
    ),
    "replies_late": _spoils(
        Text("应答迟于合同规定的等待时间", "answers come later than the contract waits"),
        lambda wire: Spoilt(wire=wire, delay=450),
        row="11",
    ),
    "replies_twice": _spoils(
        Text("每个应答来两次", "every packet comes twice"), lambda wire: Spoilt(wire=wire, duplicate=True)
    ),
    "replies_corrupt": _spoils(
        Text("ICMP 应答内容被改动", "ICMP answers come with another content"),
        lambda wire: Spoilt(wire=wire, direction="down", only_icmp=True, corrupt=True),
        row="11",
    ),
    "replies_spoofed": _spoils(
        Text("ICMP 应答来自另一地址", "ICMP answers come from another address"),
        lambda wire: Spoilt(wire=wire, direction="down", only_icmp=True, spoof=True),
        row="11",
    ),
    "pipe_full": _spoils(
        Text("线路降速到 64 kbit/s 并被其他流量占满", "the line is down to 64 kbit/s, and other traffic fills it"),
        lambda wire: Spoilt(wire=wire, direction="up", rate=64_000),
        row="11",
    ),
    # -- the carrier's network
    "olt_dead": _breaks(
        Text("汇聚设备（OLT）故障", "an aggregation device is dead"),
        _group,
        lambda _, place: [Dead(place)],
        row="12",
        blame="carrier",
    ),
    "core_cut": _breaks(
        Text("汇聚到运营商核心的线路中断", "the line between aggregation and the carrier's core is cut"),
        _group,
        lambda county, place: [Cut(county.wire(place).name)],
        row="13",
        blame="carrier",
    ),
    "backbone_cut": _breaks(
        Text("全县各汇聚到核心的线路同时中断", "all lines between aggregation and the carrier's core are cut"),
        _county,
        lambda county, _: [Cut(county.wire(group).name) for group in county.groups],
        row="13b",
        blame="carrier",
    ),
    "carrier_blackhole": _breaks(
        Text("汇聚设备丢弃去往县中心的报文", "an aggregation device drops what goes to the county"),
        _group,
        lambda _, place: [Barred(place, _SERVERS)],
        row="13",
        blame="carrier",
    ),
    "hop_filtered": _breaks(
        Text("汇聚设备不再应答 ping，转发正常", "an aggregation device stops answering pings and forwards as before"),
        _group,
        lambda _, place: [Mute(place)],
    ),
    "hop_limited": _breaks(
        Text("汇聚设备限速应答 ping", "an aggregation device answers pings at a limited rate"),
        _group,
        lambda _, place: [Mute(place, half=True)],
        needs=_BOXES,
    ),
    # -- the county's site and the server
    "county_line_cut": _breaks(
        Text("县中心的接入线路中断", "the county's own access line is cut"),
        _county,
        lambda county, _: [Cut(county.wire("ce").name)],
        row="14",
        blame="carrier",
    ),
    "county_site_dead": _breaks(
        Text("县中心的网关与路由器断电", "gateway and router of the county site are dead"),
        _county,
        lambda _, __: [Dead("gw"), Dead("ce")],
        row="15",
        blame="centre",
        stands_in=False,
    ),
    "county_mains_cut": Kind(
        says=Text(
            "县中心停电，中心探针由 UPS 供电并得知",
            "the county site loses power; the county's agent lives on its UPS, which tells it so",
        ),
        places=_county,
        inject=_mains_off,
        heal=_mains_on,
        row="15",
        blame="centre",
        needs=_BOXES,
        ups=True,
        stands_in=False,
    ),
    "county_gateway_dead": _breaks(
        Text("县中心探针一侧的网关故障，乡镇业务照常", "the gateway of the county's agent is dead; the townships work"),
        _county,
        lambda _, __: [Dead("gw")],
        stands_in=False,
    ),
    "county_agent_crash": Kind(
        says=Text("中心探针被杀死后重启", "the county's agent is killed and started again"),
        places=_county,
        inject=lambda scene, place: scene.site(place).crash_agent(),
        heal=lambda scene, place: scene.site(place).start_agent(),
        stands_in=False,
    ),
    "collector_dead": Kind(
        says=Text("采集中心停机，恢复后各探针补传", "the collector is killed; the agents keep everything until it is back"),
        places=_county,
        inject=lambda scene, _: scene.collector.crash(),
        heal=lambda scene, _: scene.collector.restart(),
        shows=False,
    ),
    "server_stop": Kind(
        says=Text("业务服务器停止服务（连接被 RST 拒绝），机器未断电", "the server's process is stopped: connections get RST"),
        places=_county,
        inject=lambda scene, _: scene.app.stop(),
        heal=lambda scene, _: scene.app.start(),
        row="17",
        blame="app_owner",
    ),
    "server_hangs": Kind(
        says=Text("业务服务器接受连接而不应答", "the server accepts connections and never answers"),
        places=_county,
        inject=lambda scene, _: scene.app.hang(),
        heal=lambda scene, _: scene.app.resume(),
        row="17",
        blame="app_owner",
    ),
    "clock_step": Kind(
        says=Text("本机时钟被拨快 90 秒，之后拨回", "this machine's clock is set 90 s ahead, and back again"),
        places=_county,
        inject=lambda scene, _: scene.step_clock(_CLOCK_STEP_MS),
        heal=lambda scene, _: scene.step_clock(-_CLOCK_STEP_MS),
        needs=frozenset({Need.CLOCK}),
    ),
}
