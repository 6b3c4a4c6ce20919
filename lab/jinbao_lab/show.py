"""What the person in front of the lab sees, in Chinese or English: a moving bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from jinbao_lab.score import Line, Score


class Show:
    def __init__(self, lang: str, console: Console | None = None) -> None:
        self.lang = lang
        # Into a file or pipe nothing may be cut to an imagined terminal's width.
        self.console = console or Console(highlight=False, width=None if sys.stdout.isatty() else 160)
        self._bar: Progress | None = None

    def text(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def step(self, zh: str, en: str) -> None:
        """What is being done now."""
        self.console.print(f"[bold]▸ {self.text(zh, en)}[/bold]")

    def tell(self, zh: str, en: str | None = None) -> None:
        """A fact beside it; without `en` it reads the same in both."""
        self.console.print(f"  {self.text(zh, zh if en is None else en)}", markup=False, soft_wrap=True)

    @contextmanager
    def clock(self, seconds: float) -> Iterator["Clock"]:
        """A bar over a known time; lines told meanwhile scroll above it."""
        if not self.console.is_terminal:
            yield Clock(None)
            return
        columns = (TextColumn("  {task.fields[doing]}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} s"))
        # auto_refresh would start a thread, and processes are forked from here.
        with Progress(*columns, console=self.console, auto_refresh=False, transient=True) as bar:
            bar.add_task("", total=seconds, doing="")
            yield Clock(bar)

    def score(self, result: Score) -> None:
        """Injected against found."""
        table = Table(title=self.text("注入的故障与判定的对照", "injected against found"))
        heads = (
            ("故障", "线路", "应为", "判为", "始差 s", "止差 s", ""),
            ("fault", "link", "expected", "judged", "onset", "end", ""),
        )
        for head in heads[self.lang != "zh"]:
            table.add_column(head)
        for lines in _alike(result.lines):
            table.add_row(*self._cells(lines))
        self.console.print(table)
        for problems, zh, en in (
            (result.unjust, "错记于运营商的时间", "wrongly counted against the carrier"),
            (result.extra, "故障之外的误判", "wrong where no fault is"),
            (result.events, "应为一个事件", "one event torn"),
            (result.figures, "指标中缺少痕迹", "no trace in the figures"),
            (result.clock, "时钟", "clock"),
            (result.lost, "已确认却丢失", "acknowledged, yet lost"),
        ):
            for problem in problems:
                self.console.print(f"  ✗ {self.text(zh, en)}: {problem}", markup=False)
        verdict = self.text("全部命中", "all found") if result.right else self.text("有误", "missed")
        self.console.print(f"[bold]{'✓' if result.right else '✗'} {verdict}: {result.hits}/{len(result.lines)}[/bold]")

    def _cells(self, lines: Sequence[Line]) -> tuple[str, ...]:
        line = lines[0]
        where = line.link if len(lines) == 1 else self.text(f"{len(lines)} 条线路", f"{len(lines)} links")
        edges = ([one.onset_error_us for one in lines], [one.restored_error_us for one in lines])
        verdict = "✓" if not line.misses else "✗ " + "; ".join(line.misses)
        return (line.fault, where, line.expected, line.judged, *map(_range, edges), verdict)


def _alike(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """A fault's links that were all judged the same, and rightly, are one row; a miss stands by itself."""
    for (_, _, _, misses), group in groupby(lines, lambda line: (line.fault, line.expected, line.judged, line.misses)):
        found = list(group)
        yield from [[line] for line in found] if misses else [found]


def _range(errors: Sequence[int | None]) -> str:
    known = sorted(error / 1e6 for error in errors if error is not None)
    if not known:
        return "–"
    return f"{known[0]:+.3f}" if len(known) == 1 else f"{known[0]:+.3f} … {known[-1]:+.3f}"


class Clock:
    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar

    def show(self, seconds: float, doing: str) -> None:
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=seconds, doing=doing)
            self._bar.refresh()
