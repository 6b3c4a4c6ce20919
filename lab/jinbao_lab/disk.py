"""Disks of their own for agents: small ones, which can be filled, and ones that lose what they were not made to keep.

Both are mounted in the box alone, so they are gone with it; `put_away` leaves a copy of what they held.
"""

import errno
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jinbao_lab.processes import Failed

SIZE_MB = 24
"""Room for an agent's spool of some minutes; soon filled."""
_BALLAST, _CHUNK = "ballast", 1 << 16
_EXT4_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = (2).to_bytes(4, "little")
_PATIENCE_S = 15


class Disk(Protocol):
    """Mounted on `folder`, which becomes the agent's data folder. Raises Failed where the system refuses."""

    folder: Path

    def mount(self) -> None: ...

    def lose_writes(self) -> None: ...

    def power_off(self) -> None: ...

    def power_on(self) -> None: ...


@dataclass
class SmallDisk:
    """In memory. Its machine's power cuts do not touch it."""

    folder: Path

    def mount(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=755", "tmpfs", str(self.folder))

    def lose_writes(self) -> None:
        raise Failed(f"{self.folder}: a disk in memory has no writes to lose")

    def power_off(self) -> None:
        """Nothing is lost: the disk was told and kept it."""

    def power_on(self) -> None: ...


@dataclass
class LosableDisk:
    """ext4 in a file on a loop device, which the kernel takes away when the last mount of it is gone."""

    folder: Path
    image: Path
    size_mb: int = SIZE_MB
    _lost: bool = field(default=False, init=False)

    def mount(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.image.open("wb") as image:
            image.truncate(self.size_mb << 20)
        _run("mkfs.ext4", "-q", "-F", str(self.image))
        self._attach()

    def _attach(self) -> None:
        _run("mount", "-o", "loop", str(self.image), str(self.folder))

    def lose_writes(self) -> None:
        """The file system stops at once, and its journal is not flushed: what no fsync asked to keep was never there."""
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(folder, _EXT4_IOC_SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(folder)
        self._lost = True

    def power_off(self) -> None:
        """To be called when nothing of its machine runs any more."""
        if self._lost:
            _run("umount", str(self.folder))
            self._await_release()

    def _await_release(self) -> None:
        """The dead machine's own view of the disk goes a moment after it; until then a mount would find the stopped one."""
        deadline = time.monotonic() + _PATIENCE_S
        while _run("losetup", "-j", str(self.image)):
            if time.monotonic() > deadline:
                raise Failed(f"{self.image}: still mounted {_PATIENCE_S} s after its machine lost power")
            time.sleep(0.01)

    def power_on(self) -> None:
        if self._lost:
            self._attach()
            self._lost = False


def is_there(disk: Disk) -> bool:
    """Not while its machine has no power."""
    return os.path.ismount(disk.folder)


def fill(disk: Disk) -> None:
    """To the last byte. Raises Failed where it is not mounted: what lies below is the disk of whoever runs the lab."""
    if not is_there(disk):
        raise Failed(f"{disk.folder}: no disk of its own is mounted here")
    with (disk.folder / _BALLAST).open("ab", buffering=0) as ballast:
        for size in (_CHUNK, 1):
            try:
                while ballast.write(bytes(size)):
                    pass
            except OSError as problem:
                if problem.errno != errno.ENOSPC:
                    raise


def free(disk: Disk) -> None:
    """Of what filled it, if anything did and was kept."""
    (disk.folder / _BALLAST).unlink(missing_ok=True)


def put_away(disk: Disk) -> None:
    """Leaves a copy of what it holds in the folder, and takes the disk away. One whose machine is off stays where it is."""
    if not is_there(disk):
        return
    copy = disk.folder.with_name(f"{disk.folder.name}.copy")
    shutil.copytree(disk.folder, copy, ignore=shutil.ignore_patterns(_BALLAST, "lost+found"))
    _run("umount", str(disk.folder))
    disk.folder.rmdir()
    copy.rename(disk.folder)


def try_losable() -> None:
    """Makes one, loses its writes, and takes it away again. Raises Failed or OSError with the first thing that is refused."""
    with tempfile.TemporaryDirectory() as name:
        disk = LosableDisk(Path(name) / "disk", Path(name) / "image")
        disk.mount()
        try:
            disk.lose_writes()
        finally:
            _run("umount", str(disk.folder))


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Failed(f"the command {command[0]} is missing") from None
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()
