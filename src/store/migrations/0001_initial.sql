-- The first schema. Times are seconds since 1970 in 64 bits. `*_key` columns hold the folded form by
-- which names are compared. Limits on lengths are the policy's; here stands only what must never break.
-- `digest_kind` is always 'hmac-sha-256' so far; digests of other kinds can be imported one day.

CREATE TABLE store (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    store_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    key_check BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE role (
    role_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (instr(name, ',') = 0),
    name_key TEXT NOT NULL UNIQUE,
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1))
) STRICT;

CREATE TABLE role_inclusion (
    role_id INTEGER NOT NULL REFERENCES role ON DELETE CASCADE,
    included_role_id INTEGER NOT NULL REFERENCES role ON DELETE CASCADE,
    PRIMARY KEY (role_id, included_role_id)
) STRICT, WITHOUT ROWID;

INSERT INTO role (role_id, name, name_key, built_in) VALUES
    (1, 'Administrator', 'ADMINISTRATOR', 1),
    (2, 'Operator', 'OPERATOR', 1),
    (3, 'Reader', 'READER', 1);
INSERT INTO role_inclusion (role_id, included_role_id) VALUES (1, 2), (2, 3);

-- A removed identity stays as a row with `removed_at`, because its tokens stay on the list.
CREATE TABLE identity (
    identity_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    password_hash TEXT,
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX identity_by_name ON identity (name_key) WHERE removed_at IS NULL;

CREATE TABLE identity_role (
    identity_id INTEGER NOT NULL REFERENCES identity ON DELETE CASCADE,
    role_id INTEGER NOT NULL REFERENCES role,
    PRIMARY KEY (identity_id, role_id)
) STRICT, WITHOUT ROWID;

-- Which peppers the store's digests were made with: not the peppers, but values by which they are recognised.
CREATE TABLE pepper (
    pepper_id INTEGER PRIMARY KEY,
    key_check BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The private half is sealed under the wrapping key, which is not in this file.
CREATE TABLE signing_key (
    key_sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL UNIQUE,
    algorithm TEXT NOT NULL,
    private_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revoked_by TEXT,
    revoked_reason TEXT
) STRICT;

-- An opaque token has a digest, a JSON Web Token a key id. `key_id` refers to a key that may be gone.
CREATE TABLE token (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    digest BLOB UNIQUE CHECK (length(digest) = 32),
    digest_kind TEXT,
    pepper_id INTEGER REFERENCES pepper,
    format TEXT NOT NULL CHECK (format IN ('Opaque', 'Jwt')),
    identity_id INTEGER NOT NULL REFERENCES identity,
    name TEXT,
    name_key TEXT,
    remark TEXT,
    key_id TEXT,
    audiences TEXT,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    not_before INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER,
    revoked_by TEXT,
    revoked_reason TEXT,
    CHECK ((format = 'Opaque') = (digest IS NOT NULL)),
    CHECK ((digest IS NULL) = (pepper_id IS NULL) AND (digest IS NULL) = (digest_kind IS NULL)),
    CHECK (format = 'Opaque' OR (key_id IS NOT NULL AND expires_at IS NOT NULL))
) STRICT;
CREATE INDEX token_by_identity ON token (identity_id, sequence);
CREATE INDEX token_by_key ON token (key_id, sequence) WHERE key_id IS NOT NULL;
CREATE INDEX token_by_expiry ON token (expires_at, sequence) WHERE expires_at IS NOT NULL;

CREATE TABLE token_role (
    sequence INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    role_id INTEGER NOT NULL REFERENCES role,
    PRIMARY KEY (sequence, role_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE token_tag (
    sequence INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (sequence, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_tag ON token_tag (tag, sequence);
