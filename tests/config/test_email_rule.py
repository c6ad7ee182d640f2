"""Lists of a few words, and lists of texts: what is wrong with one is told in a sentence about it."""

from pathlib import Path

import pytest

from tests.config.project import changed, load, problems

AUDIENCE = """\
  vips: {type: tiktok_audience, credential: tiktok, advertiser_ids: ["7654321098765432109"], audience: VIP, email_rule: RULE}
orchestrations:
"""
ALLOWED = "it must be plain, without_plus or without_plus_and_dots, or a list of several of them."
RULES = {
    "''": ALLOWED,
    "' '": ALLOWED,
    "['']": ALLOWED,
    "[plain, '']": ALLOWED,
    "[1]": ALLOWED,
    "true": ALLOWED,
    "{plain: true}": ALLOWED,
    "[[plain]]": ALLOWED,
    "plan": f'{ALLOWED} Did you mean "plain"?',
    "[]": "it must name at least one of plain, without_plus or without_plus_and_dots.",
    "[plain, plain]": "it must name plain only once.",
    "[without_plus, plain, without_plus]": "it must name without_plus only once.",
}
TEXTS = ("[a, '']", "[1.5]", "{a: b}", "''", "[[a]]", "true")


@pytest.mark.parametrize("rule", RULES)
def test_a_wrong_email_rule_is_told_with_what_is_allowed(tmp_path: Path, rule: str) -> None:
    (told,) = problems(tmp_path, changed("orchestrations:\n", AUDIENCE.replace("RULE", rule)))
    assert told.endswith(RULES[rule])
    assert "destinations.vips.email_rule" in told


@pytest.mark.parametrize("rule", ["plain", "[plain, without_plus]"])
def test_a_right_email_rule_is_taken(tmp_path: Path, rule: str) -> None:
    load(tmp_path, changed("orchestrations:\n", AUDIENCE.replace("RULE", rule)))


@pytest.mark.parametrize("words", TEXTS)
@pytest.mark.parametrize("key", ["tags", "custom_events"])
def test_a_wrong_list_of_texts_is_told(tmp_path: Path, key: str, words: str) -> None:
    old, new = ("    warehouse: demo\n", "    warehouse: demo\n    tags: ")
    if key == "custom_events":
        old = '    event_source: offline\n    event_source_id: "7654321098765432110"\n'
        new = "    event_source: web\n    event_source_id: C4EXAMPLE0PIXEL0CODE\n    custom_events: "
    (told,) = problems(tmp_path, changed(old, f"{new}{words}\n"))
    assert told.endswith("it must be a list of texts that are not empty, as [one, two].")
