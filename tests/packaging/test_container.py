"""The Containerfile is clean, and its image, built without a daemon and without privileges beyond chroot, runs the example.

`PYTHON_IMAGE` names the base. Without it, a Debian with its own Python is made the base, so that no registry is needed.
"""

import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.test_distribution import ROOT, command

CONTAINERFILES = ("Containerfile", "docs/examples/Containerfile")
CERTIFICATES = Path("/etc/ssl/certs")


@pytest.mark.parametrize("file", CONTAINERFILES)
def test_hadolint_finds_nothing(file: str) -> None:
    assert (
        command(Path(sys.executable).with_name("hadolint"), "--failure-threshold", "warning", ROOT / file) is not None
    )


def test_what_is_copied_is_there_and_not_ignored() -> None:
    text = (ROOT / "Containerfile").read_text("utf-8")
    sources = [name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()]
    allowed = (ROOT / ".containerignore").read_text("utf-8").splitlines()
    assert sources
    for name in sources:
        assert (ROOT / name).exists()
        assert f"!{name}" in allowed


def test_what_the_wheel_includes_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    text = (ROOT / "Containerfile").read_text("utf-8")
    copied = [name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()]
    assert [name for name in wheel["force-include"] if not any(Path(name).is_relative_to(one) for one in copied)] == []


@dataclass(frozen=True)
class Builder:
    """A builder with a storage of its own."""

    folder: Path

    def __call__(self, *arguments: str | Path) -> str:
        roots = ("--root", self.folder / "storage", "--runroot", self.folder / "run")
        environ = {"STORAGE_DRIVER": "vfs", "HOME": str(self.folder)}
        return command("buildah", *roots, *arguments, cwd=ROOT, **environ)

    def build(self, image: str, *arguments: str | Path) -> None:
        """Build an image with the network and the certificates of this machine."""
        mounts = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro") if CERTIFICATES.exists() else ()
        self("bud", "--quiet", "--isolation", "chroot", "--network", "host", *mounts, "--tag", image, *arguments)


@contextmanager
def skipped(reason: str) -> Iterator[None]:
    """Skip the test if this machine lacks what a build needs; the Containerfile is linted all the same."""
    try:
        yield
    except AssertionError as error:
        pytest.skip(f"{reason}: {str(error)[-500:]}")


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    if shutil.which("buildah") is None:
        pytest.skip("no buildah: apt-get install buildah mmdebstrap")
    folder = tmp_path_factory.mktemp("containers")
    builder = Builder(folder)
    with skipped("this machine lets no container be built"):
        builder("from", "scratch")
    yield builder
    # Files of images belong to users of theirs.
    shutil.rmtree(folder, ignore_errors=True)


def _base(builder: Builder) -> str:
    if image := os.environ.get("PYTHON_IMAGE"):
        return image
    context = builder.folder / "base"
    context.mkdir()
    packages = "--include=python3,python3-venv,ca-certificates"
    with skipped("no Debian can be had"):
        command("mmdebstrap", "--variant=minbase", packages, "bookworm", context / "base.tar")
    (context / "Containerfile").write_text("FROM scratch\nADD base.tar /\n")
    builder.build("base-python", context)
    (context / "base.tar").unlink()
    _require_packages(builder, "localhost/base-python")
    return "localhost/base-python"


def _require_packages(builder: Builder, image: str) -> None:
    """Skip if no package can be installed from within a container."""
    context = builder.folder / "probe"
    context.mkdir()
    install = "python3 -m venv probe && probe/bin/pip install --quiet --retries 1 packaging"
    (context / "Containerfile").write_text(f"FROM {image}\nRUN {install}\n")
    with skipped("packages cannot be reached from within a container"):
        builder.build("probe", context)


@pytest.mark.slow
def test_the_image_runs_the_example(builder: Builder) -> None:
    builder.build("connector", "--build-arg", f"PYTHON_IMAGE={_base(builder)}", ROOT)
    image = json.loads(builder("inspect", "--type", "image", "connector"))["OCIv1"]["config"]
    assert (image["User"], image["Entrypoint"], image["WorkingDir"]) == ("10001", ["connector"], "/project")
    container = builder("from", "connector").strip()

    def run(*words: str) -> str:
        return builder("run", "--isolation", "chroot", "--network", "host", container, "--", *words)

    assert run("id", "-u").strip() == "10001"
    assert run("connector", "--version").startswith("connector ")
    run("connector", "init", ".")
    record = json.loads(run("connector", "run", "store_purchases", "--json"))
    assert record["status"] == "completed_with_rejects"
    assert record["rows"]["delivered"] > 0
    for module in ("snowflake.connector", "adbc_driver_postgresql", "apprise", "fsspec", "mcp"):
        run("/opt/connector/bin/python", "-c", f"import {module}")
    with pytest.raises(AssertionError):
        run("touch", "/opt/connector/written")
