"""Starting and ending real processes, so that none outlives the lab."""

import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PATIENCE_S = 15


class Failed(Exception):
    """A program of ours ended with an error: what it was and what it said."""


def program(module: str) -> list[str]:
    """One of the product's commands, run by this interpreter, whether or not its script is on the PATH."""
    return [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())"]


def typed(name: str, *words: str) -> str:
    """A command line as it can be typed where we are: an environment's commands are not on the PATH unless it is activated."""
    ours = Path(sys.executable).with_name(name)
    command = name if not ours.exists() or shutil.which(name) == str(ours) else _from_here(ours)
    return shlex.join([command, *(_from_here(Path(word)) if word.startswith("/") else word for word in words)])


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _dies_with_parent() -> Callable[[], None]:
    libc, parent = ctypes.CDLL(None), os.getpid()

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the parent went before the promise was made

    return before_exec


def start(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """In the background; what it says is appended to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **(environment or {})},
            preexec_fn=_dies_with_parent(),
        )


def run(command: Sequence[str], log: Path, allowed: Sequence[int] = (0,)) -> str:
    """To its end; returns its standard output. Raises Failed for an exit code that is not allowed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    with log.open("a") as out:
        out.write(f"$ {' '.join(command[-6:])}\n{done.stdout}{done.stderr}")
    if done.returncode not in allowed:
        said = (done.stderr or done.stdout).strip()
        raise Failed(f"{' '.join(command)} ended with {done.returncode}: {said[-2000:] or 'it said nothing'}; see {log}")
    return done.stdout


def end(process: subprocess.Popen[bytes], signal_number: int = signal.SIGTERM) -> int:
    """Asks, waits, and kills what does not listen. Returns the exit code."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        return process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def only_child(pid: int) -> int:
    """The one child of a process that runs a command elsewhere, such as nsenter. Waits for it to be there: it is forked at
    once after the start. Raises Failed."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            break
        if found:
            return int(found[0])
        time.sleep(0.001)
    raise Failed(f"process {pid} has no child")
