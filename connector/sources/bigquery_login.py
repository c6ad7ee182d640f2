"""The login of a BigQuery warehouse: clients of its two interfaces, from the settings."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import google.auth
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import Request
from google.cloud.bigquery import Client, DatasetReference, QueryJobConfig
from google.cloud.bigquery_storage import BigQueryReadClient
from google.oauth2.credentials import Credentials

from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError
from connector.sources.warehouse_url import read_options, read_url, url_error

_SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")
_SHAPE = "bigquery://PROJECT/DATASET?location=EU"
_OPTIONS = ("location", "maximum_bytes_billed", "priority", "use_query_cache", "api_endpoint", "storage_endpoint")


class BigQueryLogin(NamedTuple):
    """The clients and settings of a session."""

    client: Client
    """The REST interface, which runs queries."""
    reader: BigQueryReadClient
    """The Storage Read interface, which has their results as Arrow."""
    job_config: QueryJobConfig
    """The settings of each query."""


def log_in(warehouse: Warehouse, directory: Path, tag: str | None) -> BigQueryLogin:
    """Build the clients, and fetch an access token unless one is given.

    Raises ConfigurationError for a URL, an option or a key that cannot be read, GoogleAuthError, OSError.
    """
    url = read_url(warehouse, _SHAPE, lambda _: True)
    options = read_options(warehouse, url, _OPTIONS)
    endpoint = options.get("api_endpoint")
    credentials, own_project = _credentials(warehouse, directory, endpoint)
    project = url.host or own_project
    if not project:
        raise url_error(warehouse, _SHAPE)
    client = Client(
        project, credentials, location=options.get("location"), client_options=ClientOptions(api_endpoint=endpoint)
    )
    reader = _reader(credentials, options.get("storage_endpoint"))
    return BigQueryLogin(client, reader, _job_config(warehouse, project, url.database, options, tag))


def _credentials(warehouse: Warehouse, directory: Path, endpoint: str | None) -> tuple[Any, str | None]:
    """Return the credentials of the settings, else those of the environment, with the project that they name."""
    if warehouse.token:
        return Credentials(warehouse.token.get_secret_value()), None
    info = _key(warehouse, directory)
    if info is None and endpoint and endpoint.startswith("http://"):
        return AnonymousCredentials(), None
    with warnings.catch_warnings():
        # Of end users' credentials, and of keys from strangers: neither is news to whoever wrote the settings.
        warnings.simplefilter("ignore")
        if info is None:
            credentials, project = google.auth.default(_SCOPES)
        else:
            credentials, project = google.auth.load_credentials_from_dict(info, _SCOPES)
    credentials.refresh(Request())
    return credentials, project


def _key(warehouse: Warehouse, directory: Path) -> Mapping[str, Any] | None:
    """Return the JSON of the key, or of the configuration of a workload identity; None without one."""
    try:
        if warehouse.credentials_json:
            setting, text = "credentials_json", warehouse.credentials_json.get_secret_value()
        elif warehouse.credentials_file:
            setting, text = "credentials_file", (directory / warehouse.credentials_file).read_text()
        else:
            return None
        info = json.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f'The credentials_file of the warehouse "{warehouse.name}" cannot be read: {warehouse.credentials_file}: '
            f"{error.strerror}."
        ) from None
    except ValueError:
        info = None
    if not isinstance(info, dict) or "type" not in info:
        raise ConfigurationError(
            f'The {setting} of the warehouse "{warehouse.name}" is no key of Google: use the JSON file of a service '
            "account's key, or of a workload identity."
        )
    return info


def _reader(credentials: Any, endpoint: str | None) -> BigQueryReadClient:
    if endpoint is None or not endpoint.startswith("http://"):
        return BigQueryReadClient(credentials=credentials, client_options=ClientOptions(api_endpoint=endpoint))
    # An emulator.
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
    from grpc import insecure_channel

    channel = insecure_channel(endpoint.removeprefix("http://"), [("grpc.max_receive_message_length", -1)])
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def _job_config(
    warehouse: Warehouse, project: str, dataset: str | None, options: Mapping[str, Any], tag: str | None
) -> QueryJobConfig:
    config = QueryJobConfig(labels=_labels(tag))
    try:
        if dataset:
            config.default_dataset = DatasetReference.from_string(dataset, project)
        if "maximum_bytes_billed" in options:
            config.maximum_bytes_billed = int(options["maximum_bytes_billed"])
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f'A setting of the warehouse "{warehouse.name}" cannot be used: {error}.') from None
    if "priority" in options:
        config.priority = str(options["priority"]).upper()
    if "use_query_cache" in options:
        config.use_query_cache = str(options["use_query_cache"]).lower() == "true"
    return config


def _labels(tag: str | None) -> dict[str, str]:
    """Return the labels of each job: `connector:NAME:RUN` as three of them, in the signs that labels can have."""
    names = ("application", "orchestration", "run")
    words = ("".join(sign if sign.isalnum() else "_-"[sign == "-"] for sign in word) for word in (tag or "").split(":"))
    return {name: word.lower()[:63] for name, word in zip(names, words, strict=False) if word}
