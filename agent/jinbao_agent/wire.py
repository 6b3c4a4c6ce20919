"""Signed documents and batches as bytes. The only place that turns samples into JSON and back; format: docs/wire.md.

A signed document is a *head* of two lines, `jinbao-KIND/VERSION` and one line of JSON, and an Ed25519 signature over
exactly these bytes. A batch adds one line of columns whose SHA-256 stands in its head. Bytes are kept as they were made,
never re-serialised.
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from jinbao_agent.keys import SigningKey, VerifyKey
from jinbao_agent.sample import Event, Sample, outcome_problem

GENESIS = "0" * 64
BATCH_TAG = "jinbao-batch/1"
_TAG = re.compile(r"jinbao-[a-z]+/\d+")


class WireError(Exception):
    """These bytes are not what they should be: says why."""


class TooLarge(WireError):
    """More bytes than the reader allows."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Signed:
    """A head and the signature over it. Nothing is believed of it before `verified_by`."""

    head: bytes
    signature: bytes

    @classmethod
    def make(cls, tag: str, fields: Mapping[str, Any], key: SigningKey) -> "Signed":
        head = f"{tag}\n{canonical(fields)}\n".encode()
        return cls(head, key.sign(head))

    @property
    def tag(self) -> str:
        return self.head.split(b"\n", 1)[0].decode("ascii", "replace")

    @property
    def hash(self) -> str:
        return sha256(self.head)

    def fields(self) -> dict[str, Any]:
        """Raises WireError unless the head is a tag line and one JSON object of integers, texts, lists and tables."""
        lines = self.head.split(b"\n")
        if len(lines) != 3 or lines[2] or not _TAG.fullmatch(self.tag):
            raise WireError("a head is two lines: jinbao-KIND/VERSION and a JSON object")
        return _object(lines[1])

    def verified_by(self, key: VerifyKey) -> bool:
        return key.verifies(self.signature, self.head)

    def to_lines(self) -> bytes:
        return self.head + base64.b64encode(self.signature) + b"\n"

    @classmethod
    def from_lines(cls, data: bytes) -> "Signed":
        """Raises WireError."""
        lines = data.split(b"\n")
        if len(lines) != 4 or lines[3]:
            raise WireError("a signed document is three lines: tag, JSON, signature in base64")
        return cls(b"\n".join(lines[:2]) + b"\n", _signature(lines[2]))


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples and events of up to a minute. `body` is None where a spool or an archive kept only the header."""

    signed: Signed
    body: bytes | None

    def fields(self) -> dict[str, Any]:
        """The header. Raises WireError if it is not one, or if the body is not the one it names."""
        fields = self.signed.fields()
        check_header(fields)
        if self.body is not None and sha256(self.body) != fields["body"]:
            raise WireError("the body's SHA-256 is not the one in the header")
        return fields

    def to_lines(self) -> bytes:
        return (
            self.signed.head + (self.body if self.body is not None else b"\n") + base64.b64encode(self.signed.signature) + b"\n"
        )


_HEADER: Mapping[str, type | tuple[type, ...]] = {
    "agent": str, "vantage": str, "key": str, "chain": str, "number": int, "prev": str, "body": str, "seen": str,
    "slots": list, "boot": str, "clock": dict,
}  # fmt: skip


def check_header(fields: Mapping[str, Any]) -> None:
    """Raises WireError unless these are the fields of a batch's head, each of its type."""
    for name, kinds in _HEADER.items():
        if not isinstance(fields.get(name), kinds) or isinstance(fields[name], bool):
            raise WireError(f"header field {name!r} is missing or of the wrong type")


def make_batch(header: Mapping[str, Any], samples: Sequence[Sample], events: Sequence[Event], key: SigningKey) -> Batch:
    """Signs a batch. `header` has every field but `key`, `body` and `slots`; samples are of its vantage and boot."""
    body = encode_body(samples, events)
    sent = [sample.sent_us // 1000 for sample in samples] or [event.at_us // 1000 for event in events] or [0]
    fields = {**header, "key": key.public.fingerprint, "body": sha256(body), "slots": [min(sent), max(sent)]}
    return Batch(Signed.make(BATCH_TAG, fields, key), body)


def pack(batches: Iterable[Batch]) -> bytes:
    """One request's body: the batches' lines, zlib."""
    return zlib.compress(b"".join(batch.to_lines() for batch in batches), 6)


def unpack(data: bytes, most_bytes: int) -> list[Batch]:
    """The batches of one request. Raises WireError; stops inflating at `most_bytes` (TooLarge), so a bomb costs no memory."""
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(data, most_bytes + 1)
    except zlib.error as problem:
        raise WireError(f"not zlib: {problem}") from None
    if len(plain) > most_bytes:
        raise TooLarge(f"inflates to more than {most_bytes} bytes")
    if not inflate.eof or inflate.unused_data:
        raise WireError("the zlib stream is cut short or has a tail")
    return list(split_batches(plain))


def split_batches(plain: bytes) -> Iterator[Batch]:
    lines = plain.split(b"\n")
    if lines.pop() or not lines or len(lines) % 4:
        raise WireError("each batch is four lines: tag, header, body, signature in base64")
    for at in range(0, len(lines), 4):
        tag, header, body, signature = lines[at : at + 4]
        yield Batch(Signed(tag + b"\n" + header + b"\n", _signature(signature)), body + b"\n" if body else None)


def _signature(line: bytes) -> bytes:
    try:
        signature = base64.b64decode(line, validate=True)
    except ValueError:
        raise WireError("the signature is not base64") from None
    if len(signature) != 64:
        raise WireError("an Ed25519 signature has 64 bytes")
    return signature


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(line.decode())
    except (ValueError, RecursionError) as problem:
        raise WireError(f"not JSON of integers and texts: {problem}") from None
    if not isinstance(value, dict):
        raise WireError("expected a JSON object")
    return value


def _no_float(text: str) -> Any:
    raise ValueError(f"{text} is not an integer")


_DECODER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)


# The body. Times are coded as first value and differences: a healthy rung then costs a fraction of a byte a column.


def encode_body(samples: Sequence[Sample], events: Sequence[Event]) -> bytes:
    """One line of JSON: a list a column."""
    series = list(dict.fromkeys((sample.link, sample.target, sample.interval_ms) for sample in samples))
    outcomes = list(dict.fromkeys(sample.outcome for sample in samples))
    place = {name: index for index, name in enumerate(series)}
    word = {name: index for index, name in enumerate(outcomes)}
    body = {
        "series": series,
        "outcomes": outcomes,
        "of": [place[sample.link, sample.target, sample.interval_ms] for sample in samples],
        "outcome": [word[sample.outcome] for sample in samples],
        "sent_us": _differences([sample.sent_us for sample in samples]),
        "mono_us": _differences([sample.mono_us or 0 for sample in samples]),
        "rtt_us": [sample.rtt_us for sample in samples],
        "seq": _differences([sample.seq or 0 for sample in samples]),
        "events": [[event.link, event.at_us, event.event, event.boot, event.detail] for event in events],
    }
    return canonical(body).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Columns:
    """A body as it stands on the wire: one list a field. `of` and `outcome` index `series` and `outcomes`."""

    series: list[tuple[str, str, int | None]]
    outcomes: list[str]
    of: list[int]
    outcome: list[int]
    sent_us: list[int]
    mono_us: list[int]
    rtt_us: list[int | None]
    seq: list[int]
    events: list[tuple[str, int, str, str, str]]

    def span_ms(self) -> tuple[int, int] | None:
        """The oldest and the newest instant of its samples and events; None if it has neither."""
        instants = [*accumulate(self.sent_us), *(event[1] for event in self.events)]
        return (min(instants) // 1000, max(instants) // 1000) if instants else None


def read_columns(body: bytes) -> Columns:
    """The columns of a body, checked: they fit together and every integer fits 63 bits. Raises WireError."""
    fields = _object(body)
    try:
        columns = Columns(
            [_typed(row, _SERIES) for row in fields["series"]],
            [_outcome(token) for token in fields["outcomes"]],
            _indices(fields["of"], len(fields["series"])),
            _indices(fields["outcome"], len(fields["outcomes"])),
            _whole(fields["sent_us"], {int}),
            _whole(fields["mono_us"], {int}),
            _whole(fields["rtt_us"], {int, type(None)}),
            _whole(fields["seq"], {int}),
            [_typed(row, _EVENT) for row in fields["events"]],
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise WireError(f"the body's columns do not fit together: {problem!r}") from None
    if len({len(getattr(columns, name)) for name in ("of", "outcome", "sent_us", "mono_us", "rtt_us", "seq")}) != 1:
        raise WireError("the body's columns differ in length")
    return columns


_SERIES: tuple[list[type], ...] = ([str, str, int], [str, str, type(None)])
_EVENT = ([str, int, str, str, str],)
_MOST = 2**62


def _typed(row: Any, kinds: tuple[list[type], ...]) -> Any:
    if not isinstance(row, list) or [type(value) for value in row] not in kinds:
        raise ValueError(row)
    if any(type(value) is int and abs(value) > _MOST for value in row):
        raise ValueError(f"{row} holds too large an integer")
    return tuple(row)


def _outcome(token: Any) -> str:
    if not isinstance(token, str) or (problem := outcome_problem(token)):
        raise ValueError(f"{token!r}: {problem if isinstance(token, str) else 'not a text'}")
    return token


def _whole(values: Any, kinds: set[type]) -> Any:
    """A column of these types whose absolute values, hence all partial sums, stay below 2^62."""
    if not isinstance(values, list) or not set(map(type, values)) <= kinds or sum(map(abs, filter(None, values))) > _MOST:
        raise ValueError("a column holds something else than integers of 63 bits")
    return values


def _indices(values: Any, size: int) -> Any:
    if _whole(values, {int}) and not (min(values) >= 0 and max(values) < size):
        raise ValueError("a column points past its table")
    return values


def decode_body(body: bytes, vantage: str, boot: str) -> tuple[list[Sample], list[Event]]:
    """The records of a batch with this header. Raises WireError."""
    columns = read_columns(body)
    rows = zip(
        columns.of,
        columns.outcome,
        accumulate(columns.sent_us),
        accumulate(columns.mono_us),
        columns.rtt_us,
        accumulate(columns.seq),
        strict=True,
    )
    samples = []
    for of, word, sent, mono, rtt, seq in rows:
        link, target, interval = columns.series[of]
        samples.append(
            Sample(
                link=link,
                vantage=vantage,
                target=target,
                sent_us=sent,
                outcome=columns.outcomes[word],
                rtt_us=rtt,
                boot=boot,
                seq=seq,
                mono_us=mono,
                interval_ms=interval,
            )
        )
    events = [
        Event(link=link, vantage=vantage, at_us=at, event=kind, boot=of_boot, detail=detail)
        for link, at, kind, of_boot, detail in columns.events
    ]
    return samples, events


def _differences(values: Sequence[int]) -> list[int]:
    return [*values[:1], *(after - before for before, after in pairwise(values))]
