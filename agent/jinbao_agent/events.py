"""What the agent says of its own life. Each event has a meaning in judgement (docs/agent.md lists them).

Every detail ends with the instant on CLOCK_BOOTTIME of the event's own boot, which orders it against samples whatever UTC did.
"""

from dataclasses import dataclass

from jinbao_agent.clock import Clock, Step
from jinbao_agent.heartbeat import Beat
from jinbao_agent.ladder import Rung
from jinbao_agent.probes.counts import Counts
from jinbao_agent.probes.path import Path
from jinbao_agent.probes.result import Certificate
from jinbao_agent.sample import Event


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose events these are: link code ("*" for the county agent), vantage, and the boot they are recorded in. Only
    `peer_counts`, `path` and `certificate` name the link they are about, whoever saw it."""

    link: str
    vantage: str
    boot: str

    def begins(self, last: Beat | None, clock: Clock, version: str, config: int = 0) -> list[Event]:
        """A life begins, of this version of the code and of the centre's configuration, 0 for the agent's own files; first it
        tells how the one before ended.

        No clean stop: `heartbeat`, at the last instant the former life is known to have lived, under its own boot. A new
        boot: `boot`, at the instant we can vouch for, which is now. The very first life has neither.
        """
        events = []
        if last is not None and not last.stopped:
            detail = f"interval_ms={last.interval_ms};{_mono(last.boottime_us)}"
            events.append(self._event("heartbeat", last.utc_us, detail, boot=last.boot))
        if last is not None and last.boot != self.boot:
            events.append(self._event("boot", clock.utc_us(), _mono(clock.boottime_us())))
        under = f"version={version}" + (f";config={config}" if config else "")
        return [*events, self._event("start", clock.utc_us(), f"{under};{_mono(clock.boottime_us())}")]

    def ends(self, clock: Clock, reason: str) -> Event:
        """A clean stop, and which signal asked for it."""
        return self._event("stop", clock.utc_us(), f"reason={reason};{_mono(clock.boottime_us())}")

    def stepped(self, step: Step) -> Event:
        """`delta_ms` is rounded; `mono_ns` decides which samples came before (judgement R1.5)."""
        delta_ms = (step.delta_us + 500) // 1000
        detail = f"delta_ms={delta_ms};synced={int(step.synced)};{_mono(step.boottime_us)}"
        return self._event("clock_step", step.at_us, detail)

    def slept(self, slept_us: int, clock: Clock) -> Event:
        """The machine was suspended for so long, rounded, and has come back just now."""
        return self._event("suspend", clock.utc_us(), f"for_ms={(slept_us + 500) // 1000};{_mono(clock.boottime_us())}")

    def mains(self, on: bool, clock: Clock, detail: str) -> Event:
        """The mains as a UPS tells it; stamped when it told."""
        return self._event("mains_on" if on else "mains_off", clock.utc_us(), f"{detail};{_mono(clock.boottime_us())}")

    def peer_counts(self, link: str, counts: Counts, clock: Clock) -> Event:
        """How many of the questions of an episode of losses reached the other end of a link, and how many answers came back."""
        detail = (
            f"sent={counts.sent};arrived={counts.arrived};returned={counts.returned}"
            f";from_ms={counts.from_us // 1000};to_ms={counts.to_us // 1000}"
        )
        return self._event("peer_counts", clock.utc_us(), f"{detail};{_mono(clock.boottime_us())}", link=link)

    def path(self, rung: Rung, why: str, path: Path, clock: Clock) -> Event:
        """The way to the host of a rung, as far as it answered. `why`: onset or hourly."""
        detail = f"target={rung.name};to={rung.target.host};why={why};hops={'>'.join(path.hops)};reached={int(path.reached)}"
        return self._event("path", clock.utc_us(), f"{detail};{_mono(clock.boottime_us())}", link=rung.link)

    def certificate(self, rung: Rung, certificate: Certificate, clock: Clock) -> Event:
        """What the server of a rung showed, when first seen in this life and whenever it is another one."""
        until = "" if certificate.not_after_ms is None else certificate.not_after_ms
        detail = f"target={rung.name};not_after_ms={until};sha256={certificate.sha256}"
        return self._event("certificate", clock.utc_us(), f"{detail};{_mono(clock.boottime_us())}", link=rung.link)

    def _event(self, event: str, at_us: int, detail: str, *, boot: str | None = None, link: str | None = None) -> Event:
        return Event(
            link=self.link if link is None else link,
            vantage=self.vantage,
            at_us=at_us,
            event=event,
            boot=self.boot if boot is None else boot,
            detail=detail,
        )


def _mono(boottime_us: int) -> str:
    return f"mono_ns={boottime_us * 1000}"
