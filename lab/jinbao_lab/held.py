"""What several faults may hold down at once: the first takes it, and only the last gives it back."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Held:
    _by: Counter[str] = field(default_factory=Counter)

    def take(self, what: str) -> bool:
        """Whether nobody held it before."""
        self._by[what] += 1
        return self._by[what] == 1

    def release(self, what: str) -> bool:
        """Whether nobody holds it any more. Raises ValueError for what nobody held."""
        if what not in self:
            raise ValueError(f"{what} was not taken")
        self._by[what] -= 1
        return what not in self

    def __contains__(self, what: str) -> bool:
        return self._by[what] > 0
