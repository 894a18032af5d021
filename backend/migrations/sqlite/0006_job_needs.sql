-- What a worker must have to compute a job: the data set of this name with this content, and the
-- version of the program that accepted it, or a later one. Jobs of versions before say neither.
ALTER TABLE lab_jobs ADD COLUMN dataset TEXT;
ALTER TABLE lab_jobs ADD COLUMN dataset_hash TEXT;
ALTER TABLE lab_jobs ADD COLUMN program TEXT;

-- Workers that died under a job since it was last saved: a long job is not given up for those that died
-- hours apart.
ALTER TABLE lab_jobs ADD COLUMN crashes_in_place BIGINT NOT NULL DEFAULT 0;
UPDATE lab_jobs SET crashes_in_place = crashes;

-- How much work an artifact makes: multiply-accumulates of an image of a network, images of a data set.
ALTER TABLE lab_artifacts ADD COLUMN macs BIGINT;
ALTER TABLE lab_artifacts ADD COLUMN training_images BIGINT;
-- Multiply-accumulates that a job is taken to need: jobs of its kind tell how many seconds that is.
ALTER TABLE lab_jobs ADD COLUMN work DOUBLE PRECISION;
