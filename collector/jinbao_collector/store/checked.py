"""Whether all of a store can be read, and is of its journal."""

import contextlib
from collections.abc import Iterator

from jinbao_collector import CollectorError
from jinbao_collector.home import Home
from jinbao_collector.store.blob import Damaged, unpack
from jinbao_collector.store.embedded import EmbeddedReader
from jinbao_collector.store.file import REBUILD
from jinbao_collector.store.reading import StoreReading


def problems(home: Home) -> Iterator[str]:
    """Each with what to do; nothing if all is well, or there is no store."""
    if not home.store.exists():
        return
    try:
        with EmbeddedReader(home.root):
            """A store of another journal is refused."""
        with contextlib.closing(StoreReading(home.store)) as store:
            for (link, vantage, target), begin, blobs in store.blobs():
                try:
                    for blob in blobs:
                        unpack(blob)
                except Damaged as problem:
                    yield f"{home.store}: {link} {vantage} {target} at hour {begin}: {problem}; run `{REBUILD}`"
    except CollectorError as problem:
        yield str(problem)
