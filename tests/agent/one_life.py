"""One life of an agent as a process of its own, in the boot that a file names: one_life.py BOOT_FILE CONFIG."""

import asyncio
import signal
import sys
from pathlib import Path

from jinbao_agent.identity import Home
from jinbao_agent.ladder import ladder
from jinbao_agent.run import Agent, Machine
from jinbao_config.links import read_links
from jinbao_config.services import read_agent


async def live(boot_file: Path, file: Path) -> None:
    config = read_agent(file).value
    rungs = ladder(config, read_links(file.parent / config.links).value)
    home = Home(file.parent / config.data)
    home.make()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await Agent(config, rungs, home, Machine(boot_file)).run(stop, lambda: "SIGTERM")


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), Path(sys.argv[2])))
