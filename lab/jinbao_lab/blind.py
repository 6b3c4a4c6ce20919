"""python -m jinbao_lab.blind DIR[:DIR…] -- ARGUMENTS…: `jinbao-report ARGUMENTS` in a process that cannot read DIR.

The judge must find the faults in the measurements alone. An audit hook, which nothing in the process can take off again,
refuses every path under the forbidden directories, and every child process, because a child would not have the hook.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PATHS_OF = {
    "open": 1,
    "os.chdir": 1,
    "os.listdir": 1,
    "os.scandir": 1,
    "os.link": 2,
    "os.rename": 2,
    "os.symlink": 2,
    "os.remove": 1,
    "os.truncate": 1,
    "shutil.copyfile": 2,
    "sqlite3.connect": 1,
}
_CHILDREN = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.startfile"})


def refuse(forbidden: Sequence[Path]) -> None:
    """From here on this process cannot open, list or connect to anything under these directories (PermissionError)."""
    sys.addaudithook(_hook([os.path.realpath(directory) for directory in forbidden]))


def _hook(forbidden: Sequence[str]) -> Callable[[str, tuple[object, ...]], None]:
    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event in _CHILDREN:
            raise PermissionError(f"the blind judge starts no other process ({event})")
        for argument in arguments[: _PATHS_OF.get(event, 0)]:
            if isinstance(argument, str | bytes | os.PathLike):
                _check(os.fsdecode(argument), forbidden)

    return audit


def _check(path: str, forbidden: Sequence[str]) -> None:
    if path.startswith("file:"):  # an SQLite URI
        path = unquote(urlsplit(path).path)
    path = os.path.realpath(path)
    for directory in forbidden:
        if path == directory or path.startswith(directory + os.sep):
            raise PermissionError(f"{path}: the blind judge may not look there")


def main(arguments: Sequence[str]) -> int:
    if len(arguments) < 2 or arguments[1] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    refuse([Path(directory) for directory in arguments[0].split(os.pathsep)])
    from jinbao_reports.cli import main as report

    return report(list(arguments[2:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
