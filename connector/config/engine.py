"""Settings of an engine: the machines that share the work of a run."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator

from connector.config.fields import Text, accepts, one_of, text, whole
from connector.config.settings import Settings

ONE_MACHINE = "none"
"""The name that stands for no engine: the process of the run does all work itself."""
AUTO, LOCAL = "auto", "local"
_ADDRESS = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}", re.ASCII)
_STAGE = re.compile(r"/[^\x00-\x1f]*|file:///[^\x00-\x1f]+|(?:s3|gs)://[^/:@?\s]+(?:[/?][^\x00-\x1f]*)?")


@accepts(lambda _: {"anyOf": [{"enum": [AUTO, LOCAL]}, {"type": "string", "pattern": rf"^\s*{_ADDRESS.pattern}\s*$"}]})
def cluster_address(value: object) -> str:
    """Validate the address of a Ray cluster, as a process on one of its nodes names it."""
    address = text(value).strip()
    if address.startswith("ray://"):
        raise ValueError(
            "must be HOST:PORT, auto or local: a Ray Client address (ray://) cannot be used, because the run itself "
            "has to be on a node of the cluster"
        )
    if "://" in address:
        raise ValueError("must be the HOST:PORT that `ray start` prints, not the address of Ray's dashboard")
    if address not in {AUTO, LOCAL} and not _ADDRESS.fullmatch(address):
        raise ValueError("must be HOST:PORT such as 10.0.0.5:6379, auto or local")
    return address


@accepts(lambda _: {"type": "string", "pattern": rf"^\s*(?:{_STAGE.pattern})$"})
def stage_address(value: object) -> str:
    """Validate the address of a folder that every machine sees."""
    address = text(value).strip()
    scheme, mark, rest = address.partition("://")
    bucket = rest.partition("/")[0]
    if mark and ("@" in bucket or (":" in bucket and "@" in rest)):
        raise ValueError("must not hold keys, because it is printed: each node takes them from its own environment")
    if not _STAGE.fullmatch(address):
        known = "must be an absolute path such as /shared/connector, or an address such as s3://bucket/connector"
        raise ValueError(f"{known} or gs://bucket/connector" if mark and scheme not in {"file", "s3", "gs"} else known)
    return address.rstrip("/") or "/"


class EngineSettings(Settings):
    """A Ray cluster that shares the work of a run, and the folder through which its machines exchange events."""

    name: str
    description: Text | None = None
    """A text for people."""
    type: Annotated[Literal["ray"], one_of("ray")]
    """The system that places the work."""
    address: Annotated[str, BeforeValidator(cluster_address)] = AUTO
    """The cluster: `HOST:PORT` of its head node; `auto` for the one that `RAY_ADDRESS` names, or that this machine
    belongs to; `local` to start Ray on this machine for the time of the run."""
    stage: Annotated[str, BeforeValidator(stage_address)]
    """The folder for hashed events on their way, which all machines can write to: a path, `s3://` or `gs://`."""
    splits: Annotated[int, whole(1, 10_000)] | None = None
    """The number of splits to read the result in, if the source can be divided. Without it: four for each core of the
    cluster."""
    senders: Annotated[int, whole(1, 1_000)] | None = None
    """The number of processes that send at the same time, at most `max_in_flight` of the destination. Without it: one
    for each core of the cluster."""
    lease_seconds: Annotated[int, whole(5, 3600)] = 90
    """After how many seconds without a sign of life the work of a machine is given to another one."""

    def as_json(self) -> dict[str, object]:
        """Return the entry of an engine in the JSON of an orchestration or a plan."""
        return {"name": self.name, "type": self.type, "address": self.address, "stage": self.stage}
