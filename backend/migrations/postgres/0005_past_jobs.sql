-- Since when a worker has a job, and how long workers have computed it before: not while it waited
-- between two of them. Of jobs before this, from their first start to their end.
ALTER TABLE lab_jobs ADD COLUMN claimed_ms BIGINT;
ALTER TABLE lab_jobs ADD COLUMN computed_ms BIGINT;
UPDATE lab_jobs SET computed_ms = finished_ms - started_ms WHERE finished_ms IS NOT NULL;
UPDATE lab_jobs SET claimed_ms = started_ms WHERE state = 'running';

-- What is counted of jobs after they were deleted, so that counters never fall and nobody gets a turn by
-- deleting. Of people who were erased without their name.
CREATE TABLE lab_past_jobs (
    owner_id BIGINT REFERENCES lab_users (id) ON DELETE SET NULL,
    kind TEXT NOT NULL,
    computed_ms BIGINT,
    finished_ms BIGINT NOT NULL,
    crashes BIGINT NOT NULL
);
CREATE INDEX lab_past_jobs_by_end ON lab_past_jobs (finished_ms);
CREATE VIEW lab_counted_jobs AS
    SELECT owner_id, kind, claimed_ms, computed_ms, finished_ms, crashes FROM lab_jobs
    UNION ALL
    SELECT owner_id, kind, NULL, computed_ms, finished_ms, crashes FROM lab_past_jobs;
