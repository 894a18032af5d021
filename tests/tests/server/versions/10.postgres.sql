-- The token of ann: rrlab__NmscVwc2LVp1sX6dBm3UIxQJs-LrlE45iM4uUiypbM
-- The object store's mark: {"format":1,"lab":"458249ccaa7076b9278a524b210bca39"}
--
-- PostgreSQL database dump
--

\restrict eGc694zQEGDwJFKpQ8vySU1Ef5EKptWpEsjGDw0vXOQH6Aj0nWEcH9wiejmh3wE

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: apalis; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA apalis;


--
-- Name: hstore; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;


--
-- Name: EXTENSION hstore; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION hstore IS 'data type for storing sets of (key, value) pairs';


--
-- Name: pgcrypto; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;


--
-- Name: EXTENSION pgcrypto; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION pgcrypto IS 'cryptographic functions';


--
-- Name: generate_ulid(); Type: FUNCTION; Schema: apalis; Owner: -
--

CREATE FUNCTION apalis.generate_ulid() RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
  -- Crockford's Base32
  encoding   BYTEA = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  timestamp  BYTEA = E'\\000\\000\\000\\000\\000\\000';
  output     TEXT = '';

  unix_time  BIGINT;
  ulid       BYTEA;
  rand       BYTEA;
BEGIN
  -- 6 timestamp bytes
  unix_time = (EXTRACT(EPOCH FROM CLOCK_TIMESTAMP()) * 1000)::BIGINT;
  timestamp = SET_BYTE(timestamp, 0, (unix_time >> 40)::BIT(8)::INTEGER);
  timestamp = SET_BYTE(timestamp, 1, (unix_time >> 32)::BIT(8)::INTEGER);
  timestamp = SET_BYTE(timestamp, 2, (unix_time >> 24)::BIT(8)::INTEGER);
  timestamp = SET_BYTE(timestamp, 3, (unix_time >> 16)::BIT(8)::INTEGER);
  timestamp = SET_BYTE(timestamp, 4, (unix_time >> 8)::BIT(8)::INTEGER);
  timestamp = SET_BYTE(timestamp, 5, unix_time::BIT(8)::INTEGER);

  -- 10 entropy bytes, taken from a core gen_random_uuid(). Bytes 1-6 and 11-14
  -- of the UUID are fully random (we skip the version/variant bytes at offsets
  -- 7 and 9), preserving the full 80 bits of ULID entropy.
  rand = uuid_send(gen_random_uuid());
  ulid = timestamp || substr(rand, 1, 6) || substr(rand, 11, 4);

  -- Encode the timestamp
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 0) & 224) >> 5));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 0) & 31)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 1) & 248) >> 3));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 1) & 7) << 2) | ((GET_BYTE(ulid, 2) & 192) >> 6)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 2) & 62) >> 1));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 2) & 1) << 4) | ((GET_BYTE(ulid, 3) & 240) >> 4)));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 3) & 15) << 1) | ((GET_BYTE(ulid, 4) & 128) >> 7)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 4) & 124) >> 2));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 4) & 3) << 3) | ((GET_BYTE(ulid, 5) & 224) >> 5)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 5) & 31)));

  -- Encode the entropy
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 6) & 248) >> 3));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 6) & 7) << 2) | ((GET_BYTE(ulid, 7) & 192) >> 6)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 7) & 62) >> 1));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 7) & 1) << 4) | ((GET_BYTE(ulid, 8) & 240) >> 4)));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 8) & 15) << 1) | ((GET_BYTE(ulid, 9) & 128) >> 7)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 9) & 124) >> 2));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 9) & 3) << 3) | ((GET_BYTE(ulid, 10) & 224) >> 5)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 10) & 31)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 11) & 248) >> 3));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 11) & 7) << 2) | ((GET_BYTE(ulid, 12) & 192) >> 6)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 12) & 62) >> 1));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 12) & 1) << 4) | ((GET_BYTE(ulid, 13) & 240) >> 4)));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 13) & 15) << 1) | ((GET_BYTE(ulid, 14) & 128) >> 7)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 14) & 124) >> 2));
  output = output || CHR(GET_BYTE(encoding, ((GET_BYTE(ulid, 14) & 3) << 3) | ((GET_BYTE(ulid, 15) & 224) >> 5)));
  output = output || CHR(GET_BYTE(encoding, (GET_BYTE(ulid, 15) & 31)));

  RETURN output;
END
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: jobs; Type: TABLE; Schema: apalis; Owner: -
--

CREATE TABLE apalis.jobs (
    job bytea NOT NULL,
    id text NOT NULL,
    job_type text NOT NULL,
    status text DEFAULT 'Pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    max_attempts integer DEFAULT 25 NOT NULL,
    run_at timestamp with time zone DEFAULT now() NOT NULL,
    last_result jsonb,
    lock_at timestamp with time zone,
    lock_by text,
    done_at timestamp with time zone,
    priority integer DEFAULT 0,
    idempotency_key text,
    metadata public.hstore
);


--
-- Name: get_jobs(text, text, integer); Type: FUNCTION; Schema: apalis; Owner: -
--

CREATE FUNCTION apalis.get_jobs(worker_id text, v_job_type text, v_job_count integer DEFAULT 5) RETURNS SETOF apalis.jobs
    LANGUAGE sql
    AS $$
    WITH jobs AS (
        SELECT id
        FROM apalis.jobs
        WHERE
            (
                status = 'Pending'
                OR (
                    status = 'Failed'
                    AND attempts < max_attempts
                )
            )
            AND run_at < now()
            AND job_type = v_job_type
        ORDER BY priority DESC, run_at ASC
        LIMIT v_job_count
        FOR UPDATE SKIP LOCKED
    )
    UPDATE apalis.jobs j
    SET
        status = 'Queued',
        lock_by = worker_id,
        lock_at = now()
    FROM jobs
    WHERE j.id = jobs.id
    RETURNING j.*;
$$;


--
-- Name: notify_new_jobs(); Type: FUNCTION; Schema: apalis; Owner: -
--

CREATE FUNCTION apalis.notify_new_jobs() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.run_at <= now() THEN
        PERFORM pg_notify(
            'apalis::job::insert',
            json_build_object(
                'job_type', NEW.job_type,
                'id', NEW.id,
                'run_at', NEW.run_at
            )::text
        );
    END IF;
    RETURN NEW;
END;
$$;


--
-- Name: push_job(text, json, text, timestamp with time zone, integer, integer); Type: FUNCTION; Schema: apalis; Owner: -
--

CREATE FUNCTION apalis.push_job(job_type text, job json DEFAULT NULL::json, status text DEFAULT 'Pending'::text, run_at timestamp with time zone DEFAULT now(), max_attempts integer DEFAULT 25, priority integer DEFAULT 0) RETURNS apalis.jobs
    LANGUAGE plpgsql
    AS $$

        DECLARE
            v_job_row apalis.jobs;
            v_job_id text;

        BEGIN
        IF job_type is not NULL and length(job_type) > 512 THEN raise exception 'Job_type is too long (max length: 512).' USING errcode = 'APAJT';
        END IF;

        IF max_attempts < 1 THEN raise exception 'Job maximum attempts must be at least 1.' USING errcode = 'APAMA';
        end IF;

        SELECT
            apalis.generate_ulid() INTO v_job_id;
        INSERT INTO
            apalis.jobs
        VALUES
            (
                job,
                v_job_id,
                job_type,
                status,
                0,
                max_attempts,
                run_at,
                NULL,
                NULL,
                NULL,
                NULL,
                priority
            )
            returning * INTO v_job_row;
            RETURN v_job_row;
END;
$$;


--
-- Name: _sqlx_migrations; Type: TABLE; Schema: apalis; Owner: -
--

CREATE TABLE apalis._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);


--
-- Name: workers; Type: TABLE; Schema: apalis; Owner: -
--

CREATE TABLE apalis.workers (
    id text NOT NULL,
    worker_type text NOT NULL,
    storage_name text NOT NULL,
    layers text DEFAULT ''::text NOT NULL,
    last_seen timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone
);


--
-- Name: lab_artifacts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_artifacts (
    id bigint NOT NULL,
    owner_id bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    hash text NOT NULL,
    bytes bigint NOT NULL,
    job_id bigint,
    created_ms bigint NOT NULL,
    model_hash text,
    profile_hash text,
    macs bigint,
    training_images bigint
);


--
-- Name: lab_artifacts_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_artifacts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_artifacts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_audit; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_audit (
    id bigint NOT NULL,
    at_ms bigint NOT NULL,
    actor_id bigint,
    action text NOT NULL,
    person_id bigint,
    detail text NOT NULL
);


--
-- Name: lab_audit_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_clock; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_clock (
    at bigint NOT NULL
);


--
-- Name: lab_jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_jobs (
    id bigint NOT NULL,
    owner_id bigint NOT NULL,
    kind text NOT NULL,
    request text NOT NULL,
    state text NOT NULL,
    problem text,
    created_ms bigint NOT NULL,
    started_ms bigint,
    finished_ms bigint,
    ticketed_ms bigint,
    cancel bigint DEFAULT 0 NOT NULL,
    crashes bigint DEFAULT 0 NOT NULL,
    worker text,
    lease_ms bigint,
    device text,
    progress text,
    checkpoint text,
    claimed_ms bigint,
    computed_ms bigint,
    dataset text,
    dataset_hash text,
    program text,
    crashes_in_place bigint DEFAULT 0 NOT NULL,
    work double precision,
    offer text,
    helped_ms bigint DEFAULT 0 NOT NULL
);


--
-- Name: lab_past_jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_past_jobs (
    owner_id bigint,
    kind text NOT NULL,
    computed_ms bigint,
    finished_ms bigint NOT NULL,
    crashes bigint NOT NULL
);


--
-- Name: lab_counted_jobs; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.lab_counted_jobs AS
 SELECT lab_jobs.owner_id,
    lab_jobs.kind,
    lab_jobs.claimed_ms,
    (COALESCE(lab_jobs.computed_ms, (0)::bigint) + lab_jobs.helped_ms) AS computed_ms,
    lab_jobs.finished_ms,
    lab_jobs.crashes
   FROM public.lab_jobs
UNION ALL
 SELECT lab_past_jobs.owner_id,
    lab_past_jobs.kind,
    NULL::bigint AS claimed_ms,
    lab_past_jobs.computed_ms,
    lab_past_jobs.finished_ms,
    lab_past_jobs.crashes
   FROM public.lab_past_jobs;


--
-- Name: lab_course_links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_course_links (
    id bigint NOT NULL,
    course_id bigint NOT NULL,
    hash text NOT NULL,
    seats bigint NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL,
    revoked_ms bigint
);


--
-- Name: lab_course_links_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_course_links ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_course_links_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_course_members; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_course_members (
    course_id bigint NOT NULL,
    user_id bigint NOT NULL,
    teaches bigint NOT NULL,
    joined_ms bigint NOT NULL
);


--
-- Name: lab_courses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_courses (
    id bigint NOT NULL,
    name text NOT NULL,
    created_ms bigint NOT NULL
);


--
-- Name: lab_courses_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_courses ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_courses_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_events (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    at_ms bigint NOT NULL,
    passing bigint NOT NULL,
    last bigint NOT NULL,
    body text NOT NULL
);


--
-- Name: lab_identities; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id bigint NOT NULL,
    created_ms bigint NOT NULL
);


--
-- Name: lab_identity; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_identity (
    one bigint NOT NULL,
    id text NOT NULL,
    CONSTRAINT lab_identity_one_check CHECK ((one = 1))
);


--
-- Name: lab_job_inputs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_job_inputs (
    job_id bigint NOT NULL,
    artifact_id bigint NOT NULL
);


--
-- Name: lab_jobs_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_jobs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);


--
-- Name: lab_parts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_parts (
    job_id bigint NOT NULL,
    place bigint NOT NULL,
    worker text NOT NULL,
    lease_ms bigint,
    entry text
);


--
-- Name: lab_sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_sessions (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    hash text NOT NULL,
    token_id bigint,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL
);


--
-- Name: lab_sessions_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_sessions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_sessions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_shares; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_shares (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    hash text NOT NULL,
    created_ms bigint NOT NULL,
    revoked_ms bigint
);


--
-- Name: lab_shares_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_shares ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_shares_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_sight; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.lab_sight AS
 SELECT teacher.user_id AS viewer_id,
    student.user_id AS owner_id
   FROM (public.lab_course_members teacher
     JOIN public.lab_course_members student ON ((student.course_id = teacher.course_id)))
  WHERE ((teacher.teaches = 1) AND (student.teaches = 0));


--
-- Name: lab_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_tokens (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    hash text NOT NULL,
    label text NOT NULL,
    created_ms bigint NOT NULL,
    revoked_ms bigint,
    expires_ms bigint
);


--
-- Name: lab_tokens_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_tokens ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_users (
    id bigint NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    created_ms bigint NOT NULL,
    disabled_ms bigint
);


--
-- Name: lab_users_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lab_users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lab_users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: lab_workers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lab_workers (
    name text NOT NULL,
    device text NOT NULL,
    job_id bigint,
    seen_ms bigint NOT NULL,
    program text,
    datasets text
);


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: apalis; Owner: -
--

INSERT INTO apalis._sqlx_migrations VALUES (20220530084123, 'jobs workers', '2026-11-30 11:47:15.08507+00', true, '\xd0839c6f57a379769dc27ccd581feb3d2709239c8f138e05271c9e3c760c4517a78a4d8912ab3d63b074b28d15ec74e9', 9512943);
INSERT INTO apalis._sqlx_migrations VALUES (20220709210445, 'add job fn', '2026-11-30 11:47:15.095044+00', true, '\x14f906e53a627f1b27996e74e8e69dbc29ee70519e7af4f0032a27c75ed706a34af8bafecc8f8572855f314cbc5a7ba9', 765527);
INSERT INTO apalis._sqlx_migrations VALUES (20230330210841, 'replace add job fn', '2026-11-30 11:47:15.096094+00', true, '\xd9b6e57e6de60db1647e2447cf36bf0eafbec266f1d482bd196affc97617efbc4c07bad826706c7b3a0b3960cf9f727b', 3324556);
INSERT INTO apalis._sqlx_migrations VALUES (20230408110421, 'drop old push job', '2026-11-30 11:47:15.0997+00', true, '\x3656a91fe9c652ca23df775a601409a9252357f47088d6bcf2025fda2dd67e50c99ad94d1d2ca569c91c343189c58e33', 525741);
INSERT INTO apalis._sqlx_migrations VALUES (20230408234928, 'add get jobs fn ', '2026-11-30 11:47:15.100477+00', true, '\x176c3acaf1097ff45da76d4c746af766640027b6721a056b3fc3fcc4ab8192344920b4415e8dae46f5136ee223ed5f6b', 712858);
INSERT INTO apalis._sqlx_migrations VALUES (20240225141841, 'replace add job fn remove jid', '2026-11-30 11:47:15.101422+00', true, '\xc53560b7a312915d696ed6c7e18bda478d9bf1278c4d59e3c53b47c45d8a903f089c728a5ff2e131cd5b629cdfe7d4cb', 930111);
INSERT INTO apalis._sqlx_migrations VALUES (20250210092135, 'include failed in get jobs', '2026-11-30 11:47:15.102599+00', true, '\x810786bd8f1007bf523bec8ed9de0a9ae789e634e5434a1a5cc9c1b766bd758b4d37912ef390dcf95e8de23910eeef55', 576586);
INSERT INTO apalis._sqlx_migrations VALUES (20250223193249, 'fix get jobs conditional', '2026-11-30 11:47:15.10339+00', true, '\xcfda3f3d62b4122b6321af0e45ba162fd3ad5d07f95e4eefe858600551167e31454ebd57d45b62e880336fcfef3ef2a7', 574794);
INSERT INTO apalis._sqlx_migrations VALUES (20250307001101, 'add job priority', '2026-11-30 11:47:15.104226+00', true, '\xb5d318f2da5e909d66db190f58b76ae52f6808733d2a88d180555430d28518fee783fb0ff1e1c37ed1dc79627abd9694', 995137);
INSERT INTO apalis._sqlx_migrations VALUES (20250404160441, 'cleanup old push jobs fn', '2026-11-30 11:47:15.105423+00', true, '\x962242ef0971de54905cafbdefe26a3c1f32c1c52ef13b6937c2920445b1ce97cd2dcf7db9c293becc95dc55412e7a15', 485071);
INSERT INTO apalis._sqlx_migrations VALUES (20250722071207, 'improve notify', '2026-11-30 11:47:15.106143+00', true, '\xb3a1f712f8fbdfe38004134d8f55e49857b764f3277f38dd9d13299d5e0afbc895005b62fa0355b8a0d8595a38be6db7', 674602);
INSERT INTO apalis._sqlx_migrations VALUES (20251018164839, 'update result', '2026-11-30 11:47:15.107057+00', true, '\xe4e3d1efc77746e4db164b49017c90785613b35520da84f9a5a3f8981d60420d9dec3c94af9e8632ab711ffac7c1e199', 4723684);
INSERT INTO apalis._sqlx_migrations VALUES (20251018164912, 'add metadata', '2026-11-30 11:47:15.112064+00', true, '\x803a4510201392a36e20ef81c9b05230ffa734a292c875f87ea65bc73944642b1d260a38741c4bdb88c0096338c152c0', 679409);
INSERT INTO apalis._sqlx_migrations VALUES (20251018165007, 'move to bytes', '2026-11-30 11:47:15.112988+00', true, '\xdcbb8181c56cc4b9511ddc940f81f5bb9420436d0f4edf1bc9978011324e6b8d5437c50830b8651e2168608d04977272', 4320335);
INSERT INTO apalis._sqlx_migrations VALUES (20251018165033, 'add started at', '2026-11-30 11:47:15.117644+00', true, '\x21b1264f3881a4cf4fb209ff2cc75c21946441691745d7cbc9ab1dd812a1e1c08648e47ea8b4de060784da581dab2246', 583867);
INSERT INTO apalis._sqlx_migrations VALUES (20251018165056, 'queue jobs', '2026-11-30 11:47:15.118438+00', true, '\xdd02b7e9c23a7da0f71bff73b469c51b7305d1830e7f4bd6de083c11315e8492801e242755d9981381760a5ace6d8fe7', 646780);
INSERT INTO apalis._sqlx_migrations VALUES (20251018165121, 'notify run at', '2026-11-30 11:47:15.119314+00', true, '\xa99e6c60687ec15c1bf8132763db63a0d9d18e1ee814527254fc95ee733e65bdf2f0ae64ca86cae0d1f232654d189fda', 718827);
INSERT INTO apalis._sqlx_migrations VALUES (20251225090252, 'include primary keys', '2026-11-30 11:47:15.120261+00', true, '\xfd9f16bd772c5682ecb3f6b0a21efed5581a85316770ab8d620b38346e9319ae239ef784e8eb46735d6be735e7b3b5be', 1821695);
INSERT INTO apalis._sqlx_migrations VALUES (20260508093314, 'idempotency key', '2026-11-30 11:47:15.122336+00', true, '\xf2686534e1abbba2fcde715c1ca724e7937a4e1f49d6a9a462ed4f1c2e8b83518f4f78868a111d6451afba770207c2d0', 1027025);
INSERT INTO apalis._sqlx_migrations VALUES (20260605000000, 'confine generate ulid to apalis', '2026-11-30 11:47:15.123562+00', true, '\xc56dbd61156387934579af19b51ba95bd0cbe203f9528f0cd619c191730788858eca89044a7aa0622d308b9a3028e2c5', 1135516);
INSERT INTO apalis._sqlx_migrations VALUES (20260824233636, 'streamline indices', '2026-11-30 11:47:15.125003+00', true, '\x09c57f5bd9cce210564e8b12da0520289290ad729ef4205cdd55bd2a60ac85f889df8c23b20a4a01d959f0c8b5775a6d', 3256264);
INSERT INTO apalis._sqlx_migrations VALUES (20260826101335, 'metadata hstore', '2026-11-30 11:47:15.128507+00', true, '\xcc38c9e6fd38157b443f6dd584e322405d49dedfd3a60867604102078a99320f97279e6c244cb87f84152ab9be7d41be', 9651049);
INSERT INTO apalis._sqlx_migrations VALUES (20260902075949, 'remove pl in get jobs', '2026-11-30 11:47:15.138659+00', true, '\x0dc0483d69bf530508d451bec9346f7d14be68c37308b130910462d130cab0827eb2825d20072105c83ae3a66ed82c6b', 917252);


--
-- Data for Name: jobs; Type: TABLE DATA; Schema: apalis; Owner: -
--

INSERT INTO apalis.jobs VALUES ('\x7b226a6f62223a317d', '01M8P4FNTA6JF9M9G3DVC8X0AX', 'rrlab', 'Pending', 0, 25, '2026-11-30 11:47:15+00', NULL, NULL, NULL, NULL, 0, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b226a6f62223a327d', '01M8P4FNYVZ9XQBTB8GAEH6HT3', 'rrlab', 'Pending', 0, 25, '2026-11-30 11:47:15+00', NULL, NULL, NULL, NULL, 0, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b226a6f62223a337d', '01M8P4FNZBPQTNEGFHAT29A9QA', 'rrlab', 'Pending', 0, 25, '2026-11-30 11:47:15+00', NULL, NULL, NULL, NULL, 0, NULL, '');


--
-- Data for Name: workers; Type: TABLE DATA; Schema: apalis; Owner: -
--



--
-- Data for Name: lab_artifacts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_artifacts OVERRIDING SYSTEM VALUE VALUES (3, 1, 'evaluation', 'plain', 'c0c6d13f1eb82750d06bf825e3cd571224d2f63bcd7efbf9a881328bdb6d7d7b', 265, 1, 1796039235505, NULL, NULL, NULL, NULL);
INSERT INTO public.lab_artifacts OVERRIDING SYSTEM VALUE VALUES (2, 1, 'dataset', 'noise', '45e8fbcf4e0bd6f51f4dbcc44c90c7f2b799267e96fd9538d75ad1aa61026a7f', 677264, NULL, 1796039235382, NULL, NULL, NULL, 160);
INSERT INTO public.lab_artifacts OVERRIDING SYSTEM VALUE VALUES (1, 1, 'model', 'plain', '6be032b6744d67a4f03afbfb296f45c3f4725b2a3e6a420f40d30c16f5b34dfc', 319096, NULL, 1796039235351, 'af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536', NULL, 12501632, NULL);


--
-- Data for Name: lab_audit; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_audit OVERRIDING SYSTEM VALUE VALUES (1, 1796039235265, NULL, 'person_added', 1, 'student');
INSERT INTO public.lab_audit OVERRIDING SYSTEM VALUE VALUES (2, 1796039235289, NULL, 'person_added', 2, 'admin');
INSERT INTO public.lab_audit OVERRIDING SYSTEM VALUE VALUES (3, 1796039235319, NULL, 'token_created', 1, 'token 1');
INSERT INTO public.lab_audit OVERRIDING SYSTEM VALUE VALUES (4, 1796039235533, 1, 'link_made', 1, 'link 1 to job 1');


--
-- Data for Name: lab_clock; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_clock VALUES (10);


--
-- Data for Name: lab_course_links; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lab_course_members; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lab_courses; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lab_events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_events VALUES (1, 1, 1796039235401, 0, 0, '{"state":{"state":"queued"}}');
INSERT INTO public.lab_events VALUES (2, 1, 1796039235452, 0, 0, '{"state":{"state":"running"}}');
INSERT INTO public.lab_events VALUES (3, 1, 1796039235453, 0, 0, '{"started":{"device":"cpu","resumed":false}}');
INSERT INTO public.lab_events VALUES (5, 1, 1796039235502, 0, 0, '{"evaluated":{"model":"plain","model_hash":"af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536","dataset":"noise","split":"test","images":60,"device":"cpu","accuracy":0.13333333333333333,"nonzero_weights":77360,"weights":77360}}');
INSERT INTO public.lab_events VALUES (6, 1, 1796039235506, 0, 0, '{"result":{"id":3,"kind":"evaluation","name":"plain","hash":"c0c6d13f1eb82750d06bf825e3cd571224d2f63bcd7efbf9a881328bdb6d7d7b","bytes":265,"owner":"ann","job":1,"created_ms":1796039235505}}');
INSERT INTO public.lab_events VALUES (7, 1, 1796039235510, 0, 1, '{"state":{"state":"done"}}');
INSERT INTO public.lab_events VALUES (8, 2, 1796039235546, 0, 0, '{"state":{"state":"queued"}}');


--
-- Data for Name: lab_identities; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lab_identity; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_identity VALUES (1, '458249ccaa7076b9278a524b210bca39');


--
-- Data for Name: lab_job_inputs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_job_inputs VALUES (1, 2);
INSERT INTO public.lab_job_inputs VALUES (1, 1);
INSERT INTO public.lab_job_inputs VALUES (2, 2);
INSERT INTO public.lab_job_inputs VALUES (2, 1);


--
-- Data for Name: lab_jobs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_jobs OVERRIDING SYSTEM VALUE VALUES (1, 1, 'evaluate', '{"kind":"evaluate","model":1,"dataset":{"stored":2},"images":60,"seed":4}', 'done', NULL, 1796039235399, 1796039235451, 1796039235508, 1796039235409, 0, 0, NULL, NULL, 'cpu', '{"what":"images","done":60,"total":60,"images_per_second":1820.9391615121444,"seconds_left":0.0}', NULL, NULL, 57, NULL, NULL, 'rrlab 0.1.0', 0, 750097920, NULL, 0);
INSERT INTO public.lab_jobs OVERRIDING SYSTEM VALUE VALUES (2, 1, 'evaluate', '{"kind":"evaluate","model":1,"dataset":{"stored":2},"images":60,"seed":4}', 'queued', NULL, 1796039235545, NULL, NULL, 1796039235548, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'rrlab 0.1.0', 0, 750097920, NULL, 0);


--
-- Data for Name: lab_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_migrations VALUES (1, 'lab', '2026-11-30 11:47:15.037446+00', true, '\x8df3c3e039962134a42fc9762308ba60697ec63a9c1b260505f061813160d625957ae5c394a66507c921d25e42c31cf4', 16814094);
INSERT INTO public.lab_migrations VALUES (2, 'lab identity', '2026-11-30 11:47:15.054883+00', true, '\x0bd414c724aceeb4acca0d4dfd9f557aea79c1dc5f4fdd5c164f05510c7d753f8f08271090100444565ead6e61a6cc1f', 2015993);
INSERT INTO public.lab_migrations VALUES (3, 'artifact identity', '2026-11-30 11:47:15.057181+00', true, '\x2026d1e4a19892c353e3438038e1d12c7a5044440574a1a1c4cdf0602ebc3656338c2a852ddc66266032c2b997a348ce', 765467);
INSERT INTO public.lab_migrations VALUES (4, 'people', '2026-11-30 11:47:15.058245+00', true, '\x79a9ed8b848941646ae19eb487aa137128d85f478f1fa9f43ea96a23ea1218c3552cbf192802105fc7570d95d5762573', 570287);
INSERT INTO public.lab_migrations VALUES (5, 'past jobs', '2026-11-30 11:47:15.059085+00', true, '\xd9e7d1a70120a0422c1dad04ed3a6829d66103cca55400e867e9cbb71e2923407139164b65684096146a6fdbd7f29cf0', 2985302);
INSERT INTO public.lab_migrations VALUES (6, 'job needs', '2026-11-30 11:47:15.062367+00', true, '\xe2d31453d798175dc21f6d4c31ff0d79d2ad8a249bbf8c5c4c14688dc09fa63a633c173c41daeba29f1a0103f50a8902', 997531);
INSERT INTO public.lab_migrations VALUES (7, 'worker abilities', '2026-11-30 11:47:15.063643+00', true, '\x18bc111ea51f8391594958bf5e06310e613f4fb9966c874db95cbf53f607781c0dee2c2cd617bfc2f6de51ef210bb0c1', 600522);
INSERT INTO public.lab_migrations VALUES (8, 'sessions', '2026-11-30 11:47:15.064476+00', true, '\x2a277ffda8eebf8d666ff2af4c00de628f21d571cc9a8527a4a101edc769b13b909b5c22a959dfbca99b37eb492e905c', 6283349);
INSERT INTO public.lab_migrations VALUES (9, 'courses', '2026-11-30 11:47:15.07105+00', true, '\xbc60ac2a3e52f7a1d5b2cc2a1d369955f4defa1d0196fa4fd52d56f426850ca6e3189f12337403678e1e351e3197d697', 6353243);
INSERT INTO public.lab_migrations VALUES (10, 'shared sweeps', '2026-11-30 11:47:15.077784+00', true, '\x7c31fd4bf5d881f3581a5b37592f29e782ed7ccc1af66a8b1cb18955e3a6efef45815cb9fbb978b634aa767f2565c4cf', 3588278);


--
-- Data for Name: lab_parts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lab_past_jobs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_past_jobs VALUES (1, 'train', 0, 1796039235582, 0);


--
-- Data for Name: lab_sessions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lab_shares; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_shares OVERRIDING SYSTEM VALUE VALUES (1, 1, 'd2c10f00c1f4538156808656b08da3856407eaf20eb4241ae15ace3834646d4e', 1796039235531, NULL);


--
-- Data for Name: lab_tokens; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_tokens OVERRIDING SYSTEM VALUE VALUES (1, 1, '48aa6a2be725389caa2ba83827bd16a986b3a89664c03d7be7c10a78721e2beb', 'laptop', 1796039235318, NULL, NULL);


--
-- Data for Name: lab_users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_users OVERRIDING SYSTEM VALUE VALUES (2, 'root', 'admin', 1796039235288, NULL);
INSERT INTO public.lab_users OVERRIDING SYSTEM VALUE VALUES (1, 'ann', 'student', 1796039235264, NULL);


--
-- Data for Name: lab_workers; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: lab_artifacts_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_artifacts_id_seq', 3, true);


--
-- Name: lab_audit_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_audit_id_seq', 4, true);


--
-- Name: lab_course_links_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_course_links_id_seq', 1, false);


--
-- Name: lab_courses_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_courses_id_seq', 1, false);


--
-- Name: lab_jobs_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_jobs_id_seq', 3, true);


--
-- Name: lab_sessions_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_sessions_id_seq', 1, false);


--
-- Name: lab_shares_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_shares_id_seq', 1, true);


--
-- Name: lab_tokens_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_tokens_id_seq', 1, true);


--
-- Name: lab_users_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_users_id_seq', 2, true);


--
-- Name: _sqlx_migrations _sqlx_migrations_pkey; Type: CONSTRAINT; Schema: apalis; Owner: -
--

ALTER TABLE ONLY apalis._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: apalis; Owner: -
--

ALTER TABLE ONLY apalis.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);


--
-- Name: workers workers_pkey; Type: CONSTRAINT; Schema: apalis; Owner: -
--

ALTER TABLE ONLY apalis.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);


--
-- Name: lab_artifacts lab_artifacts_job_id_kind_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_artifacts
    ADD CONSTRAINT lab_artifacts_job_id_kind_name_key UNIQUE (job_id, kind, name);


--
-- Name: lab_artifacts lab_artifacts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_artifacts
    ADD CONSTRAINT lab_artifacts_pkey PRIMARY KEY (id);


--
-- Name: lab_audit lab_audit_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_audit
    ADD CONSTRAINT lab_audit_pkey PRIMARY KEY (id);


--
-- Name: lab_course_links lab_course_links_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_course_links
    ADD CONSTRAINT lab_course_links_hash_key UNIQUE (hash);


--
-- Name: lab_course_links lab_course_links_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_course_links
    ADD CONSTRAINT lab_course_links_pkey PRIMARY KEY (id);


--
-- Name: lab_course_members lab_course_members_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_course_members
    ADD CONSTRAINT lab_course_members_pkey PRIMARY KEY (course_id, user_id);


--
-- Name: lab_courses lab_courses_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_courses
    ADD CONSTRAINT lab_courses_name_key UNIQUE (name);


--
-- Name: lab_courses lab_courses_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_courses
    ADD CONSTRAINT lab_courses_pkey PRIMARY KEY (id);


--
-- Name: lab_events lab_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_events
    ADD CONSTRAINT lab_events_pkey PRIMARY KEY (id);


--
-- Name: lab_identities lab_identities_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_identities
    ADD CONSTRAINT lab_identities_pkey PRIMARY KEY (issuer, subject);


--
-- Name: lab_identity lab_identity_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_identity
    ADD CONSTRAINT lab_identity_pkey PRIMARY KEY (one);


--
-- Name: lab_job_inputs lab_job_inputs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_job_inputs
    ADD CONSTRAINT lab_job_inputs_pkey PRIMARY KEY (job_id, artifact_id);


--
-- Name: lab_jobs lab_jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_jobs
    ADD CONSTRAINT lab_jobs_pkey PRIMARY KEY (id);


--
-- Name: lab_migrations lab_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_migrations
    ADD CONSTRAINT lab_migrations_pkey PRIMARY KEY (version);


--
-- Name: lab_parts lab_parts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_parts
    ADD CONSTRAINT lab_parts_pkey PRIMARY KEY (job_id, place);


--
-- Name: lab_sessions lab_sessions_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_sessions
    ADD CONSTRAINT lab_sessions_hash_key UNIQUE (hash);


--
-- Name: lab_sessions lab_sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_sessions
    ADD CONSTRAINT lab_sessions_pkey PRIMARY KEY (id);


--
-- Name: lab_shares lab_shares_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_shares
    ADD CONSTRAINT lab_shares_hash_key UNIQUE (hash);


--
-- Name: lab_shares lab_shares_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_shares
    ADD CONSTRAINT lab_shares_pkey PRIMARY KEY (id);


--
-- Name: lab_tokens lab_tokens_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_tokens
    ADD CONSTRAINT lab_tokens_hash_key UNIQUE (hash);


--
-- Name: lab_tokens lab_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_tokens
    ADD CONSTRAINT lab_tokens_pkey PRIMARY KEY (id);


--
-- Name: lab_users lab_users_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_users
    ADD CONSTRAINT lab_users_name_key UNIQUE (name);


--
-- Name: lab_users lab_users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_users
    ADD CONSTRAINT lab_users_pkey PRIMARY KEY (id);


--
-- Name: lab_workers lab_workers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_workers
    ADD CONSTRAINT lab_workers_pkey PRIMARY KEY (name);


--
-- Name: idx_apalis_jobs_fetch_partial; Type: INDEX; Schema: apalis; Owner: -
--

CREATE INDEX idx_apalis_jobs_fetch_partial ON apalis.jobs USING btree (job_type, priority DESC, run_at) WHERE ((status = 'Pending'::text) OR ((status = 'Failed'::text) AND (attempts < max_attempts)));


--
-- Name: idx_apalis_jobs_lock_by; Type: INDEX; Schema: apalis; Owner: -
--

CREATE INDEX idx_apalis_jobs_lock_by ON apalis.jobs USING btree (lock_by);


--
-- Name: idx_apalis_workers_last_seen; Type: INDEX; Schema: apalis; Owner: -
--

CREATE INDEX idx_apalis_workers_last_seen ON apalis.workers USING btree (last_seen);


--
-- Name: idx_apalis_workers_worker_type; Type: INDEX; Schema: apalis; Owner: -
--

CREATE INDEX idx_apalis_workers_worker_type ON apalis.workers USING btree (worker_type);


--
-- Name: idx_jobs_idempotency_key; Type: INDEX; Schema: apalis; Owner: -
--

CREATE UNIQUE INDEX idx_jobs_idempotency_key ON apalis.jobs USING btree (job_type, idempotency_key);


--
-- Name: lidx; Type: INDEX; Schema: apalis; Owner: -
--

CREATE INDEX lidx ON apalis.jobs USING btree (lock_by);


--
-- Name: lsidx; Type: INDEX; Schema: apalis; Owner: -
--

CREATE INDEX lsidx ON apalis.workers USING btree (last_seen);


--
-- Name: unique_job_id; Type: INDEX; Schema: apalis; Owner: -
--

CREATE UNIQUE INDEX unique_job_id ON apalis.jobs USING btree (id);


--
-- Name: unique_worker_id; Type: INDEX; Schema: apalis; Owner: -
--

CREATE UNIQUE INDEX unique_worker_id ON apalis.workers USING btree (id);


--
-- Name: wtidx; Type: INDEX; Schema: apalis; Owner: -
--

CREATE INDEX wtidx ON apalis.workers USING btree (worker_type);


--
-- Name: lab_artifacts_by_hash; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_artifacts_by_hash ON public.lab_artifacts USING btree (hash);


--
-- Name: lab_artifacts_by_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_artifacts_by_owner ON public.lab_artifacts USING btree (owner_id, id);


--
-- Name: lab_audit_by_time; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_audit_by_time ON public.lab_audit USING btree (at_ms);


--
-- Name: lab_course_links_by_course; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_course_links_by_course ON public.lab_course_links USING btree (course_id);


--
-- Name: lab_course_members_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_course_members_by_user ON public.lab_course_members USING btree (user_id);


--
-- Name: lab_events_by_job; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_events_by_job ON public.lab_events USING btree (job_id, id);


--
-- Name: lab_identities_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_identities_by_user ON public.lab_identities USING btree (user_id);


--
-- Name: lab_job_inputs_by_artifact; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_job_inputs_by_artifact ON public.lab_job_inputs USING btree (artifact_id);


--
-- Name: lab_jobs_by_owner; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_jobs_by_owner ON public.lab_jobs USING btree (owner_id, id);


--
-- Name: lab_jobs_by_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_jobs_by_state ON public.lab_jobs USING btree (state, id);


--
-- Name: lab_past_jobs_by_end; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_past_jobs_by_end ON public.lab_past_jobs USING btree (finished_ms);


--
-- Name: lab_sessions_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_sessions_by_user ON public.lab_sessions USING btree (user_id);


--
-- Name: lab_shares_by_job; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_shares_by_job ON public.lab_shares USING btree (job_id);


--
-- Name: jobs notify_workers; Type: TRIGGER; Schema: apalis; Owner: -
--

CREATE TRIGGER notify_workers AFTER INSERT ON apalis.jobs FOR EACH ROW EXECUTE FUNCTION apalis.notify_new_jobs();


--
-- Name: jobs fk_worker_lock_by; Type: FK CONSTRAINT; Schema: apalis; Owner: -
--

ALTER TABLE ONLY apalis.jobs
    ADD CONSTRAINT fk_worker_lock_by FOREIGN KEY (lock_by) REFERENCES apalis.workers(id);


--
-- Name: lab_artifacts lab_artifacts_job_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_artifacts
    ADD CONSTRAINT lab_artifacts_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.lab_jobs(id) ON DELETE SET NULL;


--
-- Name: lab_artifacts lab_artifacts_owner_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_artifacts
    ADD CONSTRAINT lab_artifacts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.lab_users(id);


--
-- Name: lab_course_links lab_course_links_course_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_course_links
    ADD CONSTRAINT lab_course_links_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.lab_courses(id) ON DELETE CASCADE;


--
-- Name: lab_course_members lab_course_members_course_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_course_members
    ADD CONSTRAINT lab_course_members_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.lab_courses(id) ON DELETE CASCADE;


--
-- Name: lab_course_members lab_course_members_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_course_members
    ADD CONSTRAINT lab_course_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.lab_users(id) ON DELETE CASCADE;


--
-- Name: lab_events lab_events_job_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_events
    ADD CONSTRAINT lab_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.lab_jobs(id) ON DELETE CASCADE;


--
-- Name: lab_identities lab_identities_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_identities
    ADD CONSTRAINT lab_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.lab_users(id) ON DELETE CASCADE;


--
-- Name: lab_job_inputs lab_job_inputs_artifact_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_job_inputs
    ADD CONSTRAINT lab_job_inputs_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES public.lab_artifacts(id) ON DELETE CASCADE;


--
-- Name: lab_job_inputs lab_job_inputs_job_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_job_inputs
    ADD CONSTRAINT lab_job_inputs_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.lab_jobs(id) ON DELETE CASCADE;


--
-- Name: lab_jobs lab_jobs_owner_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_jobs
    ADD CONSTRAINT lab_jobs_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.lab_users(id);


--
-- Name: lab_parts lab_parts_job_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_parts
    ADD CONSTRAINT lab_parts_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.lab_jobs(id) ON DELETE CASCADE;


--
-- Name: lab_past_jobs lab_past_jobs_owner_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_past_jobs
    ADD CONSTRAINT lab_past_jobs_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.lab_users(id) ON DELETE SET NULL;


--
-- Name: lab_sessions lab_sessions_token_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_sessions
    ADD CONSTRAINT lab_sessions_token_id_fkey FOREIGN KEY (token_id) REFERENCES public.lab_tokens(id) ON DELETE CASCADE;


--
-- Name: lab_sessions lab_sessions_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_sessions
    ADD CONSTRAINT lab_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.lab_users(id) ON DELETE CASCADE;


--
-- Name: lab_shares lab_shares_job_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_shares
    ADD CONSTRAINT lab_shares_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.lab_jobs(id) ON DELETE CASCADE;


--
-- Name: lab_tokens lab_tokens_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_tokens
    ADD CONSTRAINT lab_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.lab_users(id) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--

\unrestrict eGc694zQEGDwJFKpQ8vySU1Ef5EKptWpEsjGDw0vXOQH6Aj0nWEcH9wiejmh3wE

