-- A browser that somebody signed in at: it ends by itself, when they sign out, or with the token that they
-- showed for it. What is kept is the hash of its secret.
CREATE TABLE lab_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES lab_users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    token_id BIGINT REFERENCES lab_tokens (id) ON DELETE CASCADE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX lab_sessions_by_user ON lab_sessions (user_id);

-- Whom an OpenID provider means by a subject: its names can be given to others, a subject never is.
CREATE TABLE lab_identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES lab_users (id) ON DELETE CASCADE,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX lab_identities_by_user ON lab_identities (user_id);

-- Who did what to whom, when. People are numbers, without reference: what was noted stays when they are erased,
-- and their names go with them. Without an actor it was whoever runs the lab, on its command line.
CREATE TABLE lab_audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms BIGINT NOT NULL,
    actor_id BIGINT,
    action TEXT NOT NULL,
    person_id BIGINT,
    detail TEXT NOT NULL
);
CREATE INDEX lab_audit_by_time ON lab_audit (at_ms);
