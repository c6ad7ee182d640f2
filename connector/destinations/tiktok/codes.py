"""Map TikTok's return codes to verdicts and advice.

Source: TikTok's appendix of return codes and the official SDK's list (agreed or good). Which of them
can be retried is documented by TikTok for 40016, 40100, 40133, 40202 and the 5xxxx codes, and inferred for
the others.
"""

from dataclasses import dataclass

from connector.delivery.answer import Verdict


@dataclass(frozen=True, slots=True)
class Rule:
    """The reaction to a return code."""

    verdict: Verdict
    help: str = ""
    """Instructions for the user."""
    wait: float | None = None
    """Seconds to pause all requests."""
    resumable: bool = False
    """True if `connector resume` continues the run once the user has followed the advice."""


ACCEPTED = Rule(Verdict.ACCEPTED)
RETRY = Rule(Verdict.RETRY)
THROTTLED = Rule(Verdict.THROTTLED)
REFUSED = Rule(Verdict.REFUSED)
STOP = Rule(Verdict.STOP, "TikTok would refuse every request alike.")

_LOGIN = "authorise again with `connector auth login`"
_AUTHORISE = f"A{_LOGIN[1:]}."
_NEW_TOKEN = f"Put a new access token into the credential, or {_LOGIN}."
_ROLE = "has to be Ad Account Operator or Admin; an Analyst's grant does not work."
"""Agreed by two sources: a vendor's page, and the words of a refusal."""
_EVENT_SOURCE = (
    "Check that the event source id belongs to the advertiser id and that the token was made in that ad account: "
    f"whoever makes it {_ROLE}"
)


def _token(sentence: str, verdict: Verdict = Verdict.STOP) -> Rule:
    """Return the rule of a code that is about the credential."""
    return Rule(verdict, sentence, resumable=True)


NO_PERMISSION = _token(
    "The token may not do this: it belongs to another account, or was granted without the permission. Whoever "
    f"authorises {_ROLE} {_AUTHORISE}"
)
"""40001 at endpoints for tokens and accounts, which have no event source."""
WRONG_TOKEN = _token(f"The access token is wrong or was revoked. {_NEW_TOKEN}")
WRONG_EVENT_SOURCE = Rule(
    Verdict.STOP,
    "TikTok does not know the event source. Check `event_source_id` first (web: the pixel code, not the "
    "numeric pixel id; offline: the event set id), then `advertiser_id` and the event name.",
)
EVENTS_SCOPE, AUDIENCES_SCOPE = "Report Conversion Event", "Audience Management"
WRONG_SCOPE = _token(f"The token lacks a scope, such as `{EVENTS_SCOPE}`. Give it to the app, then {_LOGIN}.")
CLOCK = Rule(
    Verdict.STOP,
    "TikTok takes the time or the signature of the request for wrong. Check this machine's clock, `app_id` and "
    "`app_secret`.",
)

RULES: dict[int, Rule] = {
    0: ACCEPTED,
    # Some events were taken. TikTok recognizes them by their ids when they are sent again, so bisecting is safe.
    20001: REFUSED,
    40000: REFUSED,
    40001: _token(f"The token may not write to this event source. {_EVENT_SOURCE}"),
    40002: REFUSED,
    40003: Rule(Verdict.STOP, f"TikTok forbids the request. {_EVENT_SOURCE}"),
    40006: Rule(Verdict.STOP, "TikTok no longer serves this API version; update the connector."),
    40007: WRONG_EVENT_SOURCE,
    40008: Rule(Verdict.STOP, "This `api_url` does not take events (a sandbox does not)."),
    40009: Rule(Verdict.STOP, "A limit of TikTok's sandbox is reached."),
    40010: Rule(Verdict.STOP, "This is the wrong `api_url` for TikTok's API."),
    40011: REFUSED,
    40012: REFUSED,
    40013: Rule(Verdict.STOP, "A limit of TikTok's sandbox is reached."),
    40014: Rule(Verdict.STOP, "This `api_url` does not take events (a sandbox does not)."),
    40016: THROTTLED,
    40050: REFUSED,
    40051: Rule(Verdict.STOP, "TikTok does not serve this API version; update the connector."),
    40061: REFUSED,
    40062: REFUSED,
    40063: STOP,
    40100: THROTTLED,
    40101: _token("The app id, its secret or the auth code is wrong. Check `app_id` and `app_secret`."),
    40102: _token(f"The access token has expired. {_NEW_TOKEN}", Verdict.EXPIRED_TOKEN),
    40103: _token(f"The refresh token has expired. {_AUTHORISE}"),
    40104: _token(f"No access token reached TikTok. {_NEW_TOKEN}"),
    40105: WRONG_TOKEN,
    40106: _token(
        "The access token belongs to another account, or its user has no access to the advertiser any more. Whoever "
        f"authorises {_ROLE} Check `advertiser_id`. {_NEW_TOKEN}"
    ),
    40107: _token(
        f"The refresh token is wrong or was used before, or the access token is a long-term one, which has none. "
        f"{_AUTHORISE}"
    ),
    40108: Rule(
        Verdict.STOP, "TikTok does not know this way of asking for a token. Check `refresh_path` of the credential."
    ),
    40110: _token(f"The auth code was used before, has expired or was cancelled. {_AUTHORISE}"),
    40113: _token(
        "The app is blocked, or its id and secret do not belong together. Check `app_id` and `app_secret` of the "
        "credential, and the app at TikTok."
    ),
    40115: CLOCK,
    40116: CLOCK,
    40117: Rule(Verdict.STOP, "TikTok does not allow this app to do that."),
    40118: Rule(
        Verdict.STOP,
        "TikTok allows this feature only to listed apps or in certain regions. Ask TikTok to list it.",
    ),
    40119: Rule(Verdict.STOP, "The app and the advertiser belong to different companies."),
    40124: Rule(Verdict.STOP, "The app's developer profile is incomplete at TikTok."),
    40125: Rule(Verdict.STOP, "The app's developer lacks the permission at TikTok."),
    40130: WRONG_SCOPE,
    40131: WRONG_SCOPE,
    40132: Rule(Verdict.THROTTLED, wait=10.0),
    40133: THROTTLED,
    40200: STOP,
    40201: RETRY,
    40202: RETRY,
    40300: Rule(Verdict.STOP, "TikTok does not know the advertiser. Check `advertiser_id`."),
    40301: Rule(Verdict.STOP, "The advertiser does not belong to this token. Check `advertiser_id`."),
    40400: Rule(Verdict.STOP, "TikTok has no such route. Check `api_url`."),
    40700: REFUSED,
    **dict.fromkeys((40900, 40905, 40906, 40907, 40908, 40909, 40910, 40914, 40915), STOP),
    41000: Rule(Verdict.STOP, "TikTok does not take requests from this IP address or country."),
    41001: Rule(Verdict.STOP, "TikTok has taken this endpoint out of service."),
    41002: STOP,
    51021: THROTTLED,
    61000: THROTTLED,
}
"""Rules of single codes; 50xxx, 51xxx, 52xxx and 60xxx are server errors, to be retried."""

HTTP_RULES: dict[int, Rule] = {
    **dict.fromkeys(
        (301, 302, 303, 307, 308),
        Rule(
            Verdict.STOP,
            "The answer leads to another address, which was not followed. Check `api_url`, and whether a proxy wants a "
            "login.",
        ),
    ),
    404: Rule(Verdict.STOP, "There is no such path at `api_url`."),
    408: RETRY,
    413: REFUSED,
    400: REFUSED,
    425: RETRY,
    429: THROTTLED,
}
"""Answers without TikTok's envelope, by HTTP status (TikTok documents none but 404 and 5xx)."""


def rule_for_code(code: int) -> Rule:
    """Return the rule of a return code; unknown 4xxxx codes refuse the request, all others are server errors."""
    return RULES.get(code) or (REFUSED if 40_000 <= code < 50_000 else RETRY)


def rule_for_status(status: int) -> Rule:
    """Return the rule of an answer without an envelope. A 2xx without one leaves the outcome unknown."""
    if 200 <= status < 300:
        return Rule(Verdict.UNKNOWN)
    if status >= 500:
        return RETRY
    return HTTP_RULES.get(status) or Rule(Verdict.STOP, "Something other than TikTok answered: check `api_url`.")
