"""The style sheet and the script, at addresses that change when they do."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from connector.reporting.html import page as report

_FOLDER = Path(__file__).parent / "static"
_REPORT_STYLE = Path(report.__file__).parent / "page.css"
_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_A_YEAR = "public, max-age=31536000, immutable"


@cache
def _read(name: str) -> bytes:
    own = (_FOLDER / name).read_bytes()
    # The pages share the templates of the report, and so its style.
    return _REPORT_STYLE.read_bytes().split(b"@media print")[0] + own if name.endswith(".css") else own


@cache
def version() -> str:
    """Return a digest of all files."""
    return sha256(b"".join(map(_read, sorted(_TYPES)))).hexdigest()[:16]


def static_path(name: str) -> str:
    """Return the path of a file."""
    return f"/static/{version()}/{name}"


async def serve(request: Request) -> Response:
    """Answer with a file; 404 for any other name, and for another version."""
    name = request.path_params["name"]
    if request.path_params["version"] != version() or name not in _TYPES:
        return PlainTextResponse("There is no such file.", 404)
    return Response(_read(name), media_type=_TYPES[name], headers={"cache-control": _A_YEAR})
