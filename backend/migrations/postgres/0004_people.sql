-- A person can be shut out and let in again; a token can end by itself.
ALTER TABLE lab_users ADD COLUMN disabled_ms BIGINT;
ALTER TABLE lab_tokens ADD COLUMN expires_ms BIGINT;
