"""Do the tests notice when the judge is wrong? `python bench/mutants.py [--mutants 320] [--seed 1]`.

Cosmic Ray's operators (`pip install cosmic-ray`) change one thing at a time in a copy of the tree: a comparison, a number, an
`and`, a sign, a loop. The quick tests of judgement then run until one fails. A mutant that all of them let pass has survived.

Every place and kind of change is drawn at most once. Left out is what cannot change a figure: annotations, and decorators
(whether a record is frozen). One process, one mutant at a time; the tree itself is never touched.
"""

import argparse
import ast
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis  # noqa: F401  # these are what the tests wait for longest
import pandas as pd  # noqa: F401
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
# Which of the quick tests are likely to notice, by pytest's -k: they are asked first.
MODULES = {
    "timeline": "r1_ or r2_",
    "attribution": "r4_",
    "observer": "r4_",
    "ladder": "r4_",
    "rung": "r2_ or r4_ or nearest or close_up",
    "service_time": "period or service or G34 or legal or month or cap",
    "sla": "r5_ or G1 or G0",
}
TESTS = ("conformance", "table", "legal_days", "clock_steps", "stretches", "direction", "event_metrics", "cli", "properties")
FOLDERS = ("config", "agent", "collector", "reports", "lab", "tests", "docs")
REACH = 0.95
LONGEST_S = 1200

Position = tuple[int, int]


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """The `occurrence`-th place in a module at which an operator can change something; `kind` is the operator's family."""

    module: str
    start: Position
    kind: str
    operator: str
    occurrence: int

    def code(self, source: str) -> str:
        return str(mutate_code(source, get_operator(self.operator)(), self.occurrence))

    def told(self, source: str) -> str:
        """Module, line, and the line before and after."""
        line = self.start[0] - 1
        before, after = source.splitlines(), self.code(source).splitlines()
        changed = after[line].strip() if line < len(after) else ""
        return (
            f"{self.module}.py:{line + 1} {self.operator.removeprefix('core/')}\n    - {before[line].strip()}\n    + {changed}"
        )


def main() -> int:
    options = _options()
    sources = {name: _file(ROOT, name).read_text(encoding="utf-8") for name in options.modules}
    drawn = _drawn([mutant for name, source in sources.items() for mutant in mutants(name, source)], options)
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        for folder in FOLDERS:
            shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        begun = time.monotonic()
        if not all(_passes(tree, LONGEST_S, words) for words in ("", *MODULES.values())):
            print("the tests fail without any mutant, or none is chosen first", file=sys.stderr)
            return 2
        patience = 60 + 5 * int(time.monotonic() - begun)
        survivors = list(_survivors(drawn, sources, tree, patience))
    killed = 1 - len(survivors) / len(drawn)
    print(f"\n{len(drawn)} mutants of {', '.join(sources)}, seed {options.seed}: {killed:.1%} killed (to reach: {REACH:.0%})")
    return 0 if killed >= REACH else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mutants", type=int, default=320, help="how many are drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--modules", nargs="+", default=list(MODULES), help="of reports/jinbao_reports")
    return parser.parse_args()


def _file(tree: Path, module: str) -> Path:
    return tree / "reports" / "jinbao_reports" / f"{module}.py"


def mutants(module: str, source: str) -> Iterator[Mutant]:
    tree, idle = get_ast(source), _idle(source)
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments():
            continue  # asks for arguments: for code bases with special needs
        places = (place for node in ast_nodes(tree) for place in operator().mutation_positions(node))
        for occurrence, (start, _) in enumerate(places):
            if not any(first <= start < last for first, last in idle):
                yield Mutant(module, start, _kind(name), name, occurrence)


def _kind(operator: str) -> str:
    """'core/ReplaceBinaryOperator_Add_Sub' and its like for other results are one kind of change."""
    return operator.rpartition("_")[0] or operator


def _idle(source: str) -> list[tuple[Position, Position]]:
    """Annotations and decorators: from where to where."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign | ast.arg):
            found.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            found.append(node.returns)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found += node.decorator_list
    return [
        ((node.lineno, max(node.col_offset - 1, 0)), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in found
        if node is not None
    ]


def _drawn(every: list[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """One of each kind at each place, and of these as many as are asked for."""
    chance = random.Random(options.seed)
    by_place: dict[tuple[str, Position, str], list[Mutant]] = {}
    for mutant in sorted(every):
        by_place.setdefault((mutant.module, mutant.start, mutant.kind), []).append(mutant)
    one_each = [chance.choice(alike) for alike in by_place.values()]
    print(f"{len(every)} mutants at {len(one_each)} places and kinds", file=sys.stderr)
    return sorted(chance.sample(one_each, min(options.mutants, len(one_each))))


def _survivors(drawn: list[Mutant], sources: dict[str, str], tree: Path, patience: int) -> Iterator[Mutant]:
    for number, mutant in enumerate(drawn, 1):
        source, file = sources[mutant.module], _file(tree, mutant.module)
        file.write_text(mutant.code(source), encoding="utf-8")
        survived = all(_passes(tree, patience, words) for words in (MODULES.get(mutant.module, "golden"), ""))
        file.write_text(source, encoding="utf-8")
        print(f"{number}/{len(drawn)} {'SURVIVED' if survived else 'killed'} {mutant.module} {mutant.start}", file=sys.stderr)
        if survived:
            print(mutant.told(source), flush=True)
            yield mutant


def _passes(tree: Path, patience: int, words: str) -> bool:
    """Whether the tests pass in time, or those that -k `words` chooses; a mutant that never ends is noticed too.

    In a fork, so that what the judge itself imports is imported once for all mutants.
    """
    scratch = tree / "scratch"  # all that the tests write, so that nothing outlives a test that was cut short
    scratch.mkdir()
    child = os.fork()
    if not child:
        signal.alarm(patience)
        os._exit(_test(tree, scratch, words))
    passed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    shutil.rmtree(scratch)
    return passed


def _test(tree: Path, scratch: Path, words: str) -> int:
    paths = [str(tree / folder) for folder in FOLDERS]
    sys.path[:0] = paths
    os.environ |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(scratch)}
    tempfile.tempdir = str(scratch)
    sys.dont_write_bytecode = True
    os.chdir(tree)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    tests = [f"tests/reports/test_{name}.py" for name in TESTS]
    quiet = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "--hypothesis-seed=0", f"--basetemp={scratch}/pytest"]
    return int(pytest.main([*quiet, "-k", words, *tests]))


if __name__ == "__main__":
    sys.exit(main())
