-- The token of ann: rrlab_Av2Bz9YnmFnEyIim3Dr2psDEm2qtCKqgBvYX1DeOKbk
-- The object store's mark: {"format":1,"lab":"dc0d6707b27564e34dc0769515072106"}
--
-- PostgreSQL database dump
--

\restrict Pckz5ubHTtfMuqBhwBucsZAjtJteBdfqDRbJj3Ti71YyYx4cq9Z2BxVsBY84Vj0

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
    work double precision
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
    lab_jobs.computed_ms,
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

INSERT INTO apalis._sqlx_migrations VALUES (20220530084123, 'jobs workers', '2026-11-30 08:38:38.949507+00', true, '\xd0839c6f57a379769dc27ccd581feb3d2709239c8f138e05271c9e3c760c4517a78a4d8912ab3d63b074b28d15ec74e9', 39280149);
INSERT INTO apalis._sqlx_migrations VALUES (20220709210445, 'add job fn', '2026-11-30 08:38:38.989836+00', true, '\x14f906e53a627f1b27996e74e8e69dbc29ee70519e7af4f0032a27c75ed706a34af8bafecc8f8572855f314cbc5a7ba9', 846297);
INSERT INTO apalis._sqlx_migrations VALUES (20230330210841, 'replace add job fn', '2026-11-30 08:38:38.996812+00', true, '\xd9b6e57e6de60db1647e2447cf36bf0eafbec266f1d482bd196affc97617efbc4c07bad826706c7b3a0b3960cf9f727b', 7960589);
INSERT INTO apalis._sqlx_migrations VALUES (20230408110421, 'drop old push job', '2026-11-30 08:38:39.008755+00', true, '\x3656a91fe9c652ca23df775a601409a9252357f47088d6bcf2025fda2dd67e50c99ad94d1d2ca569c91c343189c58e33', 4113637);
INSERT INTO apalis._sqlx_migrations VALUES (20230408234928, 'add get jobs fn ', '2026-11-30 08:38:39.016816+00', true, '\x176c3acaf1097ff45da76d4c746af766640027b6721a056b3fc3fcc4ab8192344920b4415e8dae46f5136ee223ed5f6b', 3979809);
INSERT INTO apalis._sqlx_migrations VALUES (20240225141841, 'replace add job fn remove jid', '2026-11-30 08:38:39.028833+00', true, '\xc53560b7a312915d696ed6c7e18bda478d9bf1278c4d59e3c53b47c45d8a903f089c728a5ff2e131cd5b629cdfe7d4cb', 1524463);
INSERT INTO apalis._sqlx_migrations VALUES (20250210092135, 'include failed in get jobs', '2026-11-30 08:38:39.032741+00', true, '\x810786bd8f1007bf523bec8ed9de0a9ae789e634e5434a1a5cc9c1b766bd758b4d37912ef390dcf95e8de23910eeef55', 2758736);
INSERT INTO apalis._sqlx_migrations VALUES (20250223193249, 'fix get jobs conditional', '2026-11-30 08:38:39.036033+00', true, '\xcfda3f3d62b4122b6321af0e45ba162fd3ad5d07f95e4eefe858600551167e31454ebd57d45b62e880336fcfef3ef2a7', 747450);
INSERT INTO apalis._sqlx_migrations VALUES (20250307001101, 'add job priority', '2026-11-30 08:38:39.039552+00', true, '\xb5d318f2da5e909d66db190f58b76ae52f6808733d2a88d180555430d28518fee783fb0ff1e1c37ed1dc79627abd9694', 1110889);
INSERT INTO apalis._sqlx_migrations VALUES (20250404160441, 'cleanup old push jobs fn', '2026-11-30 08:38:39.040988+00', true, '\x962242ef0971de54905cafbdefe26a3c1f32c1c52ef13b6937c2920445b1ce97cd2dcf7db9c293becc95dc55412e7a15', 431241);
INSERT INTO apalis._sqlx_migrations VALUES (20250722071207, 'improve notify', '2026-11-30 08:38:39.041655+00', true, '\xb3a1f712f8fbdfe38004134d8f55e49857b764f3277f38dd9d13299d5e0afbc895005b62fa0355b8a0d8595a38be6db7', 639209);
INSERT INTO apalis._sqlx_migrations VALUES (20251018164839, 'update result', '2026-11-30 08:38:39.04253+00', true, '\xe4e3d1efc77746e4db164b49017c90785613b35520da84f9a5a3f8981d60420d9dec3c94af9e8632ab711ffac7c1e199', 35945388);
INSERT INTO apalis._sqlx_migrations VALUES (20251018164912, 'add metadata', '2026-11-30 08:38:39.079029+00', true, '\x803a4510201392a36e20ef81c9b05230ffa734a292c875f87ea65bc73944642b1d260a38741c4bdb88c0096338c152c0', 589926);
INSERT INTO apalis._sqlx_migrations VALUES (20251018165007, 'move to bytes', '2026-11-30 08:38:39.079851+00', true, '\xdcbb8181c56cc4b9511ddc940f81f5bb9420436d0f4edf1bc9978011324e6b8d5437c50830b8651e2168608d04977272', 21738515);
INSERT INTO apalis._sqlx_migrations VALUES (20251018165033, 'add started at', '2026-11-30 08:38:39.104156+00', true, '\x21b1264f3881a4cf4fb209ff2cc75c21946441691745d7cbc9ab1dd812a1e1c08648e47ea8b4de060784da581dab2246', 4618697);
INSERT INTO apalis._sqlx_migrations VALUES (20251018165056, 'queue jobs', '2026-11-30 08:38:39.111381+00', true, '\xdd02b7e9c23a7da0f71bff73b469c51b7305d1830e7f4bd6de083c11315e8492801e242755d9981381760a5ace6d8fe7', 906315);
INSERT INTO apalis._sqlx_migrations VALUES (20251018165121, 'notify run at', '2026-11-30 08:38:39.112595+00', true, '\xa99e6c60687ec15c1bf8132763db63a0d9d18e1ee814527254fc95ee733e65bdf2f0ae64ca86cae0d1f232654d189fda', 4177202);
INSERT INTO apalis._sqlx_migrations VALUES (20251225090252, 'include primary keys', '2026-11-30 08:38:39.12006+00', true, '\xfd9f16bd772c5682ecb3f6b0a21efed5581a85316770ab8d620b38346e9319ae239ef784e8eb46735d6be735e7b3b5be', 6809099);
INSERT INTO apalis._sqlx_migrations VALUES (20260508093314, 'idempotency key', '2026-11-30 08:38:39.12717+00', true, '\xf2686534e1abbba2fcde715c1ca724e7937a4e1f49d6a9a462ed4f1c2e8b83518f4f78868a111d6451afba770207c2d0', 5625702);
INSERT INTO apalis._sqlx_migrations VALUES (20260605000000, 'confine generate ulid to apalis', '2026-11-30 08:38:39.133272+00', true, '\xc56dbd61156387934579af19b51ba95bd0cbe203f9528f0cd619c191730788858eca89044a7aa0622d308b9a3028e2c5', 1427950);
INSERT INTO apalis._sqlx_migrations VALUES (20260824233636, 'streamline indices', '2026-11-30 08:38:39.136708+00', true, '\x09c57f5bd9cce210564e8b12da0520289290ad729ef4205cdd55bd2a60ac85f889df8c23b20a4a01d959f0c8b5775a6d', 16867033);
INSERT INTO apalis._sqlx_migrations VALUES (20260826101335, 'metadata hstore', '2026-11-30 08:38:39.156761+00', true, '\xcc38c9e6fd38157b443f6dd584e322405d49dedfd3a60867604102078a99320f97279e6c244cb87f84152ab9be7d41be', 13147219);
INSERT INTO apalis._sqlx_migrations VALUES (20260902075949, 'remove pl in get jobs', '2026-11-30 08:38:39.170408+00', true, '\x0dc0483d69bf530508d451bec9346f7d14be68c37308b130910462d130cab0827eb2825d20072105c83ae3a66ed82c6b', 992694);


--
-- Data for Name: jobs; Type: TABLE DATA; Schema: apalis; Owner: -
--

INSERT INTO apalis.jobs VALUES ('\x7b226a6f62223a317d', '01M8NSPB9HJB7W45ZM8G83C5YB', 'rrlab', 'Pending', 0, 25, '2026-11-30 08:38:39+00', NULL, NULL, NULL, NULL, 0, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b226a6f62223a327d', '01M8NSPBG8WVN0CPNB23VC6BPA', 'rrlab', 'Pending', 0, 25, '2026-11-30 08:38:39+00', NULL, NULL, NULL, NULL, 0, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b226a6f62223a337d', '01M8NSPBH5Z51B8A4K1FYJVPCA', 'rrlab', 'Pending', 0, 25, '2026-11-30 08:38:39+00', NULL, NULL, NULL, NULL, 0, NULL, '');


--
-- Data for Name: workers; Type: TABLE DATA; Schema: apalis; Owner: -
--



--
-- Data for Name: lab_artifacts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_artifacts OVERRIDING SYSTEM VALUE VALUES (3, 1, 'evaluation', 'plain', 'c0c6d13f1eb82750d06bf825e3cd571224d2f63bcd7efbf9a881328bdb6d7d7b', 265, 1, 1796027919822, NULL, NULL, NULL, NULL);
INSERT INTO public.lab_artifacts OVERRIDING SYSTEM VALUE VALUES (2, 1, 'dataset', 'noise', '45e8fbcf4e0bd6f51f4dbcc44c90c7f2b799267e96fd9538d75ad1aa61026a7f', 677264, NULL, 1796027919636, NULL, NULL, NULL, 160);
INSERT INTO public.lab_artifacts OVERRIDING SYSTEM VALUE VALUES (1, 1, 'model', 'plain', '6be032b6744d67a4f03afbfb296f45c3f4725b2a3e6a420f40d30c16f5b34dfc', 319096, NULL, 1796027919589, 'af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536', NULL, 12501632, NULL);


--
-- Data for Name: lab_clock; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_clock VALUES (10);


--
-- Data for Name: lab_events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_events VALUES (1, 1, 1796027919660, 0, 0, '{"state":{"state":"queued"}}');
INSERT INTO public.lab_events VALUES (2, 1, 1796027919758, 0, 0, '{"state":{"state":"running"}}');
INSERT INTO public.lab_events VALUES (3, 1, 1796027919759, 0, 0, '{"started":{"device":"cpu","resumed":false}}');
INSERT INTO public.lab_events VALUES (5, 1, 1796027919819, 0, 0, '{"evaluated":{"model":"plain","model_hash":"af504eeb955c6358a20329ee8ef4a5c8a27bc32984c6e51ba8cae60445da7536","dataset":"noise","split":"test","images":60,"device":"cpu","accuracy":0.13333333333333333,"nonzero_weights":77360,"weights":77360}}');
INSERT INTO public.lab_events VALUES (6, 1, 1796027919823, 0, 0, '{"result":{"id":3,"kind":"evaluation","name":"plain","hash":"c0c6d13f1eb82750d06bf825e3cd571224d2f63bcd7efbf9a881328bdb6d7d7b","bytes":265,"owner":"ann","job":1,"created_ms":1796027919822}}');
INSERT INTO public.lab_events VALUES (7, 1, 1796027919829, 0, 1, '{"state":{"state":"done"}}');
INSERT INTO public.lab_events VALUES (8, 2, 1796027919879, 0, 0, '{"state":{"state":"queued"}}');


--
-- Data for Name: lab_identity; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_identity VALUES (1, 'dc0d6707b27564e34dc0769515072106');


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

INSERT INTO public.lab_jobs OVERRIDING SYSTEM VALUE VALUES (1, 1, 'evaluate', '{"kind":"evaluate","model":1,"dataset":{"stored":2},"images":60,"seed":4}', 'done', NULL, 1796027919658, 1796027919758, 1796027919825, 1796027919680, 0, 0, NULL, NULL, 'cpu', '{"what":"images","done":60,"total":60,"images_per_second":1576.9558806380019,"seconds_left":0.0}', NULL, NULL, 67, NULL, NULL, 'rrlab 0.1.0', 0, 750097920);
INSERT INTO public.lab_jobs OVERRIDING SYSTEM VALUE VALUES (2, 1, 'evaluate', '{"kind":"evaluate","model":1,"dataset":{"stored":2},"images":60,"seed":4}', 'queued', NULL, 1796027919878, NULL, NULL, 1796027919882, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'rrlab 0.1.0', 0, 750097920);


--
-- Data for Name: lab_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_migrations VALUES (1, 'lab', '2026-11-30 08:38:38.786011+00', true, '\x8df3c3e039962134a42fc9762308ba60697ec63a9c1b260505f061813160d625957ae5c394a66507c921d25e42c31cf4', 86889914);
INSERT INTO public.lab_migrations VALUES (2, 'lab identity', '2026-11-30 08:38:38.87676+00', true, '\x0bd414c724aceeb4acca0d4dfd9f557aea79c1dc5f4fdd5c164f05510c7d753f8f08271090100444565ead6e61a6cc1f', 8017975);
INSERT INTO public.lab_migrations VALUES (3, 'artifact identity', '2026-11-30 08:38:38.888831+00', true, '\x2026d1e4a19892c353e3438038e1d12c7a5044440574a1a1c4cdf0602ebc3656338c2a852ddc66266032c2b997a348ce', 4003594);
INSERT INTO public.lab_migrations VALUES (4, 'people', '2026-11-30 08:38:38.896814+00', true, '\x79a9ed8b848941646ae19eb487aa137128d85f478f1fa9f43ea96a23ea1218c3552cbf192802105fc7570d95d5762573', 3980570);
INSERT INTO public.lab_migrations VALUES (5, 'past jobs', '2026-11-30 08:38:38.904812+00', true, '\xd9e7d1a70120a0422c1dad04ed3a6829d66103cca55400e867e9cbb71e2923407139164b65684096146a6fdbd7f29cf0', 12081838);
INSERT INTO public.lab_migrations VALUES (6, 'job needs', '2026-11-30 08:38:38.920595+00', true, '\xe2d31453d798175dc21f6d4c31ff0d79d2ad8a249bbf8c5c4c14688dc09fa63a633c173c41daeba29f1a0103f50a8902', 5623098);
INSERT INTO public.lab_migrations VALUES (7, 'worker abilities', '2026-11-30 08:38:38.928771+00', true, '\x18bc111ea51f8391594958bf5e06310e613f4fb9966c874db95cbf53f607781c0dee2c2cd617bfc2f6de51ef210bb0c1', 1057581);


--
-- Data for Name: lab_past_jobs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_past_jobs VALUES (1, 'train', NULL, 1796027919942, 0);


--
-- Data for Name: lab_shares; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_shares OVERRIDING SYSTEM VALUE VALUES (1, 1, 'd7cd71e338b60ec5b8b755289d9b19df591a616b8e57acc5cd1aa5459b82cbf7', 1796027919861, NULL);


--
-- Data for Name: lab_tokens; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_tokens OVERRIDING SYSTEM VALUE VALUES (1, 1, '814626747efb27da7c0e13df9b9d62f6bfd29008716e97be1a9b078da8089adf', 'laptop', 1796027919544, NULL, NULL);


--
-- Data for Name: lab_users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lab_users OVERRIDING SYSTEM VALUE VALUES (2, 'root', 'admin', 1796027919499, NULL);
INSERT INTO public.lab_users OVERRIDING SYSTEM VALUE VALUES (1, 'ann', 'student', 1796027919443, NULL);


--
-- Data for Name: lab_workers; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: lab_artifacts_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_artifacts_id_seq', 3, true);


--
-- Name: lab_jobs_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lab_jobs_id_seq', 3, true);


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
-- Name: lab_events lab_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_events
    ADD CONSTRAINT lab_events_pkey PRIMARY KEY (id);


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
-- Name: lab_events_by_job; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lab_events_by_job ON public.lab_events USING btree (job_id, id);


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
-- Name: lab_events lab_events_job_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_events
    ADD CONSTRAINT lab_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.lab_jobs(id) ON DELETE CASCADE;


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
-- Name: lab_past_jobs lab_past_jobs_owner_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lab_past_jobs
    ADD CONSTRAINT lab_past_jobs_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.lab_users(id) ON DELETE SET NULL;


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

\unrestrict Pckz5ubHTtfMuqBhwBucsZAjtJteBdfqDRbJj3Ti71YyYx4cq9Z2BxVsBY84Vj0

