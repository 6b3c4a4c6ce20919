"""The private box: what is in it ends with it, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jinbao_lab.box import NoBox, check
from sleepers import PATIENCE_S, await_count, mark_of

pytestmark = pytest.mark.root
IN_THE_BOX = "ip netns add somewhere; sleep {mark} & sleep {mark}"


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
    """A process that holds a box with two sleepers in it."""
    code = (
        "from jinbao_lab import box\n"
        'inner = \'from jinbao_lab import box; import os; box.settle(); os.execvp("sh", ["sh", "-c", \'\n'
        f"inner += repr({IN_THE_BOX.format(mark=mark)!r}) + '])'\n"
        "import sys; sys.exit(box.run_inside([sys.executable, '-c', inner]))"
    )
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as process:
        await_count(mark, 2)
        yield process
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_in_the_box_outlives_its_owner(how: signal.Signals, boxed: "subprocess.Popen[bytes]", mark: str) -> None:
    boxed.send_signal(how)
    boxed.wait(PATIENCE_S)
    await_count(mark, 0)


def test_nothing_in_the_box_outlives_a_ctrl_c(boxed: "subprocess.Popen[bytes]", mark: str) -> None:
    os.killpg(boxed.pid, signal.SIGINT)
    boxed.wait(PATIENCE_S)
    await_count(mark, 0)


def test_the_host_sees_nothing_of_the_box(boxed: "subprocess.Popen[bytes]") -> None:
    named = Path("/run/netns")
    assert not (named / "somewhere").exists()


def test_a_refusal_says_which_command_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoBox, match="the commands ip, unshare, nsenter, setpriv, mount, sh are missing"):
        check()
