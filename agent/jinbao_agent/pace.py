"""Sending no faster than a thin line can bear: what catches up must not disturb what is measured, or what people do."""

import time
from collections.abc import Callable, Iterator

_PIECE = 2048  # bytes sent at once: 8 ms of a line of 2 Mbit/s
_SLOWEST_STEP_S = 0.02  # a fast line gets larger pieces rather than many of them


class Pace:
    """At most `rate` bytes a second over any span, plus one piece. One sender at a time uses it."""

    def __init__(
        self, rate: int, now_s: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate, self._now_s, self._sleep = rate, now_s, sleep
        self._piece = max(_PIECE, int(rate * _SLOWEST_STEP_S))
        self._free_s = 0.0  # when the next piece may go

    def seconds(self, size: int) -> float:
        """How long so many bytes take."""
        return size / self._rate

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The same bytes, each piece in its time. What was not sent in quiet times is no credit for later."""
        for at in range(0, len(data), self._piece):
            piece = data[at : at + self._piece]
            now_s = self._now_s()
            if now_s < self._free_s:
                self._sleep(self._free_s - now_s)
                now_s = max(self._free_s, self._now_s())
            self._free_s = max(self._free_s, now_s) + len(piece) / self._rate
            yield piece
