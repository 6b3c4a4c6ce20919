"""What is turned away before it costs anything: too many requests from one sender, and bytes nobody vouches for."""

import json
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

_MOST_SENDERS = 10_000


class RateLimit:
    """A token bucket for each sender: `per_minute` requests a minute, as many at once."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._lock = threading.Lock()
        # Requests that were used up, and the monotonic instant (seconds) at which that was so.
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def delay_s(self, sender: str, now_s: float) -> int:
        """0 if the sender may proceed, which counts; else after how many seconds it may. `now_s` is monotonic."""
        with self._lock:
            used, since = self._used.pop(sender, (0.0, now_s))
            rate = self._per_minute / 60
            used = max(0.0, used - (now_s - since) * rate)
            allowed = used + 1 <= self._per_minute
            self._used[sender] = (used + 1 if allowed else used, now_s)
            if len(self._used) > _MOST_SENDERS:
                # The one that has been quiet longest; forgetting it can only be in its favour.
                self._used.popitem(last=False)
            return 0 if allowed else int((used + 1 - self._per_minute) / rate) + 1


class RefusedRing:
    """The first KiB of what was refused, for whoever wonders who knocks. A ring of fixed records in one file.

    A record is a line of JSON (counter, time, address, reason, length), padded with spaces to 256 bytes, and 1024 bytes of the
    request, padded with zeros. Not synced: losing it in a power cut costs no evidence.
    """

    HEADER, KEPT = 256, 1024

    def __init__(self, file: Path, size: int = 16 * 2**20) -> None:
        """Opens or makes the file. Raises OSError."""
        self._records = size // (self.HEADER + self.KEPT)
        self._lock = threading.Lock()
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._next = max((record["counter"] for record, _ in self.records()), default=-1) + 1

    def close(self) -> None:
        os.close(self._file)

    def put(self, data: bytes, address: str, reason: str, at_ms: int) -> None:
        with self._lock:
            facts = {"counter": self._next, "at_ms": at_ms, "address": address[:45], "length": len(data), "reason": reason[:60]}
            # Every field is bounded, so the line never fills HEADER.
            header = json.dumps(facts, separators=(",", ":")).encode().ljust(self.HEADER)
            place = (self._next % self._records) * (self.HEADER + self.KEPT)
            os.pwrite(self._file, header + data[: self.KEPT].ljust(self.KEPT, b"\0"), place)
            self._next += 1

    def records(self) -> list[tuple[dict[str, Any], bytes]]:
        """What the ring holds, in order of place; a record torn by a power cut is left out."""
        found = []
        for place in range(self._records):
            record = os.pread(self._file, self.HEADER + self.KEPT, place * (self.HEADER + self.KEPT))
            if len(record) < self.HEADER + self.KEPT:
                break
            try:
                facts = json.loads(record[: self.HEADER])
            except ValueError:
                continue
            found.append((facts, record[self.HEADER :][: min(facts["length"], self.KEPT)]))
        return found
