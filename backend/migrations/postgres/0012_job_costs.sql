-- What the memory of jobs on a network depends on: see `NetworkSize` in backend/src/facts.rs.
ALTER TABLE lab_artifacts ADD COLUMN parameters BIGINT;
ALTER TABLE lab_artifacts ADD COLUMN widest BIGINT;
ALTER TABLE lab_artifacts ADD COLUMN activations BIGINT;
ALTER TABLE lab_artifacts ADD COLUMN moments BIGINT;
-- Bytes that a job is taken to need in memory, and to store.
ALTER TABLE lab_jobs ADD COLUMN memory_bytes BIGINT;
ALTER TABLE lab_jobs ADD COLUMN stored_bytes BIGINT;
