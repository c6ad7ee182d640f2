"""The rejected rows of a run: their reasons, and downloads."""

import csv
import io
from collections.abc import Iterator
from typing import IO

from starlette.responses import Response, StreamingResponse

from connector.console.actions import allow, record
from connector.console.endpoint import MissingPage
from connector.console.pages.run import find, project_of
from connector.console.render import render
from connector.console.visit import Visit
from connector.core.hashed_rows import EXCLUDED_ROW
from connector.reporting.html.labels import REASONS, SKIPS
from connector.reporting.rejects import EXPORT_FORMATS, Rows, check_reason, excluded_rows

_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""The beginnings of texts that spreadsheets execute."""
_CHUNK = 64 * 1024


def show(visit: Visit) -> Response:
    """Show the reasons of a run, each with its downloads."""
    page = find(visit)
    details = visit.console.runs.details(project_of(visit, page), visit.ledger, page)
    return render(
        visit, "rejects.html", listed=page.run, record=details.record, examples=details.examples, reasons=REASONS,
        skips=SKIPS, formats=list(_TYPES), details=details,
    )  # fmt: skip


def download(visit: Visit) -> Response:
    """Stream the rejected rows, or those excluded for one reason, as a file."""
    page, kind = find(visit), visit.path["kind"]
    if kind not in _TYPES:
        raise MissingPage("Rejected rows come as csv, json or parquet.")
    reason = visit.query.get("reason") or None
    check_reason(reason)
    project = project_of(visit, page)
    allow(visit, project, "rejects", page.run.orchestration, page.run.run_id)
    record(visit, "download", orchestration=page.run.orchestration, run_id=page.run.run_id)
    rows = excluded_rows(project, visit.ledger.runs.get(page.run.run_id), reason)
    name = f"rejects-{page.run.run_id}{f'-{reason}' if reason else ''}.{kind}"
    content = _csv(rows) if kind == "csv" else _written(rows, kind)
    return StreamingResponse(
        content, media_type=_TYPES[kind], headers={"content-disposition": f'attachment; filename="{name}"'}
    )


def _csv(rows: Rows) -> Iterator[bytes]:
    """Write rows as CSV; a text that a spreadsheet would execute gets an apostrophe before it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(EXCLUDED_ROW.names)
    for batch in rows:
        for row in batch.to_pylist():
            writer.writerow([_harmless(row[name]) for name in EXCLUDED_ROW.names])
            if buffer.tell() > _CHUNK:
                yield _taken(buffer)
    yield _taken(buffer)


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _written(rows: Rows, kind: str) -> Iterator[bytes]:
    """Write rows to a file that no folder lists, and yield it in pieces."""
    from tempfile import TemporaryFile

    file: IO[bytes]
    with TemporaryFile() as file:
        EXPORT_FORMATS[kind](rows, file)
        file.seek(0)
        while piece := file.read(_CHUNK):
            yield piece
