"""What a Snowflake account answers, for the driver of today: `python -m tests.snowflake.server PORT PUBLIC_KEY`.

fakesnow runs the SQL and writes the results. What it leaves out is here: credentials are checked, sessions expire,
queries run while the client does something else and can be aborted, and a result comes in several chunks. `/control`
tells it to misbehave, `/log` what was asked of it.
"""

import asyncio
import base64
import gzip
import io
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from tests.snowflake.missing import add_missing_modules

add_missing_modules()  # before fakesnow asks for them
import fakesnow.server as fakesnow
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.snowflake.logins import refusal

UNDER_WAY, EXPIRED, NOT_RENEWABLE = "333334", "390112", "390114"
SEVERAL = ("000008", "Actual statement count 2 did not match the desired statement count 1.")
CANCELLED = ("000604", "SQL execution canceled")
PATIENCE = 0.5
"""Seconds."""

FIRST_ROWS = 1_000
"""So many rows come with the answer, the others in chunks of `chunk_rows`."""


class Account:
    """What is running, what was answered, and what is to go wrong."""

    def __init__(self, public_key: bytes) -> None:
        self.public_key = public_key
        self.running: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self.asked: dict[str, Any] = {}
        self.chunks: dict[str, bytes] = {}
        self.aborted: set[str] = set()
        self.log: list[dict[str, Any]] = []
        self.settings: dict[str, Any] = {"expired": False, "renewable": True, "chunk_rows": 10_000}


account: Account


def body_of(raw: bytes, request: Request) -> dict[str, Any]:
    text = gzip.decompress(raw) if request.headers.get("Content-Encoding") == "gzip" else raw
    parsed: dict[str, Any] = json.loads(text or b"{}")
    return parsed


def answer(data: Any = None, *, code: str | None = None, message: str | None = None) -> JSONResponse:
    return JSONResponse({"data": data, "code": code, "message": message, "success": code is None or code == UNDER_WAY})


async def login(request: Request) -> JSONResponse:
    asked = body_of(await request.body(), request)["data"]
    account.log.append(
        {"login": {key: asked.get(key) for key in ("LOGIN_NAME", "AUTHENTICATOR", "SESSION_PARAMETERS")}}
        | {"query": dict(request.query_params)}
    )
    if refused := refusal(asked, account.public_key):
        return answer({"nextAction": None}, code=refused[0], message=refused[1])
    answered = json.loads(bytes((await fakesnow.login_request(request)).body))
    answered["data"] = {
        "masterToken": secrets.token_urlsafe(32),
        "validityInSeconds": 3600,
        "masterValidityInSeconds": 14_400,
        "sessionId": 1,
        **answered["data"],
    }
    return JSONResponse(answered)


async def renew(request: Request) -> JSONResponse:
    """The session's token is made anew, unless the master token has expired as well."""
    account.log.append({"renewed": account.settings["renewable"]})
    if not account.settings["renewable"]:
        return answer(code=NOT_RENEWABLE, message="Authentication token has expired. The user must authenticate again.")
    old = body_of(await request.body(), request)["oldSessionToken"]
    token = secrets.token_urlsafe(32)
    fakesnow.sessions[token] = fakesnow.sessions[old]
    account.settings["expired"] = False
    return answer(
        {
            "sessionToken": token,
            "validityInSecondsST": 3600,
            "masterToken": secrets.token_urlsafe(32),
            "validityInSecondsMT": 14_400,
            "sessionId": 1,
        }
    )


async def query(request: Request) -> JSONResponse:
    asked = body_of(await request.body(), request)
    account.log.append(
        {"sql": asked["sqlText"], "describe": bool(asked.get("describeOnly")), "async": bool(asked.get("asyncExec"))}
    )
    if account.settings["expired"]:
        return answer(code=EXPIRED, message="Your session has expired. Please login again.")
    if (
        len(
            list(filter(None, sqlglot.parse(asked["sqlText"], read="snowflake", error_level=sqlglot.ErrorLevel.IGNORE)))
        )
        > 1
    ):
        return answer(code=SEVERAL[0], message=SEVERAL[1])
    if not asked.get("asyncExec"):
        return JSONResponse(await run(request))
    number = f"01b{secrets.token_hex(2)[:5]}-0000-0000-0000-{secrets.token_hex(6)}".replace("01b", "01be", 1)
    account.asked[number] = fakesnow.to_conn(fakesnow.to_token(request))
    account.running[number] = asyncio.create_task(run(request))
    return under_way(number)


def under_way(number: str) -> JSONResponse:
    data = {"queryId": number, "getResultUrl": f"/queries/{number}/result", "queryAbortsAfterSecs": 300}
    return answer({**data, "progressDesc": None}, code=UNDER_WAY, message="Query execution in progress.")


async def run(request: Request) -> dict[str, Any]:
    answered: dict[str, Any] = json.loads(bytes((await fakesnow.query_request(request)).body))
    data = answered.get("data") or {}
    if data.get("rowsetBase64") and data.get("queryResultFormat") == "arrow":
        table = nullable(pa.ipc.open_stream(base64.b64decode(data["rowsetBase64"])).read_all())
        data["rowsetBase64"] = base64.b64encode(stream(table)).decode()
        if table.num_rows > FIRST_ROWS:
            cut(request, data, table, account.settings["chunk_rows"])
    return answered


def nullable(table: pa.Table) -> pa.Table:
    """fakesnow says of the parts of a timestamp that none is NULL, which is not so where the timestamp is."""
    columns, fields = [], []
    for column, field in zip(table.columns, table.schema, strict=True):
        if pa.types.is_struct(field.type):
            parts = [part.with_nullable(True) for part in field.type]
            field = field.with_type(pa.struct(parts))
            whole = column.combine_chunks()
            mask = pc.or_(whole.is_null(), whole.field(0).is_null())
            column = pa.StructArray.from_arrays([whole.field(part.name) for part in parts], fields=parts, mask=mask)
        columns.append(column)
        fields.append(field)
    return pa.table(columns, schema=pa.schema(fields, table.schema.metadata))


def cut(request: Request, data: dict[str, Any], table: pa.Table, rows: int) -> None:
    """Only the first rows stay in the answer; what follows is fetched chunk by chunk."""
    data.update(
        rowsetBase64=base64.b64encode(stream(table.slice(0, FIRST_ROWS))).decode(),
        qrmk="AAAA",
        chunkHeaders={},
        chunks=[],
    )
    for start in range(FIRST_ROWS, table.num_rows, rows):
        part, name = table.slice(start, rows), secrets.token_hex(8)
        account.chunks[name] = stream(part)
        size = len(account.chunks[name])
        url = str(request.url_for("chunk", name=name))
        data["chunks"].append({"url": url, "rowCount": part.num_rows, "uncompressedSize": size, "compressedSize": size})


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


async def chunk(request: Request) -> Response:
    account.log.append({"chunk": request.path_params["name"]})
    return Response(account.chunks[request.path_params["name"]], media_type="application/octet-stream")


async def status(request: Request) -> JSONResponse:
    number = request.path_params["number"].strip("/")
    task, word = account.running[number], "RUNNING"
    if task.done():
        word = "SUCCESS" if task.result().get("success") else "FAILED_WITH_ERROR"
    return answer({"queries": [{"id": number, "status": word}]})


async def result(request: Request) -> JSONResponse:
    """Snowflake holds the request for a while, and says that the query is still under way if it is."""
    number = request.path_params["number"]
    done, _ = await asyncio.wait([account.running[number]], timeout=PATIENCE)
    if not done:
        return under_way(number)
    answered = account.running[number].result()
    if number in account.aborted:
        return answer(code=CANCELLED[0], message=CANCELLED[1])
    if answered.get("data"):
        answered["data"]["queryId"] = number
    return JSONResponse(answered)


async def abort(request: Request) -> JSONResponse:
    number = request.path_params["number"]
    account.log.append({"aborted": number})
    account.aborted.add(number)
    account.asked[number]._duck_conn.interrupt()
    return answer()


async def end(request: Request) -> JSONResponse:
    account.log.append({"session": dict(request.query_params)})
    return await fakesnow.session(request)


async def control(request: Request) -> JSONResponse:
    account.settings.update(json.loads(await request.body()))
    account.log.clear()
    return answer()


async def log(_: Request) -> JSONResponse:
    return JSONResponse(account.log)


async def anything(request: Request) -> JSONResponse:
    """Telemetry and the like."""
    account.log.append({"other": request.url.path})
    return answer({})


app = Starlette(
    routes=[
        Route("/session/v1/login-request", login, methods=["POST"]),
        Route("/session/token-request", renew, methods=["POST"]),
        Route("/session", end, methods=["POST"]),
        Route("/queries/v1/query-request", query, methods=["POST"]),
        Route("/queries/{number}/result", result, methods=["GET"]),
        Route("/queries/{number}/abort-request", abort, methods=["POST"]),
        Route("/monitoring/queries/{number:path}", status, methods=["GET"]),
        Route("/chunks/{name}", chunk, name="chunk"),
        Route("/control", control, methods=["POST"]),
        Route("/log", log),
        Route("/{path:path}", anything, methods=["GET", "POST", "PUT"]),
    ]
)

if __name__ == "__main__":
    account = Account(Path(sys.argv[2]).read_bytes())
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
