"""In a box of its own: a disk that loses its writes, and disks that are filled; prints what came of it."""

import os
import sys
from pathlib import Path

from jinbao_lab import box, disk
from jinbao_lab.disk import Disk, LosableDisk, SmallDisk


def main(folder: Path) -> None:
    box.settle()
    losable = LosableDisk(folder / "losable", folder / "image")
    losable.mount()
    lose(losable)
    fill(losable)
    small = SmallDisk(folder / "small")
    small.mount()
    fill(small)
    for one in (losable, small):
        (one.folder / "spool").write_text("what the agent wrote")
        disk.put_away(one)
        print(one.folder.name, "left", [file.name for file in one.folder.iterdir()], os.path.ismount(one.folder))


def lose(one: LosableDisk) -> None:
    for name in ("synced", "told"):
        with (one.folder / name).open("w") as file:
            file.write(name)
            file.flush()
            if name == "synced":
                os.fsync(file.fileno())
    one.lose_writes()
    print("written after", can_write(one))
    one.power_off()
    one.power_on()
    print("kept", sorted(file.name for file in one.folder.iterdir() if file.is_file()))
    (one.folder / "synced").unlink()
    one.power_off()
    one.power_on()
    print("an ordinary power cut keeps what was told", not (one.folder / "synced").exists())


def fill(one: Disk) -> None:
    disk.fill(one)
    full = can_write(one)
    disk.free(one)
    print(one.folder.name, "full", full, "freed", can_write(one))


def can_write(one: Disk) -> bool:
    more = one.folder / "more"
    try:
        more.write_bytes(bytes(5000))
    except OSError:
        return False
    more.unlink()
    return True


if __name__ == "__main__":
    if box.inside():
        main(Path(sys.argv[1]))
    else:
        os.execvpe(*box.command([sys.executable, __file__, *sys.argv[1:]]))
