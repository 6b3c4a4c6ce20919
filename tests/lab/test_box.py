"""The private box: what is in it ends with it, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from jinbao_lab.box import NoBox, check
from sleepers import mark_of, sleepers

pytestmark = pytest.mark.root
# One in the background, which ignores a Ctrl-C, and one that a Ctrl-C ends; it says that it is there itself.
IN_THE_BOX = "ip netns add somewhere; sleep {mark} & sh -c 'echo there; exec sleep {mark}'; exit"


@pytest.fixture(autouse=True)
def _needs_a_box() -> None:
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))


@pytest.fixture
def mark(tmp_path: Path) -> str:
    return mark_of(tmp_path)


@pytest.fixture
def boxed(mark: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that holds a box with two sleepers in it; its output ends when the last of them all has ended."""
    code = (
        "from jinbao_lab import box\n"
        'inner = \'from jinbao_lab import box; import os; box.settle(); os.execvp("sh", ["sh", "-c", \'\n'
        f"inner += repr({IN_THE_BOX.format(mark=mark)!r}) + '])'\n"
        "import sys; sys.exit(box.run_inside([sys.executable, '-c', inner]))"
    )
    command = [sys.executable, "-c", code]
    # Where the tests run in the background a shell has them, and all they start, ignore a Ctrl-C.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, preexec_fn=heed) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        yield process
        process.kill()


def await_the_end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout is not None
    assert process.stdout.read() == b""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_in_the_box_outlives_its_owner(how: signal.Signals, boxed: "subprocess.Popen[bytes]", mark: str) -> None:
    boxed.send_signal(how)
    await_the_end(boxed)
    assert sleepers(mark) == 0


def test_nothing_in_the_box_outlives_a_ctrl_c(boxed: "subprocess.Popen[bytes]", mark: str) -> None:
    os.killpg(boxed.pid, signal.SIGINT)
    await_the_end(boxed)
    assert sleepers(mark) == 0


def test_the_host_sees_nothing_of_the_box(boxed: "subprocess.Popen[bytes]") -> None:
    named = Path("/run/netns")
    assert not (named / "somewhere").exists()


def test_a_refusal_says_which_command_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoBox, match="the commands ip, unshare, nsenter, setpriv, mount, sh are missing"):
        check()
