"""One life of the agent, from what the last life left behind to a clean stop."""

import asyncio
import logging
import os
import shutil
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from jinbao_agent.clock import Clock, SleepWatch, StepWatch, SystemClock, clock_quality
from jinbao_agent.events import Voice
from jinbao_agent.heartbeat import Beat, Heart, read_beat
from jinbao_agent.https import in_thread
from jinbao_agent.identity import BOOT_FILE, VERSION, Home, read_boot
from jinbao_agent.ladder import Rung, voice_of
from jinbao_agent.loop import Ticker, spare_collector
from jinbao_agent.mains import MainsSense
from jinbao_agent.onlooker import Onlooker
from jinbao_agent.peers import Keyring, Refresh, read_peers
from jinbao_agent.probes import Peering, Prober
from jinbao_agent.probes.counts import Counts
from jinbao_agent.probes.peer import links_of
from jinbao_agent.recorder import HELD, Recorder
from jinbao_agent.reflector import Reflector
from jinbao_agent.retention import forget_old, keep_within
from jinbao_agent.sample import Sample
from jinbao_agent.schedule import Schedule
from jinbao_agent.steering import Steering
from jinbao_agent.supervisor import Supervisor
from jinbao_agent.upload import Ack, Uploader
from jinbao_config.services import AgentConfig

log = logging.getLogger(__name__)

RENEWED = "config"
"""The reason of a life that ends for another configuration. It records no `stop`: to judgement that is the end of a boot
(R4.3), and a power cut later in the same boot would no longer pass for one."""
_SLOWEST_BEAT_MS = 10_000
_HELD_MS = 10 * 60_000  # so long a county's agent, too, remembers what no disk takes
_GRACE_S = 1.0  # for answers still on their way when the agent is asked to stop
_KEEP_ROOM, _FORGET, _REFRESH = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the agent stands on. Tests hand in another boot; the command line never does."""

    boot_file: Path = BOOT_FILE
    clock: Clock = SystemClock()
    root: Path = Path("/")  # where /etc/machine-id and /sys are


class Agent:
    """Probes, records and sends until `stop` is set. Needs no collector and no enrolment to begin."""

    def __init__(
        self, config: AgentConfig, rungs: tuple[Rung, ...], home: Home, machine: Machine, steering: Steering | None = None
    ) -> None:
        """Reads what the last life left behind. `steering` where the centre may configure this agent. Raises OSError."""
        self._config, self._home, self._clock, self._steering = config, home, machine.clock, steering
        self._begun_us = self._clock.boottime_us()
        self._boot = read_boot(machine.boot_file)
        self._voice = Voice(voice_of(config), config.vantage, self._boot)
        self._last = read_beat(home.heartbeat)
        self._beat_ms = min(_SLOWEST_BEAT_MS, *(rung.interval_ms for rung in rungs))
        home.know_machine(machine.root)
        author = replace(home.author(), config=steering.report() if steering else None)
        self._recorder = Recorder(
            home.spool,
            self._last.head if self._last else None,
            author,
            self._clock,
            boot=self._boot,
            batch_ms=config.batch,
            held=max(HELD, sum(_HELD_MS // rung.interval_ms for rung in rungs)),
        )
        self._rungs = rungs
        self._schedule = Schedule(rungs, self._boot, author.install, self._clock.boottime_us())
        self._supervisor = Supervisor()
        self._keyring = Keyring(config.vantage, read_peers(home))
        self._peering = Peering(self._keyring, links_of(rungs), self._counted)
        self._refused: set[str] = set()  # what the disk did not let us do last time
        self._heart = Heart(home.heartbeat, self._last.count if self._last else 0)

    async def run(self, stop: asyncio.Event, reason: Callable[[], str]) -> None:
        """`reason` says what asked for the stop; asked only once it did."""
        spare_collector()
        plan = self._steering.plan.version if self._steering else 0
        begins = self._voice.begins(self._last, self._clock, VERSION, plan)
        for event in begins:
            log.info("event=%s boot=%s %s", event.event, event.boot, event.detail)
        self._recorder.put([], begins)
        async with Prober(self._clock, self._peering) as prober:
            onlooker = self._onlooker(prober)
            ticker = Ticker(
                self._schedule,
                prober,
                self._clock,
                self._record,
                vantage=self._config.vantage,
                boot=self._boot,
                wait_s=self._config.wait / 1000,
                look=onlooker.look,
            )
            uploader = self._uploader()
            self._start(ticker, uploader)
            if onlooker.traces:
                self._supervisor.keep("paths", onlooker.run)
            notify("READY=1")
            await stop.wait()
            await self._supervisor.stop()
            uploader.close()
            await ticker.finish(_GRACE_S)
        if reason() != RENEWED:
            self._recorder.put([], [self._voice.ends(self._clock, reason())])
        await self._recorder.close()
        await self._or_tell("heartbeat", in_thread(lambda: self._beat(stopped=True)))
        self._heart.close()
        if self._steering is not None:
            self._steering.ended()
        log.info("event=stop boot=%s reason=%s", self._boot, reason())

    def _onlooker(self, prober: Prober) -> Onlooker:
        install = self._recorder.author.install
        return Onlooker(self._rungs, prober, self._voice, self._clock, lambda event: self._recorder.put([], [event]), install)

    def _uploader(self) -> Uploader:
        collector = self._config.collector
        return Uploader(
            self._home,
            self._recorder,
            self._clock,
            url=collector.url,
            every_s=collector.every / 1000,
            rate=collector.rate,
        )

    def _start(self, ticker: Ticker, uploader: Uploader) -> None:
        self._supervisor.start()
        self._supervisor.keep("ticker", ticker.run)
        self._supervisor.keep("recorder", self._recorder.run)
        self._supervisor.keep("heart", self._live)
        self._supervisor.keep("clock watch", self._watch_clock)
        self._supervisor.repeat("room", self._keep_room, _KEEP_ROOM)
        self._supervisor.repeat("forget", self._forget, _FORGET)
        self._supervisor.repeat("upload", lambda: self._send(uploader), timedelta(milliseconds=self._config.collector.every))
        if self._config.mains is not None:
            sense = MainsSense(self._config.mains, self._voice, self._clock, self._recorder, self._begun_us)
            self._supervisor.repeat("mains", sense.poll, timedelta(milliseconds=self._config.mains.every))
        self._start_peers()
        self._start_steering()
        uploader.told = self._told
        self._recorder.turned = lambda: None if uploader.is_deferred else self._supervisor.hurry("upload")

    def _record(self, samples: Sequence[Sample]) -> None:
        if self._steering is not None:
            self._steering.saw(samples)
        self._recorder.put(samples)

    def _start_steering(self) -> None:
        """Where the centre may configure this agent."""
        steering = self._steering
        if steering is not None:
            self._supervisor.repeat("config", steering.refresh, _REFRESH)
            self._supervisor.repeat("trial", steering.judge, _KEEP_ROOM)
            steering.facts = self._report

    def _report(self, facts: Mapping[str, Any]) -> None:
        self._recorder.author = replace(self._recorder.author, config=facts)

    def _told(self, ack: Ack) -> None:
        """What an acknowledgement says beside what it acknowledges."""
        if ack.peers not in ("", self._keyring.digest):
            self._supervisor.hurry("peers")
        steering = self._steering
        if steering is not None:
            steering.acknowledged()
            if steering.wants(ack.config):
                self._supervisor.hurry("config")

    def _start_peers(self) -> None:
        """Where this agent reflects, or asks a reflector."""
        config = self._config
        if config.peer is not None:
            self._supervisor.keep("reflector", Reflector(config.peer.listen, self._keyring, self._clock).run)
        if config.peer is not None or self._peering.links:
            refresh = Refresh(self._home, self._keyring, self._clock, config.collector.url)
            self._supervisor.repeat("peers", refresh.run, _REFRESH)

    def _counted(self, link: str, counts: Counts) -> None:
        event = self._voice.peer_counts(link, counts, self._clock)
        log.info("event=peer_counts link=%s %s", link, event.detail)
        self._recorder.put([], [event])

    async def _live(self) -> None:
        """Beats, on the loop's own clock. The first beat waits until the last life's end is on disk: it would erase it."""
        watch = SleepWatch(self._clock)
        while not await self._recorder.flush():
            notify("WATCHDOG=1")  # it measures, and remembers: a disk that takes nothing is no reason to be killed
            await asyncio.sleep(self._beat_ms / 1000)
        while True:
            await self._or_tell("heartbeat", in_thread(lambda: self._beat(stopped=False)))
            notify("WATCHDOG=1")
            await asyncio.sleep(self._beat_ms / 1000)
            if slept_us := watch.slept_us():
                event = self._voice.slept(slept_us, self._clock)
                log.warning("event=suspend boot=%s %s", self._boot, event.detail)
                self._recorder.put([], [event])

    async def _or_tell(self, part: str, work: Awaitable[object]) -> None:
        """Work that the disk may refuse: told once, and again only after it went well in between."""
        try:
            await work
        except (sqlite3.Error, OSError) as problem:
            if part not in self._refused:
                log.warning("the disk refuses part=%s: %s", part, problem)
            self._refused.add(part)
        else:
            self._refused.discard(part)

    def _beat(self, *, stopped: bool) -> None:
        self._heart.write(
            Beat(
                boot=self._boot,
                boottime_us=self._clock.boottime_us(),
                utc_us=self._clock.utc_us(),
                interval_ms=self._beat_ms,
                stopped=stopped,
                head=self._recorder.head,
            )
        )

    async def _watch_clock(self) -> None:
        watch = StepWatch(self._clock)
        try:
            while True:
                step = await watch.step()
                event = self._voice.stepped(step)
                log.warning("event=clock_step boot=%s %s", self._boot, event.detail)
                self._recorder.put([], [event])
                self._supervisor.shift(step.delta_us)
        finally:
            watch.close()

    async def _send(self, uploader: Uploader) -> None:
        await self._recorder.flush()  # closes a batch whose time has come even if nothing was recorded since
        await self._or_tell("upload", uploader.send())

    async def _keep_room(self) -> None:
        limits, folder = self._config.spool, self._home.folder
        work = self._recorder.use(lambda spool: keep_within(spool, limits, shutil.disk_usage(folder).free))
        await self._or_tell("room", work)

    async def _forget(self) -> None:
        keep_ms, now_ms = self._config.spool.keep, self._clock.utc_us() // 1000
        work = self._recorder.use(lambda spool: forget_old(spool, keep_ms, now_ms, clock_trusted=clock_quality().sync))
        await self._or_tell("forget", work)


def notify(state: str) -> None:
    """Tells systemd, where it listens (sd_notify(3)). That it cannot be told is no reason to stop measuring."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)  # nobody may be reading
            out.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as problem:
        log.warning("systemd cannot be told %s: %s", state, problem)
