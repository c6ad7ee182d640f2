"""Writes of several threads that share one transaction, and so one wait for the disk."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection

Work = Callable[[Connection], None]


@dataclass(eq=False, slots=True)
class _Piece:
    work: Work
    done: bool = False
    error: Exception | None = None


class GroupCommit:
    """Whoever comes first does the work of all that have gathered behind the transaction under way."""

    def __init__(self, writing: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._writing = writing
        self._waiting: deque[_Piece] = deque()
        self._turn = Lock()

    def do(self, work: Work) -> None:
        """Comes back once what `work` wrote is on disk. Raises what `work` or the database raises.

        Where one of those who share a transaction fails, each is done again in one of its own: so `work` may be
        called twice, and the failure of one undoes nothing of another.
        """
        piece = _Piece(work)
        self._waiting.append(piece)
        with self._turn:
            if not piece.done:
                self._do_all()
        if piece.error is not None:
            raise piece.error

    def _do_all(self) -> None:
        pieces = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._do_in_one(pieces)
        except Exception as error:
            if len(pieces) == 1:
                pieces[0].error = error
            else:
                self._do_each(pieces)
        except BaseException:
            self._waiting.extendleft(reversed(pieces))
            raise
        for piece in pieces:
            piece.done = True

    def _do_in_one(self, pieces: list[_Piece]) -> None:
        with self._writing() as connection:
            for piece in pieces:
                piece.work(connection)

    def _do_each(self, pieces: list[_Piece]) -> None:
        for piece in pieces:
            try:
                self._do_in_one([piece])
            except Exception as error:
                piece.error = error
