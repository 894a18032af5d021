-- The token of ann: rrlab_3Rf8UNKjXKCyNKUfupYUuMMWmeOnCzX7wZIbuoYiaBM
-- The object store's mark: {"format":1,"lab":"b8431e690dad8f101a96dc79a99978cc"}
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE lab_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO lab_migrations VALUES(1,'lab','2026-11-30 11:47:15',1,X'37876e6aa3f0d4dd1e5495854321634d432c847472676cc285af12933cc8301a778daa46de1effa746be74d922a8fcf7',1118090);
INSERT INTO lab_migrations VALUES(2,'lab identity','2026-11-30 11:47:15',1,X'0bd414c724aceeb4acca0d4dfd9f557aea79c1dc5f4fdd5c164f05510c7d753f8f08271090100444565ead6e61a6cc1f',506422);
INSERT INTO lab_migrations VALUES(3,'artifact identity','2026-11-30 11:47:15',1,X'2026d1e4a19892c353e3438038e1d12c7a5044440574a1a1c4cdf0602ebc3656338c2a852ddc66266032c2b997a348ce',733920);
INSERT INTO lab_migrations VALUES(4,'people','2026-11-30 11:47:15',1,X'79a9ed8b848941646ae19eb487aa137128d85f478f1fa9f43ea96a23ea1218c3552cbf192802105fc7570d95d5762573',663245);
INSERT INTO lab_migrations VALUES(5,'past jobs','2026-11-30 11:47:15',1,X'd9e7d1a70120a0422c1dad04ed3a6829d66103cca55400e867e9cbb71e2923407139164b65684096146a6fdbd7f29cf0',859046);
INSERT INTO lab_migrations VALUES(6,'job needs','2026-11-30 11:47:15',1,X'e2d31453d798175dc21f6d4c31ff0d79d2ad8a249bbf8c5c4c14688dc09fa63a633c173c41daeba29f1a0103f50a8902',1336034);
INSERT INTO lab_migrations VALUES(7,'worker abilities','2026-11-30 11:47:15',1,X'18bc111ea51f8391594958bf5e06310e613f4fb9966c874db95cbf53f607781c0dee2c2cd617bfc2f6de51ef210bb0c1',706849);
INSERT INTO lab_migrations VALUES(8,'sessions','2026-11-30 11:47:15',1,X'7d85f29dd4fb83f675cdb1f684c3de8e4ddc42230b8160023bb84283fca3ccba4fd4ff5e7b5ff60bb27600a6822b4999',702122);
INSERT INTO lab_migrations VALUES(9,'courses','2026-11-30 11:47:15',1,X'4be2d49e6ec9d0ed3635d36fa140bd981f3932c5b46eb934d3e4a3c85f678435520b6e8f75e9fbbf35e71df230de0705',722593);
INSERT INTO lab_migrations VALUES(10,'shared sweeps','2026-11-30 11:47:15',1,X'7c31fd4bf5d881f3581a5b37592f29e782ed7ccc1af66a8b1cb18955e3a6efef45815cb9fbb978b634aa767f2565c4cf',1117880);
CREATE TABLE lab_users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    created_ms BIGINT NOT NULL
, disabled_ms BIGINT);
INSERT INTO lab_users VALUES(1,'ann','student',1796039235928,NULL);
INSERT INTO lab_users VALUES(2,'root','admin',1796039235946,NULL);
CREATE TABLE lab_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES lab_users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
, expires_ms BIGINT);
INSERT INTO lab_tokens VALUES(1,1,'6965b04843e3c12b12d684e508d5db600b84477eae69bf4516d4d481c7065409','laptop',1796039235961,NULL,NULL);
CREATE TABLE lab_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id BIGINT NOT NULL REFERENCES lab_users (id),
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    problem TEXT,
    created_ms BIGINT NOT NULL,
    started_ms BIGINT,
    finished_ms BIGINT,
    -- When a ticket for it was last put into the queue.
    ticketed_ms BIGINT,
    cancel BIGINT NOT NULL DEFAULT 0,
    crashes BIGINT NOT NULL DEFAULT 0,
    -- Who computes it, and until when that is certain.
    worker TEXT,
    lease_ms BIGINT,
    device TEXT,
    progress TEXT,
    -- Hash of the state to go on from, reached on this device.
    checkpoint TEXT
, claimed_ms BIGINT, computed_ms BIGINT, dataset TEXT, dataset_hash TEXT, program TEXT, crashes_in_place BIGINT NOT NULL DEFAULT 0, work DOUBLE PRECISION, offer TEXT, helped_ms BIGINT NOT NULL DEFAULT 0);
INSERT INTO lab_jobs VALUES(1,1,'evaluate','{"kind":"evaluate","model":1,"dataset":{"stored":2},"images":60,"seed":4}','done',NULL,1796039236028,1796039236047,1796039236099,1796039236031,0,0,NULL,NULL,'cpu','{"what":"images","done":60,"total":60,"images_per_second":1694.1273892878573,"seconds_left":0.0}',NULL,NULL,52,NULL,NULL,'rrlab 0.1.0',0,750097920.0,NULL,0);
INSERT INTO lab_jobs VALUES(2,1,'evaluate','{"kind":"evaluate","model":1,"dataset":{"stored":2},"images":60,"seed":4}','queued',NULL,1796039236124,NULL,NULL,1796039236126,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'rrlab 0.1.0',0,750097920.0,NULL,0);
CREATE TABLE lab_artifacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id BIGINT NOT NULL REFERENCES lab_users (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    job_id BIGINT REFERENCES lab_jobs (id) ON DELETE SET NULL,
    created_ms BIGINT NOT NULL, model_hash TEXT, profile_hash TEXT, macs BIGINT, training_images BIGINT,
    -- A job that is taken up again makes what it made already.
    UNIQUE (job_id, kind, name)
);
INSERT INTO lab_artifacts VALUES(1,1,'model','plain','6be032b6744d67a4f03afbfb296f45c3f4725b2a3e6a420f40d30c16f5b34dfc',319096,NULL,1796039235984,'af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536',NULL,12501632,NULL);
INSERT INTO lab_artifacts VALUES(2,1,'dataset','noise','45e8fbcf4e0bd6f51f4dbcc44c90c7f2b799267e96fd9538d75ad1aa61026a7f',677264,NULL,1796039236015,NULL,NULL,NULL,160);
INSERT INTO lab_artifacts VALUES(3,1,'evaluation','plain','c0c6d13f1eb82750d06bf825e3cd571224d2f63bcd7efbf9a881328bdb6d7d7b',265,1,1796039236098,NULL,NULL,NULL,NULL);
CREATE TABLE lab_job_inputs (
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    artifact_id BIGINT NOT NULL REFERENCES lab_artifacts (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, artifact_id)
);
INSERT INTO lab_job_inputs VALUES(1,2);
INSERT INTO lab_job_inputs VALUES(1,1);
INSERT INTO lab_job_inputs VALUES(2,2);
INSERT INTO lab_job_inputs VALUES(2,1);
CREATE TABLE lab_clock (at BIGINT NOT NULL);
INSERT INTO lab_clock VALUES(10);
CREATE TABLE lab_events (
    id BIGINT PRIMARY KEY,
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    at_ms BIGINT NOT NULL,
    -- 1 for progress, which nobody asks for once the job has ended.
    passing BIGINT NOT NULL,
    -- 1 for the end of the job.
    last BIGINT NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO lab_events VALUES(1,1,1796039236029,0,0,'{"state":{"state":"queued"}}');
INSERT INTO lab_events VALUES(2,1,1796039236049,0,0,'{"state":{"state":"running"}}');
INSERT INTO lab_events VALUES(3,1,1796039236049,0,0,'{"started":{"device":"cpu","resumed":false}}');
INSERT INTO lab_events VALUES(5,1,1796039236093,0,0,'{"evaluated":{"model":"plain","model_hash":"af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536","dataset":"noise","split":"test","images":60,"device":"cpu","accuracy":0.13333333333333333,"nonzero_weights":77360,"weights":77360}}');
INSERT INTO lab_events VALUES(6,1,1796039236098,0,0,'{"result":{"id":3,"kind":"evaluation","name":"plain","hash":"c0c6d13f1eb82750d06bf825e3cd571224d2f63bcd7efbf9a881328bdb6d7d7b","bytes":265,"owner":"ann","job":1,"created_ms":1796039236098}}');
INSERT INTO lab_events VALUES(7,1,1796039236099,0,1,'{"state":{"state":"done"}}');
INSERT INTO lab_events VALUES(8,2,1796039236124,0,0,'{"state":{"state":"queued"}}');
CREATE TABLE lab_shares (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
INSERT INTO lab_shares VALUES(1,1,'c2aa3733db19c21b600160724419421658c6aef8cec5f389a1b5e265fbed9564',1796039236113,NULL);
CREATE TABLE lab_workers (
    name TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    job_id BIGINT,
    seen_ms BIGINT NOT NULL
, program TEXT, datasets TEXT);
CREATE TABLE lab_identity (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL
);
INSERT INTO lab_identity VALUES(1,'b8431e690dad8f101a96dc79a99978cc');
CREATE TABLE lab_past_jobs (
    owner_id BIGINT REFERENCES lab_users (id) ON DELETE SET NULL,
    kind TEXT NOT NULL,
    computed_ms BIGINT,
    finished_ms BIGINT NOT NULL,
    crashes BIGINT NOT NULL
);
INSERT INTO lab_past_jobs VALUES(1,'train',0,1796039236153,0);
CREATE TABLE lab_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES lab_users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    token_id BIGINT REFERENCES lab_tokens (id) ON DELETE CASCADE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE TABLE lab_identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES lab_users (id) ON DELETE CASCADE,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE TABLE lab_audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms BIGINT NOT NULL,
    actor_id BIGINT,
    action TEXT NOT NULL,
    person_id BIGINT,
    detail TEXT NOT NULL
);
INSERT INTO lab_audit VALUES(1,1796039235929,NULL,'person_added',1,'student');
INSERT INTO lab_audit VALUES(2,1796039235946,NULL,'person_added',2,'admin');
INSERT INTO lab_audit VALUES(3,1796039235961,NULL,'token_created',1,'token 1');
INSERT INTO lab_audit VALUES(4,1796039236113,1,'link_made',1,'link 1 to job 1');
CREATE TABLE lab_courses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL
);
CREATE TABLE lab_course_members (
    course_id BIGINT NOT NULL REFERENCES lab_courses (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES lab_users (id) ON DELETE CASCADE,
    -- 1 for teachers.
    teaches BIGINT NOT NULL,
    joined_ms BIGINT NOT NULL,
    PRIMARY KEY (course_id, user_id)
);
CREATE TABLE lab_course_links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    course_id BIGINT NOT NULL REFERENCES lab_courses (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    -- Students that the course may have when somebody enrols by it.
    seats BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
CREATE TABLE lab_parts (
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    worker TEXT NOT NULL,
    lease_ms BIGINT,
    entry TEXT,
    PRIMARY KEY (job_id, place)
);
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO _sqlx_migrations VALUES(20220530084123,'jobs workers','2026-11-30 11:47:15',1,X'b19ec23f8b3cc6bf58cf007de25caf8e1dc56c4d2f859eb16e5705a3d7daf7c7617488febca4176711315af15db30cc6',927377);
INSERT INTO _sqlx_migrations VALUES(20250313213411,'add job priority','2026-11-30 11:47:15',1,X'9835686824b5d2c0d731251db2abe438385f4b0c9b1394d80e232cb3c07e9fe9c968e3907312bc96847431907870f583',4479231);
INSERT INTO _sqlx_migrations VALUES(20251013233016,'stats indexes','2026-11-30 11:47:15',1,X'f35935a093cba646f77d20a11fc49f5ddfc513747e33ae7bd17b6312536e4ba685a6196e1d7cba5ec19af540ada41b06',1056749);
INSERT INTO _sqlx_migrations VALUES(20251017150712,'rename last error','2026-11-30 11:47:15',1,X'a7330edf1c6d2e41491a2d60e0cc23482e1db8dd26f490937ba1c73059205a1ff285b9044e1b7fc8b5abd1e0cdd6e4a0',2135060);
INSERT INTO _sqlx_migrations VALUES(20251017162501,'worker started at','2026-11-30 11:47:15',1,X'5a7728698fe2e0d252b2c5d463f94a19bb1732dfac113e5119dfb91ee71a7de208bd56d535418c9e6a59e58caecabc4f',1032363);
INSERT INTO _sqlx_migrations VALUES(20251018162501,'metadata','2026-11-30 11:47:15',1,X'93d306ba6e3197ee989f8055331770e9124dd89e0550d57227ff3f1a721d0aece2e961a61a288f7bddf665f819a85d4d',827509);
INSERT INTO _sqlx_migrations VALUES(20251018164941,'move to bytes','2026-11-30 11:47:15',1,X'f8a0946bc4deaec4af175cd2d8e797c93e56024d6c09d4878d30270601e161dc2c36c171f4f4895e2a43b63672596fb3',2592970);
INSERT INTO _sqlx_migrations VALUES(20260506101935,'idempotency key','2026-11-30 11:47:15',1,X'6952899955188ad49c73728e3a38673701e6865d4701cf5646d54e6b89e668c63dc2b3c032060557d1682688bb582890',2062141);
INSERT INTO _sqlx_migrations VALUES(20260726081359,'add fetch next indices','2026-11-30 11:47:15',1,X'fbc86be95fcb5041f9282274bc2a4c69bb07315271d7389efc508eba5f14ed7079ff2d08f62423aa70bf0bcec30ec4cf',850492);
INSERT INTO _sqlx_migrations VALUES(20260803223031,'add lock indices','2026-11-30 11:47:15',1,X'828c9c27b34a398f2c45a91f4b0c04e56956a36ffc2ef57156d1b9d07441c899c510bc62ac046149674a23ca99155a10',512621);
INSERT INTO _sqlx_migrations VALUES(20260804103122,'drop unneeded indices','2026-11-30 11:47:15',1,X'9148867e3e96ad9dc30083c465ae061ac20e05b20303dd7585fae574fa27a5199b52d178a26314449e562b1cf26ceeb8',718207);
CREATE TABLE Workers (
    id TEXT NOT NULL UNIQUE,
    worker_type TEXT NOT NULL,
    storage_name TEXT NOT NULL,
    layers TEXT,
    last_seen INTEGER NOT NULL DEFAULT (strftime('%s', 'now'))
, started_at INTEGER);
CREATE TABLE Jobs (
    job BLOB NOT NULL,
    id TEXT NOT NULL UNIQUE,
    job_type TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'Pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 25,
    run_at INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
    last_result TEXT,
    lock_at INTEGER,
    lock_by TEXT,
    done_at INTEGER,
    priority INTEGER NOT NULL DEFAULT 0,
    metadata TEXT, idempotency_key TEXT,
    PRIMARY KEY(id),
    FOREIGN KEY(lock_by) REFERENCES Workers(id)
);
INSERT INTO Jobs VALUES(X'7b226a6f62223a317d','01M8P4FPDYVE5CYT4QZPSP199H','rrlab','Pending',0,25,1796039236,NULL,NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO Jobs VALUES(X'7b226a6f62223a327d','01M8P4FPGXA4ZBMPE4P98Q7XY9','rrlab','Pending',0,25,1796039236,NULL,NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO Jobs VALUES(X'7b226a6f62223a337d','01M8P4FPHEV3BK6FH1YBPMZWPS','rrlab','Pending',0,25,1796039236,NULL,NULL,NULL,NULL,0,'{}',NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('lab_users',2);
INSERT INTO sqlite_sequence VALUES('lab_audit',4);
INSERT INTO sqlite_sequence VALUES('lab_tokens',1);
INSERT INTO sqlite_sequence VALUES('lab_artifacts',3);
INSERT INTO sqlite_sequence VALUES('lab_jobs',3);
INSERT INTO sqlite_sequence VALUES('lab_shares',1);
CREATE INDEX lab_jobs_by_state ON lab_jobs (state, id);
CREATE INDEX lab_jobs_by_owner ON lab_jobs (owner_id, id);
CREATE INDEX lab_artifacts_by_owner ON lab_artifacts (owner_id, id);
CREATE INDEX lab_artifacts_by_hash ON lab_artifacts (hash);
CREATE INDEX lab_job_inputs_by_artifact ON lab_job_inputs (artifact_id);
CREATE INDEX lab_events_by_job ON lab_events (job_id, id);
CREATE INDEX lab_shares_by_job ON lab_shares (job_id);
CREATE INDEX lab_past_jobs_by_end ON lab_past_jobs (finished_ms);
CREATE INDEX lab_sessions_by_user ON lab_sessions (user_id);
CREATE INDEX lab_identities_by_user ON lab_identities (user_id);
CREATE INDEX lab_audit_by_time ON lab_audit (at_ms);
CREATE INDEX lab_course_members_by_user ON lab_course_members (user_id);
CREATE INDEX lab_course_links_by_course ON lab_course_links (course_id);
CREATE VIEW lab_sight AS
    SELECT teacher.user_id AS viewer_id, student.user_id AS owner_id
    FROM lab_course_members teacher
    JOIN lab_course_members student ON student.course_id = teacher.course_id
    WHERE teacher.teaches = 1 AND student.teaches = 0;
CREATE VIEW lab_counted_jobs AS
    SELECT owner_id, kind, claimed_ms, COALESCE(computed_ms, 0) + helped_ms AS computed_ms, finished_ms, crashes
    FROM lab_jobs
    UNION ALL
    SELECT owner_id, kind, NULL, computed_ms, finished_ms, crashes FROM lab_past_jobs;
CREATE INDEX Idx ON Workers(id);
CREATE INDEX WTIdx ON Workers(worker_type);
CREATE INDEX LSIdx ON Workers(last_seen);
CREATE INDEX LIdx ON Jobs(lock_by);
CREATE INDEX idx_jobs_job_type_status_run_at ON Jobs(job_type, status, run_at);
CREATE INDEX idx_jobs_status_run_at ON Jobs(status, run_at);
CREATE INDEX idx_jobs_completed_done_at ON Jobs(status, done_at, run_at)
WHERE
    status IN ('Done', 'Failed', 'Killed')
    AND done_at IS NOT NULL;
CREATE INDEX idx_jobs_running ON Jobs(run_at)
WHERE
    status = 'Running';
CREATE UNIQUE INDEX idx_jobs_idempotency_key ON Jobs(job_type, idempotency_key);
CREATE INDEX idx_jobs_pending ON Jobs (job_type, priority DESC, run_at ASC, id ASC)
WHERE
    status = 'Pending'
    AND lock_by IS NULL;
CREATE INDEX idx_jobs_failed ON Jobs (job_type, priority DESC, run_at ASC, id ASC)
WHERE
    status = 'Failed'
    AND attempts < max_attempts;
CREATE INDEX idx_jobs_claimable ON Jobs(status, attempts)
WHERE
    status IN ('Queued', 'Pending', 'Failed');
COMMIT;
