"""What reasons, skips, warnings and the course of a run are called in front of people who did not build it."""

from connector.outcomes import Reason, RowWarning, Skip

REASONS = {
    Reason.INVALID_EVENT_SOURCE_ID: "names an event source that cannot be one",
    Reason.MISSING_EVENT: "says not what happened",
    Reason.UNKNOWN_EVENT: "names an event that TikTok does not know",
    Reason.MISSING_TIMESTAMP: "has no time",
    Reason.INVALID_TIMESTAMP: "has a time that cannot be read",
    Reason.EVENT_TOO_OLD: "is older than is sent",
    Reason.EVENT_IN_FUTURE: "lies in the future",
    Reason.INVALID_CURRENCY: "has a currency that is none",
    Reason.INVALID_AMOUNT: "has a price, quantity or value that cannot be one",
    Reason.INVALID_EVENT_CHANNEL: "has a channel that TikTok does not know",
    Reason.MISSING_PAGE_URL: "is a web event without its page",
    Reason.MISSING_IDENTITY: "gives nobody to match",
    Reason.INVALID_IDENTITY: "gives somebody, but nothing valid to match",
    Reason.INCOMPLETE_EVENT: "belongs to an event of which another row was rejected",
    Reason.REFUSED_BY_TIKTOK: "was sent, and TikTok refused it",
}

SKIPS = {
    Skip.ALREADY_DELIVERED: "was delivered by an earlier run",
    Skip.DUPLICATE: "repeats an earlier row",
    Skip.ANSWER_LOST: "may have been delivered, its answer being lost",
    Skip.SUPPRESSED: "is about a person to be forgotten",
}

WARNINGS = {
    RowWarning.INVALID_EMAIL: "an e-mail address that is none was left out",
    RowWarning.INVALID_PHONE: "a phone number that is none was left out",
    RowWarning.INVALID_IP: "an ip that is none, or private, was left out",
    RowWarning.LEGACY_EVENT_NAME: "one of TikTok's old event names, sent as given",
    RowWarning.CURRENCY_NOT_LISTED: "a currency that is not on TikTok's list, sent as given",
    RowWarning.CONFLICTING_ROWS: "says otherwise of its event than the first row, which stands",
    RowWarning.MISSING_IP_FOR_LDU: "limited data use, which has no effect without an ip",
}

MATCHED_BY = {
    "email": "E-mail address",
    "phone": "Phone number",
    "external_id": "External id",
    "tiktok_click_id": "TikTok click id",
    "cookie_id": "TikTok cookie",
    "ip": "IP address",
}

COURSE = {
    "started": "Started",
    "asked": "Query asked",
    "staged": "Staged: all rows read, checked and hashed",
    "first_request": "First request",
    "last_answer": "Last answer",
    "resumed": "Resumed",
    "completed": "Completed",
    "completed_with_rejects": "Completed, with rejected rows",
    "failed": "Failed",
    "interrupted": "Interrupted",
}

STATUSES = {
    "waiting": "Waiting to start…",
    "running": "Running",
    "completed": "Completed",
    "completed_with_rejects": "Completed with rejects",
    "failed": "Failed",
    "interrupted": "Interrupted",
}
