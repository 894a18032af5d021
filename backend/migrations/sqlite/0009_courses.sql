-- A course: who teaches it sees the work of who learns in it. A link enrols whoever opens it while there is room.
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
CREATE INDEX lab_course_members_by_user ON lab_course_members (user_id);
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
CREATE INDEX lab_course_links_by_course ON lab_course_links (course_id);

-- Whose work somebody sees beside their own.
CREATE VIEW lab_sight AS
    SELECT teacher.user_id AS viewer_id, student.user_id AS owner_id
    FROM lab_course_members teacher
    JOIN lab_course_members student ON student.course_id = teacher.course_id
    WHERE teacher.teaches = 1 AND student.teaches = 0;
