"""Many packets sent a few at a time: a thousand questions back to back would overrun a router's queue, not test its line."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

BURST = 64  # packets back to back: a router's queue has room for more (75 where it is short)
PAUSE_S = 0.004  # between bursts


class Bursts(Generic[T]):
    """Launches what is put in, in order, at most BURST in PAUSE_S. Belongs to the running event loop."""

    def __init__(self, launch: Callable[[T], None], before: Callable[[], None], between: Callable[[], None]) -> None:
        """`before` is called at the beginning of each burst, `between` after one when others wait."""
        self._launch, self._before, self._between = launch, before, between
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._over, self._left = 0.0, 0
        self.waiting: deque[T] = deque()

    def put(self, item: T) -> None:
        """Launches it at once, or when the bursts before it are out."""
        self.waiting.append(item)
        if self._timer is None:
            self._pump()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _pump(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now >= self._over:
            self._over, self._left = now + PAUSE_S, BURST
            self._before()
        while self.waiting and self._left:
            self._left -= 1
            self._launch(self.waiting.popleft())
        if self.waiting:
            self._between()
            self._timer = self._loop.call_at(self._over, self._pump)
