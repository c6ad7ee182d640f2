"""A console in an empty folder makes the project, by one button."""

from pathlib import Path

import pytest

from connector.errors import ConfigurationError
from tests.cli.command import inside
from tests.console.conftest import serving, sign_in


def test_an_empty_folder_becomes_a_project_that_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        visitor = sign_in(server)
        for page in ("/", "/runs", "/audit", "/new/query", "/orchestrations/x/settings?target=local"):
            assert visitor.get(page).headers["location"] == "/start"
        assert f"There is no project in {tmp_path.name} yet" in visitor.get("/start").text
        assert not list(tmp_path.iterdir())
        made = visitor.post("/start", page="/start")
        assert (made.status_code, made.headers["location"]) == (303, "/")
        assert "store_purchases" in visitor.get("/").text
        assert visitor.get("/start").headers["location"] == "/"
    assert inside("run", "store_purchases", project=tmp_path).code == 0


def test_nobody_makes_a_project_without_signing_in(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        client = sign_in(server).client
        client.cookies.clear()
        assert client.get("/start").status_code == 401
        assert client.post("/start", headers={"Origin": server.home}).status_code in (401, 403)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_other_files_is_no_place_for_a_project_by_itself(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"There is no orchestrations.yaml"):
        serving(tmp_path)


def test_a_project_that_is_made_in_the_meantime_is_served(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        visitor = sign_in(server)
        token_page = visitor.get("/start")
        inside("init", str(tmp_path), project=tmp_path)
        assert token_page.status_code == 200
        assert "store_purchases" in visitor.get("/").text
