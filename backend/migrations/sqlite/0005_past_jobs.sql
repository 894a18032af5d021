-- What is counted of jobs after they were deleted, so that counters never fall and nobody gets a turn by
-- deleting. Of people who were erased without their name.
CREATE TABLE lab_past_jobs (
    owner_id BIGINT REFERENCES lab_users (id) ON DELETE SET NULL,
    kind TEXT NOT NULL,
    started_ms BIGINT,
    finished_ms BIGINT NOT NULL,
    crashes BIGINT NOT NULL
);
CREATE INDEX lab_past_jobs_by_end ON lab_past_jobs (finished_ms);
CREATE VIEW lab_counted_jobs AS
    SELECT owner_id, kind, state, started_ms, finished_ms, crashes FROM lab_jobs
    UNION ALL
    SELECT owner_id, kind, 'past', started_ms, finished_ms, crashes FROM lab_past_jobs;
