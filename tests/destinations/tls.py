"""A certificate authority, a TikTok behind TLS, and a proxy, all on this machine and made for one test."""

import ipaddress
import socket
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.destinations.network import read_request, respond

HOST = "tiktok.example"
"""No name server knows it: who reaches it came through the proxy."""


@dataclass(frozen=True)
class Authority:
    """`certificate` is the file that has to be trusted; `served` holds a certificate of it for HOST, with its key."""

    certificate: Path
    served: Path


def authority(directory: Path, *, host: str = HOST) -> Authority:
    """A new authority, which nobody trusts yet. `host` may be an address."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of a test")])
    ca = _signed(ca_name, ca_name, ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=None))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    leaf = _signed(name, ca_name, key, ca_key, x509.SubjectAlternativeName([_general(host)]))
    made = Authority(directory / "authority.pem", directory / "served.pem")
    made.certificate.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made.served.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + private)
    return made


def _general(host: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


def _signed(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(extension, critical=False)
        .sign(by, hashes.SHA256())
    )


@dataclass
class Heard:
    """What a server was sent, connection by connection."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def listening(conduct: Callable[[socket.socket, Heard], None]) -> Iterator[Heard]:
    """Answers every connection by `conduct`, on a thread of its own, until the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heard, threads = Heard(listener.getsockname()[1]), []
        listener.settimeout(0.1)
        over = threading.Event()

        def each(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                conduct(connection, heard)

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    connection.settimeout(5)
                    threads.append(threading.Thread(target=each, args=(connection,), daemon=True))
                    threads[-1].start()

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        try:
            yield heard
        finally:
            over.set()
            for thread in (server, *threads):
                thread.join(10)


@contextmanager
def tiktok_behind_tls(served: Path) -> Iterator[Heard]:
    """Takes every request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)

    def conduct(connection: socket.socket, heard: Heard) -> None:
        with context.wrap_socket(connection, server_side=True) as inner:
            while request := read_request(inner):
                heard.requests.append(request)
                respond(inner)

    with listening(conduct) as heard:
        yield heard


@contextmanager
def proxy(towards: int, *, user: str | None = None, status: bytes = b"200 OK") -> Iterator[Heard]:
    """Connects whoever asks for any host with the port `towards` here; `user` (user:password) is asked for."""

    def conduct(connection: socket.socket, heard: Heard) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        heard.requests.append(request)
        shown = [line[27:] for line in request.split(b"\r\n") if line.startswith(b"Proxy-Authorization: Basic ")]
        if user is not None and [b64decode(one).decode() for one in shown] != [user]:
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 %s\r\n\r\n" % status)
        if status == b"200 OK":
            _tunnel(connection, towards)

    with listening(conduct) as heard:
        yield heard


def _tunnel(one: socket.socket, towards: int) -> None:
    with socket.create_connection(("127.0.0.1", towards)) as other:
        back = threading.Thread(target=_pour, args=(other, one), daemon=True)
        back.start()
        _pour(one, other)
        back.join(10)


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
