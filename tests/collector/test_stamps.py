"""Time stamps over manifests by a real authority: asked for, kept, checked; what does not hold is refused and said."""

import logging
import shutil
import subprocess
from pathlib import Path

import pytest

from collecting import NOON, TestClock, centre_in, enrolled, post
from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import Signed
from jinbao_collector import stamps
from jinbao_collector.stamps import StampError
from tsa import Authority, serving

DAY_MS = 86_400_000
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytestmark = needs_openssl


@pytest.fixture
def manifest() -> Signed:
    return Signed.make("jinbao-manifest/1", {"day": "2021-04-09"}, SigningKey.generate())


def test_a_token_is_asked_for_and_holds_against_the_authority_s_certificate(tmp_path: Path, manifest: Signed) -> None:
    with serving(Authority(tmp_path / "tsa").make()) as tsa:
        token = stamps.request(tsa.url, manifest, tsa.ca)
        assert stamps.check(token, manifest.hash, tsa.ca) > NOON
        with pytest.raises(StampError):
            stamps.check(token, "0" * 64, tsa.ca)
        stranger = Authority(tmp_path / "stranger").make()
        with pytest.raises(StampError):
            stamps.check(token, manifest.hash, stranger.ca)
        with pytest.raises(StampError):
            stamps.request(tsa.url, manifest, stranger.ca)
        with pytest.raises(StampError, match="no such file"):
            stamps.check(token, manifest.hash, tmp_path / "nothing.pem")


def test_every_flipped_byte_of_a_token_is_noticed(tmp_path: Path, manifest: Signed) -> None:
    with serving(Authority(tmp_path / "tsa").make()) as tsa:
        token = stamps.request(tsa.url, manifest, tsa.ca)
    genuine, unnoticed = stamps.check(token, manifest.hash, tsa.ca), []
    for place in range(0, len(token), 31):
        try:
            at = stamps.check(token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :], manifest.hash, tsa.ca)
        except StampError:
            continue
        unnoticed.append(at)
    # What nobody signed, such as a certificate's own copy of itself, may change; the time and what it is over may not.
    assert set(unnoticed) <= {genuine}


def test_answers_that_are_no_tokens_are_refused_in_a_sentence(tmp_path: Path, manifest: Signed) -> None:
    with serving(Authority(tmp_path / "tsa").make()) as tsa:
        old = stamps.request(tsa.url, manifest, tsa.ca)
        for answer, problem in (
            ((500, b""), "answers 500 instead of 200"),
            ((200, b"<html>"), "something else than a time-stamp response"),
            ((200, old[:-1]), "something else than a time-stamp response"),
            ((200, old + b"x"), "something else than a time-stamp response"),
            ((200, old), "nonce mismatch"),
        ):
            tsa.answer = answer
            with pytest.raises(StampError, match=problem):
                stamps.request(tsa.url, manifest, tsa.ca)
    with pytest.raises(StampError, match="does not answer"):
        stamps.request(tsa.url, manifest, tsa.ca)


def test_a_token_outlives_the_certificates_it_was_made_with(tmp_path: Path, manifest: Signed) -> None:
    """They are judged as of the time in the token, whatever the time is now."""
    with serving(Authority(tmp_path / "tsa").make()) as tsa:
        token = stamps.request(tsa.url, manifest, tsa.ca)
        at = stamps.check(token, manifest.hash, tsa.ca)
        late = [
            "openssl",
            "ts",
            "-verify",
            "-digest",
            manifest.hash,
            "-sha256",
            "-in",
            str(tmp_path / "t.tsr"),
            "-CAfile",
            str(tsa.ca),
        ]
        (tmp_path / "t.tsr").write_bytes(token)
        expired = subprocess.run([*late, "-attime", str(at // 1000 + 40 * 86_400)], capture_output=True, text=True, check=False)
    assert "certificate has expired" in expired.stderr
    assert stamps.check(token, manifest.hash, tsa.ca) == at


def test_a_centre_keeps_a_token_over_its_newest_manifest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = TestClock()
    with serving(Authority(tmp_path / "tsa").make()) as tsa:
        tsa.answer = (503, b"")
        keys = {"tsa": f'{{ url = "{tsa.url}", ca = "tsa/ca.pem" }}'}
        with caplog.at_level(logging.WARNING), centre_in(tmp_path, clock, **keys) as centre:
            post(centre, *enrolled(centre).minutes(2))
            clock.now_ms += 3 * DAY_MS
            centre.make_due_manifests()
            centre.make_due_manifests()
            assert [record.message for record in caplog.records if "no time stamp" in record.message] == [
                f"the manifest of 2021-04-11 has no time stamp yet: {tsa.url}: answers 503 instead of 200"
            ]
            tsa.answer = None
            centre.make_due_manifests()
            centre.make_due_manifests()
            token = centre.place.home.token("2021-04-11")
            assert stamps.check(token.read_bytes(), centre.manifests.latest_hash(), tsa.ca) > NOON
        assert tsa.asked == 3
