-- What a worker can compute: jobs that this program accepted, and, as JSON, of the data sets that jobs
-- named the hash of each that it has. Workers of versions before say neither.
ALTER TABLE lab_workers ADD COLUMN program TEXT;
ALTER TABLE lab_workers ADD COLUMN datasets TEXT;
