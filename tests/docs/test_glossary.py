"""Public names keep to the glossary."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from connector.core.outcomes import Reason, RowWarning, RunStatus, Skip
from connector.delivery.answer import Verdict
from tests.docs.generated.commands import commands, options
from tests.docs.generated.json_objects import OBJECTS
from tests.docs.generated.settings import keys, models
from tests.docs.markdown import PAGES, ROOT, table

GLOSSARY = ROOT / "docs" / "glossary.md"
MOST_TERMS = 40

PRIVATE = frozenset(
    "anew aftermath barred before board courier cutter doubtful early failing fate figures forgotten found gathered gone "
    "growing held intended kept known looks named overlap removed repeating saved seen settle settled settlement shown sieve "
    "sparse stand standing stretches strikes taking tell together told units wanted written chosen piece part share shares "
    "end again trouble".split()
)
"""Words of an earlier vocabulary. They say nothing to somebody who looks for the thing."""

STABLE = frozenset(["left_out"])
"""A key of JSON that scripts read, older than the glossary."""

PLAIN = frozenset(
    """
    a accepted access account actor actual added address admin advertiser after again age allow allowed already amount answer api app
    at auth auto built blocked by ca case category change changes channel check checks click code column columns command
    compile completed conflicting connect connector console contact cookie country coverage cron currency cursor custom data day
    days dbt default degraded delimiter delivered description detail device dialect differences dry due duplicate email empty error every
    examples expected expired expires export exposures external fail failed fault faults file files finished first fixed flight
    folders for force forget format freshness fresh from full future goes headers host hosts http id identical identity ids
    in incomplete init interrupted invalid ip items json junit kept key kind launch ldu left legacy limit limited line lines
    list listed log login longest lost manifest many marketplace match max mcp median message metrics min minutes missing mode
    model month name negative new next node not notes notify now o of old on only options origins os out output overlap owner page parallel
    party
    passed passphrase password path pause paused payment peer pending per percent percentile phone pii placeholder port preview private
    problems promote proxy reached read record redirect refresh refreshed refused region reject rejected rejects removed
    report reporting request requirement resend resume resumed retention retried retry row rule running schedule schema second seconds
    secret send sender sent sentence set setting show shown simulate since size skipped slowest start started state status
    stop strictness subject summary suppress suppressed synced table tags test the throttled tiktok timeline timeout timestamp timezone
    to token too tracking transaction transform trend trusted type unchanged unfinished unknown unpause uri url usage use user
    validate value version via wait waiting what why with withheld workflow would yes
    """.split()
)
"""Ordinary words and those of TikTok's pages, which mean here what they mean anywhere."""


VERBS = frozenset(["batches", "notify", "simulate", "stage", "staged", "suppressed"])
"""Other forms of terms."""


def rows() -> list[tuple[str, ...]]:
    return table(GLOSSARY, "term")


def words(name: str) -> list[str]:
    """The words of a name, in lower case and without the s of a plural."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.findall(r"[a-z]+", parted.lower())


def stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


@cache
def public_names() -> frozenset[str]:
    """Keys of JSON, settings, commands, options, and the words for outcomes."""
    found = {part for one in OBJECTS for key in (*one.keys, *one.sometimes) for part in re.findall(r"[a-z_]+", key)}
    for typed, command in commands().items():
        found |= {typed, *(name for option in options(command) for name in option.opts)}
    found |= {name for model in models() for name in keys(model)}
    return frozenset(found | {str(word) for kind in (RunStatus, Reason, Skip, RowWarning, Verdict) for word in kind})


@cache
def code_names() -> frozenset[str]:
    """Public classes, and modules without their folders."""
    found = set[str]()
    for path in (ROOT / "connector").rglob("*.py"):
        found |= {path.stem, *_classes(path)} - {"__init__", "__main__"}
    return frozenset(found)


def _classes(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def test_the_glossary_is_short_and_has_each_term_once() -> None:
    terms = [row[0] for row in rows()]
    assert len(terms) <= MOST_TERMS
    assert len(set(terms)) == len(terms)
    unwanted = {word.strip() for row in rows() for word in row[2].split(",")}
    assert unwanted.isdisjoint(terms)


@pytest.mark.parametrize("term", [row[0] for row in rows()])
def test_a_term_is_used_in_a_public_name_or_on_a_page(term: str) -> None:
    wanted = [stem(word) for word in term.split()]
    named = any(set(wanted) <= set(map(stem, words(name))) for name in public_names() | code_names())
    pages = " ".join(page.read_text("utf-8").lower() for page in PAGES if page != GLOSSARY)
    assert named or term in pages


def test_a_public_name_is_of_terms_and_plain_words() -> None:
    terms = {word for row in rows() for word in row[0].split()}
    known = {stem(word) for word in {*PLAIN, *terms, *VERBS}}
    assert {name for name in public_names() if not set(map(stem, words(name))) <= known} == set()


@pytest.mark.parametrize("names", [public_names, code_names], ids=["users", "code"])
def test_no_public_name_has_a_synonym_of_a_term(names: Callable[[], frozenset[str]]) -> None:
    synonyms = [word.strip() for row in rows() for word in row[2].split(",")]
    phrases = [tuple(map(stem, words(one))) for one in synonyms]
    wrong = {name for name in names() for phrase in phrases if _has(tuple(map(stem, words(name))), phrase)}
    assert wrong - STABLE == set()


def _has(name: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    return any(name[start : start + len(phrase)] == phrase for start in range(len(name) - len(phrase) + 1))


def test_no_class_and_no_module_has_a_word_of_the_earlier_vocabulary() -> None:
    found = {name for name in code_names() if PRIVATE & set(words(name))}
    assert found == set()
