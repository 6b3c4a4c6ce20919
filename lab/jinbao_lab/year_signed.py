"""The part of the demonstration year that goes the signed way: batches as agents make them, through the collector's door."""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Event
from jinbao_agent.wire import BATCH_TAG, GENESIS, Batch, Signed, canonical, pack, sha256
from jinbao_collector.centre import Centre
from jinbao_collector.series import NONE
from jinbao_collector.store import SeriesKey
from jinbao_collector.store.samples import Samples
from jinbao_config.links import ALL_LINKS
from jinbao_lab.processes import Failed
from jinbao_lab.year_plan import MINUTE_MS
from jinbao_lab.year_samples import INTERVAL_MS, OUTCOMES, Agent, Array, World

BATCH_MS = 30 * MINUTE_MS
"""`batch` in agent.toml: a year's agents save on batches, as one over a thin line would."""


@dataclass
class Author:
    """One agent's chain."""

    agent: Agent
    name: str
    key: SigningKey
    chain: str
    number: int = 0
    head: str = GENESIS
    pending: list[Event] = field(default_factory=list)

    def batch(self, columns: Mapping[str, Any], boot: str, slots: tuple[int, int]) -> Batch:
        body = canonical(columns).encode() + b"\n"
        fields = {
            "agent": self.name,
            "vantage": self.agent.vantage,
            "key": self.key.public.fingerprint,
            "chain": self.chain,
            "number": self.number + 1,
            "prev": self.head,
            "body": sha256(body),
            "seen": "",
            "slots": list(slots),
            "boot": boot,
            "clock": {"sync": 1, "maxerror_us": 2000, "esterror_us": 40, "state": "OK"},
            "install": self.chain,
            "version": "demonstration",
        }
        signed = Signed.make(BATCH_TAG, fields, self.key)
        self.number, self.head = self.number + 1, signed.hash
        return Batch(signed, body)


def enrolled(centre: Centre, world: World) -> dict[tuple[str, str], Author]:
    """Every agent with a key of its own, through invitation and enrolment."""
    return {name: _enrol(centre, agent) for name, agent in world.agents.items()}


def _enrol(centre: Centre, agent: Agent) -> Author:
    key, county = SigningKey.generate(), agent.link == ALL_LINKS
    name = "county" if county else f"tw-{agent.link}"
    code = centre.enrolment.invite(name, agent.vantage, [agent.link], centre.place.url, centre.now_ms())
    install = sha256(f"jinbao-lab year {name}".encode())[:32]
    proof = hmac.digest(bytes.fromhex(code.rpartition(".")[2]), key.public.raw, "sha256").hex()
    asked = {"public": key.public.text, "install": install, "proof": proof, "predecessor": None, "at": centre.now_ms()}
    centre.enrolment.enrol(Signed.make("jinbao-enrol/1", asked, key).to_lines(), centre.now_ms())
    return Author(agent, name, key, install)


def send(centre: Centre, author: Author, measured: Mapping[SeriesKey, Samples], events: list[Event], begin: int) -> None:
    """What one agent measured from an instant (ms) on, in one request. Raises Failed unless the collector acknowledges it."""
    author.pending += events
    batches = list(_batches(author, {key: samples for key, samples in measured.items() if len(samples)}, begin))
    if batches:
        answer = centre.intake.receive(pack(batches), author.name).result()
        if answer.status != 200:
            raise Failed(f"the collector answers {answer.status} to {author.name}: {answer.body[:200]!r}")


def _batches(author: Author, measured: Mapping[SeriesKey, Samples], begin: int) -> Iterator[Batch]:
    """In order of time; a batch is of one boot. What happened while nothing was measured is told by the next."""
    if not measured:
        return
    rows = np.concatenate([_rows(samples, place) for place, samples in enumerate(measured.values())], axis=1)
    rows = rows[:, np.lexsort((rows[_OF], rows[_SENT]))]
    batch = (rows[_SENT] // 1000 - begin) // BATCH_MS
    edges = np.flatnonzero((np.diff(batch) != 0) | (np.diff(rows[_BOOT]) != 0)) + 1
    for piece in np.split(rows, edges, axis=1):
        last = int(piece[_SENT, -1])
        due = [event for event in author.pending if event.at_us <= last]
        author.pending = author.pending[len(due) :]
        boot = author.agent.boot_name(int(piece[_BOOT, 0]))
        yield author.batch(_body(list(measured), piece, due), boot, (int(piece[_SENT, 0]) // 1000, last // 1000))


_OF, _SENT, _OUTCOME, _RTT, _SEQ, _MONO, _BOOT = range(7)


def _rows(samples: Samples, place: int) -> Array:
    """A column a sample, in the order of the names above."""
    of = np.full(len(samples), place)
    return np.stack([of, samples.sent, samples.outcome, samples.rtt, samples.seq, samples.mono, samples.boot])


def _body(keys: list[SeriesKey], rows: Array, events: list[Event]) -> dict[str, Any]:
    """Columns as docs/wire.md has them: times as first value and differences."""
    first = np.diff(rows, axis=1, prepend=0)
    return {
        "series": [[link, target, INTERVAL_MS] for link, _, target in keys],
        "outcomes": list(OUTCOMES),
        "of": rows[_OF].tolist(),
        "outcome": rows[_OUTCOME].tolist(),
        "sent_us": first[_SENT].tolist(),
        "mono_us": first[_MONO].tolist(),
        "rtt_us": [None if value == NONE else value for value in rows[_RTT].tolist()],
        "seq": first[_SEQ].tolist(),
        "events": [[event.link, event.at_us, event.event, event.boot, event.detail] for event in events],
    }
