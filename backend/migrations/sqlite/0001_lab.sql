-- People, what they store, their jobs and what happened to these. Times are milliseconds since 1970; what is an
-- enum in the program is its name here; JSON is text. The statements are the same for SQLite and PostgreSQL but for the
-- way rows are numbered.

CREATE TABLE lab_users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE lab_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES lab_users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);

CREATE TABLE lab_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id BIGINT NOT NULL REFERENCES lab_users (id),
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    problem TEXT,
    created_ms BIGINT NOT NULL,
    started_ms BIGINT,
    finished_ms BIGINT,
    -- When a ticket for it was last put into the queue.
    ticketed_ms BIGINT,
    cancel BIGINT NOT NULL DEFAULT 0,
    crashes BIGINT NOT NULL DEFAULT 0,
    -- Who computes it, and until when that is certain.
    worker TEXT,
    lease_ms BIGINT,
    device TEXT,
    progress TEXT,
    -- Hash of the state to go on from, reached on this device.
    checkpoint TEXT
);
CREATE INDEX lab_jobs_by_state ON lab_jobs (state, id);
CREATE INDEX lab_jobs_by_owner ON lab_jobs (owner_id, id);

CREATE TABLE lab_artifacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id BIGINT NOT NULL REFERENCES lab_users (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    job_id BIGINT REFERENCES lab_jobs (id) ON DELETE SET NULL,
    created_ms BIGINT NOT NULL,
    -- A job that is taken up again makes what it made already.
    UNIQUE (job_id, kind, name)
);
CREATE INDEX lab_artifacts_by_owner ON lab_artifacts (owner_id, id);
CREATE INDEX lab_artifacts_by_hash ON lab_artifacts (hash);

CREATE TABLE lab_job_inputs (
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    artifact_id BIGINT NOT NULL REFERENCES lab_artifacts (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, artifact_id)
);
CREATE INDEX lab_job_inputs_by_artifact ON lab_job_inputs (artifact_id);

-- Events are numbered by a counter whose row stays locked until the event is visible: whoever has seen number n has
-- seen every number below it.
CREATE TABLE lab_clock (at BIGINT NOT NULL);
INSERT INTO lab_clock (at) VALUES (0);

CREATE TABLE lab_events (
    id BIGINT PRIMARY KEY,
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    at_ms BIGINT NOT NULL,
    -- 1 for progress, which nobody asks for once the job has ended.
    passing BIGINT NOT NULL,
    -- 1 for the end of the job.
    last BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX lab_events_by_job ON lab_events (job_id, id);

CREATE TABLE lab_shares (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
CREATE INDEX lab_shares_by_job ON lab_shares (job_id);

-- Workers that are alive, and what they compute on.
CREATE TABLE lab_workers (
    name TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    job_id BIGINT,
    seen_ms BIGINT NOT NULL
);
