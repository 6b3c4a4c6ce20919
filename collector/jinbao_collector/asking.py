"""Who asks the centre for something of its own: a signed request, answered once by a signed document."""

from typing import Any

from jinbao_agent.wire import Signed, WireError
from jinbao_collector import CollectorError
from jinbao_collector.agents import Member, Roster


class AskRefused(CollectorError):
    """No answer for this one. `status` is the HTTP answer: 400 malformed, 401 not authentic, 404 there is nothing."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read_asker(document: bytes, tag: str, roster: Roster) -> tuple[Member, dict[str, Any]]:
    """Who signed a request `tag` with `key` and `nonce`, and what it says. Raises AskRefused."""
    try:
        signed = Signed.from_lines(document)
        fields = signed.fields()
    except WireError as problem:
        raise AskRefused(400, f"not a signed request: {problem}") from None
    if signed.tag != tag or not isinstance(fields.get("key"), str) or not isinstance(fields.get("nonce"), str):
        raise AskRefused(400, f"expected {tag} with key and nonce")
    member = roster.members.get(fields["key"])
    if member is None or not signed.verified_by(member.key):
        raise AskRefused(401, "not signed by an enrolled key")
    if member.revoked_after is not None:
        raise AskRefused(401, "this key is revoked")
    return member, fields
