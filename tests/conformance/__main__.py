"""`python -m conformance --command "jinbao-report compute --json"`, or `--write FOLDER`. See docs/conformance.md."""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from conformance.cases import Question, questions
from conformance.compare import differences


def main() -> int:
    parser = argparse.ArgumentParser("conformance", description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--command", help="judges files: takes the arguments of docs/conformance.md, prints a Statement as JSON")
    what.add_argument("--write", type=Path, metavar="FOLDER", help="only write the files, one folder a question")
    parser.add_argument("--only", default="", metavar="WORD", help="questions whose name or rule contains this")
    asked = parser.parse_args()
    chosen = [question for question in questions() if asked.only in question.id or asked.only in question.rule]
    if asked.write:
        for question in chosen:
            write(question, asked.write / question.id.replace("/", "."))
        print(f"{len(chosen)} questions in {asked.write}")
        return 0
    failed = sum(not _agrees(question, shlex.split(asked.command)) for question in chosen)
    print(f"{len(chosen) - failed} of {len(chosen)} questions answered as expected")
    return 1 if failed or not chosen else 0


def write(question: Question, folder: Path) -> None:
    """The files of one question, its arguments one a line, and what is expected."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in question.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "arguments.txt").write_text("".join(f"{word}\n" for word in question.arguments), encoding="utf-8")
    expected = {
        "rule": question.rule,
        "says": question.says,
        "exit": question.exit,
        "expected": [{"path": path, "value": value} for path, value in question.expected],
    }
    (folder / "expected.json").write_text(
        json.dumps(expected, ensure_ascii=False, indent=1, default=float) + "\n", encoding="utf-8"
    )


def _agrees(question: Question, command: list[str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        write(question, Path(folder))
        done = subprocess.run([*command, *question.arguments], cwd=folder, capture_output=True, text=True, check=False)
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        answer = None
    found = list(differences(question, done.returncode, answer))
    for sentence in found:
        print(f"{question.id} ({question.rule}): {sentence}")
    if found and done.stderr:
        print(done.stderr.rstrip(), file=sys.stderr)
    return not found


if __name__ == "__main__":
    sys.exit(main())
