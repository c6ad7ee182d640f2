"""TikTok's page leads back with `auth_code` or with `code`, depending on the app."""

import pytest

from connector.destinations.tiktok.redirect import code_in
from connector.errors import AuthorisationError


@pytest.mark.parametrize("answer", [{"auth_code": "A"}, {"code": "A"}, {"auth_code": "A", "code": "B"}], ids=str)
def test_a_code_is_found_under_either_name(answer: dict[str, str]) -> None:
    assert code_in({**answer, "state": "s"}, "s").get_secret_value() == "A"


@pytest.mark.parametrize("answer", [{}, {"auth_code": ""}, {"code": ""}], ids=str)
def test_no_code_is_a_refusal(answer: dict[str, str]) -> None:
    with pytest.raises(AuthorisationError, match="access was not granted"):
        code_in({**answer, "state": "s"}, "s")
