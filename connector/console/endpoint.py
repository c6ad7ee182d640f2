"""Turns a function that makes a page into an endpoint: rights, form, thread, deadline, errors."""

import asyncio
import traceback
from collections.abc import Callable
from enum import Enum
from functools import partial
from secrets import token_hex
from typing import Any

import anyio
from anyio import CapacityLimiter
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector.console.render import error_page
from connector.console.security.form_tokens import FIELD
from connector.console.security.limits import FORM_FIELDS, PAGE_SECONDS
from connector.console.security.origin import READING
from connector.console.visit import Console, Visit
from connector.core.secret_registry import without_secrets
from connector.errors import AccessRefused, ConfigurationError, ConnectorError, LedgerUnavailable, Rule, UsageError

NOT_RESTARTED = "This form was opened before the console restarted. Nothing was changed. Open it again."
NO_TOKEN = "This form lacks its token. Nothing was changed. Open it again."  # noqa: S105 - a sentence
TOO_SLOW = f"The page took longer than {PAGE_SECONDS} seconds. Runs under way are not affected."

START = "/start"
"""The page of a folder without a project."""

PageFunction = Callable[[Visit], Response]
Endpoint = Callable[[Request], Any]


class Right(Enum):
    """The right that a page requires of its user."""

    NONE = "none"
    """Nothing: the pages before sign-in."""
    SEE = "see"
    """Any role."""
    EDIT = "edit"
    """A role with `admin: true`."""


class MissingPage(Exception):
    """There is no such page or thing; the message says so, and what there is."""


class Refused(Exception):
    """The form cannot be carried out as it is; the status and the message say why."""

    def __init__(self, message: str, status: int = 409) -> None:
        self.status = status
        super().__init__(message)


def endpoint(function: PageFunction, console: Console, limiter: CapacityLimiter, right: Right = Right.SEE) -> Endpoint:
    """Return the endpoint of a page. The function runs in a thread, as the ledger, DuckDB and files need one."""

    async def answer(request: Request) -> Response:
        form = None
        if request.method not in READING:
            async with request.form(max_files=0, max_fields=FORM_FIELDS) as data:
                form = ImmutableMultiDict(data.multi_items())
        visit = Visit(request, console, request.scope.get("state", {}).get("visitor"), form)
        work = partial(_answer, function, visit, right)
        try:
            with anyio.fail_after(PAGE_SECONDS):
                return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)
        except TimeoutError:
            return await asyncio.to_thread(error_page, visit, 503, TOO_SLOW)

    return answer


def _answer(function: PageFunction, visit: Visit, right: Right) -> Response:
    if visit.console.source.is_empty and right is not Right.NONE:
        return RedirectResponse(START, 303)
    try:
        _check_right(visit, right)
        _check_form(visit)
        return function(visit)
    except Refused as refused:
        return error_page(visit, refused.status, str(refused))
    except MissingPage as missing:
        return error_page(visit, 404, str(missing))
    except ConnectorError as error:
        return _known_error(visit, error)
    except Exception as error:
        return unexpected(visit, error)


def _known_error(visit: Visit, error: ConnectorError) -> Response:
    message = without_secrets(error.message)
    if isinstance(error, LedgerUnavailable):
        return error_page(
            visit, 503, f"The ledger cannot be read: {message.rstrip('.')}. Runs under way are not affected."
        )
    if isinstance(error, AccessRefused):
        return error_page(visit, 403, message)
    is_missing = isinstance(error, UsageError) or _names_nothing(error)
    return error_page(visit, 404 if is_missing else 400, message)


def _names_nothing(error: ConnectorError) -> bool:
    if not isinstance(error, ConfigurationError):
        return False
    return all(problem.rule is Rule.UNKNOWN_NAME for problem in error.problems)


def unexpected(visit: Visit, error: Exception) -> Response:
    """Log an error of the console itself, without secrets and the texts of data, and show its reference."""
    reference = token_hex(4)
    steps = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{step.name}:{step.lineno}" for step in reversed(steps[-6:]))
    visit.console.log(f"Error {reference} at {visit.request.url.path}: {type(error).__name__} in {places}")
    return error_page(visit, 500, f"The console failed to make this page. Its log names the error {reference}.")


def _check_right(visit: Visit, right: Right) -> None:
    if right is Right.NONE:
        return
    user = visit.visitor.user
    if not visit.rights.has_role:
        raise Refused(f"{user} may not use the console: no role names them. The roles are in orchestrations.yaml.", 403)
    if right is Right.EDIT and not visit.rights.admin:
        raise Refused(
            f"{user} may not edit: it takes a role with admin: true. The roles are in orchestrations.yaml.", 403
        )


def _check_form(visit: Visit) -> None:
    """Raise Refused for a form that this process did not make for this user."""
    if visit.request.method in READING:
        return
    if FIELD not in visit.form:
        raise Refused(NO_TOKEN, 403)
    identity = visit.visitor.identity if visit.is_signed_in else ""
    if not visit.console.tokens.is_valid(visit.form[FIELD], identity, visit.request.url.path):
        raise Refused(NOT_RESTARTED, 409)
