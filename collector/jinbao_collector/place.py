"""Where a collector stands: its configuration, with every path in it resolved."""

import datetime
import hashlib
import zoneinfo
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinbao_collector.home import Home
from jinbao_config.links import Links, read_links
from jinbao_config.services import CollectorConfig
from jinbao_config.shape import ConfigError, Document


@dataclass(frozen=True, slots=True)
class Place:
    """The configuration with its paths resolved against the file it stands in."""

    config: CollectorConfig
    file: Path
    digest: str

    @classmethod
    def of(cls, document: Document[CollectorConfig]) -> "Place":
        """Raises ConfigError if it names no address: nothing could be written into certificate and enrol codes."""
        if not document.value.names:
            raise ConfigError(document.file, "names", 'empty; name the address agents use, such as ["10.0.0.9"]')
        return cls(document.value, Path(document.file), document.sha256)

    @property
    def home(self) -> Home:
        return Home(self.file.parent / self.config.data)

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """Raises ConfigError."""
        try:
            return zoneinfo.ZoneInfo(self.config.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            problem = f'{self.config.timezone!r}: expected a time zone name such as "Asia/Shanghai"'
            raise ConfigError(str(self.file), "timezone", problem) from None

    def midnight(self, day: datetime.date | None) -> int | None:
        """When a local day begins, milliseconds. Raises ConfigError."""
        if day is None:
            return None
        return int(datetime.datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()) * 1000

    @property
    def url(self) -> str:
        """Where agents find it: the first of its names, and its port."""
        host = self.config.names[0]
        return f"https://{f'[{host}]' if ':' in host else host}:{self.config.listen[1]}"

    @property
    def declared_files(self) -> list[Path]:
        """The files that people write: they lie where they like, not in the data directory."""
        names = [self.config.links, *self.config.contracts, *filter(None, [self.config.calendar])]
        return [self.file, *(self.file.parent / name for name in names)]

    def declared(self) -> dict[str, Any]:
        """Digests of links, contracts and the collector's own configuration as the files are now. Raises ConfigError."""
        contracts = {name: self._digest("contracts", name) for name in self.config.contracts}
        found = {"links": self._digest("links", self.config.links), "contracts": contracts, "config": self.digest}
        if self.config.calendar is not None:
            found["calendar"] = self._digest("calendar", self.config.calendar)
        return found

    def _digest(self, key: str, name: str) -> str:
        try:
            return hashlib.sha256((self.file.parent / name).read_bytes()).hexdigest()
        except OSError as problem:
            raise ConfigError(str(self.file), key, f"{name!r}: cannot be read: {problem.strerror}") from None


class DeclaredLinks:
    """links.toml as it is now; read again only when the file changed."""

    def __init__(self, place: Place) -> None:
        self._file = place.file.parent / place.config.links
        self._known: tuple[tuple[int, int], Links] | None = None

    def __call__(self) -> Links:
        """Raises ConfigError or OSError."""
        found = self._file.stat()
        stamp = found.st_mtime_ns, found.st_size
        if self._known is None or self._known[0] != stamp:
            self._known = stamp, read_links(self._file).value
        return self._known[1]
