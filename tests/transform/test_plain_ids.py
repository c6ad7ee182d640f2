import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.redaction import without_dialled
from connector.transform.phones import is_number_in
from connector.transform.plain_ids import is_plain

PLAIN = ["S000000001", "gid://shopify/Order/1234567890", "#1001", "1234567", "", "order-12", "T-12345678", "a_b.c/d:e"]
NOT_PLAIN = [
    "12125550142", "+12125550142", "212-555-0142", "tel:2125550142", "TEL:12125550142", "a@example.com", "a%40example.com",
    "a&#64;example.com", "a\\u0040b.com", "a b", "(212)5550142", "(at)", "\uff2b\uff11", "K\u00f6ln", "12125550142.0",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_an_id_of_letters_digits_and_a_few_signs_is_plain(text: str) -> None:
    assert is_plain(pa.array([None, "a", text, "b"]))


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_an_id_that_might_be_a_number_or_hold_an_address_is_not(text: str) -> None:
    assert not is_plain(pa.array([None, "a", text, "b"]))
    assert is_plain(pa.array([text, "a", "b"]).slice(1))


@given(st.text("aZ019+-_.:/#@%&\\()[] tel\uff10\u0661", max_size=34), st.text("0123456789+() -", max_size=20))
def test_nothing_would_be_done_about_a_plain_id(text: str, phone: str) -> None:
    if is_plain(pa.array([text])):
        assert without_dialled(text) == text
        assert not is_number_in(text, phone)
        assert not is_number_in(text, text)


@pytest.mark.parametrize(
    ("numbers", "plain"),
    [([], True), ([None], True), ([1, None, 9_999_999], True), ([10_000_000], False), ([-10_000_000], False)],
)
def test_small_whole_numbers_are_plain(numbers: list[int | None], plain: bool) -> None:
    assert is_plain(pa.array(numbers, pa.int64())) is plain


def test_other_types_are_not_looked_at() -> None:
    assert not is_plain(pa.array([1.5]))
    assert not is_plain(pa.array([True]))


@pytest.mark.parametrize(
    ("identifier", "is_phone"),
    [
        ("5550142", False),
        ("25550142", True),
        ("2-555-0142", True),
        ("135550142", False),
        ("12125550142", True),
        ("+12125550142", True),
        ("0012125550142", True),
        ("12125550142123456", False),
    ],
)
def test_an_id_of_at_least_eight_digits_can_be_the_phone(identifier: str, is_phone: bool) -> None:
    assert is_number_in(identifier, "+1 212 555 0142") is is_phone
