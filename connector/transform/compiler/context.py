"""Hold the state of a compilation: the layers, the binding, the rules, and the conditions of a row."""

from dataclasses import dataclass, field
from enum import IntEnum

import pyarrow as pa

from connector.catalogue import BY_NAME, PARAMETERS, Kind, Parameter, Plain
from connector.core.outcomes import Reason, RowWarning
from connector.transform.binding import (
    WITHOUT_PLACEHOLDERS,
    Binding,
    Field,
    cleaning_of,
    is_list,
    is_marking,
)
from connector.transform.derived import signs_column
from connector.transform.invisible import without_invisible
from connector.transform.layers import Layers
from connector.transform.packed import is_placeholder
from connector.transform.rules import EventRules
from connector.transform.sql.identity import MARKED, UNMARKED, can_be_marked, identifier_text, is_inexact, marked_text
from connector.transform.sql.json import json_text
from connector.transform.sql.text import guarded, guarded_json, id_digest, is_number_of, is_text, quote, text_of
from connector.transform.stripped import Cleaning
from connector.transform.template import Scalar


class Level(IntEnum):
    """The layers, bottom up: an expression may use lower ones."""

    ROUTE = 0
    TEXT = 1
    GIVEN = 2
    GUARDED = 3
    NORMAL = 4
    CLEAN = 5
    DIGEST = 6
    PACKED = 7
    LIST = 8
    JSON = 9
    ID = 10
    OUTCOME = 11
    PAYLOAD = 12
    LAST = 13
    REJECTED = 14


PHONES = tuple(one.name for one in PARAMETERS if one.kind is Kind.PHONE)
_WEB, _OFFLINE = frozenset({"web"}), frozenset({"offline"})


@dataclass
class Context:
    """One compilation."""

    binding: Binding
    rules: EventRules
    web: bool | None
    """Whether the rows are web events; None: each row says so itself, in the column `is_web`."""
    layers: Layers = field(default_factory=Layers)
    given: dict[str, str] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)
    """By parameter, when its column holds a word that stands for nothing."""
    ids: set[int] = field(default_factory=set)
    """The columns of ids that are guarded; in queries over usual rows none of them can name a person."""
    inexact: dict[str, str] = field(default_factory=dict)
    """By parameter, when its column holds a number that may have lost digits."""
    reasons: dict[Reason, list[str]] = field(default_factory=dict)
    """The conditions on which a row is rejected."""
    warnings: dict[RowWarning, list[str]] = field(default_factory=dict)
    """The conditions on which a row has a warning."""

    def reject(self, reason: Reason, condition: str | None) -> None:
        """Reject the rows for which the condition holds, if there are any."""
        self.reasons.setdefault(reason, []).extend(filter(None, [condition]))

    def warn(self, warning: RowWarning, condition: str | None) -> None:
        """Add a warning to the rows for which the condition holds."""
        self.warnings.setdefault(warning, []).extend(filter(None, [condition]))

    def takes(self, parameter: Parameter) -> bool:
        """Return whether any row's event source takes the parameter."""
        if self.web is None:
            return bool(parameter.sources & (_WEB | _OFFLINE))
        return ("web" if self.web else "offline") in parameter.sources

    def is_for_all(self, parameter: Parameter) -> bool:
        """Return whether every row's event source takes the parameter."""
        return self.takes(parameter) and self._is_taken(parameter) is None

    def fields(self, name: str) -> tuple[Field, ...]:
        """Return the columns that fill the parameter, none if it does not go with the event source."""
        return self.binding.fields.get(name, ()) if self.takes(BY_NAME[name]) else ()

    def text(self, name: str) -> str | None:
        """Return the column holding the parameter's text, stripped and NULL if blank; None if nothing fills it."""
        if name in self.given:
            return self.given[name]
        parameter, constant, fields = BY_NAME[name], self.binding.constants.get(name), self.fields(name)
        if constant is not None and self.takes(parameter):
            column = f"given_{name}"
            value = literal(constant.value, parameter.kind)
            given = self.layers.put(Level.GIVEN, column, self.for_source(parameter, value))
            self.given[name] = self._guarded(column, given, parameter.plain, text=isinstance(constant.value, str))
        elif fields:
            self.given[name] = self.column_text(f"given_{name}", fields[0], parameter)
        return self.given.get(name)

    def json(self, name: str) -> str | None:
        """Return the column holding the parameter's text as a JSON string; None if nothing fills it."""
        text = self.text(name)
        if not text:
            return None
        if BY_NAME[name].plain is Plain.ID and self.fields(name):
            self.layers.put_usual(f"json_{name}", f"'\"' || {text} || '\"'")
        return self.layers.put(Level.JSON, f"json_{name}", json_text(text))

    def column_text(self, column: str, source: Field, parameter: Parameter) -> str:
        """Put the text of a column of the result, which is stripped, and return the name it goes by."""
        text = self.source_text(source, parameter)
        if is_marking(parameter.kind) and can_be_marked(source.kind):
            self.placeholders.setdefault(parameter.name, self.for_source(parameter, f"{text} < {UNMARKED}"))
            text = f"CASE WHEN {text} >= {UNMARKED} THEN {text} END"
            if parameter.kind is Kind.ID and pa.types.is_floating(source.kind):
                inexact = is_inexact(f"c{source.index}")
                self.inexact.setdefault(parameter.name, self.for_source(parameter, inexact))
        given = self.layers.put(Level.GIVEN, column, self.for_source(parameter, text))
        return self._guarded(column, given, parameter.plain, text=is_text(source.kind), source=source)

    def source_text(self, source: Field, parameter: Parameter) -> str:
        """Return the text of a column, marked if it may be a placeholder and the parameter's kind asks for that."""
        column = f"c{source.index}"
        if not is_marking(parameter.kind):
            text = text_of(column, source.kind)
            return f"ltrim({text}, {MARKED})" if self.binding.is_marked(source) else text
        written = identifier_text if parameter.many else marked_text
        text = written(column, source.kind, number=parameter.kind is Kind.PHONE)
        return text if is_text(source.kind) else self.layers.put(Level.TEXT, f"{parameter.name}_of_{column}", text)

    def guarded(self, text: str, plain: Plain, source: Field) -> str:
        """Return `text`, which is of a column of the result, without what `plain` says is not to be in it."""
        return guarded(text, plain, signs_column(f"c{source.index}"))

    def guarded_json(self, json: str, source: Field) -> str:
        """Return the same of JSON, whose strings are texts."""
        return guarded_json(json, signs_column(f"c{source.index}"))

    def _guarded(self, column: str, given: str, plain: Plain, *, text: bool, source: Field | None = None) -> str:
        """Put the guarded value of a column of the result, or of a constant. Only texts can hold an address."""
        expression = given
        if text and plain is not Plain.AS_GIVEN:
            # Of ids, the whole column is looked at: see `ids`.
            seen = source if plain is not Plain.ID else None
            expression = self.guarded(given, plain, seen) if seen else guarded(given, plain)
        own = self.is_own_phone(given) if plain is Plain.ID else None
        if own:
            expression = f"CASE WHEN {own} THEN {id_digest(given)} ELSE {expression} END"
        if expression == given:
            return given
        guarded_column = self.layers.put(Level.GUARDED, f"guarded_{column}", expression)
        if source and plain is Plain.ID:
            self.ids.add(source.index)
            self.layers.put_usual(guarded_column, given)
        return guarded_column

    def is_own_phone(self, given: str) -> str | None:
        """Return the condition that an id is a phone number of its own row; None if no column gives any."""
        columns = [field for name in PHONES for field in self.fields(name)]
        conditions = [self._is_one_of(given, f"own_phone_{number}", field) for number, field in enumerate(columns)]
        constants = [constant for name in PHONES if (constant := self.binding.constants.get(name)) is not None]
        conditions += [is_number_of(given, literal(constant.value)) for constant in constants]
        return f"({' OR '.join(conditions)})" if conditions else None

    def _is_one_of(self, given: str, column: str, field: Field) -> str:
        source = f"c{field.index}"
        if not is_list(field.kind):
            return is_number_of(given, self.layers.put(Level.GIVEN, column, text_of(source, field.kind)))
        texts = f"list_transform({source}, lambda x: {text_of('x', field.kind.value_type)})"
        return is_number_of(given, self.layers.put(Level.GIVEN, column, f"array_to_string({texts}, chr(10))"))

    def for_source(self, parameter: Parameter, expression: str) -> str:
        """Return `expression`, NULL for rows whose event source does not take the parameter."""
        condition = self._is_taken(parameter)
        return f"CASE WHEN {condition} THEN {expression} END" if condition else expression

    def on_source(self, parameter: Parameter, condition: str) -> str | None:
        """Return `condition`, asked of rows whose event source takes the parameter; None if there are none."""
        taken = self._is_taken(parameter)
        return f"({taken} AND {condition})" if taken else condition if self.takes(parameter) else None

    def on_web(self, condition: str) -> str | None:
        """Return `condition`, asked of web rows only; None if there are none."""
        if self.web is None:
            return f"(is_web AND {condition})"
        return condition if self.web else None

    def _is_taken(self, parameter: Parameter) -> str | None:
        """Return the condition that a row's event source takes the parameter; None if that is the same for all rows."""
        if self.web is not None or not self.takes(parameter) or parameter.sources >= _WEB | _OFFLINE:
            return None
        return "is_web" if parameter.sources >= _WEB else "NOT is_web"


def literal(value: Scalar, kind: Kind = Kind.TEXT) -> str:
    """Return a template's constant as the SQL text of a stripped value, NULL if it is blank, or a placeholder."""
    if isinstance(value, bool):
        return quote(str(value).lower())
    text = str(value).strip()
    if cleaning_of(kind) & Cleaning.VISIBLE:
        text = without_invisible(text).strip()
    nothing = not text or (kind in WITHOUT_PLACEHOLDERS and is_placeholder(text))
    return "NULL::VARCHAR" if nothing else quote(text)
