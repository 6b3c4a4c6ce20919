"""STAMP test packets as bytes: RFC 8762, authenticated mode (sections 4.2.2 and 4.3.2), stateful reflector.

A *question* is a Session-Sender's packet, an *answer* the Session-Reflector's; both have 112 octets, so no answer is larger
than its question. Octets 96-111 are HMAC-SHA-256 over the 96 before them, cut to 128 bits (section 4.4). Timestamps are NTP's
64 bits. What differs from the RFC, and why:

* Octets 4-15, zero in the RFC, name the link (4 octets, its division code as a number, by which the reflector finds the key)
  and the session (8 random octets): the asker's in a question, the reflector's in an answer. The RFC tells sessions apart by
  addresses and ports, but a NAT forgets those in just the outages that are asked about, and neither end could see that the
  other one began to count anew.
* The octets 26-95 of a question must be zero, where the RFC ignores them: an answer has its timestamps there, so nobody can
  send an answer back as a question.
* Each end asks with a key of its own (`asking_key`), derived from the secret of the link: what one end asks proves nothing at
  the other.
* The reflector counts and answers each question once (RFC 4303 section 3.4.3); the RFC answers copies too.
"""

import hmac
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

LENGTH = 112
TTL = 255  # of every question, so that the answer tells how many routers it passed
_SIGNED = 96
_ASKED = 26  # octets of a question that mean something; an answer repeats them
_QUESTION = struct.Struct("!II8sQH70x")
_ANSWER = struct.Struct("!II8sQH6xQ8x26s6xB15x")
_ZEROS = bytes(_SIGNED - _ASKED)
_TO_1900_S = 2_208_988_800
_MODULUS = 1 << 64


class Question(NamedTuple):
    """`number` counts the session's questions from 0."""

    number: int
    link: int
    session: bytes


class Answer(NamedTuple):
    """`number` counts the questions of the session `asked` that came before this one, in the reflector's session `life`;
    `held_us` is how long the reflector took; `ttl` what was left of the question's."""

    number: int
    link: int
    life: bytes
    held_us: int
    asked: bytes
    ttl: int

    @property
    def question(self) -> Question:
        return Question(*struct.unpack_from("!II8s", self.asked))


def asking_key(secret: bytes, vantage: str) -> bytes:
    """The key of the questions that the agent at `vantage` asks over a link with this secret, and of their answers."""
    return HKDFExpand(hashes.SHA256(), 32, f"jinbao-stamp/1 {vantage} asks".encode()).derive(secret)


def make_question(question: Question, at_us: int, error: int, key: bytes) -> bytes:
    """`at_us` is UTC when it leaves, `error` an error estimate."""
    plain = _QUESTION.pack(question.number, question.link, question.session, ntp(at_us), error)
    return plain + _mac(plain, key)


def read_question(data: bytes) -> Question | None:
    """None if it is none. Nothing is believed of it before `is_signed`."""
    if len(data) != LENGTH or data[_ASKED:_SIGNED] != _ZEROS:
        return None
    return Question(*struct.unpack_from("!II8s", data))


def make_answer(
    question: bytes, number: int, life: bytes, *, received_us: int, sent_us: int, error: int, ttl: int, key: bytes
) -> bytes:
    """To a question as it came, which it repeats; `received_us` and `sent_us` are UTC."""
    link = int.from_bytes(question[4:8], "big")
    plain = _ANSWER.pack(number, link, life, ntp(sent_us), error, ntp(received_us), question[:_ASKED], ttl)
    return plain + _mac(plain, key)


def read_answer(data: bytes) -> Answer | None:
    """None if it is none. Nothing is believed of it before `is_signed`."""
    if len(data) != LENGTH:
        return None
    number, link, life, sent, _, received, asked, ttl = _ANSWER.unpack_from(data)
    return Answer(number, link, life, _between_us(received, sent), asked, ttl)


def answers(answer: Answer, question: bytes) -> bool:
    """Whether it repeats this question to the octet."""
    return answer.asked == question[:_ASKED]


def is_signed(data: bytes, key: bytes) -> bool:
    return hmac.compare_digest(data[_SIGNED:], _mac(data[:_SIGNED], key))


def _mac(plain: bytes, key: bytes) -> bytes:
    return hmac.digest(key, plain, "sha256")[:16]


def ntp(at_us: int) -> int:
    """Microseconds since 1970 UTC as NTP's 64-bit timestamp (RFC 5905 section 6), cut to its resolution."""
    seconds, rest = divmod(at_us, 1_000_000)
    return ((seconds + _TO_1900_S) << 32 | (rest << 32) // 1_000_000) % _MODULUS


def _between_us(earlier: int, later: int) -> int:
    """Between two NTP timestamps at most 68 years apart, to the nearest microsecond; negative if the later one is not."""
    fractions = (later - earlier + _MODULUS // 2) % _MODULUS - _MODULUS // 2
    return (fractions * 1_000_000 + (1 << 31)) >> 32


def error_estimate(sync: bool, error_us: int) -> int:
    """RFC 4656 section 4.1.2: whether the clock is synchronised, and multiplier x 2^(scale - 32) seconds, rounded up."""
    fractions = max(1, -((-error_us << 32) // 1_000_000))
    scale = max(0, fractions.bit_length() - 8)
    multiplier = -(-fractions >> scale)
    if multiplier > 255:
        scale, multiplier = scale + 1, -(-multiplier >> 1)
    return sync << 15 | scale << 8 | multiplier
