-- A ledger of schema version 7: a run that sent the purchases of shops, and one of purchases on the web that found no
-- service at its address.

CREATE TABLE schema_version (
    version INTEGER NOT NULL
);

CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    orchestration VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    workflow VARCHAR NOT NULL,
    destination VARCHAR NOT NULL,
    api_url VARCHAR NOT NULL,
    test_event_code VARCHAR,
    status VARCHAR NOT NULL,
    started_at VARCHAR NOT NULL,
    finished_at VARCHAR,
    seconds FLOAT,
    staged BOOLEAN NOT NULL,
    resumable BOOLEAN NOT NULL,
    rows_read INTEGER NOT NULL,
    rejects JSON NOT NULL,
    skips JSON NOT NULL,
    warnings JSON NOT NULL,
    requests_sent INTEGER NOT NULL,
    requests_retried INTEGER NOT NULL,
    error VARCHAR,
    row_limit INTEGER,
    retry_of VARCHAR,
    retry_reason VARCHAR,
    fingerprint VARCHAR,
    holder VARCHAR,
    host VARCHAR,
    query_id VARCHAR,
    unchanged_members INTEGER,
    identical_value JSON,
    cursor JSON,
    engine VARCHAR,
    stage VARCHAR,
    halt VARCHAR,
    PRIMARY KEY (run_id)
);

CREATE TABLE locks (
    orchestration VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    holder VARCHAR NOT NULL,
    place VARCHAR NOT NULL,
    host VARCHAR NOT NULL,
    process INTEGER NOT NULL,
    since VARCHAR NOT NULL,
    alive_at FLOAT NOT NULL,
    PRIMARY KEY (orchestration, target)
);

CREATE TABLE named_ids (
    kind VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    api_url VARCHAR NOT NULL,
    advertiser_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    auto_tracking BOOLEAN,
    known_at VARCHAR NOT NULL,
    PRIMARY KEY (kind, target, api_url, advertiser_id, name)
);

CREATE TABLE audiences (
    id INTEGER NOT NULL,
    target VARCHAR NOT NULL,
    api_url VARCHAR NOT NULL,
    audience_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    advertiser_ids JSON NOT NULL,
    synced_at VARCHAR,
    PRIMARY KEY (id),
    UNIQUE (target, api_url, audience_id)
);

CREATE TABLE audit (
    id INTEGER NOT NULL,
    at VARCHAR NOT NULL,
    os_user VARCHAR NOT NULL,
    host VARCHAR NOT NULL,
    command VARCHAR NOT NULL,
    orchestration VARCHAR,
    target VARCHAR NOT NULL,
    run_id VARCHAR,
    allowed BOOLEAN NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE suppressed (
    digest VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    since VARCHAR NOT NULL,
    PRIMARY KEY (digest, kind)
);

CREATE TABLE receipts (
    id INTEGER NOT NULL,
    at VARCHAR NOT NULL,
    receipt JSON NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE schedules (
    orchestration VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    schedule VARCHAR NOT NULL,
    handled_until VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    due_at VARCHAR,
    started_at VARCHAR,
    PRIMARY KEY (orchestration, target)
);

CREATE TABLE failing (
    orchestration VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    run_id VARCHAR,
    since VARCHAR NOT NULL,
    PRIMARY KEY (orchestration, target)
);

CREATE TABLE rates (
    "key" VARCHAR NOT NULL,
    next FLOAT NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE grants (
    "key" VARCHAR NOT NULL,
    sealed BLOB NOT NULL,
    stored_at VARCHAR NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE files (
    run_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    size INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    columns JSON,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE batches (
    run_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    resource_type VARCHAR NOT NULL,
    resource_id VARCHAR NOT NULL,
    action VARCHAR DEFAULT 'send' NOT NULL,
    id_types JSON,
    file VARCHAR NOT NULL,
    place INTEGER NOT NULL,
    events INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    delivered_events INTEGER NOT NULL,
    delivered_rows INTEGER NOT NULL,
    refused_events INTEGER NOT NULL,
    refused_rows INTEGER NOT NULL,
    skipped_events INTEGER DEFAULT 0 NOT NULL,
    skipped_rows INTEGER DEFAULT 0 NOT NULL,
    members INTEGER DEFAULT 0 NOT NULL,
    delivered_members INTEGER DEFAULT 0 NOT NULL,
    sent_at VARCHAR,
    settled_at VARCHAR,
    figures JSON,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE parts (
    run_id VARCHAR NOT NULL,
    batch INTEGER NOT NULL,
    first_event INTEGER NOT NULL,
    events INTEGER NOT NULL,
    state VARCHAR DEFAULT 'delivered' NOT NULL,
    reason VARCHAR,
    code INTEGER,
    message VARCHAR,
    figures JSON,
    PRIMARY KEY (run_id, batch, first_event),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE moments (
    id INTEGER NOT NULL,
    run_id VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    what VARCHAR NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE batch_keys (
    run_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    keep_until VARCHAR NOT NULL,
    event_keys BLOB NOT NULL,
    persons BLOB NOT NULL,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE requests (
    id INTEGER NOT NULL,
    run_id VARCHAR NOT NULL,
    batch INTEGER NOT NULL,
    first_event INTEGER NOT NULL,
    events INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    answered_at VARCHAR NOT NULL,
    verdict VARCHAR NOT NULL,
    http_status INTEGER,
    code INTEGER,
    message VARCHAR,
    request_id VARCHAR,
    seconds FLOAT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE audience_accounts (
    audience INTEGER NOT NULL,
    advertiser_id VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    run_id VARCHAR,
    PRIMARY KEY (audience, advertiser_id),
    FOREIGN KEY(audience) REFERENCES audiences (id)
);

CREATE TABLE members (
    audience INTEGER NOT NULL,
    id_type VARCHAR NOT NULL,
    share INTEGER NOT NULL,
    digests BLOB NOT NULL,
    doubtful BLOB NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (audience, id_type, share),
    FOREIGN KEY(audience) REFERENCES audiences (id)
);

CREATE TABLE member_changes (
    id INTEGER NOT NULL,
    audience INTEGER NOT NULL,
    run_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    first_unit INTEGER NOT NULL,
    action VARCHAR NOT NULL,
    counts BLOB NOT NULL,
    id_types BLOB NOT NULL,
    digests BLOB NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(audience) REFERENCES audiences (id),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE splits (
    run_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    "plan" VARCHAR NOT NULL,
    place JSON NOT NULL,
    attempt VARCHAR,
    host VARCHAR,
    rows INTEGER,
    seconds FLOAT,
    summary JSON,
    PRIMARY KEY (run_id, kind, number),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE leases (
    run_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    first_batch INTEGER NOT NULL,
    end_batch INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    holder VARCHAR,
    host VARCHAR,
    taken FLOAT,
    until FLOAT,
    ended FLOAT,
    seconds FLOAT NOT NULL,
    done BOOLEAN NOT NULL,
    requests_sent INTEGER NOT NULL,
    requests_retried INTEGER NOT NULL,
    rejects JSON NOT NULL,
    skips JSON NOT NULL,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE INDEX ix_runs_orchestration ON runs (orchestration);

CREATE INDEX runs_by_scope ON runs (target, api_url);

CREATE INDEX ix_audit_run_id ON audit (run_id);

CREATE INDEX ix_moments_run_id ON moments (run_id);

CREATE INDEX ix_batch_keys_keep_until ON batch_keys (keep_until);

CREATE INDEX ix_requests_run_id ON requests (run_id);

CREATE INDEX ix_member_changes_audience ON member_changes (audience);

INSERT INTO schema_version (version) VALUES
    (7);

INSERT INTO runs (run_id, orchestration, target, workflow, destination, api_url, test_event_code, status, started_at, finished_at, seconds, staged, resumable, rows_read, rejects, skips, warnings, requests_sent, requests_retried, error, row_limit, retry_of, retry_reason, fingerprint, holder, host, query_id, unchanged_members, identical_value, cursor, engine, stage, halt) VALUES
    ('20261130T163920-af4120', 'store_purchases', 'local', 'manual', 'store_events', 'http://api.example', NULL, 'completed', '2026-11-30T16:39:20.618+00:00', '2026-11-30T16:39:21.985+00:00', 1.304, TRUE, TRUE, 20, '{}', '{}', '{}', 1, 0, NULL, 20, NULL, NULL, '888351797175851db236f89f8e586ac1f182db4ab80a4942c6d1ffca8b46e0d0', '57de6407f1554096fd897e9030a692ea', 'here', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('20261130T163933-e0d76b', 'web_purchases', 'local', 'manual', 'web_events', 'http://api.example', NULL, 'failed', '2026-11-30T16:39:33.947+00:00', '2026-11-30T16:40:08.465+00:00', 34.4563, TRUE, TRUE, 6, '{}', '{}', '{}', 12, 11, 'The service did not accept the batch for too long. Run `connector resume` later to send the rest. No connection to TikTok: connection refused.', 6, NULL, NULL, 'da16773d3d7ecebf298172d7654454da77c16462bba8e9d4d224fdf8ea901d2a', 'cf5029f6a29e23cc817bdfd349ae5410', 'here', NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO audit (at, os_user, host, command, orchestration, target, run_id, allowed) VALUES
    ('2026-11-30T16:39:20.601+00:00', 'someone', 'here', 'run', 'store_purchases', 'local', '20261130T163920-af4120', TRUE),
    ('2026-11-30T16:39:33.888+00:00', 'someone', 'here', 'run', 'web_purchases', 'local', '20261130T163933-e0d76b', TRUE);

INSERT INTO failing (orchestration, target, run_id, since) VALUES
    ('web_purchases', 'local', '20261130T163933-e0d76b', '2026-11-30T16:40:08.500+00:00');

INSERT INTO batches (run_id, number, resource_type, resource_id, action, id_types, file, place, events, rows, state, delivered_events, delivered_rows, refused_events, refused_rows, skipped_events, skipped_rows, members, delivered_members, sent_at, settled_at, figures) VALUES
    ('20261130T163920-af4120', 0, 'offline', '7654321098765432109', 'send', NULL, 'events.arrow', 0, 8, 20, 'delivered', 8, 20, 0, 0, 0, 0, 0, 0, '2026-11-30T16:39:21.902+00:00', '2026-11-30T16:39:21.921+00:00', '{"events": 8, "marks": [8, 8, 0, 0, 0, 0], "ages": [0, 0, 0, 0, 0, 6, 2, 0, 0], "values": [["USD", 20780, 8, 986840000]]}'),
    ('20261130T163933-e0d76b', 0, 'web', 'C4EXAMPLE0PIXEL0CODE', 'send', NULL, 'segment-000000.arrow', 0, 6, 6, 'pending', 0, 0, 0, 0, 0, 0, 0, 0, '2026-11-30T16:39:35.818+00:00', NULL, NULL);

INSERT INTO moments (run_id, at, what) VALUES
    ('20261130T163920-af4120', '2026-11-30T16:39:20.619+00:00', 'started'),
    ('20261130T163920-af4120', '2026-11-30T16:39:20.953+00:00', 'asked'),
    ('20261130T163920-af4120', '2026-11-30T16:39:21.700+00:00', 'staged'),
    ('20261130T163920-af4120', '2026-11-30T16:39:21.985+00:00', 'completed'),
    ('20261130T163933-e0d76b', '2026-11-30T16:39:33.971+00:00', 'started'),
    ('20261130T163933-e0d76b', '2026-11-30T16:39:34.502+00:00', 'asked'),
    ('20261130T163933-e0d76b', '2026-11-30T16:39:35.283+00:00', 'staged'),
    ('20261130T163933-e0d76b', '2026-11-30T16:40:08.466+00:00', 'failed');

INSERT INTO batch_keys (run_id, number, keep_until, event_keys, persons) VALUES
    ('20261130T163920-af4120', 0, '2026-12-30T20:39:21.892+00:00', X'4C337326E469722D923D93A18E421A2FBC71583B0C37F0A2A5599F5E1D9ABAE705F1F0C52849B4047B6C451F36AD671A413627369338523B176B61EBD291292CDC051F8B6127FA919A11796DE968B8A9E0335CD7B53E65B2F6164264DE87DA4DD93358B9CE898CEEE94C3E8E5284D6CDC573CDADCAF095A00EED36AE2AD01C1B', X'02000200020002000200020002000200B09842211C0A375073F5A7C11DCF89035DB9AC0E095C0DEA4C58075337987FD1828C900537DC5433B61439EB11035B96F149BBD809A26F7D981E1AC5561CAB11C3B6638F057FEAC45A2E400CE63454AB212D8865DCC7B398B6FD47CD5870A50CB35E864B03E989F13FC11D41CB436C0C8B2D1525CE67CC5BEDA3F61F2CC719D4'),
    ('20261130T163933-e0d76b', 0, '2026-12-30T20:39:35.816+00:00', X'3FC9FA0BDE83CA36070FC6B68D666742D5DFD3BC093CEAA4E433C3616DF53332051B63D93C7916BAC5B36AB7740ACD762DD105056A33A0900A7D6739BB6007AAA0C7881717D0DA7BC88757164C6457A001FF4DC1639283ACE5E272ADB44E8793', X'0200020002000200020003007A1553638ECFFF1B475E684D8E647149F5C806CED7269F412CDCA546D3452F92BA6CC0173AAD4EE2D852924CF6E28DF919C05D1DEFEBB546FBC0D01C229D1CC9F1E6AE678EF1BDA87BCA2E64BEDDD833F76671F2673C29E0F34D21784BA38985A3EA2954740E5611');

INSERT INTO requests (run_id, batch, first_event, events, attempt, answered_at, verdict, http_status, code, message, request_id, seconds) VALUES
    ('20261130T163920-af4120', 0, 0, 8, 1, '2026-11-30T16:39:21.921+00:00', 'accepted', 200, 0, 'OK', '475B0F74B0119ECB0000000000000001', 0.0073),
    ('20261130T163933-e0d76b', 0, 0, 6, 1, '2026-11-30T16:39:35.858+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0004),
    ('20261130T163933-e0d76b', 0, 0, 6, 2, '2026-11-30T16:39:36.307+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0004),
    ('20261130T163933-e0d76b', 0, 0, 6, 3, '2026-11-30T16:39:36.530+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0003),
    ('20261130T163933-e0d76b', 0, 0, 6, 4, '2026-11-30T16:39:38.211+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0003),
    ('20261130T163933-e0d76b', 0, 0, 6, 5, '2026-11-30T16:39:40.475+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0003),
    ('20261130T163933-e0d76b', 0, 0, 6, 6, '2026-11-30T16:39:42.989+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0004),
    ('20261130T163933-e0d76b', 0, 0, 6, 7, '2026-11-30T16:39:45.205+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0004),
    ('20261130T163933-e0d76b', 0, 0, 6, 8, '2026-11-30T16:39:46.308+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0003),
    ('20261130T163933-e0d76b', 0, 0, 6, 9, '2026-11-30T16:39:49.572+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0004),
    ('20261130T163933-e0d76b', 0, 0, 6, 10, '2026-11-30T16:39:54.560+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0003),
    ('20261130T163933-e0d76b', 0, 0, 6, 11, '2026-11-30T16:40:02.953+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0003),
    ('20261130T163933-e0d76b', 0, 0, 6, 12, '2026-11-30T16:40:08.443+00:00', 'retry', NULL, NULL, 'No connection to TikTok: connection refused.', NULL, 0.0005);
