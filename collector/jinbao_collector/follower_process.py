"""The processes that follow the journal while the collector serves, kept alive and ended with it."""

import logging
import os
import select
import subprocess
import sys
import threading

log = logging.getLogger(__name__)

_PAUSE_S = 10.0


class FollowerProcess:
    """`python -m MODULE ARGUMENTS` in a process of its own; one that dies is started anew after a pause.

    It ends when its standard input does: also when this process is killed and can end nothing any more.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch, name=module, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Lets it finish what it has begun."""
        with self._lock:
            self._stopping.set()
            self._hang_up(self._process)
        self._thread.join()

    def _watch(self) -> None:
        while True:
            status = self._process.wait()
            if self._stopping.is_set():
                return
            log.error("a follower ended, it is started anew command=%s status=%d", " ".join(self._command[2:]), status)
            self._hang_up(self._process)
            self._stopping.wait(_PAUSE_S)
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        # In a session of its own: a terminal's Ctrl-C is for the service, which then ends it in good order.
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)

    def _hang_up(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None, "it was given a pipe"
        process.stdin.close()


def hung_up(seconds: float) -> bool:
    """In such a process: whether the one that holds the other end of its standard input is gone, waiting so long for it."""
    readable, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1)
