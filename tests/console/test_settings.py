"""The settings of an orchestration or destination: a form, a diff, and a file of which only the meant lines change."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.console.server import ConsoleServer
from connector.editing.proposal import propose, read_file
from connector.editing.save import save
from connector.editing.splice import Edit
from tests.cli.command import inside
from tests.console.conftest import Visitor, serving, sign_in

PAGE = "/orchestrations/store_purchases/settings"
OF_DESTINATION = "/destinations/store_events/settings"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """The console of the example project."""
    folder = tmp_path_factory.mktemp("settings") / "shop"
    inside("init", str(folder), project=folder.parent)
    with serving(folder) as server:
        yield server


@pytest.fixture
def folder(example: ConsoleServer) -> Iterator[Path]:
    """The example's folder, whose file is as it was after the test."""
    directory = example.console.source.state().project.directory
    file = directory / "orchestrations.yaml"
    before = file.read_bytes()
    yield directory
    file.write_bytes(before)


@pytest.fixture
def editor(example: ConsoleServer) -> Visitor:
    return sign_in(example)


def version(text: str) -> str:
    (found,) = set(re.findall(r'name="version" value="(\w+)"', text))
    return str(found)


def diff(text: str) -> list[str]:
    """The changed lines that a page shows."""
    return [html.unescape(line) for line in re.findall(r'<span class="h-g[id]">(.*?)</span>', text)]


def test_a_setting_is_changed_after_its_diff_was_seen(editor: Visitor, folder: Path) -> None:
    file = folder / "orchestrations.yaml"
    before = file.read_text()
    form = editor.get(PAGE).text
    assert "Comes from line 66." in form and 'value="{days: 7}"' in form
    filled = {"version": version(form), "set:workflow": "automatic", "set:tags": "stores, eu", "set:limit": "500"}
    review = editor.post(PAGE, filled, page=PAGE)
    assert review.status_code == 200
    expected = ["-    workflow: manual", "+    workflow: automatic", "-    tags: [stores]", "+    tags: [stores, eu]"]
    assert [line for line in diff(review.text) if line[:3] not in ("---", "+++")] == [*expected, "+    limit: 500"]
    assert file.read_text() == before
    saved = editor.post(PAGE, {**filled, "step": "save"}, page=PAGE)
    assert (saved.status_code, saved.headers["location"]) == (303, "/orchestrations/store_purchases?saved=settings")
    assert "The settings were saved." in editor.get(saved.headers["location"]).text
    assert file.read_text() == before.replace(
        'workflow: manual\n    schedule: {cron: "15', 'workflow: automatic\n    schedule: {cron: "15'
    ).replace("tags: [stores]\n", "tags: [stores, eu]\n    limit: 500\n", 1)


@pytest.mark.parametrize(
    ("filled", "sentence"),
    [
        ({"set:limit": "-1"}, "must be a whole number"),
        ({"set:limit": "many"}, "must be a whole number"),
        ({"set:schedule": "{cron: "}, "must be YAML in one line"),
        ({"set:schedule": '{cron: "61 * * * *"}'}, "schedule"),
        ({"set:workflow": "automatic", "set:schedule": ""}, "needs schedule"),
        ({"set:destination": "nowhere"}, "nowhere"),
        ({"set:query": "nothing"}, "nothing"),
        ({}, "Nothing was changed."),
        ({"set:description": "Purchases at the till, last seven days "}, "Nothing was changed."),
    ],
)
def test_what_validate_refuses_is_said_at_its_field_and_the_words_are_kept(
    editor: Visitor, folder: Path, filled: dict[str, str], sentence: str
) -> None:
    before = read_file(folder)
    form = {"version": version(editor.get(PAGE).text), **filled, "step": "save"}
    answer = editor.post(PAGE, form, page=PAGE)
    assert answer.status_code == 400
    assert "There is a problem" in answer.text and sentence in html.unescape(answer.text)
    assert all(html.escape(text.strip()).replace("&quot;", "&#34;") in answer.text for text in filled.values())
    assert read_file(folder) == before


def test_a_value_of_a_target_is_changed_there_and_a_new_one_where_it_was_asked_for(
    editor: Visitor, folder: Path
) -> None:
    page = f"{PAGE}?target=sandbox"
    form = editor.get(page).text
    assert re.search(r"Comes from targets.sandbox, line \d+", form)
    answer = editor.post(
        page,
        {"version": version(form), "set:limit": "9", "set:min_rows": "3", "scope": "target", "step": "save"},
        page=page,
    )
    assert answer.status_code == 303, answer.text
    assert (
        "store_purchases: {limit: 9, test_event_code: TEST12345, min_rows: 3}"
        in (folder / "orchestrations.yaml").read_text()
    )


def test_two_who_edit_the_file_lose_nothing(editor: Visitor, folder: Path) -> None:
    mine = {"version": version(editor.get(PAGE).text), "set:limit": "9"}
    now = read_file(folder)
    save(folder, folder / ".connector", propose(now, [Edit(("orchestrations", "web_purchases", "min_rows"), 4)]))
    conflict = editor.post(PAGE, {**mine, "step": "save"}, page=PAGE)
    assert conflict.status_code == 409 and "Apply mine to the new file" in conflict.text
    assert "+    min_rows: 4" in diff(conflict.text) and "+    limit: 9" in diff(conflict.text)
    again = editor.post(PAGE, {**mine, "version": version(conflict.text), "step": "save"}, page=PAGE)
    assert again.status_code == 303
    text = (folder / "orchestrations.yaml").read_text()
    assert "    min_rows: 4\n" in text and "    limit: 9\n" in text


def test_two_who_edit_the_same_setting_are_told(editor: Visitor, folder: Path) -> None:
    mine = {"version": version(editor.get(PAGE).text), "set:max_reject_percent": "9", "step": "save"}
    edit = Edit(("orchestrations", "store_purchases", "max_reject_percent"), 20)
    save(folder, folder / ".connector", propose(read_file(folder), [edit]))
    conflict = editor.post(PAGE, mine, page=PAGE)
    assert conflict.status_code == 409 and "Apply mine" not in conflict.text
    assert "Both changes are about the same setting." in conflict.text
    assert "max_reject_percent: 20 " in (folder / "orchestrations.yaml").read_text()


def test_a_form_of_a_version_that_is_not_known_changes_nothing(editor: Visitor, folder: Path) -> None:
    answer = editor.post(PAGE, {"version": "0" * 64, "set:limit": "9", "step": "save"}, page=PAGE)
    assert answer.status_code == 409 and "Nothing was changed. Open it again." in answer.text


def test_a_destination_is_saved_only_if_its_test_passes(editor: Visitor, folder: Path) -> None:
    form = version(editor.get(OF_DESTINATION).text)
    refused = editor.post(
        OF_DESTINATION, {"version": form, "set:advertiser_id": "1", "step": "save"}, page=OF_DESTINATION
    )
    assert refused.status_code == 400 and "There is a problem" in refused.text
    before = read_file(folder)
    assert before == read_file(folder)
    saved = editor.post(
        OF_DESTINATION, {"version": form, "set:max_in_flight": "4", "step": "save"}, page=OF_DESTINATION
    )
    assert saved.status_code == 303, saved.text
    assert "max_in_flight: 4\n" in (folder / "orchestrations.yaml").read_text()


def test_a_secret_comes_from_the_environment_only(editor: Visitor, folder: Path) -> None:
    form = version(editor.get(OF_DESTINATION).text)
    answer = editor.post(
        OF_DESTINATION, {"version": form, "set:proxy": "http://u:secret-word@p:1"}, page=OF_DESTINATION
    )
    assert answer.status_code == 400 and "must come from the environment" in answer.text


def test_edits_are_in_the_audit_by_their_keys(editor: Visitor, folder: Path) -> None:
    editor.post(PAGE, {"version": version(editor.get(PAGE).text), "set:min_rows": "77", "step": "save"}, page=PAGE)
    console = editor.server.console
    use = console.ledgers.of(console.source.state().project).audit.latest(1)[0].use
    assert (use.command, use.orchestration, use.actor, use.via) == ("edit", "store_purchases", console.owner, "console")
    assert use.detail == {"changed": ["orchestrations.store_purchases.min_rows"]}
