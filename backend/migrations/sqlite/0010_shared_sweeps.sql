-- What a running sweep offers to other workers: its report so far, without entries (JSON).
ALTER TABLE lab_jobs ADD COLUMN offer TEXT;
-- Entries of such a sweep by their place in the plan's order: who computes one, until when that is certain (nothing
-- for whoever has the job itself), and what came out (JSON).
CREATE TABLE lab_parts (
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    worker TEXT NOT NULL,
    lease_ms BIGINT,
    entry TEXT,
    PRIMARY KEY (job_id, place)
);

-- For how long helpers have computed it: their owner's time, but not the job's.
ALTER TABLE lab_jobs ADD COLUMN helped_ms BIGINT NOT NULL DEFAULT 0;
DROP VIEW lab_counted_jobs;
CREATE VIEW lab_counted_jobs AS
    SELECT owner_id, kind, claimed_ms, COALESCE(computed_ms, 0) + helped_ms AS computed_ms, finished_ms, crashes
    FROM lab_jobs
    UNION ALL
    SELECT owner_id, kind, NULL, computed_ms, finished_ms, crashes FROM lab_past_jobs;
