"""What identifiers the transform makes of an audience's rows."""

import string
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.catalogue import AUDIENCES
from connector.core.hashed_rows import ID_TYPES
from connector.errors import ConfigurationError
from connector.transform.binding import bind
from connector.transform.member_compiler import compile_members, hash_members, missing_columns
from connector.transform.rules import MemberRules
from connector.transform.template import Constant, DataTemplate
from tests.audiences.reference import SCHEMAS, Member, digest_of, members_of
from tests.hypothesis_settings import scaled

JOHN = "55e79200c1635b37ad31a378c39feb12f120f116625093a19bc32fff15041149"
"""Of John.Doe+promo@example.com, as a vendor restates TikTok's own section on audiences."""
PHONE = "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"
"""Of (+1)2133734253, from TikTok's page."""


def hashed(
    table: pa.Table, *, slice_rows: int = 32_768, case: str = "lower", rules: tuple[str, ...] = ("plain",)
) -> dict[int, list[Member]]:
    """By row, its identifiers."""
    compiled = compile_members(
        bind(DataTemplate("tiktok_audience"), table.schema, AUDIENCES), MemberRules("US", case, rules)
    )
    found: dict[int, list[Member]] = {}
    for part in hash_members(table.to_batches(), compiled, threads=1, slice_rows=slice_rows):
        for row in part.members.to_pylist():
            found[row["row"]] = [(SCHEMAS[name], digest.hex()) for name in ID_TYPES for digest in row[name]]
        assert part.rejects.total() == part.excluded.num_rows == part.read - part.members.num_rows
    return found


@pytest.mark.parametrize("name", ["email", "phone", "idfa", "aaid"])
def test_a_number_with_digits_lost_is_no_identifier(name: str) -> None:
    for values in ([1e30, 2.0**53], [[1e30], [-(2.0**53)]]):
        table = pa.table({name: values})
        binding = bind(DataTemplate("tiktok_audience"), table.schema, AUDIENCES)
        compiled = compile_members(binding, MemberRules("US", "lower", ("plain",)))
        (part,) = hash_members(table.to_batches(), compiled, threads=1)
        assert part.rejects == {"invalid_identity": 2}
        assert part.warnings == {f"invalid_{'device_id' if name in ('idfa', 'aaid') else name}": 2}


@pytest.mark.parametrize("name", ["email", "phone", "idfa", "aaid", "maid"])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float16(), pa.list_(pa.float32())])
def test_a_column_of_short_floats_is_refused_by_name(name: str, kind: pa.DataType) -> None:
    schema = pa.schema([(name, kind), ("maid_type", pa.string())])
    with pytest.raises(ConfigurationError, match=f'the column "{name}" is of type .*, a number that is exact'):
        bind(DataTemplate("tiktok_audience"), schema, AUDIENCES)


@pytest.mark.parametrize("name", ["country", "phone_region"])
def test_an_unknown_country_of_a_phone_number_warns(name: str) -> None:
    table = pa.table({name: ["Germnay", "Germnay", "DE", None], "phone": ["030 1234567", None, "030 1234567", "x"]})
    binding = bind(DataTemplate("tiktok_audience"), table.schema, AUDIENCES)
    compiled = compile_members(binding, MemberRules("US", "lower", ("plain",)))
    (part,) = hash_members(table.to_batches(), compiled, threads=1)
    assert part.warnings["unknown_country"] == 1


@pytest.mark.parametrize(
    ("column", "value", "digest"),
    [
        ("EMAIL", "John.Doe+promo@example.com", digest_of("john.doe+promo@example.com")),
        ("EMAIL", " JOHNDOE@example.com ", JOHN),
        ("EMAIL", "<JaneDoe@Gmail.com>", "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"),
        ("EMAIL", JOHN.upper(), JOHN),
        ("PHONE", "(+1)2133734253", PHONE),
        ("PHONE", "213-373-4253", PHONE),
        ("PHONE", "+37493828222", "241371e614f8650dfae0f111361c69de1bb4829a72b71bb8044daae8b2e7791d"),
        (
            "IDFA",
            "5F3A2B18-9C4D-4E7F-B8E2-17D3A1E69B25",
            "83dc3f5f32b9472613b0f038d36f22585a609d018af6f6067f50da318bf354bd",
        ),
        ("IDFA", "EA7583CD-A667-48BC-B806-42ECB2B48606", digest_of("ea7583cd-a667-48bc-b806-42ecb2b48606")),
        (
            "AAID",
            "aaaaaa-2222-1111-8787-809e92233ba0",
            "0ebad966881e1eebffe69b3abf624631cf83ec9bf8cb3ce134c7c75c6d8ee7fc",
        ),
    ],
)
def test_a_golden_identifier(column: str, value: str, digest: str) -> None:
    assert hashed(pa.table({column: [value]})) == {1: [(f"{column}_SHA256", digest)]}


FORMS = {
    "plain": "john.doe+promo@example.com",
    "without_plus": "john.doe@example.com",
    "without_plus_and_dots": "johndoe@example.com",
}


@pytest.mark.parametrize(
    "rules", [("plain",), ("without_plus",), ("without_plus_and_dots",), tuple(FORMS), tuple(FORMS)[::2]]
)
@pytest.mark.parametrize("wrapped", ["{}", "John <{}>;"])
def test_an_address_is_hashed_by_every_rule(rules: tuple[str, ...], wrapped: str) -> None:
    """The last form is the example of TikTok's older page, as a vendor restates it."""
    found = hashed(pa.table({"email": [wrapped.format("John.Doe+promo@example.com")]}), rules=rules)
    assert found == {1: [("EMAIL_SHA256", digest_of(FORMS[rule])) for rule in rules]}


@pytest.mark.parametrize("rules", [tuple(FORMS), tuple(FORMS)[1:]])
def test_an_address_without_dots_and_plus_is_one_identifier_under_all_rules(rules: tuple[str, ...]) -> None:
    assert hashed(pa.table({"email": ["janedoe@example.com"]}), rules=rules) == {
        1: [("EMAIL_SHA256", digest_of("janedoe@example.com"))]
    }


def test_the_row_says_where_its_phone_belongs() -> None:
    table = pa.table(
        {"phone": ["020 7946 0958", "020 7946 0958", "213-373-4253"], "country": ["United Kingdom", "GB", None]}
    )
    british = [("PHONE_SHA256", digest_of("+442079460958"))]
    assert hashed(table) == {1: british, 2: british, 3: [("PHONE_SHA256", PHONE)]}


def test_a_row_without_phone_region_falls_back_to_its_country() -> None:
    table = pa.table(
        {
            "phone": ["020 7946 0958", "020 7946 0958", "213-373-4253", "020 7946 0958"],
            "country": ["GB", "GB", "n/a", "US"],
            "phone_region": [" ", "N/A", None, "GB"],
        }
    )
    british = [("PHONE_SHA256", digest_of("+442079460958"))]
    assert hashed(table) == {1: british, 2: british, 3: [("PHONE_SHA256", PHONE)], 4: british}


def test_apples_ids_can_be_hashed_in_capitals_as_events_do() -> None:
    idfa = pa.table({"idfa": ["ea7583cd-a667-48bc-b806-42ecb2b48606"]})
    expected = "70574fa9c8f498a7b2e5c8712b1126de7b1406fd02fdc591821c5bd33092fd1c"
    assert hashed(idfa, case="upper") == {1: [("IDFA_SHA256", expected)]}


def test_a_maid_goes_where_its_type_says() -> None:
    one = "EA7583CD-A667-48BC-B806-42ECB2B48606"
    table = pa.table({"maid": [one, one, one, None], "maid_type": ["iOS", "gaid", "fridge", "ios"]})
    digest = digest_of(one.lower())
    assert hashed(table) == {1: [("IDFA_SHA256", digest)], 2: [("AAID_SHA256", digest)]}


@pytest.mark.parametrize("kind", ["fridge", "", None])
@pytest.mark.parametrize("is_constant", [False, True], ids=["column", "constant"])
def test_a_maid_of_an_unknown_type_is_an_invalid_device_id(kind: str | None, is_constant: bool) -> None:
    maids = ["EA7583CD-A667-48BC-B806-42ECB2B48606", None, "00000000-0000-0000-0000-000000000000"]
    table = pa.table({"maid": maids, "maid_type": pa.array([kind] * 3, pa.string()), "email": ["jane@example.com"] * 3})
    template = DataTemplate("tiktok_audience")
    if is_constant and kind:
        table, template = (
            table.drop_columns("maid_type"),
            DataTemplate("tiktok_audience", sources={"maid_type": Constant(kind)}),
        )
    compiled = compile_members(bind(template, table.schema, AUDIENCES), MemberRules("US", "lower", ("plain",)))
    (part,) = hash_members(table.to_batches(), compiled, threads=1)
    assert part.members.num_rows == 3
    assert part.warnings == {"invalid_device_id": 1}


@pytest.mark.parametrize("value", ["", "  ", "00000000-0000-0000-0000-000000000000", digest_of("")])
def test_what_stands_for_nobody_is_nobody(value: str) -> None:
    assert hashed(pa.table({"idfa": [value]})) == {}


def test_a_result_without_people_is_refused() -> None:
    binding = bind(DataTemplate("tiktok_audience"), pa.schema([("city", pa.string())]), AUDIENCES)
    assert '"email", "phone", "idfa", "aaid", "maid"' in (missing_columns(binding) or "")


def test_a_maid_without_its_type_is_refused() -> None:
    binding = bind(DataTemplate("tiktok_audience"), pa.schema([("maid", pa.string())]), AUDIENCES)
    assert "maid_type" in (missing_columns(binding) or "")


def test_a_column_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="text, a number that is exact, or a list"):
        bind(DataTemplate("tiktok_audience"), pa.schema([("email", pa.bool_())]), AUDIENCES)


LETTERS = st.text(string.ascii_letters + string.digits + "+.-_@ é", max_size=12)
EMAILS = st.one_of(
    st.none(),
    st.builds("{}@{}".format, LETTERS, st.sampled_from(["example.com", "Example.ORG", "x", ".a.b", "münchen.de"])),
    LETTERS,
    st.just(JOHN),
)
PHONES = st.one_of(st.none(), st.sampled_from(["213-373-4253", "+44 7700 900123", "12", "n/a", PHONE, ""]), LETTERS)
DEVICES = st.one_of(st.none(), st.uuids().map(str), st.uuids().map(lambda one: str(one).upper()), LETTERS)
ROWS = st.fixed_dictionaries({"email": st.lists(EMAILS, max_size=3), "phone": PHONES, "idfa": DEVICES, "aaid": DEVICES})
SCHEMA = pa.schema([("email", pa.list_(pa.string())), *((name, pa.string()) for name in ("phone", "idfa", "aaid"))])


@scaled(settings(deadline=None), 60)
@given(st.lists(ROWS, max_size=12), st.integers(1, 5))
def test_the_transform_says_what_the_reference_says(rows: list[dict[str, Any]], slice_rows: int) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    expected = {number: found for number, row in enumerate(rows, 1) if (found := members_of(row))}
    assert hashed(table, slice_rows=slice_rows) == expected
