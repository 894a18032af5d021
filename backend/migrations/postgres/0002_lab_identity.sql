-- Who this lab is: 128 random bits, made by the program, that its object store bears too. One row at most.

CREATE TABLE lab_identity (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL
);
