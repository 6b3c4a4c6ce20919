"""The conformance suite put to our own command, file by file (docs/conformance.md)."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from conformance.cases import Question, questions
from conformance.compare import differences, same
from jinbao_reports.cli import main

QUESTIONS = tuple(questions())


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: f"{question.topic}:{question.id}")
def test_our_command_answers(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in question.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code = main(["compute", "--json", *question.arguments])
    told = capsys.readouterr()
    assert list(differences(question, code, json.loads(told.out) if code < 2 else None)) == [], told.err


def test_the_suite_is_large_enough_and_says_of_each_case_which_rule_it_tries() -> None:
    own = {question.id.partition("/")[0] for question in QUESTIONS if question.rule != "R8"}
    assert len(own) >= 60
    assert len({question.id for question in QUESTIONS}) == len(QUESTIONS)
    assert all(question.expected or question.exit == 2 for question in QUESTIONS)


@pytest.mark.parametrize(
    ("found", "expected", "alike"),
    [
        (30, 30, True),
        ("30.000", 30, True),
        ("0.3", "0.300", True),
        (31, 30, False),
        ("999/1000", "1998/2000", True),
        (0.333333333333, "1/3", True),
        (0.333333333334, "1/3", False),
        (0.8727, Decimal("0.8728"), False),
        (0.872772, Decimal("0.8728"), True),
        (None, None, True),
        (0, None, False),
        (False, 0, False),
        ("pass", "fail", False),
    ],
)
def test_values_are_compared_exactly_in_whatever_notation(found: object, expected: object, alike: bool) -> None:
    assert same(found, expected) is alike


def test_a_wrong_answer_is_told_field_by_field() -> None:
    question = next(question for question in QUESTIONS if question.id == "G01")
    answer = {"links": [{"link": "510422101", "seconds": {"up": 1}, "exact": {}, "verdict": "fail"}]}
    told = list(differences(question, 0, answer))
    assert "links[link=510422101].0.seconds.up: 1, expected 2589408" in told
    assert "links[link=510422101].0.verdict: 'fail', expected 'pass'" in told
    assert any(sentence.startswith("links[link=510422101].0.exact.low: missing") for sentence in told)


def test_anybodys_command_can_be_put_to_it(tmp_path: Path) -> None:
    """As docs/conformance.md says: a command of one's own, and the files alone."""
    root = Path(__file__).parents[1]
    asked = [sys.executable, "-m", "conformance", "--only", "G04"]
    ours = f"{Path(sys.executable).with_name('jinbao-report')} compute --json"
    agreed = subprocess.run([*asked, "--command", ours], cwd=root, capture_output=True, text=True, check=False)
    assert (agreed.returncode, agreed.stdout) == (0, "2 of 2 questions answered as expected\n")
    wrong = subprocess.run([*asked, "--command", "true"], cwd=root, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "G04/remove (R8): " in wrong.stdout
    subprocess.run([*asked, "--write", str(tmp_path)], cwd=root, check=True, capture_output=True)
    assert sorted(file.name for file in (tmp_path / "G04.credit").iterdir()) == [
        "arguments.txt",
        "contract.toml",
        "expected.json",
        "ledger.toml",
        "links.toml",
        "samples.csv",
    ]
