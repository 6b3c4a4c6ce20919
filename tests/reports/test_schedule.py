"""Documents that issue themselves: when they fall due, what is written, and a real mail server that takes them."""

import datetime
import email
import email.policy
import hashlib
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from collecting import TestClock
from evidence import Site, make_site
from jinbao_collector.centre import Centre
from jinbao_config import units
from jinbao_config.schedule import Schedule
from jinbao_reports.cli import main
from jinbao_reports.evidence.issued import REPORT, issued_reports
from jinbao_reports.legal_days import shipped
from jinbao_reports.parser import parser
from jinbao_reports.schedule.commands import serve_once
from jinbao_reports.schedule.due import due_ms, due_periods, next_due_ms
from jinbao_reports.source import BadInput

SHANGHAI = ZoneInfo("Asia/Shanghai")
_PROGRAM = "import sys; from jinbao_reports.cli import main; sys.exit(main())"
PART = "--incomplete"  # the county's records end on the 11th
DUE = "2021-05-07T09:00:00+08:00"  # after the holiday of May: the 6th is the first working day


def at(text: str) -> int:
    return units.instant_ms(f"{text}+08:00")


# When


def scheduled(**more: Any) -> Schedule:
    return Schedule(schema="jinbao.schedule/1", first="2021-04", out="out", by="办公室", **more)


@pytest.mark.parametrize(
    ("month", "more", "day"),
    [
        ("2021-04", {}, "2021-05-07T09:00:00"),
        ("2021-01", {}, "2021-02-02T09:00:00"),
        ("2021-09", {}, "2021-10-09T09:00:00"),  # a Saturday that is worked, after a week off
        ("2021-12", {}, "2022-01-05T09:00:00"),
        ("2021-04", {"working_day": 1, "at": 0}, "2021-05-06T00:00:00"),
    ],
)
def test_a_month_falls_due_on_the_second_legal_working_day_of_the_next(month: str, more: dict[str, int], day: str) -> None:
    first = datetime.date.fromisoformat(f"{month}-01")
    assert due_ms(first, scheduled(**more), SHANGHAI, shipped()) == at(day)


@pytest.mark.parametrize(
    ("now", "periods"),
    [
        ("2021-05-07T08:59:59", []),
        ("2021-05-07T09:00:00", ["2021-04"]),
        ("2021-07-02T09:00:00", ["2021-04", "2021-05", "2021-06", "2021-Q2"]),
        ("2022-01-05T09:00:00", [f"2021-{month:02}" for month in (10, 11, 12)] + ["2021-Q4"]),
    ],
)
def test_what_was_missed_is_still_due_with_its_quarter(now: str, periods: list[str]) -> None:
    assert list(due_periods(scheduled(), at(now), SHANGHAI, shipped()))[-len(periods) or None :] == periods


def test_a_year_is_due_only_where_it_was_scheduled_from_its_beginning() -> None:
    later, whole = (Schedule(schema="jinbao.schedule/1", first=first, out="o", by="b") for first in ("2021-02", "2021-01"))
    due = [list(due_periods(schedule, at("2022-01-05T09:00:00"), SHANGHAI, shipped())) for schedule in (later, whole)]
    assert ("2021" in due[0], "2021" in due[1], "2021-Q1" in due[0], "2021-Q1" in due[1]) == (False, True, False, True)


def test_the_next_one_is_told() -> None:
    for now, then in (("2021-05-07T08:00:00", "2021-05-07T09:00:00"), ("2021-05-07T09:00:00", "2021-06-02T09:00:00")):
        assert next_due_ms(scheduled(), at(now), SHANGHAI, shipped()) == at(then)


def test_a_year_without_a_legal_calendar_is_refused_not_guessed() -> None:
    with pytest.raises(BadInput, match="no legal calendar is known for 2039"):
        due_ms(datetime.date(2038, 12, 1), scheduled(), SHANGHAI, shipped())


# What


class Sink:
    """An SMTP server that keeps what it is sent, and for whom; `answers` are those it refuses, "*" all."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.got: list[list[str]] = []
        self.answers: dict[str, str] = {}

    async def handle_RCPT(self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        if refusal := self.answers.get(address, self.answers.get("*")):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        made = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(made, EmailMessage)
        self.messages.append(made)
        self.got.append(list(envelope.rcpt_tos))
        return "250 OK"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[Sink, int]]:
    """STARTTLS and a password are asked for, as offices' servers do."""
    certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "mail.pem", tmp_path / "mail.key")

    def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"jinbao", b"secret"), handled=False)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = Sink()
    server = Controller(
        kept, "127.0.0.1", port, tls_context=context, require_starttls=True, authenticator=known, auth_required=True
    )
    server.start()
    yield kept, port
    server.stop()


def certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "mail.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "mail.key").write_bytes(key.private_bytes(*plain))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = make_site(tmp_path_factory.mktemp("scheduled"))
    shutil.copytree(site.folder, _untouched(site))
    return site


def _untouched(site: Site) -> Path:
    """The same county, of which nothing was issued."""
    return site.folder.with_name("untouched")


def schedule_file(site: Site, folder: Path, port: int, out: str) -> Path:
    (folder / "password").write_text("secret\n", encoding="utf-8")
    file = folder / "schedule.toml"
    file.write_text(
        f"""schema = "jinbao.schedule/1"
first = "2021-04"
store = "{site.data}"
links = "{site.folder / "links.toml"}"
contracts = ["{site.folder / "contract.toml"}"]
out = "{out}"
by = "办公室"
formats = ["pdf", "json"]
[mail]
host = "localhost"
port = {port}
ca = "mail.pem"
user = "jinbao"
password_file = "password"
from = "jinbao@example.gov.cn"
to = ["office@example.gov.cn", "carrier@example.com"]
""",
        encoding="utf-8",
    )
    return file


def due(capsys: pytest.CaptureFixture[str], file: Path, *more: str, when: str = DUE) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["due", "--config", str(file), "--at", when, *more])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_what_is_due_is_frozen_written_and_mailed_once(
    judged: Site, sink: tuple[Sink, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, port = sink
    file = schedule_file(judged, tmp_path, port, "issued")
    code, out, _ = due(capsys, file, when="2021-05-07T08:00:00+08:00")
    assert (code, out) == (0, "没有到期的文件；下一次在 2021-05-07T09:00+08:00\n")
    kept.answers = {"*": "450 mailbox busy"}
    code, _, err = due(capsys, file, PART)
    assert (code, kept.messages) == (3, [])
    assert "450 mailbox busy" in err
    folder = tmp_path / "issued" / "2021-04"
    facts = json.loads((folder / "issue.json").read_text(encoding="utf-8"))
    written = {item["name"]: (folder / item["name"]).stat().st_mtime_ns for item in facts["files"]}
    kept.answers = {}
    code, out, _ = due(capsys, file, "--json")
    assert (code, [one["did"] for one in json.loads(out)]) == (0, ["mailed"])
    assert sorted(kept.got[0]) == ["carrier@example.com", "office@example.gov.cn"]
    assert written == {name: (folder / name).stat().st_mtime_ns for name in written}  # nothing was made a second time
    assert due(capsys, file, "--json")[1] == "[]\n"
    assert len(kept.messages) == len([one for one in issued_reports(judged.data) if one.period == "2021-04"]) == 1
    _looks_right(kept.messages[0], facts, folder)


def test_a_month_whose_records_do_not_reach_its_end_waits_for_them(
    judged: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(_untouched(judged), tmp_path / "county")
    site = Site(tmp_path / "county", TestClock(at("2021-05-07T08:00:00")))
    file = schedule_file(site, tmp_path, 25, "issued")
    file.write_text(file.read_text(encoding="utf-8").partition("[mail]")[0], encoding="utf-8")
    code, out, err = due(capsys, file, "--json")
    assert (code, [one["did"] for one in json.loads(out)]) == (3, ["failed"])
    assert "2021-04: the newest daily manifest is of 2021-04-11, before the end of the period; not issued" in err
    assert issued_reports(site.data) == ()
    with Centre(site.place, site.clock) as centre:
        centre.make_due_manifests()
    code, out, _ = due(capsys, file, "--json")
    assert (code, [one["did"] for one in json.loads(out)]) == (0, ["written"])
    assert issued_reports(site.data)[-1].read(REPORT)["as_of"] is None


# To whom


@pytest.fixture
def written(judged: Site, sink: tuple[Sink, int], tmp_path: Path) -> Path:
    """The schedule of a county whose November 2026 is written, and is to be mailed."""
    file = schedule_file(judged, tmp_path, sink[1], "issued")
    file.write_text(file.read_text(encoding="utf-8").replace("2021-04", "2026-11"), encoding="utf-8")
    frozen, folder = tmp_path / "0001", tmp_path / "issued" / "2026-11"
    for made in (frozen, folder):
        made.mkdir(parents=True)
    group = {"links": 1, "verdicts": {"pass": 1, "fail": 0, "inconclusive": 0, "no_data": 0}}
    (frozen / REPORT).write_text(json.dumps({"period": {"name": "2026-11"}, "group": group}), encoding="utf-8")
    facts = {"number": 1, "report": "0" * 64, "frozen": str(frozen), "files": []}
    (folder / "issue.json").write_text(json.dumps(facts), encoding="utf-8")
    return file


WINTER = "2026-12-20T09:00:00+08:00"
OFFICE, CARRIER = "office@example.gov.cn", "carrier@example.com"


def test_who_has_the_documents_does_not_get_them_again_while_another_is_refused(
    written: Path, sink: tuple[Sink, int], capsys: pytest.CaptureFixture[str]
) -> None:
    kept, _ = sink
    kept.answers = {CARRIER: "451 try again later"}
    for _ in range(2):
        code, _, err = due(capsys, written, when=WINTER)
        assert code == 3
        assert f"refused {CARRIER}: 451 try again later" in err
        assert kept.got == [[OFFICE]]
    kept.answers = {}
    assert due(capsys, written, when=WINTER)[0] == 0
    assert kept.got == [[OFFICE], [CARRIER]]
    assert kept.messages[0]["Message-ID"] == kept.messages[1]["Message-ID"]
    assert due(capsys, written, "--json", when=WINTER)[1] == "[]\n"
    written.write_text(written.read_text(encoding="utf-8").replace(OFFICE, "new@example.gov.cn"), encoding="utf-8")
    assert due(capsys, written, "--json", when=WINTER)[1] == "[]\n"  # a month that was delivered is not sent to new readers


def test_who_is_refused_for_good_is_told_once_and_replaced_by_a_mended_address(
    written: Path, sink: tuple[Sink, int], capsys: pytest.CaptureFixture[str]
) -> None:
    kept, _ = sink
    kept.answers = {CARRIER: "550 no such mailbox"}
    code, out, err = due(capsys, written, "--json", when=WINTER)
    assert (code, [one["did"] for one in json.loads(out)]) == (3, ["mailed", "failed"])
    assert f"refused {CARRIER}: 550 no such mailbox (for good: mend mail.to" in err
    assert due(capsys, written, "--json", when=WINTER)[:2] == (0, "[]\n")
    written.write_text(written.read_text(encoding="utf-8").replace(CARRIER, "desk@example.com"), encoding="utf-8")
    assert due(capsys, written, when=WINTER)[0] == 0
    assert kept.got == [[OFFICE], ["desk@example.com"]]


def test_a_server_that_is_rude_at_the_farewell_has_taken_the_message(
    written: Path, sink: tuple[Sink, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def rude(_sink: Sink, _server: Any, _session: Session, _envelope: Envelope) -> str:
        return "421 out of order"

    monkeypatch.setattr(Sink, "handle_QUIT", rude, raising=False)
    for _ in range(2):
        assert due(capsys, written, when=WINTER)[0] == 0
    assert sink[0].got == [[OFFICE, CARRIER]]


def test_at_new_year_what_is_owed_is_mailed_though_the_next_calendar_is_not_known(
    written: Path, sink: tuple[Sink, int], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = due(capsys, written, when="2027-01-05T09:00:00+08:00")
    assert code == 2
    assert "no legal calendar is known for 2027" in err
    assert (sink[0].got, out) == ([[OFFICE, CARRIER]], "2026-11：已邮寄\n")
    code, out, _ = due(capsys, written, when=WINTER)
    assert code == 0
    assert "没有到期的文件；下一次在何时尚不可知：no legal calendar is known for 2027" in out


def test_the_service_goes_by_the_plan_as_it_stands(
    written: Path, sink: tuple[Sink, int], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = parser().parse_args(["due", "--config", str(written), "--wait"])
    sound = written.read_text(encoding="utf-8")
    for text, got in ((sound.replace('["pdf", "json"]', '["PDF"]'), []), (sound, [[OFFICE, CARRIER]])):
        written.write_text(text, encoding="utf-8")
        serve_once(asked, lambda: at("2026-12-20T09:00:00"))
        assert sink[0].got == got
    assert "未完成，稍后重试" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (Debian package poppler-utils)")
def test_both_sides_sign_the_manifest_of_the_period_and_the_keys_it_rests_on(
    judged: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["documents", "sheet", *judged.asked(period="2021-04"), "--formats", "pdf", "--out", str(tmp_path), "--json"]
    main(asked)
    page = json.loads(capsys.readouterr().out)["files"][0]["path"]
    text = subprocess.run(["pdftotext", "-raw", page, "-"], check=True, capture_output=True, text=True).stdout
    signed, rest = "".join(text.split("\f")[0].split()), "".join(text.split())
    assert judged.manifest_hash("2021-04-11") in signed
    assert "经办人" in signed
    assert main(["sheet", "--store", str(judged.data), "--period", "2021-04", "--json"]) == 0
    site = json.loads(capsys.readouterr().out)
    assert site["centre_key"] in signed
    assert all(member["key"] in rest for member in site["agents"])


def _looks_right(message: EmailMessage, facts: dict[str, Any], folder: Path) -> None:
    assert message["Subject"] == f"金保网线路运行文件 2021-04（报告第{facts['number']}号）"
    assert message["To"] == "office@example.gov.cn, carrier@example.com"
    attached = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_attachments()}
    assert set(attached) == {item["name"] for item in facts["files"]}
    assert {"金保网月度运行简报-2021-04.pdf", "会签页-2021-04.pdf", "考核数据-2021-04.json"} <= set(attached)
    text = message.get_body().get_content()
    for item in facts["files"]:
        assert hashlib.sha256(attached[item["name"]]).hexdigest() == item["sha256"]
        assert item["sha256"] in text
    statement = json.loads((folder / "考核数据-2021-04.json").read_text(encoding="utf-8"))
    assert statement["issue"]["number"] == facts["number"]
    assert statement["manifest"]["hash"] in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("secret\n", "wrong\n"), "authentication"),
        ((None, None), "certificate"),
    ],
)
def test_a_server_that_does_not_know_us_or_that_we_do_not_know_gets_nothing(
    change: tuple[str | None, str | None],
    said: str,
    judged: Site,
    sink: tuple[Sink, int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = schedule_file(judged, tmp_path, sink[1], "issued")
    if change[1]:
        (tmp_path / "password").write_text(change[1], encoding="utf-8")
    else:
        file.write_text(file.read_text(encoding="utf-8").replace('ca = "mail.pem"\n', ""), encoding="utf-8")
    code, _, err = due(capsys, file, PART)
    assert code == 3
    assert said in err.lower()
    assert sink[0].messages == []


@pytest.mark.soak
def test_the_service_goes_on_until_it_is_told_to_stop(judged: Site, tmp_path: Path) -> None:
    """Without a mail server: it says what failed, keeps what it wrote, and ends in order."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "mail.pem").write_text("", encoding="utf-8")
    file = schedule_file(judged, tmp_path, port, "issued")
    file.write_text(file.read_text(encoding="utf-8").replace('ca = "mail.pem"\n', 'security = "none"\n'), encoding="utf-8")
    service = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "due", "--config", str(file), "--wait", "--at", DUE, PART],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = threading.Timer(120, service.kill)
    told.start()
    try:
        assert "2021-04：文件已出具" in service.stdout.readline()
        assert "未完成，稍后重试" in service.stderr.readline()
        service.send_signal(signal.SIGTERM)
        assert service.wait() == 0
    finally:
        told.cancel()
        service.stdout.close()
        service.stderr.close()
    assert (tmp_path / "issued" / "2021-04" / "issue.json").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('first = "2021-04"', 'first = "April"', "first: 'April': a month is written \"2021-04\""),
        ('password_file = "password"', "", "mail.password_file: missing; 'jinbao' needs its password"),
        ('formats = ["pdf", "json"]', 'formats = ["pdf"]', "mail.attach: json: is not among formats"),
        ('by = "办公室"', 'by = "办公室"\nworking_day = 25', "working_day: 25: a month may have fewer"),
        ('by = "办公室"', 'by = "办公室"\nat = "9 Uhr"', "at: '9 Uhr': a time of day is written \"09:00\""),
    ],
)
def test_a_wrong_schedule_is_refused(
    old: str, new: str, said: str, judged: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = schedule_file(judged, tmp_path, 25, "issued")
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    code, _, err = due(capsys, file)
    assert code == 2
    assert said in err
