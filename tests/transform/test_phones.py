import random
import re
from collections.abc import Callable, Iterator

import duckdb
import phonenumbers as pn
import pyarrow as pa
import pytest

from connector.transform.international import international, north_american
from connector.transform.phones import FAST_E164, NO_DIGIT, e164, national_pattern
from tests.transform import phone_plans

REGIONS = sorted(pn.SUPPORTED_REGIONS)
NANP = sorted(pn.region_codes_for_country_code(1))
TYPES = (pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.TOLL_FREE)
WRITTEN = (pn.PhoneNumberFormat.E164, pn.PhoneNumberFormat.INTERNATIONAL, pn.PhoneNumberFormat.NATIONAL)
BETWEEN = ("", " ", "-", ".", ") ", " - ", "...", "(", ") (", "/", "    ", " x", "+")


def examples() -> Iterator[pn.PhoneNumber]:
    for region in REGIONS:
        numbers = (pn.example_number_for_type(region, kind) for kind in TYPES)
        yield from (number for number in numbers if number)
    for code in pn.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        if number := pn.example_number_for_non_geo_entity(code):
            yield number


def written() -> Iterator[str]:
    for number in examples():
        full = pn.format_number(number, pn.PhoneNumberFormat.E164)
        yield from (pn.format_number(number, form) for form in WRITTEN)
        yield from (
            full[:-1],
            full + "0",
            full[1:],
            "00" + full[1:],
            "011" + full[1:],
            full + " ext. 12",
            "+" + full,
        )


def random_e164(seed: int, count: int) -> Iterator[str]:
    """Every calling code with national numbers of every length, the leading digits drawn evenly."""
    draw = random.Random(seed)
    codes = [str(code) for code in pn.supported_calling_codes()] + ["0", "210", "999", "80"]
    for _ in range(count):
        digits = "".join(draw.choices("0123456789", k=draw.randint(1, 18)))
        yield f"+{draw.choice(codes)}{digits}"


def random_national(seed: int, count: int) -> Iterator[str]:
    """North American digits in groups, with separators right and wrong."""
    draw = random.Random(seed)
    for _ in range(count):
        digits = "".join(draw.choices("0123456789", weights=(1, 2, *[3] * 8), k=draw.choice((7, 9, 10, 10, 10, 11))))
        cuts = sorted(draw.sample(range(1, len(digits)), k=draw.randint(0, 3)))
        groups = (digits[start:end] for start, end in zip([0, *cuts], [*cuts, len(digits)], strict=True))
        lead = draw.choice(("", "", "(", "1", "+1", "1 ", "+1 (", "(+1)", "1-", "011 1 ", "01", "tel:", "++1"))
        yield lead + draw.choice(BETWEEN).join(groups)


def random_spaced(seed: int, count: int) -> Iterator[str]:
    """Numbers with a calling code, possible and not, with separators right and wrong between their digits."""
    draw = random.Random(seed)
    between = ("", "", "", " ", "-", ".", "(", ")", ") ", " (0) ", " - ", "...", "    ", "/", " x", "+", "\u00a0")
    for text in random_e164(seed, count):
        odd = draw.random() < 0.5
        yield "+" + "".join(digit + draw.choice(between if odd else between[:9]) for digit in text[1:-1]) + text[-1]


def random_junk(seed: int, count: int) -> Iterator[str]:
    """Texts of the characters of which numbers consist, in any order."""
    draw = random.Random(seed)
    for _ in range(count):
        start = draw.choice(("", "", "+1", "+44", "(", "1"))
        yield start + "".join(draw.choice("0123456789+()-. x") for _ in range(draw.randint(0, 16)))


def disagreements(pattern: str, texts: Iterator[str], region: str, prefix: str) -> list[tuple[str, str | None]]:
    """Texts that `pattern` claims and phonenumbers reads otherwise than as `prefix` and their last digits."""
    claimed = [text for text in texts if re.fullmatch(pattern, text)]
    assert claimed, f"nothing to compare for {region}"
    kept = 10 if prefix else 0
    expected = ((text, prefix + re.sub("[^0-9]", "", text)[-kept:] if prefix else text) for text in claimed)
    return [(text, e164(text, region)) for text, result in expected if e164(text, region) != result]


def test_the_plans_are_what_the_metadata_says() -> None:
    assert phone_plans.TARGET.read_text() == phone_plans.source()


@pytest.mark.parametrize("region", ["US", "GB", "IT", "AR", "BR", "JP", "KZ", "CN", "SM"])
def test_a_text_taken_for_e164_is_what_phonenumbers_makes_of_it(region: str) -> None:
    assert disagreements(FAST_E164, written(), region, "") == []
    assert disagreements(FAST_E164, random_e164(seed=len(region) + ord(region[0]), count=4_000), region, "") == []


SPACED_E164 = re.compile(r"\+[0-9](?:[ .()-]{0,3}[0-9])+")


def columnar(texts: list[str], read: Callable[[pa.StringArray], pa.StringArray]) -> list[str | None]:
    """What a column of these texts is read as, which is a part of a longer one with NULLs in it."""
    column = pa.array(["+12065550100", None, *(one for text in texts for one in (text, None))])
    found: list[str | None] = read(column.slice(2)).to_pylist()[::2]
    return found


def test_a_column_of_numbers_with_country_codes_is_read_as_the_pattern_says() -> None:
    texts = [*written(), *random_e164(1, 20_000), *random_spaced(3, 20_000), *random_junk(4, 20_000)]
    plain = [re.sub("[ .()-]", "", text) if SPACED_E164.fullmatch(text) else text for text in texts]
    expected = [text if re.fullmatch(FAST_E164, text) else None for text in plain]
    assert columnar(texts, international) == expected
    assert 5_000 < len(expected) - expected.count(None) < 40_000


def test_a_column_of_north_american_numbers_is_read_as_the_pattern_says() -> None:
    texts = [*written(), *random_national(2, 20_000), *random_spaced(3, 20_000), *random_junk(5, 20_000)]
    known = re.compile(national_pattern("US") or "")
    expected = ["+1" + re.sub("[^0-9]", "", text)[-10:] if known.fullmatch(text) else None for text in texts]
    assert columnar(texts, north_american) == expected
    assert 2_000 < len(expected) - expected.count(None) < 40_000


@pytest.mark.parametrize("texts", [[], [None], ["", None], ["+"], ["("], ["+(", "()"], ["+1"], [None, "+12065550100"]])
def test_columns_with_little_in_them_are_read(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    assert international(column).to_pylist() == [text if text == "+12065550100" else None for text in texts]
    assert north_american(column).to_pylist() == international(column).to_pylist()


@pytest.mark.parametrize("region", ["US", "GB", "IT", "BR", "SM"])
def test_what_stands_between_digits_after_a_calling_code_says_nothing(region: str) -> None:
    texts = [*written(), *random_spaced(seed=ord(region[0]), count=6_000)]
    read = [(text, number) for text, number in zip(texts, columnar(texts, international), strict=True) if number]
    assert sum(text != number for text, number in read) > 1_000
    assert [(text, number) for text, number in read if e164(text, region) != number] == []


@pytest.mark.parametrize("text", ["+44 20 7946 0958", "+49 (30) 1234567", "+33 6 12 34 56 78", "+1 (206) 555-0100"])
def test_the_usual_spaced_numbers_need_no_phonenumbers(text: str) -> None:
    assert columnar([text], international) == [re.sub("[ ()-]", "", text)]


def test_every_length_and_leading_digits_of_the_plans_with_prefixes_agree() -> None:
    """The plans whose prefixes are more than a single digit, exhaustively in their first three digits."""
    codes = (
        "54",
        "55",
        "44",
        "86",
        "61",
        "36",
        "57",
        "352",
        "298",
        "506",
        "423",
        "261",
        "378",
        "672",
        "81",
        "7",
        "1",
    )
    texts = (
        f"+{code}{lead:03d}{'5' * (length - 3)}" for code in codes for lead in range(1000) for length in (7, 9, 10)
    )
    assert disagreements(FAST_E164, texts, "US", "") == []


@pytest.mark.parametrize("region", NANP)
def test_a_north_american_national_number_is_what_phonenumbers_makes_of_it(region: str) -> None:
    pattern = national_pattern(region)
    assert pattern is not None
    assert disagreements(pattern, random_national(seed=ord(region[1]), count=1_500), region, "+1") == []


@pytest.mark.parametrize(
    "text",
    [
        "(206) 555-0100",
        "206-555-0100",
        "206.555.0100",
        "206 555 0100",
        "2065550100",
        "12065550100",
        "1-206-555-0100",
        "1 (206) 555-0100",
        "+1 206 555 0100",
        "+1 (206) 555-0100",
        "(+1)2065550100",
        "(206)555-0100",
        "+12065550100",
    ],
)
def test_the_usual_american_forms_need_no_phonenumbers(text: str) -> None:
    pattern = national_pattern("US")
    assert pattern is not None
    assert re.fullmatch(pattern, text)
    assert e164(text, "US") == "+12065550100"


@pytest.mark.parametrize(
    "text",
    ["+447911123456", "+4915112345678", "+33612345678", "+5511987654321", "+8613812345678", "+5491123456789"],
)
def test_the_usual_e164_numbers_need_no_phonenumbers(text: str) -> None:
    assert re.fullmatch(FAST_E164, text)
    assert e164(text, "US") == text


@pytest.mark.parametrize("region", [region for region in REGIONS if region not in NANP])
def test_no_other_region_has_a_national_form(region: str) -> None:
    assert national_pattern(region) is None


@pytest.mark.parametrize("text", ["n/a", "-", "unknown", "(none)", "x\ty\n", "\x00"])
def test_text_without_a_digit_is_no_number(text: str) -> None:
    assert re.fullmatch(NO_DIGIT, text)
    assert e164(text, "US") is None


@pytest.mark.parametrize("text", ["٢٠٦٥٥٥٠١٠٠", "ab1", "é"])
def test_digits_of_any_script_are_left_to_phonenumbers(text: str) -> None:
    assert not re.fullmatch(NO_DIGIT, text)


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("(+1)2133734253", "US", "+12133734253"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("02 3456 7890", "IT", "+390234567890"),
        ("011 44 20 7946 0018", "US", "+442079460018"),
        ("+1 206 555 0100 ext. 12", "US", "+12065550100"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("٢٠٦٥٥٥٠١٠٠", "US", "+12065550100"),
        ("555-0100", "US", None),
        ("5555-6002", "BR", None),
        ("95555-6002", "BR", None),
        ("+55 5555-6002", "BR", None),
        ("(11) 5555-6002", "BR", "+551155556002"),
        ("(11) 95555-6002", "BR", "+5511955556002"),
        ("4004-1234", "BR", "+5540041234"),
        ("0800 1111", "GB", "+448001111"),
        ("12", "US", None),
        ("+999123456", "US", None),
        ("+1206555010", "US", None),
        ("1" * 251, "US", None),
        ("", "US", None),
    ],
)
def test_e164(text: str, region: str, number: str | None) -> None:
    assert e164(text, region) == number


def test_duckdb_reads_the_expressions_as_python_does() -> None:
    texts = [*written(), *random_e164(1, 20_000), *random_national(2, 20_000), *random_spaced(3, 20_000)]
    texts += ["n/a", "x\n1", "é", "+1２06"]
    patterns = {"e164": FAST_E164, "national": national_pattern("US") or "", "none": NO_DIGIT}
    with duckdb.connect() as connection:
        for name, pattern in patterns.items():
            matched = connection.execute(
                "select regexp_full_match(unnest(?::varchar[]), ?)", [texts, pattern]
            ).fetchall()
            expected = [re.fullmatch(pattern, text) is not None for text in texts]
            assert [row[0] for row in matched] == expected, name


@pytest.mark.parametrize("kind", [pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.MOBILE], ids=["fixed", "mobile"])
def test_a_number_is_the_same_with_its_code_without_a_plus_and_as_its_region_writes_it(kind: int) -> None:
    wrong = []
    for region in REGIONS:
        example = pn.example_number_for_type(region, kind)
        number = pn.format_number(example, pn.PhoneNumberFormat.E164) if example else ""
        if not example or e164(number, region) != number:
            continue
        national = pn.format_number(example, pn.PhoneNumberFormat.NATIONAL)
        bare = "0" * bool(example.italian_leading_zero) + str(example.national_number)
        wrong += [(region, text) for text in (number[1:], national, bare) if e164(text, region) != number]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("49 171 5556002", "DE", "+491715556002"),
        ("4915112345678", "DE", "+4915112345678"),
        ("0491 1234567", "DE", "+494911234567"),
        ("4911234567", "DE", "+494911234567"),
        ("+49 491 1234567", "DE", "+494911234567"),
        ("481234567", "PL", "+48481234567"),
        ("5511987654321", "BR", "+5511987654321"),
    ],
)
def test_a_country_code_without_a_plus_is_told_from_an_area_code(text: str, region: str, number: str) -> None:
    assert e164(text, region) == number


def test_a_number_that_lacks_its_area_code_is_none_unless_it_is_a_special_one() -> None:
    wrong, found = [], 0
    for region in REGIONS:
        plans, code = pn.PhoneMetadata.metadata_for_region(region), pn.country_code_for_region(region)
        for length in phone_plans.lengths_without_area_code(plans):
            texts = [
                lead + "5" * (length - len(lead)) for lead in ("2", "3", "4", "5", "6", "7", "8", "9", "20"[:length])
            ]
            found += len(texts)
            local = (f"+{code}{text}" for text in texts for _ in ("with the code", "without it"))
            read = (e164(text, region) for one in texts for text in (f"+{code}{one}", one))
            wrong += [
                number
                for number, as_written in zip(read, local, strict=True)
                if number == as_written and not pn.is_valid_number(pn.parse(number))
            ]
    assert wrong == []
    assert found > 1_000
