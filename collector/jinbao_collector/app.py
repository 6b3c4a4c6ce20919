"""The routes agents and operators see. Thin: each unwraps a request, calls one function in a thread, wraps its answer."""

import asyncio
import contextlib
import functools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from jinbao_agent.wire import Signed
from jinbao_collector import CollectorError, door
from jinbao_collector.asking import AskRefused
from jinbao_collector.centre import Centre
from jinbao_collector.daily import days
from jinbao_collector.enrolment import EnrolmentError
from jinbao_collector.ingest import Answer, Refused
from jinbao_collector.ledger import LedgerError
from jinbao_config.shape import ConfigError

log = logging.getLogger("jinbao_collector")

_BODY_S = 30.0
_DOCUMENT_BYTES = 64 * 1024
_DRAINED = 8


def make_app(centre: Centre) -> Starlette:
    def route(path: str, endpoint: Callable[[Centre, Request], Awaitable[Response]], method: str) -> Route:
        return Route(path, functools.partial(endpoint, centre), methods=[method])

    return Starlette(
        routes=[
            route("/v1/batches", post_batches, "POST"),
            route("/v1/enrol", post_enrol, "POST"),
            route("/v1/rotate", post_rotate, "POST"),
            route("/v1/peers", post_peers, "POST"),
            route("/v1/config", post_config, "POST"),
            route("/v1/ca", get_ca, "GET"),
            route("/api/v2/write", post_write, "POST"),
            route("/health", get_health, "GET"),
            route("/ping", get_ping, "GET"),
            route("/healthz", get_healthz, "GET"),
            route("/readyz", get_readyz, "GET"),
            route("/metrics", get_metrics, "GET"),
        ],
        lifespan=functools.partial(_days, centre),
    )


async def post_batches(centre: Centre, request: Request) -> Response:
    intake, address, data = centre.intake, _address(request), b""
    try:
        intake.admit(address)
        data = await _body(request, centre.place.config.refuse.request)
        answer = await asyncio.wrap_future(intake.receive(data, address))
    except Refused as problem:
        answer = intake.refuse(problem, data, address)
    centre.metrics.answered(answer.status)
    return _wrap(answer)


async def post_enrol(centre: Centre, request: Request) -> Response:
    return await _answer_document(centre, request, lambda document: centre.enrolment.enrol(document, centre.now_ms()))


async def post_rotate(centre: Centre, request: Request) -> Response:
    return await _answer_document(centre, request, lambda document: centre.enrolment.rotate(document, centre.now_ms()))


async def post_peers(centre: Centre, request: Request) -> Response:
    return await _answer_document(centre, request, centre.peers.answer)


async def post_config(centre: Centre, request: Request) -> Response:
    return await _answer_document(centre, request, centre.configurations.answer)


async def _answer_document(centre: Centre, request: Request, answer: Callable[[bytes], Signed]) -> Response:
    """One signed document for another."""
    intake, address, document = centre.intake, _address(request), b""
    try:
        intake.admit(address)
        document = await _body(request, _DOCUMENT_BYTES)
        if len(document) > _DOCUMENT_BYTES:
            raise Refused(413, "oversized", f"a document may have {_DOCUMENT_BYTES} bytes")
        signed = await run_in_threadpool(answer, document)
    except Refused as problem:
        return _wrap(intake.refuse(problem, document, address))
    except EnrolmentError as problem:
        log.warning("enrolment refused address=%s reason=%s", address, problem)
        return _wrap(intake.refuse(Refused(problem.status, "enrolment", str(problem)), document, address))
    except AskRefused as problem:
        if problem.status != 404:
            log.warning("request refused address=%s path=%s reason=%s", address, request.url.path, problem)
        return _wrap(intake.refuse(Refused(problem.status, "asked", str(problem)), document, address))
    except LedgerError as problem:
        return _wrap(intake.refuse(Refused(503, "unavailable", str(problem), 30), document, address))
    return Response(signed.to_lines(), media_type="application/octet-stream")


async def post_write(centre: Centre, request: Request) -> Response:
    """Telegraf's `outputs.influxdb_v2`: docs/telegraf.md."""
    body = b""
    try:
        centre.intake.admit(_address(request))
        body = await _body(request, centre.place.config.refuse.request)
        precision = request.query_params.get("precision", "ns")
        return _wrap(await run_in_threadpool(centre.door.write, body, dict(request.headers), precision, centre.now_ms()))
    except Refused as problem:
        centre.intake.refuse(problem, body, _address(request))
        return _wrap(door.refusal(problem))
    except (CollectorError, ConfigError, OSError) as problem:
        log.error("nothing can be taken from Telegraf just now: %s", problem)
        return _wrap(door.unavailable(problem))


async def get_health(centre: Centre, request: Request) -> Response:
    """As an InfluxDB answers, for writers that look first."""
    return Response(json.dumps(door.health(version("jinbao-uptime"))), media_type="application/json")


async def get_ping(centre: Centre, request: Request) -> Response:
    return Response(status_code=204, headers={"X-Influxdb-Build": "jinbao", "X-Influxdb-Version": version("jinbao-uptime")})


async def get_ca(centre: Centre, request: Request) -> Response:
    """Public, and fetched before anything is trusted: the code's fingerprint vouches for it."""
    return Response(centre.authority.ca_pem, media_type="application/x-pem-file")


async def get_healthz(centre: Centre, request: Request) -> Response:
    """The process answers."""
    return Response('{"status":"alive"}', media_type="application/json")


async def get_readyz(centre: Centre, request: Request) -> Response:
    """Batches can be taken in; 503 with the reasons when not."""
    troubles, lags = await run_in_threadpool(lambda: (centre.troubles(), centre.lags()))
    facts = {
        "ready": not troubles,
        "troubles": troubles,
        "followers": [lag.facts() for lag in lags],
        "position": centre.journal.position,
        "last_commit_ms": centre.journal.committed_ms,
    }
    return Response(json.dumps(facts, ensure_ascii=False), 503 if troubles else 200, media_type="application/json")


async def get_metrics(centre: Centre, request: Request) -> Response:
    page, content_type = await run_in_threadpool(centre.metrics.text, request.headers.get("accept", ""))
    return Response(page, headers={"Content-Type": content_type})


async def _body(request: Request, most: int) -> bytes:
    """Keeps little more than allowed, so that the caller sees it is too long. Raises Refused.

    The rest is read and dropped, within reason: a sender that is still writing would not see its answer.
    """
    data, length = bytearray(), 0
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                length += len(chunk)
                if len(data) <= most:
                    data += chunk
                elif length > _DRAINED * most:
                    break
    except TimeoutError:
        raise Refused(408, "slow", f"the request took longer than {_BODY_S:.0f} s") from None
    except ClientDisconnect:
        raise Refused(400, "cut_short", "the sender went away") from None
    return bytes(data)


@contextlib.asynccontextmanager
async def _days(centre: Centre, app: Starlette) -> AsyncIterator[None]:
    async with days(centre):
        yield


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _wrap(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers=dict(answer.headers))
