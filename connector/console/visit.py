"""One request of a user for a page: who asks, under which target, and what the page needs to answer."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from connector.config.project import Project
from connector.config.roles import Rights, rights_of
from connector.console.background import Tasks
from connector.console.ledger_source import LedgerSource
from connector.console.live import RunWatches
from connector.console.project_source import ProjectSource, ProjectState
from connector.console.run_cache import RunCache
from connector.console.security.form_tokens import FormTokens
from connector.console.security.hosts import Sites
from connector.console.security.limits import PLANS, PLANS_OF_ONE, TESTS_A_MINUTE, RateLimit, StreamLimit
from connector.console.security.proxy import TrustedProxy
from connector.console.security.sessions import Codes, Sessions
from connector.errors import ConfigurationError

if TYPE_CHECKING:
    from connector.ledger.ledger import Ledger
    from connector.scheduler.launcher import Launcher

Log = Callable[[str], None]


@dataclass(slots=True)
class Console:
    """The state that all requests share."""

    source: ProjectSource
    sites: Sites
    port: int
    """The port that it listens on, which names its cookie."""
    log: Log
    """Writes a line for whoever started the console."""
    owner: str
    """The user of this process."""
    proxy: TrustedProxy | None = None
    """The proxy that names the users; None: they sign in by link."""
    ledgers: LedgerSource = field(default_factory=LedgerSource)
    tokens: FormTokens = field(default_factory=FormTokens)
    codes: Codes = field(default_factory=Codes)
    sessions: Sessions = field(default_factory=Sessions)
    runs: RunCache = field(default_factory=RunCache)
    streams: StreamLimit = field(default_factory=StreamLimit)
    tests: RateLimit = field(default_factory=lambda: RateLimit(TESTS_A_MINUTE))
    plans: Tasks = field(default_factory=lambda: Tasks(PLANS, PLANS_OF_ONE))
    questions: Tasks = field(default_factory=lambda: Tasks(TESTS_A_MINUTE, TESTS_A_MINUTE))
    """Tests of destinations, and other questions to a platform."""
    watches: RunWatches = field(default_factory=RunWatches)
    launcher_lock: threading.Lock = field(default_factory=threading.Lock)
    current_launcher: "tuple[Ledger, Launcher] | None" = None
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the console is to end, so that streams end themselves."""

    def launcher(self, ledger: "Ledger") -> "Launcher":
        """Return what starts runs; it is made when the first one is asked for, or looked for."""
        from connector.scheduler.launcher import Launcher

        with self.launcher_lock:
            if self.current_launcher is None or self.current_launcher[0] is not ledger:
                directory = self.source.state().project.directory
                self.current_launcher = (ledger, Launcher(directory, ledger))
            return self.current_launcher[1]

    @property
    def cookie(self) -> str:
        """The name of the cookie, which browsers send to every port of the host."""
        return f"connector_{self.port}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks."""

    user: str
    """The user, as the roles name them."""
    via: str
    """`link` or `proxy`."""
    identity: str
    """The session, or the user; form tokens hold for it alone."""
    peer: str
    """The address of the machine that asks."""


class Visit:
    """A request, with what its page needs. Used by one thread at a time."""

    def __init__(
        self, request: Request, console: Console, visitor: Visitor | None, form: ImmutableMultiDict[str, Any] | None
    ) -> None:
        self.request, self.console, self._visitor = request, console, visitor
        self.form = form if form is not None else ImmutableMultiDict[str, Any]([])

    @property
    def visitor(self) -> Visitor:
        """Who asks; pages before sign-in have none."""
        if self._visitor is None:
            raise AssertionError("a page behind the sign-in has a visitor")
        return self._visitor

    @property
    def is_signed_in(self) -> bool:
        """True if it is known who asks."""
        return self._visitor is not None

    @property
    def path(self) -> Mapping[str, str]:
        """The parts of the path that the route names."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """The query of the URL."""
        return self.request.query_params

    def query_list(self, name: str) -> Sequence[str]:
        """Return every value of a name in the query of the URL."""
        return self.request.query_params.getlist(name)

    @cached_property
    def state(self) -> ProjectState:
        """The project, and the problems of its file."""
        return self.console.source.state()

    @cached_property
    def project(self) -> Project:
        """The project under the target of the URL. Raises ConfigurationError if there is no such target."""
        return self.state.under(self.query.get("target") or None)

    @property
    def framed_project(self) -> Project:
        """The project that the frame names: under the target of the URL if there is such a target, else its own."""
        try:
            return self.project
        except ConfigurationError:
            return self.state.project

    @property
    def ledger(self) -> "Ledger":
        """The ledger. Raises ConnectorError if it cannot be opened."""
        return self.console.ledgers.of(self.state.project)

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Open a transaction that only reads. Raises ConnectorError."""
        with self.ledger.database.reading() as connection:
            yield connection

    @cached_property
    def rights(self) -> Rights:
        """The rights of whoever asks."""
        return rights_of(self.visitor.user, self.state.project.roles)

    def may_run(self, orchestration: str) -> bool:
        """Return whether to show the buttons that send; the server decides again when one is pressed."""
        if self.rights.admin or not self.rights.has_role:
            return self.rights.admin
        try:
            restrictions = self.project.restrictions(orchestration)
        except ConfigurationError:
            return False
        return not restrictions.admin_only and (self.rights.pii or restrictions.pii)

    def form_token(self, path: str) -> str:
        """Return the token of a form that is posted to a path."""
        return self.console.tokens.token(self._visitor.identity if self._visitor else "", path)

    def url(self, path: str, **query: object) -> str:
        """Return a URL below this console that keeps the target of this one."""
        from urllib.parse import urlencode

        target = self.query.get("target")
        given = {**({"target": target} if target else {}), **query}
        pairs = {key: value for key, value in given.items() if value not in {None, ""}}
        return f"{path}?{urlencode(pairs, doseq=True)}" if pairs else path
