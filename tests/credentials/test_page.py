"""The page on credentials names what there is."""

from connector.config.credential import Credential
from connector.destinations.tiktok.oauth import REFRESH_PATH
from tests.credentials.test_codes import AUTH, RARE
from tests.docs.markdown import CREDENTIALS, code, first_column, table


def test_the_page_lists_every_setting_of_a_credential() -> None:
    assert set(first_column(CREDENTIALS, "setting")) == set(Credential.known_keys())


def test_the_page_names_the_path_at_which_tokens_are_refreshed() -> None:
    (row,) = (row for row in table(CREDENTIALS, "setting") if row[0] == "`refresh_path`")
    assert code(row[1])[-1] == REFRESH_PATH


def test_the_page_lists_every_code_that_a_test_provokes() -> None:
    listed = [int(number) for row in table(CREDENTIALS, "code") for number in row[0].split(", ")]
    assert listed == sorted({*AUTH, *RARE})
