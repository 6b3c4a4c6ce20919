"""Delivery of an issue by SMTP: one message with the documents, their digests and the manifest's hash in its text.

The hash in a mailbox outside the centre is an anchor: whoever keeps the message can later say what was known that day.
"""

import mimetypes
import smtplib
import ssl
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from jinbao_config.schedule import Mail
from jinbao_reports import words
from jinbao_reports.words import Text

SUBJECT = Text("金保网线路运行文件 {period}（报告第{number}号）", "Township links, {period} (report number {number})")
_DEMONSTRATION = Text("【演示数据】", "[DEMONSTRATION] ")
_LEAD = Text(
    "现发送{period}金保网线路运行文件，请查收；对考核结论有异议的，请按会签页注明并寄回。",
    "Enclosed are the documents of the township links for {period}. Please note disputes on the counter-signature sheet.",
)
_VERDICTS = Text(
    "线路{links}条：达标{pass}，未达标{fail}，证据不足{inconclusive}，无数据{no_data}。",
    "Links: {links}. Met: {pass}; not met: {fail}; inconclusive: {inconclusive}; no data: {no_data}.",
)
_ANCHOR = Text(
    "每日清单（{day}）哈希：{hash}。请保留本邮件：它是平台之外对此前记录的固定。",
    "Hash of the daily manifest of {day}: {hash}. Please keep this message: it fixes the records before it, "
    "outside the platform.",
)
_REPORT = Text("报告第{number}号 report.json SHA-256：{report}", "Report number {number}, SHA-256 of report.json: {report}")
_FILES = Text("附件及SHA-256：", "Enclosed, with SHA-256:")


class MailError(Exception):
    """The server did not take the message; what was written stays, and it is tried again."""


def message(
    mail: Mail, statement: Mapping[str, Any], facts: Mapping[str, Any], files: Iterable[Path], langs: Sequence[str], now_ms: int
) -> EmailMessage:
    """`facts`: number, report digest, the files' digests. The same issue has the same Message-ID, however often it is sent."""
    made = EmailMessage()
    demonstration = statement.get("demonstration") is True
    lang = langs[0]
    subject = SUBJECT.to(lang, period=statement["period"]["name"], number=facts["number"])
    made["Subject"] = (_DEMONSTRATION.to(lang) if demonstration else "") + subject
    made["From"], made["To"] = mail.sender, ", ".join(mail.to)
    made["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    made["Message-ID"] = f"<{facts['report'][:40]}.{facts['number']}@jinbao-uptime.invalid>"
    made.set_content("\n\n".join("\n".join(_text(statement, facts, lang)) for lang in langs) + "\n", cte="base64")
    for file in files:
        kind, _ = mimetypes.guess_type(file.name)
        main, _, sub = (kind or "application/octet-stream").partition("/")
        made.add_attachment(file.read_bytes(), maintype=main, subtype=sub, filename=file.name)
    return made


def _text(statement: Mapping[str, Any], facts: Mapping[str, Any], lang: str) -> list[str]:
    group, manifest = statement["group"], statement.get("manifest")
    lines = [
        _LEAD.to(lang, period=statement["period"]["name"]),
        _VERDICTS.to(lang, links=group["links"], **{code: group["verdicts"][code] for code in words.VERDICTS}),
        _REPORT.to(lang, number=facts["number"], report=facts["report"]),
    ]
    if manifest:
        lines.append(_ANCHOR.to(lang, day=manifest["day"], hash=manifest["hash"]))
    return [*lines, _FILES.to(lang), *(f"{item['sha256']}  {item['name']}" for item in facts["files"])]


def send(mail: Mail, made: EmailMessage, addresses: Sequence[str], folder: Path) -> dict[str, tuple[int, str]]:
    """Who was refused, with code and answer (RFC 5321 section 4.2). Raises MailError where the server took nothing at all."""
    refused = None
    try:
        with _connected(mail, folder) as server:
            if mail.user and mail.password_file:
                server.login(mail.user, (folder / mail.password_file).read_text(encoding="utf-8").strip())
            refused = _handed(server, made, addresses)
    except (OSError, smtplib.SMTPException) as problem:
        if refused is None:  # once it is taken, what the server answers to our farewell must not have it sent again
            raise MailError(f"{mail.host}:{mail.port}: {problem}") from problem
    return {address: (code, answer.decode(errors="replace")) for address, (code, answer) in refused.items()}


def _handed(server: smtplib.SMTP, made: EmailMessage, addresses: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    try:
        return server.send_message(made, to_addrs=addresses)
    except smtplib.SMTPRecipientsRefused as all_of_them:
        return all_of_them.recipients


def is_for_good(code: int) -> bool:
    """A 5xx answer: the same request will be refused again (RFC 5321 section 4.2.1)."""
    return code >= 500


def _connected(mail: Mail, folder: Path) -> smtplib.SMTP:
    seconds = mail.timeout / 1000
    if mail.security == "none":
        return smtplib.SMTP(mail.host, mail.port, timeout=seconds)
    context = ssl.create_default_context(cafile=str(folder / mail.ca) if mail.ca else None)
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=seconds, context=context)
    server = smtplib.SMTP(mail.host, mail.port, timeout=seconds)
    server.starttls(context=context)
    return server
