"""The conformance suite put to our own command, file by file (docs/conformance.md)."""

import json
from pathlib import Path

import pytest

from conformance.cases import Question, questions
from conformance.compare import differences
from jinbao_reports.cli import main

QUESTIONS = tuple(questions())


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_our_command_answers(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in question.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code = main(["compute", "--json", *question.arguments])
    told = capsys.readouterr()
    assert list(differences(question, code, json.loads(told.out) if code < 2 else None)) == [], told.err
