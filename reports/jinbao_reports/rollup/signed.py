"""A Statement under its county's signature, in one file. Format: docs/wire.md, `jinbao-statement/1`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinbao_agent.keys import SigningKey, VerifyKey
from jinbao_agent.wire import Batch, Signed, WireError, canonical, sha256, split_batches
from jinbao_collector import CollectorError
from jinbao_config.counties import Counties, County
from jinbao_reports.source import BadInput

STATEMENT_TAG = "jinbao-statement/1"
SCHEMA = "jinbao.statement/1"

Json = dict[str, Any]


class BrokenEvidence(CollectorError):
    """A signature does not hold, or a signed Statement contradicts itself."""

    exit_code = 1


class UnknownKey(CollectorError):
    """Nobody says whose key this is: without that a signature proves nothing."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A Statement whose signature holds and whose key is this county's."""

    file: str
    sha256: str
    county: County
    statement: Json


def read_statement(file: Path) -> Json:
    """What `compute --json` printed. Raises BadInput."""
    try:
        statement = json.loads(file.read_bytes())
    except OSError as problem:
        raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None
    except ValueError as problem:
        raise BadInput(f"{file}: not JSON: {problem}; expected what `compute --json` prints") from None
    if not isinstance(statement, dict) or statement.get("schema") != SCHEMA:
        raise BadInput(f"{file}: expected a Statement, schema {SCHEMA}, as `compute --json` prints it")
    return statement


def sign(statement: Json, key: SigningKey) -> bytes:
    """Four lines: head, the Statement, signature. The same Statement and key give the same bytes."""
    body = canonical(statement).encode() + b"\n"
    fields = {"key": key.public.fingerprint, "public": key.public.text, "body": sha256(body)}
    return Batch(Signed.make(STATEMENT_TAG, fields, key), body).to_lines()


def read_signed(file: Path, counties: Counties) -> SignedStatement:
    """Raises BadInput, BrokenEvidence or UnknownKey, naming the file."""
    try:
        data = file.read_bytes()
        (document,) = split_batches(data)
        fields = document.signed.fields()
        public = VerifyKey.from_text(str(fields.get("public")))
    except OSError as problem:
        raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None
    except (WireError, ValueError) as problem:
        raise BadInput(f"{file}: not a signed Statement ({problem}); expected a file that `jinbao-report sign` wrote") from None
    if document.signed.tag != STATEMENT_TAG or document.body is None:
        raise BadInput(f"{file}: a signed {document.signed.tag}; expected {STATEMENT_TAG}")
    if not document.signed.verified_by(public) or sha256(document.body) != fields.get("body"):
        raise BrokenEvidence(f"{file}: the signature does not hold: the file was changed after it was signed")
    county = counties.by_key(public.fingerprint)
    if county is None:
        raise UnknownKey(f"{file}: signed by {public.fingerprint}, which is no county's key; add it to counties.toml if it is")
    return SignedStatement(str(file), sha256(data), county, _statement(file, document.body))


def _statement(file: Path, body: bytes) -> Json:
    statement = json.loads(body)
    if not isinstance(statement, dict) or statement.get("schema") != SCHEMA:
        raise BadInput(f"{file}: signs something else than a Statement of schema {SCHEMA}")
    return statement
