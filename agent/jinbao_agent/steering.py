"""How a running agent comes by the centre's configuration, and how it judges whether to keep it."""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from jinbao_agent.clock import Clock
from jinbao_agent.configuration import ConfigRefused, Judge, Plan, Shelf, report, version_of
from jinbao_agent.https import Https, Unreachable, in_thread
from jinbao_agent.identity import Enrolment, Home
from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Sample
from jinbao_agent.wire import Signed, WireError
from jinbao_config.central import Allowed
from jinbao_config.services import AgentConfig

log = logging.getLogger(__name__)

ASK_TAG = "jinbao-askconfig/1"
TRIAL_US = 15 * 60_000_000
"""So long may a new configuration take to be heard of at the centre; then the one before comes back."""
_MOST = 4 * 1024 * 1024  # bytes of an answer: the links of a county


class Steering:
    """One life under one plan. `renew` ends this life, so that the next begins under what is then on the shelf."""

    def __init__(
        self, home: Home, plan: Plan, local: AgentConfig, allowed: Allowed, clock: Clock, renew: Callable[[], None]
    ) -> None:
        self.facts: Callable[[Mapping[str, Any]], None] = lambda facts: None  # called when the report changes
        self.plan = plan
        self._home, self._shelf, self._local, self._allowed = home, Shelf(home), local, allowed
        self._clock, self._renew = clock, renew
        self._begun_us = clock.boottime_us()
        self._measured = False
        self._confirmed = not plan.on_trial
        self._told = ""

    def report(self) -> Mapping[str, Any]:
        """The header's `config`."""
        return report(self.plan, self._shelf)

    def saw(self, samples: Iterable[Sample]) -> None:
        """What was measured under it: one probe that left this machine speaks for it."""
        self._measured = self._measured or any(not sample.outcome.startswith("not_sent:") for sample in samples)

    def wants(self, version: int) -> bool:
        """Whether the centre's version, as an acknowledgement names it, is news."""
        refusal = self._shelf.refusal()
        return version > self.plan.version and (refusal is None or version != refusal.version)

    def acknowledged(self) -> None:
        """The centre acknowledged a batch in this life. Raises OSError."""
        if self._confirmed or not self._measured:
            return
        self._shelf.move("trial", "accepted")
        self._shelf.unmark_tried()
        self._confirmed = True
        self.plan = replace(self.plan, on_trial=False)
        log.info("configuration accepted version=%d", self.plan.version)
        self.facts(self.report())

    def ended(self) -> None:
        """This life ends in order. Raises OSError."""
        self._shelf.unmark_tried()

    async def judge(self) -> None:
        """Ends a trial that takes too long. Raises OSError."""
        if self._confirmed or self._clock.boottime_us() - self._begun_us < TRIAL_US:
            return
        why = "the centre acknowledged nothing under it" if self._measured else "nothing could be measured under it"
        self._shelf.refuse(self.plan.version, f"{why} for {TRIAL_US // 60_000_000} minutes", "trial")
        self._confirmed = True
        self._renew()

    async def refresh(self) -> None:
        """Asks the centre, once enrolled. What fails is told, once, and tried again the next time."""
        try:
            found = await in_thread(self._fetch)
            renew = found is not None and self._take(*found)
        except (Unreachable, WireError, ConfigRefused, ValueError, OSError) as problem:
            self._tell(f"the centre's configuration cannot be had: {problem}")
            return
        self._told = ""
        if renew:
            self._renew()

    def _fetch(self) -> tuple[Enrolment, Signed] | None:
        enrolment, key = self._home.read_enrolment(), self._home.signing_key()
        if enrolment is None or enrolment.key != key.public.fingerprint:
            return None
        url = self._local.collector.url or enrolment.url
        document = fetch_config(self._home, enrolment, key, url, self._clock.utc_us() // 1000)
        return None if document is None else (enrolment, document)

    def _take(self, enrolment: Enrolment, document: Signed) -> bool:
        """Whether it is to be tried."""
        version = version_of(document)
        if not self.wants(version):
            return False
        try:
            Judge(enrolment, self._allowed, self._local).plan(document)
        except ConfigRefused as problem:
            self._shelf.refuse(version, str(problem))
            self.facts(self.report())
            return False
        self._shelf.put_next(document)
        log.info("configuration received version=%d, tried from now on", version)
        return True

    def _tell(self, text: str) -> None:
        if text != self._told:
            log.warning("%s", text)
        self._told = text


def fetch_config(home: Home, enrolment: Enrolment, key: SigningKey, url: str, at_ms: int) -> Signed | None:
    """What the centre has for this agent; None if it has nothing. Raises Unreachable, WireError, ValueError or OSError."""
    nonce = secrets.token_hex(16)
    asked = Signed.make(ASK_TAG, {"key": key.public.fingerprint, "nonce": nonce, "at": at_ms}, key)
    https = Https(url, home.ca.read_bytes())
    try:
        answer = https.post("/v1/config", asked.to_lines(), most=_MOST)
    finally:
        https.close()
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise WireError(f"{url}: {answer.status}")
    document = Signed.from_lines(answer.body)
    if not document.verified_by(enrolment.collector) or document.fields().get("nonce") != nonce:
        raise WireError(f"{url}: not a fresh answer signed by the centre's key")
    return document
