"""Who this agent is: its boot, its installation, its key, and what the centre told it. Files in the data folder."""

import contextlib
import fcntl
import json
import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from jinbao_agent.chain import Author
from jinbao_agent.heartbeat import sync_folder
from jinbao_agent.keys import SigningKey, VerifyKey
from jinbao_agent.machine import Same, Traits, from_json, read_traits, to_json

log = logging.getLogger(__name__)

BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")
VERSION = version("jinbao-uptime")


class InUse(Exception):
    """Another agent runs on this data folder."""


def read_boot(file: Path = BOOT_FILE) -> str:
    """The kernel's random id of this boot, as it stands."""
    return file.read_text().strip()


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder, and where each thing lies in it."""

    folder: Path

    @property
    def spool(self) -> Path:
        return self.folder / "spool.db"

    @property
    def heartbeat(self) -> Path:
        return self.folder / "heartbeat"

    @property
    def key(self) -> Path:
        return self.folder / "agent.key"

    @property
    def next_key(self) -> Path:
        """A key that asks to be enrolled in the present one's place."""
        return self.folder / "agent.key.next"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def peers(self) -> Path:
        """The secrets shared with the agents at the other ends."""
        return self.folder / "peers.json"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    def make(self) -> None:
        """Raises OSError."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """While it lasts no other agent runs here. Raises InUse, or OSError."""
        with self.lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(f"{self.folder}: another jinbao-agent runs on this data folder") from None
            yield

    @contextlib.contextmanager
    def as_owner(self) -> Iterator[None]:
        """While it lasts root acts as whoever owns the folder: the service's own user must be able to read what is made here.
        Raises OSError."""
        owner = self.folder.stat()
        if os.geteuid() or not owner.st_uid:
            yield
            return
        group = os.getegid()
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)

    def in_use(self) -> bool:
        """Whether an agent runs here. Raises OSError where the lock cannot be read."""
        if not self.lock.exists():
            return False
        with self.lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def install_id(self) -> str:
        """The random id of this installation, made at first use."""
        file = self.folder / "install"
        if not file.exists():
            write_durably(file, secrets.token_hex(16).encode() + b"\n")
        return file.read_text().strip()

    def signing_key(self) -> SigningKey:
        """This agent's key, made at first use. A damaged one is set aside: the agent goes on, and must be enrolled again."""
        try:
            return SigningKey.load(self.key)
        except FileNotFoundError:
            return make_key(self.key)
        except ValueError as problem:
            log.error("the key is damaged and set aside; enrol again file=%s: %s", self.key, problem)
            self.key.replace(self.key.with_name(self.key.name + ".damaged"))
            return make_key(self.key)

    def finish_exchange(self) -> None:
        """An exchange of keys that was cut short after the centre had agreed: the enrolment names the next key already."""
        try:
            enrolment = self.read_enrolment()
            if enrolment and SigningKey.load(self.next_key).public.fingerprint == enrolment.key:
                self.next_key.replace(self.key)
        except FileNotFoundError:
            pass
        except ValueError as problem:
            log.error("%s", problem)

    def know_machine(self, root: Path = Path("/")) -> None:
        """Remembers the machine at first use. On another machine this is a copy: the key stays with the original, and the copy
        gets a name of its own by being enrolled. Raises OSError."""
        before, traits = self._known_machine(), read_traits(self.install_id(), root)
        same = Same.YES if before is None else traits.compared(before)
        if same is Same.NO:
            log.error("this is another machine than the one enrolled: its key is set aside; enrol this one with enrol --again")
            for file in (self.key, self.next_key, self.folder / "install"):
                if file.exists():
                    file.replace(file.with_name(file.name + ".copied"))
            traits = read_traits(self.install_id(), root)
        elif same is Same.CHANGED:
            log.warning("the network cards of this machine are others than before")
        if traits != before:
            write_durably(self.machine, to_json(traits))

    def _known_machine(self) -> Traits | None:
        try:
            return from_json(self.machine.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as problem:
            log.error("the machine's traits cannot be read, they are remembered anew file=%s: %s", self.machine, problem)
            return None

    @property
    def machine(self) -> Path:
        return self.folder / "machine.json"

    @property
    def is_copy(self) -> bool:
        """Whether the key of another machine's agent was set aside here."""
        return self.key.with_name(self.key.name + ".copied").exists()

    def author(self) -> Author:
        """What this agent's headers say of it. Its name is "" until it is enrolled with the key it has."""
        self.finish_exchange()
        key = self.signing_key()
        try:
            enrolment = self.read_enrolment()
        except ValueError as problem:
            log.error("%s", problem)
            enrolment = None
        name = enrolment.agent if enrolment and enrolment.key == key.public.fingerprint else ""
        return Author(name, self.install_id(), VERSION, key)

    def read_enrolment(self) -> "Enrolment | None":
        """None before enrolment. Raises ValueError if the files contradict each other or cannot be read as such."""
        try:
            fields = json.loads((self.folder / "enrolment.json").read_bytes())
            collector = VerifyKey.from_text((self.folder / "collector.pub").read_text().strip())
            return Enrolment(**{**fields, "links": tuple(fields["links"]), "collector": collector})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as problem:
            raise ValueError(f"{self.folder}: the enrolment is damaged, enrol again: {problem}") from None

    def save_enrolment(self, enrolment: "Enrolment", ca_pem: bytes) -> None:
        """Durably; enrolment.json comes last, so that it never stands without what it needs."""
        fields = asdict(enrolment)
        del fields["collector"]
        write_durably(self.ca, ca_pem)
        write_durably(self.folder / "collector.pub", enrolment.collector.text.encode() + b"\n")
        write_durably(self.folder / "enrolment.json", json.dumps(fields, ensure_ascii=False, indent=1).encode() + b"\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What the centre answered. `key` is the fingerprint of the agent's key it knows, `collector` the key its acks are
    signed with, `at` milliseconds UTC."""

    agent: str
    vantage: str
    links: tuple[str, ...]
    key: str
    url: str
    at: int
    collector: VerifyKey


def make_key(file: Path) -> SigningKey:
    """A new key, whole on disk before it has its name."""
    draft = file.with_name(file.name + ".draft")
    draft.unlink(missing_ok=True)
    key = SigningKey.generate()
    key.save(draft)
    draft.replace(file)
    sync_folder(file.parent)
    return key


def write_durably(file: Path, data: bytes, mode: int = 0o644) -> None:
    """The whole content or the former one, whatever happens."""
    draft = file.with_name(file.name + ".draft")
    draft.unlink(missing_ok=True)  # one that an earlier life left may have another mode
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    sync_folder(file.parent)
