-- The rules: profiles, organisations, conditions, rotation, bulk revocation, usage and the audit log.

-- `settings` is JSON. Those of a built-in profile are written when a store is opened, by the program that knows them.
-- What statements ask of a profile is a column of its own, made from the settings.
CREATE TABLE profile (
    profile_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1)),
    settings TEXT NOT NULL CHECK (json_valid(settings)),
    created_at INTEGER NOT NULL,
    creator_removed TEXT GENERATED ALWAYS AS (settings ->> '$.creatorRemoved') STORED,
    expired_is_revoked INTEGER GENERATED ALWAYS AS (coalesce(settings ->> '$.expiredIsRevoked', 0)) STORED,
    remove_expired_after_seconds INTEGER GENERATED ALWAYS AS (settings ->> '$.removeExpiredAfterSeconds') STORED,
    remove_revoked_after_seconds INTEGER GENERATED ALWAYS AS (settings ->> '$.removeRevokedAfterSeconds') STORED
) STRICT;
INSERT INTO profile (profile_id, name, name_key, built_in, settings, created_at) VALUES
    (1, 'Default', 'DEFAULT', 1, '{}', 0),
    (2, 'PowerShellUniversal', 'POWERSHELLUNIVERSAL', 1, '{}', 0),
    (3, 'UniversalDashboard', 'UNIVERSALDASHBOARD', 1, '{}', 0),
    (4, 'Rubrik', 'RUBRIK', 1, '{}', 0),
    (5, 'Enterprise', 'ENTERPRISE', 1, '{}', 0),
    (6, 'AppNeta', 'APPNETA', 1, '{}', 0);

CREATE TABLE organization (
    organization_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE organization_member (
    organization_id INTEGER NOT NULL REFERENCES organization ON DELETE CASCADE,
    identity_id INTEGER NOT NULL REFERENCES identity ON DELETE CASCADE,
    is_administrator INTEGER NOT NULL CHECK (is_administrator IN (0, 1)),
    PRIMARY KEY (organization_id, identity_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX organization_by_member ON organization_member (identity_id, organization_id);

-- Where the identity is known from, when that is another system (single sign-on).
ALTER TABLE identity ADD COLUMN source TEXT;

-- A key of a profile signs for that profile alone.
ALTER TABLE signing_key ADD COLUMN profile_id INTEGER REFERENCES profile;

-- A pepper that came with imported tokens, sealed under the wrapping key; others are in the key file.
ALTER TABLE pepper ADD COLUMN sealed BLOB;

-- The table of tokens is made anew, because the tie between a value's form and its digest is looser now: a JSON Web
-- Token of some profiles is found by its digest, and an imported token by its public part and a salted digest.
CREATE TABLE new_token (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    digest BLOB UNIQUE CHECK (length(digest) = 32),
    digest_kind TEXT CHECK (digest_kind IN ('hmac-sha-256', 'sha-256')),
    pepper_id INTEGER REFERENCES pepper,
    public_part TEXT,
    salted_digest TEXT,
    value_sealed BLOB,
    format TEXT NOT NULL CHECK (format IN ('Opaque', 'Jwt')),
    profile_id INTEGER NOT NULL REFERENCES profile,
    identity_id INTEGER NOT NULL REFERENCES identity,
    name TEXT,
    name_key TEXT,
    remark TEXT,
    key_id TEXT,
    audiences TEXT,
    conditions TEXT,
    has_organization_list INTEGER NOT NULL DEFAULT 0 CHECK (has_organization_list IN (0, 1)),
    is_decoy INTEGER NOT NULL DEFAULT 0 CHECK (is_decoy IN (0, 1)),
    created_by TEXT NOT NULL,
    -- None: the local owner.
    creator_id INTEGER REFERENCES identity,
    -- The token by which this one was granted; it may be gone.
    parent INTEGER,
    created_at INTEGER NOT NULL,
    not_before INTEGER,
    expires_at INTEGER,
    warn_after INTEGER,
    uses_left INTEGER CHECK (uses_left >= 0),
    disabled_at INTEGER,
    disabled_by TEXT,
    disabled_reason TEXT,
    revoked_at INTEGER,
    revoked_by TEXT,
    revoked_reason TEXT,
    -- Rotation: what this one succeeds, whether that one made it itself, the first of its family, and how far it is.
    predecessor INTEGER,
    is_self_rotated INTEGER NOT NULL DEFAULT 0 CHECK (is_self_rotated IN (0, 1)),
    family INTEGER,
    rotation_stage TEXT CHECK (rotation_stage IN ('Prepared', 'Waiting')),
    retires_at INTEGER,
    retired_by TEXT,
    -- Whether nobody has presented the value yet, where that matters.
    awaits_first_use INTEGER NOT NULL DEFAULT 0 CHECK (awaits_first_use IN (0, 1)),
    -- When the value was first presented although it was retired or a decoy.
    alerted_at INTEGER,
    CHECK (digest IS NOT NULL OR salted_digest IS NOT NULL OR format = 'Jwt'),
    CHECK ((digest IS NULL) = (digest_kind IS NULL)),
    CHECK ((pepper_id IS NOT NULL) = (digest_kind IS 'hmac-sha-256')),
    CHECK (salted_digest IS NULL OR public_part IS NOT NULL),
    CHECK (format = 'Opaque' OR expires_at IS NOT NULL)
) STRICT;
INSERT INTO sqlite_sequence (name, seq) SELECT 'new_token', seq FROM sqlite_sequence WHERE name = 'token';
INSERT INTO new_token (sequence, id, digest, digest_kind, pepper_id, format, profile_id, identity_id, name, name_key,
                       remark, key_id, audiences, created_by, created_at, not_before, expires_at,
                       revoked_at, revoked_by, revoked_reason)
    SELECT sequence, id, digest, digest_kind, pepper_id, format, 1, identity_id, name, name_key,
           remark, key_id, audiences, created_by, created_at, not_before, expires_at,
           revoked_at, revoked_by, revoked_reason
    FROM token ORDER BY sequence;
DROP TABLE token;
ALTER TABLE new_token RENAME TO token;
CREATE INDEX token_by_identity ON token (identity_id, sequence);
CREATE INDEX token_by_creator ON token (creator_id, sequence) WHERE creator_id IS NOT NULL;
CREATE INDEX token_by_profile ON token (profile_id, sequence);
CREATE INDEX token_by_key ON token (key_id, sequence) WHERE key_id IS NOT NULL;
CREATE INDEX token_by_expiry ON token (expires_at, sequence) WHERE expires_at IS NOT NULL;
CREATE INDEX token_by_revocation ON token (revoked_at, sequence) WHERE revoked_at IS NOT NULL;
CREATE INDEX token_by_parent ON token (parent) WHERE parent IS NOT NULL;
CREATE INDEX token_by_family ON token (family) WHERE family IS NOT NULL;
CREATE INDEX token_by_stage ON token (rotation_stage, created_at) WHERE rotation_stage IS NOT NULL;
CREATE UNIQUE INDEX token_by_predecessor ON token (predecessor) WHERE predecessor IS NOT NULL;
CREATE UNIQUE INDEX token_by_public_part ON token (profile_id, public_part) WHERE public_part IS NOT NULL;

CREATE TABLE token_organization (
    sequence INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    organization_id INTEGER NOT NULL REFERENCES organization ON DELETE CASCADE,
    PRIMARY KEY (sequence, organization_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_organization ON token_organization (organization_id, sequence);

-- Revocation of all tokens with one fact up to a sequence number, by one row. `subject` is the number of the
-- identity or the profile, the key's id, or empty for all.
CREATE TABLE epoch (
    scope TEXT NOT NULL CHECK (scope IN ('identity', 'profile', 'key', 'all')),
    subject TEXT NOT NULL,
    up_to_sequence INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL,
    revoked_by TEXT NOT NULL,
    revoked_reason TEXT,
    PRIMARY KEY (scope, subject, up_to_sequence)
) STRICT, WITHOUT ROWID;

-- Which grant or rotation a caller's key led to, so that a repeat leads to the same.
CREATE TABLE idempotency (
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency (created_at);

-- Written in batches, some time after the use.
CREATE TABLE token_usage (
    sequence INTEGER PRIMARY KEY REFERENCES token ON DELETE CASCADE,
    last_used_at INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    warned_day INTEGER
) STRICT;
CREATE TABLE token_usage_day (
    sequence INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    day INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    PRIMARY KEY (sequence, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE token_usage_address (
    sequence INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    address TEXT NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (sequence, address)
) STRICT, WITHOUT ROWID;

-- Each record has the hash of the one before it in its own; numbers have no gaps. AUTOINCREMENT keeps the highest number
-- that was ever given in a table of SQLite's own, so that records which are taken off the end leave a trace.
CREATE TABLE audit_event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT,
    outcome TEXT NOT NULL,
    detail TEXT,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_event_by_subject ON audit_event (subject_kind, subject, sequence);
CREATE INDEX audit_event_by_time ON audit_event (at, sequence);
CREATE TABLE audit_head (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    signature BLOB NOT NULL
) STRICT;
