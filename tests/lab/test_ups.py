"""The lab's UPS: speaks enough NUT for NUT's own client, does as it is told, and ends with whoever ordered it."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jinbao_lab.ups import Ups


@pytest.fixture
def ups() -> Iterator[Ups]:
    server = Ups()
    yield server
    server.kill()


def told(ups: Ups, request: str) -> str:
    """Everything it answers to these bytes before it hangs up."""
    with socket.create_connection(("127.0.0.1", ups.port), 30) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def test_it_answers_as_the_protocol_says(ups: Ups) -> None:
    ups.order(status="OB DISCHRG", charge="87")
    assert told(ups, "GET VAR ups ups.status\n") == 'VAR ups ups.status "OB DISCHRG"\n'
    assert told(ups, "LIST VAR ups\nLOGOUT\nVER\n") == (
        'BEGIN LIST VAR ups\nVAR ups ups.status "OB DISCHRG"\nVAR ups battery.charge "87"\nEND LIST VAR ups\nOK Goodbye\n'
    )
    errors = told(ups, "GET VAR ups ups.load\nGET VAR other ups.status\nLIST VAR other\nFSD ups\n")
    assert errors.split("\n")[:4] == ["ERR VAR-NOT-SUPPORTED", "ERR UNKNOWN-UPS", "ERR UNKNOWN-UPS", "ERR UNKNOWN-COMMAND"]


def test_it_answers_as_it_is_told(ups: Ups) -> None:
    ups.order(manner="half")
    assert told(ups, "GET VAR ups ups.status\n") == "VAR ups ups."
    ups.order(manner="hangs up")
    assert told(ups, "GET VAR ups ups.status\n") == ""
    ups.order(manner="plain", answer="ERR DATA-STALE\n")
    assert told(ups, "GET VAR ups ups.status\n") == "ERR DATA-STALE\n"
    ups.order(answer="", charge="")
    assert "battery.charge" not in told(ups, "LIST VAR ups\n")
    with pytest.raises(RuntimeError, match="the UPS of the lab ended"):
        ups.order(mood="bad")


@pytest.mark.skipif(shutil.which("upsc") is None, reason="NUT's client upsc is not installed (nut-client)")
def test_nuts_own_client_reads_it(ups: Ups) -> None:
    ups.order(status="OB DISCHRG")
    read = subprocess.run(["upsc", ups.address, "ups.status"], capture_output=True, text=True, timeout=30, check=True)
    assert read.stdout == "OB DISCHRG\n"


def test_it_ends_with_its_orders_and_its_port_is_free_again(ups: Ups) -> None:
    command = [sys.executable, "-m", "jinbao_lab.ups", "0"]
    assert subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=True).stdout.startswith("{")
    ups.kill()
    again = Ups(ups.port)
    assert told(again, "GET VAR ups ups.status\n") == 'VAR ups ups.status "OL"\n'
    again.kill()
