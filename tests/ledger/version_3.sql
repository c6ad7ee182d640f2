-- A ledger of schema version 3: a run that sent the events of a file, and one that filled an audience from another file.

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

CREATE TABLE failing (
    orchestration VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    run_id VARCHAR,
    since VARCHAR NOT NULL,
    PRIMARY KEY (orchestration, target)
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

CREATE TABLE receipts (
    id INTEGER NOT NULL,
    at VARCHAR NOT NULL,
    receipt JSON NOT NULL,
    PRIMARY KEY (id)
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
    PRIMARY KEY (run_id)
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

CREATE TABLE schema_version (
    version INTEGER NOT NULL
);

CREATE TABLE suppressed (
    digest VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    since VARCHAR NOT NULL,
    PRIMARY KEY (digest, kind)
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

CREATE TABLE batches (
    run_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    event_source VARCHAR NOT NULL,
    event_source_id VARCHAR NOT NULL,
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

CREATE TABLE files (
    run_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    size INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
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

CREATE TABLE moments (
    id INTEGER NOT NULL,
    run_id VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    what VARCHAR NOT NULL,
    PRIMARY KEY (id),
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

INSERT INTO audit (at, os_user, host, command, orchestration, target, run_id, allowed) VALUES
    ('2026-11-29T20:18:55.525+00:00', 'ada', 'shop', 'run', 'purchases', 'default', '20261129T201855-8622b2', TRUE),
    ('2026-11-29T20:19:00.561+00:00', 'ada', 'shop', 'run', 'people', 'default', '20261129T201901-c47331', TRUE);

INSERT INTO runs (run_id, orchestration, target, workflow, destination, api_url, test_event_code, status,
    started_at, finished_at, seconds, staged, resumable, rows_read, rejects, skips, warnings, requests_sent, requests_retried, error, row_limit, retry_of, retry_reason, fingerprint, holder, host, query_id, unchanged_members) VALUES
    ('20261129T201855-8622b2', 'purchases', 'default', 'manual', 'd', 'http://api.example', NULL, 'completed', '2026-11-29T20:18:55.550+00:00', '2026-11-29T20:18:56.719+00:00', 1.1467, TRUE, TRUE, 3, '{}', '{}', '{}', 1, 0, NULL, NULL, NULL, NULL, 'a5af7735343359908b49f5f46c9abd8f4a6d3346beea2a796294bc1b5efa47f2', '608dc9e25e3fcab3396b7fd9f3bf0dc5', 'shop', NULL, NULL),
    ('20261129T201901-c47331', 'people', 'default', 'manual', 'a', 'http://api.example', NULL, 'completed', '2026-11-29T20:19:01.142+00:00', '2026-11-29T20:19:01.703+00:00', 0.5455, TRUE, TRUE, 3, '{}', '{}', '{}', 1, 0, NULL, NULL, NULL, NULL, '20fc2a3c31832fa1f7cad676c3c290072bf5c50260141b117180a294af07858f', 'eecef10c1c27fdbee94fb5e851bac358', 'shop', NULL, 0);

INSERT INTO schema_version (version) VALUES
    (3);

INSERT INTO batch_keys (run_id, number, keep_until, event_keys, persons) VALUES
    ('20261129T201855-8622b2', 0, '2026-12-27T22:18:56.197+00:00', X'C6DFA2CEED50B658923507A498A85496B512E1CF0FD00FE337061CDF8E96DB9CC5D6F8812AB6259712735B3983A9677B', X'0100010001004A30277A7CA42298130EDF8092D7D88A3DD7226971734D2E');

INSERT INTO batches (run_id, number, event_source, event_source_id, file, place, events, rows, state,
    delivered_events, delivered_rows, refused_events, refused_rows, skipped_events, skipped_rows, members, delivered_members, sent_at, settled_at, figures) VALUES
    ('20261129T201855-8622b2', 0, 'offline', '7654321098765432109', 'events.arrow', 0, 3, 3, 'delivered', 3, 3, 0, 0, 0, 0, 0, 0, '2026-11-29T20:18:56.579+00:00', '2026-11-29T20:18:56.640+00:00', '{"events": 3, "marks": [3, 0, 0, 0, 0, 0], "ages": [0, 3, 0, 0, 0, 0, 0, 0, 0], "values": [["USD", 20786, 3, 6000000]]}'),
    ('20261129T201901-c47331', 0, 'add EMAIL_SHA256,PHONE_SHA256,IDFA_SHA256,AAID_SHA256', '1795983540000000000', 'added.arrow', 0, 3, 3, 'delivered', 3, 3, 0, 0, 0, 0, 3, 3, '2026-11-29T20:19:01.625+00:00', '2026-11-29T20:19:01.659+00:00', NULL);

INSERT INTO files (run_id, number, name, size, digest) VALUES
    ('20261129T201855-8622b2', 0, 'f.csv', 151, '4af267bb036750e443d52bbad1fd35c6e9846c7ccb60b85989e095b5db93a0b8');

INSERT INTO moments (run_id, at, what) VALUES
    ('20261129T201855-8622b2', '2026-11-29T20:18:55.551+00:00', 'started'),
    ('20261129T201855-8622b2', '2026-11-29T20:18:55.648+00:00', 'asked'),
    ('20261129T201855-8622b2', '2026-11-29T20:18:56.178+00:00', 'staged'),
    ('20261129T201855-8622b2', '2026-11-29T20:18:56.720+00:00', 'completed'),
    ('20261129T201901-c47331', '2026-11-29T20:19:01.143+00:00', 'started'),
    ('20261129T201901-c47331', '2026-11-29T20:19:01.189+00:00', 'asked'),
    ('20261129T201901-c47331', '2026-11-29T20:19:01.612+00:00', 'staged'),
    ('20261129T201901-c47331', '2026-11-29T20:19:01.704+00:00', 'completed');

INSERT INTO requests (run_id, batch, first_event, events, attempt, answered_at, verdict, http_status, code,
    message, request_id, seconds) VALUES
    ('20261129T201855-8622b2', 0, 0, 3, 1, '2026-11-29T20:18:56.640+00:00', 'accepted', 200, 0, 'OK', '6C5B22F6ABEEC42D0000000000000001', 0.0128),
    ('20261129T201901-c47331', 0, 0, 3, 1, '2026-11-29T20:19:01.659+00:00', 'accepted', 200, 0, 'OK', '8CA28A4070F603120000000000000003', 0.0044);

CREATE INDEX ix_audit_run_id ON audit (run_id);

CREATE INDEX ix_runs_orchestration ON runs (orchestration);

CREATE INDEX runs_by_scope ON runs (target, api_url);

CREATE INDEX ix_batch_keys_keep_until ON batch_keys (keep_until);

CREATE INDEX ix_member_changes_audience ON member_changes (audience);

CREATE INDEX ix_moments_run_id ON moments (run_id);

CREATE INDEX ix_requests_run_id ON requests (run_id);
