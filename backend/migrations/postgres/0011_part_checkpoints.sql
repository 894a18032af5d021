-- Hash of the state that a part of a job, left or not yet done, can go on from.
ALTER TABLE lab_parts ADD COLUMN checkpoint TEXT;
