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
