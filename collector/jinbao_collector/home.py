"""Where the collector keeps what it keeps, and how a small file is written so that it survives a power cut."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The collector's data directory. Nothing outside of this class knows a file name in it."""

    root: Path

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.db"

    @property
    def documents(self) -> Path:
        return self.root / "documents"

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    def token(self, day: str) -> Path:
        """The time stamp over a day's manifest, where there is one."""
        return self.root / "tokens" / f"{day}.tsr"

    @property
    def issued(self) -> Path:
        """A folder for each issued report."""
        return self.root / "issued"

    @property
    def plain(self) -> tuple[Path, ...]:
        """Folders of files that are written once and never changed."""
        return self.documents, self.manifests, self.root / "tokens", self.issued

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def quarantine(self) -> Path:
        """Damaged files, as they were found."""
        return self.root / "quarantine"

    @property
    def refused(self) -> Path:
        return self.root / "refused.ring"

    @property
    def store(self) -> Path:
        """Sealed segments, derived from the journal."""
        return self.root / "store.db"

    @property
    def unsigned(self) -> Path:
        """What came in through the door for Telegraf."""
        return self.root / "unsigned.db"

    @property
    def sealing(self) -> Path:
        """Held by whoever seals, while it does."""
        return self.root / "sealing.lock"

    def replica(self, name: str) -> Path:
        """How far the copy to one server is, and what it would not take."""
        return self.root / "replicas" / f"{name}.db"

    @property
    def keeping(self) -> Path:
        """Held by whoever copies, packs, removes or repairs months, while it does."""
        return self.root / "keeping.lock"

    @property
    def lock(self) -> Path:
        """Held by the one serving process."""
        return self.root / "serving.lock"


def write_durably(file: Path, data: bytes, mode: int = 0o644) -> None:
    """All of it or nothing, on the disk when this returns. Raises FileExistsError: nothing here is ever overwritten."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        # A hard link, unlike a rename, refuses to replace what another process may have written meanwhile.
        os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(file.parent)


def sync_directory(directory: Path) -> None:
    """A new file's name is durable only after this."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
