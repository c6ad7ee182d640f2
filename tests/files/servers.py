"""Servers on this machine that files are read from: an S3, a Google Cloud Storage and an SFTP server."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import asyncssh
import boto3
from moto.server import ThreadedMotoServer

USER, BUCKET = "shop", "exports"
_PLAIN_BUCKETS = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
"""Without it gcsfs first asks by gRPC what kind of bucket there is."""


@dataclass(frozen=True)
class Server:
    """A server with a folder of files: what addresses of them begin with, and what the command is told of it."""

    address: str
    environ: Mapping[str, str]
    folder: Path


@contextmanager
def s3(folder: Path) -> Iterator[Server]:
    """A bucket with the files of a folder."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        environ = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-store",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        client = boto3.client(
            "s3",
            endpoint_url=environ["AWS_ENDPOINT_URL"],
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=BUCKET)
        for path in (path for path in folder.rglob("*") if path.is_file()):
            key = path.relative_to(folder).as_posix()
            client.put_object(Bucket=BUCKET, Key=f"daily/{key}", Body=path.read_bytes())
        client.close()
        yield Server(f"s3://{BUCKET}/daily", environ, folder)
    finally:
        server.stop()


@contextmanager
def gcs(folder: Path) -> Iterator[Server]:
    """A bucket with the files of a folder, as much of the JSON API as reading and writing files takes."""
    with _Quiet(("127.0.0.1", 0), partial(_Storage, folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            environ = {"STORAGE_EMULATOR_HOST": address, "FSSPEC_GS_TOKEN": "anon", **_PLAIN_BUCKETS}
            yield Server(f"gs://{BUCKET}", environ, folder)
        finally:
            server.shutdown()
            thread.join()


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no fault of the server's."""


class _Storage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, folder: Path, *rest: object) -> None:
        self._folder = folder
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        _, _, name = asked.path.partition("/o/")
        if not name:
            before = parse_qs(asked.query).get("prefix", [""])[0]
            files = sorted(file for file in self._folder.iterdir() if file.name.startswith(before))
            items = [self._described(file) for file in files] if asked.path.endswith("/o") else []
            return self._answer(200, json.dumps({"kind": "storage#objects", "items": items}).encode())
        file = self._folder / unquote(name)
        if not file.is_file():
            return self._answer(404, b'{"error": {"code": 404, "message": "No such object"}}')
        if "alt=media" not in self.path:
            return self._answer(200, json.dumps(self._described(file)).encode())
        start, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        return self._answer(206, file.read_bytes()[int(start) : int(end) + 1 if end else None])

    def do_POST(self) -> None:
        """A whole file, with its name before it."""
        _, about, content, _ = self.rfile.read(int(self.headers["Content-Length"])).split(b"--==0==", 3)
        name, data = json.loads(about.partition(b"\n\n")[2])["name"], content.partition(b"\n\n")[2].removesuffix(b"\n")
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self._answer(200, json.dumps(self._described(file)).encode())

    def do_DELETE(self) -> None:
        (self._folder / unquote(urlsplit(self.path).path.partition("/o/")[2])).unlink()
        self._answer(204, b"")

    def _described(self, file: Path) -> dict[str, str]:
        found = file.stat()
        described = {"kind": "storage#object", "name": file.name, "bucket": BUCKET, "size": str(found.st_size)}
        return {**described, "etag": str(found.st_mtime_ns), "updated": "2026-11-20T10:00:00Z"}

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def sftp(folder: Path, home: Path) -> Iterator[Server]:
    """A server that shows a folder to whoever has the key that lies below `home`, where its own key is known."""
    ssh = home / ".ssh"
    ssh.mkdir(parents=True)
    host_key, own_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    own_key.write_private_key(str(ssh / "id_ed25519"))
    (home / "authorized").write_bytes(own_key.export_public_key())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(work: object) -> object:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)  # type: ignore[arg-type]

    server: asyncssh.SSHAcceptor = wait(_listening(folder, host_key, home / "authorized"))  # type: ignore[assignment]
    try:
        port = server.get_port()
        public = host_key.export_public_key().decode().strip()
        (ssh / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
        yield Server(f"sftp://{USER}@127.0.0.1:{port}", {"HOME": str(home)}, folder)
    finally:
        wait(_closed(server))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listening(folder: Path, host_key: asyncssh.SSHKey, authorized: Path) -> asyncssh.SSHAcceptor:
    return await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=str(authorized),
        sftp_factory=partial(asyncssh.SFTPServer, chroot=str(folder).encode()),
    )


async def _closed(server: asyncssh.SSHAcceptor) -> None:
    server.close()
    await server.wait_closed()
