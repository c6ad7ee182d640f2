"""Labels of reasons, skips, warnings and steps for readers who do not know their identifiers."""

from connector.core import outcomes

REASONS = {
    "invalid_event_source_id": "has an invalid id of an event source",
    "missing_event": "does not say what happened",
    "unknown_event": "names an unknown event",
    "missing_timestamp": "has no time",
    "invalid_timestamp": "has a time that cannot be read",
    "event_too_old": "is older than events that can be sent",
    "event_in_future": "lies in the future",
    "invalid_currency": "has a currency that is not valid",
    "conflicting_currency": "belongs to an event whose rows name several currencies",
    "invalid_amount": "has an invalid price, quantity or value",
    "invalid_event_channel": "has an unknown channel",
    "invalid_id": "has an id that lost digits when it was stored as a number",
    "invalid_value": "has a value that its parameter does not take, or lacks a required one",
    "missing_page_url": "is a web event without its page",
    "missing_identity": "has no identifier",
    "invalid_identity": "has identifiers, but none that is valid",
    "identical_rows": "belongs to an event with identical rows, which the orchestration rejects",
    "incomplete_event": "belongs to an event of which another row was rejected",
    "refused": "was sent and refused",
    "refused_by_tiktok": "was sent and refused",
}

SKIPS = {
    "already_delivered": "was delivered by an earlier run",
    "already_member": "names identifiers that are all in the audience already",
    "duplicate": "repeats an earlier row",
    "answer_lost": "may have been delivered: the answer was lost",
    "suppressed": "is about a suppressed person",
}

WARNINGS = {
    "invalid_email": "an e-mail address is not valid; not sent",
    "invalid_phone": "a phone number is not valid; not sent",
    "invalid_ip": "an IP address is not valid, or private; not sent",
    "legacy_event_name": "an old event name, sent as given",
    "currency_not_listed": "a currency that the destination may not know, sent as given",
    "conflicting_rows": "differs from the first row of its event, which counts",
    "missing_ip_for_ldu": "limited data use, which has no effect without an IP address",
    "invalid_device_id": "an advertising id is not valid; not sent",
    "identical_rows": "is identical to an earlier row of its event, and adds to its value",
    "incomplete_amount": "has price or quantity alone and no value, or lacks what other rows of its event have",
    "placeholder_value": "has a word for no value, such as null, as an identifier; not sent",
    "unknown_country": "has a country that is not known; not sent, nor used for its phone numbers",
    "invalid_external_id": "an external id lost digits as a number; not sent",
}

MATCHED_BY = {
    "email": "E-mail address",
    "phone": "Phone number",
    "external_id": "External id",
    "tiktok_click_id": "Click id",
    "cookie_id": "Cookie id",
    "ip": "IP address",
}

TIMELINE = {
    "started": "Started",
    "planned": "Held to a plan",
    "asked": "Query asked",
    "plan_matched": "Counts compared with the plan",
    "staged": "Staged: all rows read, checked and hashed",
    "first_request": "First request",
    "last_answer": "Last answer",
    "resumed": "Resumed",
    "completed": "Completed",
    "completed_with_rejects": "Completed, with rejected rows",
    "failed": "Failed",
    "interrupted": "Interrupted",
}

STATUSES = {status.value: status.label for status in outcomes.RunStatus}
