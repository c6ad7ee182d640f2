"""The files of an orchestration as a source of rows."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event

import pyarrow as pa

from connector.conversions import COLUMNS
from connector.errors import FileRefused, SourceError
from connector.files.changes import column_changes
from connector.files.conversions import Checks, check_headings, is_instructions, whole
from connector.files.failures import reading
from connector.files.heading import Heading, is_packed, read_heading
from connector.files.places import Found, Place, find, look_again, place_of
from connector.files.reading import Input, LastSent, Limits, ReadFile, Reading
from connector.files.repeated import RepeatedHeaders
from connector.files.rows import Rows
from connector.files.text import Stored, Text


class FileSource:
    """Files, one after the other. What it is asked (`sql`) is always the whole of them."""

    def __init__(self, place: Place, wanted: Input, limits: Limits) -> None:
        self._place, self._wanted, self._limits = place, wanted, limits
        self._stop = Event()
        self._last: LastSent | None = None
        self.reading = Reading()
        self._found = find(place, wanted.pattern, wanted.directory)
        self.files = self._found

    def keep(self, wanted: Callable[[Found], bool]) -> None:
        """Leaves out the files that are not wanted."""
        self.files = [file for file in self.files if wanted(file)]

    def compare_with(self, last: LastSent | None) -> None:
        """Note how the columns differ from those of the file that was sent last."""
        self._last = last

    def digest(self, file: Found) -> str:
        """The SHA-256 of a file as it lies there, in hex. Raises SourceError."""
        with closing(self._place.open(file.path)) as handle:
            stored = Stored(handle, file.shown, self._stop)
            while stored.read():
                pass
        return stored.digest

    @contextmanager
    def execute(self, sql: str) -> Iterator["FileResult"]:  # noqa: ARG002
        """The rows of all files. Raises FileRefused where a header line is not as it has to be, or SourceError."""
        for file in self.files:
            self._refuse_large(file, 0, 0 if is_packed(file.path) else file.size)
        some = self.files or self._found[:1]
        headings = [self._heading(file) for file in some]
        _refuse_other_headings(some, headings)
        if self.files:
            self._compare(self.files[0], headings[0])
        yield FileResult(self.schema(headings[0].names), self._batches)

    def describe(self, sql: str) -> pa.Schema:
        """The columns of the files. Raises as `execute` does."""
        with self.execute(sql) as result:
            return result.schema

    def delimiters(self) -> list[tuple[str, str]]:
        """The files as they are shown, and the characters between their values."""
        return [(file.shown, self._heading(file).delimiter) for file in self.files]

    def cancel(self) -> None:
        """See `Source.cancel`."""
        self._stop.set()

    def close(self) -> None:
        """See `Source.close`: the place is closed by whoever opened it."""

    def schema(self, names: tuple[str, ...]) -> pa.Schema:
        """Of a conversions file all columns of the program, whichever it has; of others its own. All are text."""
        return pa.schema([(name, pa.string()) for name in (COLUMNS if self._is_conversions else names)])

    @property
    def _is_conversions(self) -> bool:
        return self._wanted.format.is_conversions

    def _compare(self, file: Found, heading: Heading) -> None:
        self.reading.columns = heading.names
        if self._last and (changes := column_changes(self._last.columns, heading.names)):
            advice = "LiveRamp asks for a support case before the format of a feed changes"
            note = (
                f"{file.shown}: the columns changed since {self._last.name}, the last file sent (run "
                f"{self._last.run_id}): {changes}. "
                f"{advice if self._is_conversions else 'Check that the data template still fits'}."
            )
            self.reading.changes.append(note)
            self.reading.notes.append(note)

    def _heading(self, file: Found) -> Heading:
        with self._opened(file) as (_, text):
            return self._read_heading(file, text)

    def _read_heading(self, file: Found, text: Text) -> Heading:
        read = read_heading(text, file.path, file.shown, self._wanted.format)
        if self._is_conversions:
            check_headings(read.names, file.shown)
        return read

    @contextmanager
    def _opened(self, file: Found) -> Iterator[tuple[Stored, Text]]:
        with reading(file.shown):
            handle = self._place.open(file.path)
        with closing(handle):
            stored = Stored(handle, file.shown, self._stop)
            yield stored, Text(stored, file.shown, compressed=is_packed(file.path))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for file in self.files:
            with self._opened(file) as (stored, text):
                yield from self._of_file(file, text)
                self._refuse_changed(file, stored)
            self.reading.files.append(ReadFile(file.shown, stored.size, stored.digest))

    def _of_file(self, file: Found, text: Text) -> Iterator[pa.RecordBatch]:
        heading = self._read_heading(file, text)
        rows = Rows(text, heading, file.shown, self.reading.found)
        headers = RepeatedHeaders(heading, file.shown, self.reading.found)
        checks = Checks(file.shown, self.reading.found, self._wanted.format.transaction_category)
        count = 0
        for batch, lines in rows.batches():
            batch, lines = headers.without(batch, lines)  # noqa: PLW2901
            if self._is_conversions:
                if not count and batch.num_rows and is_instructions(whole(batch)):
                    batch, lines = batch.slice(1), lines[1:]  # noqa: PLW2901
                    self.reading.notes.append(f"{file.shown}:2: the template's row of instructions is left out.")
                checks.check(batch, lines)
                batch = whole(batch)  # noqa: PLW2901
            count += batch.num_rows
            self._refuse_large(file, count, text.size)
            self.reading.lines.add(file.shown, lines)
            yield batch
        if note := headers.note():
            self.reading.notes.append(note)

    def _refuse_large(self, file: Found, rows: int, size: int) -> None:
        if self._is_conversions and (rows > self._limits.rows or size > self._limits.size):
            raise FileRefused(
                f"{file.shown} is larger than a file of the program may be: {self._limits.rows:,} rows, and "
                f"{self._limits.size:,} bytes uncompressed."
            )

    def _refuse_changed(self, file: Found, stored: Stored) -> None:
        now = look_again(self._place, file)
        if stored.size != file.size or now.stamp != file.stamp:
            raise SourceError(
                f"{file.shown} changed while it was read ({file.size:,} bytes at first, {now.size:,} now): nothing was "
                "sent. Run it again when the file is complete."
            )


class FileResult:
    """See `Result`."""

    query_id = None

    def __init__(self, schema: pa.Schema, batches: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        self.schema = schema
        self.batches = batches


@contextmanager
def open_files(wanted: Input, limits: Limits | None = None) -> Iterator[FileSource]:
    """The files that are wanted. Raises ConfigurationError, FileRefused or SourceError."""
    with place_of(wanted.pattern, wanted.directory) as place:
        yield FileSource(place, wanted, limits or Limits())


def _refuse_other_headings(files: list[Found], headings: list[Heading]) -> None:
    for file, one in zip(files, headings, strict=True):
        if changes := column_changes(headings[0].names, one.names):
            raise FileRefused(
                f"{file.shown}:{one.line}: the columns differ from those of {files[0].shown}: {changes}. Read them "
                "by two orchestrations, or give them the same columns."
            )
