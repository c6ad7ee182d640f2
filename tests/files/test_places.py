"""Files elsewhere, from real servers on this machine, with the credentials that a user's environment holds."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.command import Outcome, connector, environment, inside
from tests.cli.shop import NAME, Shop
from tests.cli.tiktok import serving
from tests.files.servers import Server, gcs, s3, sftp
from tests.files.shop import CONVERSIONS, conversions, file_shop
from tests.files.written import write

ROWS = 20_000
"""More than is read at a time."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    lines = conversions(ROWS)
    write(folder, "1.psv", "\n".join(lines[: ROWS // 2]))
    write(folder, "2.psv.gz", "\n".join([lines[0], *lines[ROWS // 2 :]]))
    rows = [line.split("|") for line in lines[1 : ROWS // 2]]
    table = pa.table(list(zip(*rows, strict=True)), names=lines[0].split("|"))
    pq.write_table(table, folder / "1.parquet", row_group_size=1_000)
    write(folder, "bad.csv", "email,value\n1\n")
    write(folder, "joined.csv", _joined(lines[:101]).encode("utf-16"))
    packed = gzip.compress(lines[0].encode() + b"\n" + b"\n".join(line.encode() for line in lines[1:]))
    (folder / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    write(folder, "latin.csv", lines[0].encode() + b"\n" + lines[1].replace("In Store", "Caf\u00e9").encode("latin-1"))
    return folder


@pytest.fixture(scope="module")
def servers(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {
            "s3": stack.enter_context(s3(folder)),
            "gs": stack.enter_context(gcs(folder)),
            "sftp": stack.enter_context(sftp(folder, tmp_path_factory.mktemp("home"))),
        }


def run(made: Shop, server: Server, **environ: str) -> Outcome:
    return connector("run", NAME, "--json", project=made.directory, environ={**server.environ, **environ})


@pytest.fixture(scope="module")
def sent_locally(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The requests that come of the same files in a folder."""
    with serving() as tiktok:
        made = shop_of(tmp_path_factory.mktemp("local") / "shop", tiktok.url, f"{folder}/*.psv*")
        inside("run", NAME, "--json", project=made.directory).record()
    return sorted(request.raw for request in tiktok.requests)


def shop_of(directory: Path, url: str, file: str) -> Shop:
    return file_shop(directory, url, file, format={"name": CONVERSIONS, "files_a_day": 2})


@pytest.mark.parametrize("kind", ["s3", *(pytest.param(kind, marks=pytest.mark.thorough) for kind in ("gs", "sftp"))])
def test_the_same_files_give_the_same_requests_from_everywhere(
    tmp_path: Path, servers: dict[str, Server], sent_locally: list[bytes], kind: str
) -> None:
    server = servers[kind]
    with serving() as tiktok:
        made = shop_of(tmp_path / "shop", tiktok.url, f"{server.address}/*.psv*")
        outcome = run(made, server)
        record = outcome.record()
        # The content is compared, wherever the file lies; one server is enough for that.
        again = run(made, server).record() if kind == "sftp" else None
    assert (outcome.code, outcome.stderr) == (0, "")
    assert record["rows"]["delivered"] == ROWS
    assert sorted(request.raw for request in tiktok.requests) == sent_locally
    assert again is None or set(again["rows"].values()) == {0}


@pytest.mark.parametrize("kind", ["s3", *(pytest.param(kind, marks=pytest.mark.thorough) for kind in ("gs", "sftp"))])
def test_what_is_not_there_is_told_in_one_sentence(tmp_path: Path, servers: dict[str, Server], kind: str) -> None:
    server = servers[kind]
    made = file_shop(tmp_path / "shop", "http://127.0.0.1:9", f"{server.address}/nowhere.csv")
    outcome = run(made, server)
    assert (outcome.code, outcome.sentence) == (2, f"There is no file {server.address}/nowhere.csv.")


def test_what_is_wrong_is_told_with_the_whole_address(tmp_path: Path, servers: dict[str, Server]) -> None:
    server = servers["s3"]
    made = file_shop(tmp_path / "shop", "http://127.0.0.1:9", f"{server.address}/bad.csv", format=CONVERSIONS)
    outcome = run(made, server)
    assert outcome.code == 2
    assert outcome.record()["status"] == "failed"
    assert outcome.stderr.splitlines()[0].startswith(f'{server.address}/bad.csv:1: "email" is not a column')


def _joined(lines: list[str]) -> str:
    """These lines with CR, and the header line again behind a byte order mark."""
    return "\r".join([*lines[:50], f"\ufeff{lines[0]}", *lines[50:]])


@pytest.mark.parametrize("kind", ["s3", "gs", "sftp"])
@pytest.mark.parametrize("name", ["1.psv", "1.parquet"])
def test_files_elsewhere_are_read_in_splits_as_in_one(
    tmp_path: Path, servers: dict[str, Server], kind: str, name: str
) -> None:
    server = servers[kind]
    command = [sys.executable, "-m", "tests.files.splitting", f"{server.address}/{name}"]
    outcome = subprocess.run(
        command, env=environment(None, server.environ), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (outcome.stdout, outcome.stderr) == (f"3 {ROWS // 2 - 1}\n", "")


def test_a_file_elsewhere_is_read_however_it_is_written(tmp_path: Path, servers: dict[str, Server]) -> None:
    server = servers["s3"]
    made = file_shop(tmp_path / "shop", "simulator", f"{server.address}/joined.csv", format=CONVERSIONS)
    outcome = connector("run", NAME, project=made.directory, environ=server.environ)
    assert outcome.code == 0
    assert outcome.stdout.splitlines()[2].split()[:2] == ["delivered", "100"]
    told = f"{server.address}/joined.csv: the header line is repeated on line 51, and is skipped there."
    assert told in outcome.stderr.splitlines()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cut.csv.gz", "cut.csv.gz is not a complete gzip file: it ends too early"),
        ("latin.csv", "latin.csv:2: not UTF-8 text (the byte 0xE9)"),
    ],
)
def test_a_damaged_file_elsewhere_is_refused_in_one_sentence(
    tmp_path: Path, servers: dict[str, Server], name: str, told: str
) -> None:
    server = servers["s3"]
    outcome = run(file_shop(tmp_path / "shop", "simulator", f"{server.address}/{name}"), server)
    assert (outcome.code, outcome.record()["rows"]["delivered"]) == (2, 0)
    assert told in outcome.stderr
    assert "customer" not in outcome.stderr


def test_a_store_that_refuses_the_credentials_ends_the_run_with_1(tmp_path: Path, servers: dict[str, Server]) -> None:
    server = servers["s3"]
    made = file_shop(tmp_path / "shop", "http://127.0.0.1:9", f"{server.address}/1.psv")
    _check_keys(server, after=0)
    try:
        outcome = run(made, server)
    finally:
        _check_keys(server, after=1_000_000)
    assert outcome.code == 1
    assert outcome.sentence == f"{server.address}/1.psv may not be read with these credentials."
    assert "secret-of-the-store" not in outcome.stderr + outcome.stdout


def _check_keys(server: Server, *, after: int) -> None:
    """From so many requests on moto looks at who asks."""
    address = f"{server.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
    with urlopen(Request(address, str(after).encode(), {"Content-Type": "text/plain"})):
        pass


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("server", "Host key is not trusted"),
        ("key", "may not be read with these credentials"),
        ("port", "could not be"),
    ],
)
def test_a_server_or_a_user_that_is_not_known_ends_the_run_with_1(
    tmp_path: Path, servers: dict[str, Server], mistake: str, told: str
) -> None:
    """The server's key has to be known: it is not taken for granted."""
    server, home = servers["sftp"], tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    for name in {"known_hosts", "id_ed25519"} - {{"server": "known_hosts", "key": "id_ed25519"}.get(mistake, "")}:
        (home / ".ssh" / name).write_bytes((Path(server.environ["HOME"]) / ".ssh" / name).read_bytes())
        (home / ".ssh" / name).chmod(0o600)
    address = "sftp://shop:so-secret@127.0.0.1:1" if mistake == "port" else server.address
    made = file_shop(tmp_path / "shop", "http://127.0.0.1:9", f"{address}/1.psv")
    outcome = run(made, server, HOME=str(home))
    assert outcome.code == 1
    assert told in outcome.sentence
    assert "so-secret" not in outcome.stderr + outcome.stdout


@pytest.mark.parametrize(
    ("scheme", "driver"),
    [("s3", "s3fs"), *(pytest.param(*one, marks=pytest.mark.thorough) for one in (("gs", "gcsfs"), ("sftp", "sshfs")))],
)
def test_a_driver_that_is_missing_is_named_with_its_extra(tmp_path: Path, scheme: str, driver: str) -> None:
    """The command is started in a Python that does not find the driver."""
    made = file_shop(tmp_path / "shop", "http://127.0.0.1:9", f"{scheme}://somewhere/f.csv")
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(f"import sys\nsys.modules[{driver!r}] = None\n")
    environ = {"PYTHONPATH": f"{hook}:{Path(__file__).parents[2]}"}
    outcome = connector("validate", NAME, project=made.directory, environ=environ)
    assert outcome.code == 2
    assert outcome.sentence.endswith(f"Files at {scheme}:// need {driver}: pip install 'sql-to-tiktok[files]'.")
