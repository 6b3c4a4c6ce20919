"""jinbao-report: figures and pages from samples, contract and ledger.

Exit codes: 0 done, 1 the answer is bad news (a link fails, evidence is broken), 2 used or configured wrongly, 3 the
environment lacks something.
"""

import sys
from collections.abc import Sequence

from jinbao_collector import CollectorError

WRONG_USE, NO_ENVIRONMENT = 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        from jinbao_reports import commands
        from jinbao_reports.parser import parser
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("jinbao_"):
            raise  # not an extra that lacks, but a fault of ours
        print(f"jinbao-report needs {missing.name}: pip install 'jinbao-uptime[reports]'", file=sys.stderr)
        return NO_ENVIRONMENT
    asked = parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except commands.REFUSALS as problem:
        print(f"jinbao-report {asked.command}: {problem}", file=sys.stderr)
        return WRONG_USE
    except CollectorError as problem:
        print(f"jinbao-report {asked.command}: {problem}", file=sys.stderr)
        return problem.exit_code
    except commands.FAILURES as problem:
        print(f"jinbao-report {asked.command}: {problem}", file=sys.stderr)
        return NO_ENVIRONMENT
