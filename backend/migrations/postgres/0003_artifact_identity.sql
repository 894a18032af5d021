-- Which network and which profile an artifact is: SHA-256 as 64 hexadecimal digits. Of a network its own hash; of a
-- profile its own, and that of the network that it was measured on. NULL where it is neither, and where it was stored
-- before these columns were there and nobody has asked since.

ALTER TABLE lab_artifacts ADD COLUMN model_hash TEXT;
ALTER TABLE lab_artifacts ADD COLUMN profile_hash TEXT;
