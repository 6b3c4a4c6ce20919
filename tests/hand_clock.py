"""Two clocks that a test sets by hand."""


class HandClock:
    """Starts at an even instant of UTC and an hour after boot."""

    def __init__(self) -> None:
        self.utc, self.boottime = 1_617_206_400_000_000, 3_600_000_000

    def utc_us(self) -> int:
        return self.utc

    def boottime_us(self) -> int:
        return self.boottime

    def forward(self, us: int) -> None:
        """Time passes."""
        self.utc += us
        self.boottime += us
