-- A ledger of schema version 1: a run that reached its end, and one that ended with a batch half sent.

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
    PRIMARY KEY (run_id)
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
    PRIMARY KEY (run_id, number),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE TABLE parts (
    run_id VARCHAR NOT NULL,
    batch INTEGER NOT NULL,
    first_event INTEGER NOT NULL,
    events INTEGER NOT NULL,
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

CREATE TABLE schema_version (
    version INTEGER NOT NULL
);

INSERT INTO runs VALUES
    ('20260301T110000-8b35a4', 'purchases', 'default', 'manual', 'stores', 'http://api.example', NULL,
     'completed', '2026-03-01T11:00:00.080+00:00', '2026-03-01T12:00:00.235+00:00', 0.131,
     true, true, 3, '{}', '{}', '{}', 1, 0, NULL),
    ('20260301T120000-0f7471', 'purchases', 'default', 'manual', 'stores', 'http://api.example', NULL,
     'failed', '2026-03-01T12:00:00.244+00:00', '2026-03-01T12:00:01.634+00:00', 0.36,
     true, true, 20, '{}', '{}', '{}', 9, 3, 'The access token is wrong or was revoked.');

INSERT INTO batches VALUES
    ('20260301T110000-8b35a4', 0, 'offline', '7654321098765432109', 'events.arrow', 0, 3, 3, 'delivered', 3, 3, 0, 0),
    ('20260301T120000-0f7471', 0, 'offline', '7654321098765432109', 'events.arrow', 0, 20, 20, 'unknown', 3, 3, 0, 0);

INSERT INTO parts VALUES
    ('20260301T120000-0f7471', 0, 0, 1), ('20260301T120000-0f7471', 0, 1, 1), ('20260301T120000-0f7471', 0, 3, 1);

INSERT INTO requests (run_id, batch, first_event, events, attempt, answered_at, verdict, http_status, code,
    message, request_id, seconds)
VALUES
    ('20260301T110000-8b35a4', 0, 0, 3, 1, '2026-03-01T12:00:00.228+00:00', 'accepted', 200, 0, 'OK', '2026REQUEST', 0.0022),
    ('20260301T120000-0f7471', 0, 0, 20, 1, '2026-03-01T12:00:01.343+00:00', 'unknown', NULL, NULL, 'No answer from TikTok (ReadError).', NULL, 0.0016),
    ('20260301T120000-0f7471', 0, 0, 20, 2, '2026-03-01T12:00:01.350+00:00', 'unknown', NULL, NULL, 'No answer from TikTok (ReadError).', NULL, 0.0013),
    ('20260301T120000-0f7471', 0, 0, 20, 3, '2026-03-01T12:00:01.358+00:00', 'unknown', NULL, NULL, 'No answer from TikTok (ReadError).', NULL, 0.0011),
    ('20260301T120000-0f7471', 0, 0, 20, 4, '2026-03-01T12:00:01.401+00:00', 'unknown', NULL, NULL, 'No answer from TikTok (ReadError).', NULL, 0.0345),
    ('20260301T120000-0f7471', 0, 0, 20, 1, '2026-03-01T12:00:01.447+00:00', 'refused', 400, 40002, 'Invalid value for event_id: not a valid string.', '2026REQUEST', 0.0016),
    ('20260301T120000-0f7471', 0, 7, 1, 1, '2026-03-01T12:00:01.624+00:00', 'stop', 401, 40105, 'The access token is wrong or was revoked.', '2026REQUEST', 0.0432),
    ('20260301T120000-0f7471', 0, 0, 1, 1, '2026-03-01T12:00:01.627+00:00', 'accepted', 200, 0, 'OK', '2026REQUEST', 0.0412),
    ('20260301T120000-0f7471', 0, 1, 1, 1, '2026-03-01T12:00:01.630+00:00', 'accepted', 200, 0, 'OK', '2026REQUEST', 0.0431),
    ('20260301T120000-0f7471', 0, 3, 1, 1, '2026-03-01T12:00:01.631+00:00', 'accepted', 200, 0, 'OK', '2026REQUEST', 0.0434);

INSERT INTO schema_version VALUES (1);

CREATE INDEX ix_runs_orchestration ON runs (orchestration);

CREATE INDEX ix_requests_run_id ON requests (run_id);
