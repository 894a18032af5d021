-- The token of ann: rrlab_ZwfvikThbBTRNVt5qb0Am3BOl2rCIKEKh_jm7P-bgPs
-- The object store's mark: {"format":1,"lab":"8964499d474c3a6e182765326bfa2eb6"}
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
INSERT INTO lab_migrations VALUES(1,'lab','2026-11-30 08:38:40',1,X'37876e6aa3f0d4dd1e5495854321634d432c847472676cc285af12933cc8301a778daa46de1effa746be74d922a8fcf7',1386088);
INSERT INTO lab_migrations VALUES(2,'lab identity','2026-11-30 08:38:40',1,X'0bd414c724aceeb4acca0d4dfd9f557aea79c1dc5f4fdd5c164f05510c7d753f8f08271090100444565ead6e61a6cc1f',447755);
INSERT INTO lab_migrations VALUES(3,'artifact identity','2026-11-30 08:38:40',1,X'2026d1e4a19892c353e3438038e1d12c7a5044440574a1a1c4cdf0602ebc3656338c2a852ddc66266032c2b997a348ce',596075);
INSERT INTO lab_migrations VALUES(4,'people','2026-11-30 08:38:40',1,X'79a9ed8b848941646ae19eb487aa137128d85f478f1fa9f43ea96a23ea1218c3552cbf192802105fc7570d95d5762573',5695376);
INSERT INTO lab_migrations VALUES(5,'past jobs','2026-11-30 08:38:40',1,X'd9e7d1a70120a0422c1dad04ed3a6829d66103cca55400e867e9cbb71e2923407139164b65684096146a6fdbd7f29cf0',1008898);
INSERT INTO lab_migrations VALUES(6,'job needs','2026-11-30 08:38:40',1,X'e2d31453d798175dc21f6d4c31ff0d79d2ad8a249bbf8c5c4c14688dc09fa63a633c173c41daeba29f1a0103f50a8902',1311858);
INSERT INTO lab_migrations VALUES(7,'worker abilities','2026-11-30 08:38:40',1,X'18bc111ea51f8391594958bf5e06310e613f4fb9966c874db95cbf53f607781c0dee2c2cd617bfc2f6de51ef210bb0c1',704937);
CREATE TABLE lab_users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    created_ms BIGINT NOT NULL
, disabled_ms BIGINT);
INSERT INTO lab_users VALUES(1,'ann','student',1796027920350,NULL);
INSERT INTO lab_users VALUES(2,'root','admin',1796027920370,NULL);
CREATE TABLE lab_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES lab_users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
, expires_ms BIGINT);
INSERT INTO lab_tokens VALUES(1,1,'8caf56c1d4edc2cd4b2d36ec526c732a16aae1573ae8bd8b1dd02129ec861918','laptop',1796027920397,NULL,NULL);
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
, claimed_ms BIGINT, computed_ms BIGINT, dataset TEXT, dataset_hash TEXT, program TEXT, crashes_in_place BIGINT NOT NULL DEFAULT 0, work DOUBLE PRECISION);
INSERT INTO lab_jobs VALUES(1,1,'evaluate','{"kind":"evaluate","model":1,"dataset":{"stored":2},"images":60,"seed":4}','done',NULL,1796027920484,1796027920523,1796027920613,1796027920486,0,0,NULL,NULL,'cpu','{"what":"images","done":60,"total":60,"images_per_second":1419.257148035404,"seconds_left":0.0}',NULL,NULL,90,NULL,NULL,'rrlab 0.1.0',0,750097920.0);
INSERT INTO lab_jobs VALUES(2,1,'evaluate','{"kind":"evaluate","model":1,"dataset":{"stored":2},"images":60,"seed":4}','queued',NULL,1796027920638,NULL,NULL,1796027920641,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'rrlab 0.1.0',0,750097920.0);
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
INSERT INTO lab_artifacts VALUES(1,1,'model','plain','6be032b6744d67a4f03afbfb296f45c3f4725b2a3e6a420f40d30c16f5b34dfc',319096,NULL,1796027920434,'af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536',NULL,12501632,NULL);
INSERT INTO lab_artifacts VALUES(2,1,'dataset','noise','45e8fbcf4e0bd6f51f4dbcc44c90c7f2b799267e96fd9538d75ad1aa61026a7f',677264,NULL,1796027920467,NULL,NULL,NULL,160);
INSERT INTO lab_artifacts VALUES(3,1,'evaluation','plain','c0c6d13f1eb82750d06bf825e3cd571224d2f63bcd7efbf9a881328bdb6d7d7b',265,1,1796027920612,NULL,NULL,NULL,NULL);
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
INSERT INTO lab_events VALUES(1,1,1796027920485,0,0,'{"state":{"state":"queued"}}');
INSERT INTO lab_events VALUES(2,1,1796027920532,0,0,'{"state":{"state":"running"}}');
INSERT INTO lab_events VALUES(3,1,1796027920532,0,0,'{"started":{"device":"cpu","resumed":false}}');
INSERT INTO lab_events VALUES(5,1,1796027920609,0,0,'{"evaluated":{"model":"plain","model_hash":"af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536","dataset":"noise","split":"test","images":60,"device":"cpu","accuracy":0.13333333333333333,"nonzero_weights":77360,"weights":77360}}');
INSERT INTO lab_events VALUES(6,1,1796027920613,0,0,'{"result":{"id":3,"kind":"evaluation","name":"plain","hash":"c0c6d13f1eb82750d06bf825e3cd571224d2f63bcd7efbf9a881328bdb6d7d7b","bytes":265,"owner":"ann","job":1,"created_ms":1796027920612}}');
INSERT INTO lab_events VALUES(7,1,1796027920613,0,1,'{"state":{"state":"done"}}');
INSERT INTO lab_events VALUES(8,2,1796027920639,0,0,'{"state":{"state":"queued"}}');
CREATE TABLE lab_shares (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id BIGINT NOT NULL REFERENCES lab_jobs (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
INSERT INTO lab_shares VALUES(1,1,'8568bb612bd6774fbf161c623e24d554b8221016136a3c35dae8934a69ed4bfb',1796027920628,NULL);
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
INSERT INTO lab_identity VALUES(1,'8964499d474c3a6e182765326bfa2eb6');
CREATE TABLE lab_past_jobs (
    owner_id BIGINT REFERENCES lab_users (id) ON DELETE SET NULL,
    kind TEXT NOT NULL,
    computed_ms BIGINT,
    finished_ms BIGINT NOT NULL,
    crashes BIGINT NOT NULL
);
INSERT INTO lab_past_jobs VALUES(1,'train',NULL,1796027920673,0);
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO _sqlx_migrations VALUES(20220530084123,'jobs workers','2026-11-30 08:38:40',1,X'b19ec23f8b3cc6bf58cf007de25caf8e1dc56c4d2f859eb16e5705a3d7daf7c7617488febca4176711315af15db30cc6',3875144);
INSERT INTO _sqlx_migrations VALUES(20250313213411,'add job priority','2026-11-30 08:38:40',1,X'9835686824b5d2c0d731251db2abe438385f4b0c9b1394d80e232cb3c07e9fe9c968e3907312bc96847431907870f583',3591823);
INSERT INTO _sqlx_migrations VALUES(20251013233016,'stats indexes','2026-11-30 08:38:40',1,X'f35935a093cba646f77d20a11fc49f5ddfc513747e33ae7bd17b6312536e4ba685a6196e1d7cba5ec19af540ada41b06',1068386);
INSERT INTO _sqlx_migrations VALUES(20251017150712,'rename last error','2026-11-30 08:38:40',1,X'a7330edf1c6d2e41491a2d60e0cc23482e1db8dd26f490937ba1c73059205a1ff285b9044e1b7fc8b5abd1e0cdd6e4a0',4032697);
INSERT INTO _sqlx_migrations VALUES(20251017162501,'worker started at','2026-11-30 08:38:40',1,X'5a7728698fe2e0d252b2c5d463f94a19bb1732dfac113e5119dfb91ee71a7de208bd56d535418c9e6a59e58caecabc4f',824284);
INSERT INTO _sqlx_migrations VALUES(20251018162501,'metadata','2026-11-30 08:38:40',1,X'93d306ba6e3197ee989f8055331770e9124dd89e0550d57227ff3f1a721d0aece2e961a61a288f7bddf665f819a85d4d',814389);
INSERT INTO _sqlx_migrations VALUES(20251018164941,'move to bytes','2026-11-30 08:38:40',1,X'f8a0946bc4deaec4af175cd2d8e797c93e56024d6c09d4878d30270601e161dc2c36c171f4f4895e2a43b63672596fb3',3374711);
INSERT INTO _sqlx_migrations VALUES(20260506101935,'idempotency key','2026-11-30 08:38:40',1,X'6952899955188ad49c73728e3a38673701e6865d4701cf5646d54e6b89e668c63dc2b3c032060557d1682688bb582890',880166);
INSERT INTO _sqlx_migrations VALUES(20260726081359,'add fetch next indices','2026-11-30 08:38:40',1,X'fbc86be95fcb5041f9282274bc2a4c69bb07315271d7389efc508eba5f14ed7079ff2d08f62423aa70bf0bcec30ec4cf',830503);
INSERT INTO _sqlx_migrations VALUES(20260803223031,'add lock indices','2026-11-30 08:38:40',1,X'828c9c27b34a398f2c45a91f4b0c04e56956a36ffc2ef57156d1b9d07441c899c510bc62ac046149674a23ca99155a10',8073627);
INSERT INTO _sqlx_migrations VALUES(20260804103122,'drop unneeded indices','2026-11-30 08:38:40',1,X'9148867e3e96ad9dc30083c465ae061ac20e05b20303dd7585fae574fa27a5199b52d178a26314449e562b1cf26ceeb8',1191269);
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
INSERT INTO Jobs VALUES(X'7b226a6f62223a317d','01M8NSPC367PACPYXZD5QYGD7J','rrlab','Pending',0,25,1796027920,NULL,NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO Jobs VALUES(X'7b226a6f62223a327d','01M8NSPC800C0BCJ3MVJ0G1BYJ','rrlab','Pending',0,25,1796027920,NULL,NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO Jobs VALUES(X'7b226a6f62223a337d','01M8NSPC8HQ4AZ6AT5V3Q2YHWX','rrlab','Pending',0,25,1796027920,NULL,NULL,NULL,NULL,0,'{}',NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('lab_users',2);
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
CREATE VIEW lab_counted_jobs AS
    SELECT owner_id, kind, claimed_ms, computed_ms, finished_ms, crashes FROM lab_jobs
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
