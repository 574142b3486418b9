-- Times are Unix milliseconds by the database's clock. No column can hold a
-- card number: the store is handed sealed tokens and truncated cards only.

CREATE TABLE merchants (
    id                TEXT PRIMARY KEY,
    name              TEXT NOT NULL,
    allow_list        TEXT NOT NULL,           -- JSON array of URL prefixes
    token_in_redirect INTEGER NOT NULL,
    disabled_at       INTEGER,
    created_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id          TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    mode        TEXT NOT NULL,
    fingerprint BLOB NOT NULL UNIQUE,          -- SHA-256 of the key
    created_at  INTEGER NOT NULL,
    retires_at  INTEGER
) STRICT;
CREATE INDEX api_keys_of_merchant ON api_keys (merchant_id);

CREATE TABLE merchant_secrets (
    id          TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    kind        TEXT NOT NULL,
    sealed      BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    retires_at  INTEGER
) STRICT;
CREATE INDEX merchant_secrets_of_merchant ON merchant_secrets (merchant_id, kind);

CREATE TABLE sessions (
    id               TEXT PRIMARY KEY,
    merchant_id      TEXT NOT NULL REFERENCES merchants (id),
    mode             TEXT NOT NULL,
    secret           BLOB NOT NULL UNIQUE,     -- SHA-256 of the URL's secret
    purpose          TEXT NOT NULL,
    handoff          TEXT NOT NULL,
    status           TEXT NOT NULL,
    conversation_id  TEXT NOT NULL,
    return_url       TEXT NOT NULL,
    cancel_url       TEXT,
    callback_url     TEXT,
    locale           TEXT,
    metadata         TEXT NOT NULL,            -- JSON object of text
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    ended_at         INTEGER,
    attempts         INTEGER NOT NULL DEFAULT 0,
    fence            INTEGER NOT NULL DEFAULT 0,
    lease_until      INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    late_outcomes    INTEGER NOT NULL DEFAULT 0,
    card_token       BLOB,                     -- sealed to this row
    card             TEXT,                     -- JSON: brand, BIN, last four, expiry
    failure          TEXT                      -- JSON
) STRICT;
CREATE INDEX sessions_of_merchant ON sessions (merchant_id, mode, created_at DESC, id DESC);
CREATE INDEX sessions_by_status ON sessions (merchant_id, mode, status, created_at DESC, id DESC);
CREATE INDEX sessions_by_conversation
    ON sessions (merchant_id, mode, conversation_id, created_at DESC, id DESC);
CREATE INDEX sessions_to_expire ON sessions (expires_at) WHERE ended_at IS NULL;

CREATE TABLE events (
    id              TEXT PRIMARY KEY,
    merchant_id     TEXT NOT NULL REFERENCES merchants (id),
    session_id      TEXT NOT NULL REFERENCES sessions (id),
    kind            TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    state           TEXT NOT NULL,             -- pending, delivered, abandoned
    attempts        INTEGER NOT NULL DEFAULT 0,
    due_at          INTEGER,                   -- next attempt, or end of the lease of the present one
    last_reason     TEXT,
    settled_at      INTEGER
) STRICT;
CREATE INDEX events_of_session ON events (session_id);
CREATE INDEX events_due ON events (merchant_id, due_at) WHERE state = 'pending';
