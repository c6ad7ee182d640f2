import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.destinations.tiktok.redact import redact


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("Invalid value for email: Jane.Doe+x@example.com is plain", "Jane.Doe"),
        ("page.url https://shop.example/?email=jane%40example.com wrong", "jane"),
        ("email=jane%40example.com", "jane"),
        ("bad: b\u00fccher@b\u00fccher.example.", "b\u00fccher"),
        ("Invalid phone +12133734253", "2133734253"),
        ("Invalid phone (+1) 213-373 4253!", "373"),
        ("phone:12133734253", "12133734253"),
        ("ip 203.0.113.7 is private", "203.0"),
        ("ip 2001:db8:85a3::8a2e:370:7334 is private", "85a3"),
        ("user.city 'New York, NY' is unknown", "York"),
        ('user.first_name "Jane Doe"', "Jane"),
        ("email 848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f", "848a77"),
        ("ttclid E.C.P." + "aB3" * 40, "aB3"),
    ],
)
def test_what_could_name_a_person_is_taken_out(message: str, secret: str) -> None:
    assert secret not in redact(message)


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value for event_source_id: not a valid string.",
        "Batch.0.properties.contents.0.content_id: Not a valid string",
        "Missing required field(s): data.12.event_time.",
        "Invalid value for data[3].event_id: not a valid string.",
        "Field 'event_id' is not valid.",
        "Field `data[3].properties.contents.0.content_id` is not valid.",
        "Event “CompletePayment” of 'web' needs \"page.url\".".replace("'web'", "web"),
        "It can't be read: Bob's token doesn't allow it.",
        "Too many requests. Please retry in some time.",
        "App reaches the QPS limit: 1000.",
        "No permission to operate pixel code: C4ABCDEFGHIJKLMNOPQR. You must be an admin or operator.",
    ],
)
def test_what_helps_stays(message: str) -> None:
    assert redact(message) == message


MARKS = ["''", '""', "``", "“”", "„“", "‘’", "«»", "‹›", "＂＂"]
PIECES = st.sampled_from([*"".join(MARKS), *" .,:;=()\n", "Xq", "O'", "n't ", "event_id", "jo@x.co", "https://x.co/"])


@given(
    marks=st.sampled_from(MARKS),
    pieces=st.lists(PIECES, max_size=10),
    frame=st.sampled_from(["Field 'user.city': {} isn't valid.", "{} is unknown.", "data.3.order_id: got {}"]),
)
def test_what_is_quoted_is_taken_out_whatever_it_holds(marks: str, pieces: list[str], frame: str) -> None:
    value = "".join(["Xq", *pieces, "Xq"])
    said = redact(frame.format(f"{marks[0]}{value}{marks[1]}"))
    assert said == frame.format("[value]")


@pytest.mark.parametrize("name", ["Jane", "O'Brien", "jane_doe", "Jane.Doe"])
@pytest.mark.parametrize("marks", MARKS)
def test_a_name_of_one_word_is_no_name_of_a_field(marks: str, name: str) -> None:
    assert redact(f"Invalid value {marks[0]}{name}{marks[1]} for data.3.user.city.") == (
        "Invalid value [value] for data.3.user.city."
    )


def test_a_message_is_one_line_of_at_most_500_characters() -> None:
    text = redact("too long\n" * 400)
    assert len(text) == 500
    assert "\n" not in text


def test_an_endless_message_is_not_read_to_its_end() -> None:
    assert redact("x" * 5_000_000) == "[value]"


def test_secrets_go_wherever_they_stand() -> None:
    assert redact("token=abc123; abc123", "abc123") == "token=[secret]; [secret]"


def test_no_secret_at_all_changes_nothing() -> None:
    assert redact("as it is", "") == "as it is"
