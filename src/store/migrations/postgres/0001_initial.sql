-- Times are Unix milliseconds by the database's clock. No column can hold a
-- card number: the store is handed sealed tokens and truncated cards only.
-- Ids sort by their bytes on every server, whatever its locale is.

CREATE TABLE merchants (
    id                TEXT COLLATE "C" PRIMARY KEY,
    name              TEXT NOT NULL,
    allow_list        TEXT NOT NULL,           -- JSON array of URL prefixes
    token_in_redirect BOOLEAN NOT NULL,
    disabled_at       BIGINT,
    created_at        BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id          TEXT COLLATE "C" PRIMARY KEY,
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    mode        TEXT NOT NULL,
    fingerprint BYTEA NOT NULL UNIQUE,         -- SHA-256 of the key
    created_at  BIGINT NOT NULL,
    retires_at  BIGINT
);
CREATE INDEX api_keys_of_merchant ON api_keys (merchant_id);

CREATE TABLE merchant_secrets (
    id          TEXT COLLATE "C" PRIMARY KEY,
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    kind        TEXT NOT NULL,
    sealed      BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    retires_at  BIGINT
);
CREATE INDEX merchant_secrets_of_merchant ON merchant_secrets (merchant_id, kind);

CREATE TABLE sessions (
    id               TEXT COLLATE "C" PRIMARY KEY,
    merchant_id      TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    mode             TEXT NOT NULL,
    secret           BYTEA NOT NULL UNIQUE,    -- SHA-256 of the URL's secret
    purpose          TEXT NOT NULL,
    handoff          TEXT NOT NULL,
    status           TEXT NOT NULL,
    conversation_id  TEXT NOT NULL,
    return_url       TEXT NOT NULL,
    cancel_url       TEXT,
    callback_url     TEXT,
    locale           TEXT,
    metadata         TEXT NOT NULL,            -- JSON object of text
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    ended_at         BIGINT,
    attempts         BIGINT NOT NULL DEFAULT 0,
    fence            BIGINT NOT NULL DEFAULT 0,
    lease_until      BIGINT,
    cancel_requested BOOLEAN NOT NULL DEFAULT FALSE,
    late_outcomes    BIGINT NOT NULL DEFAULT 0,
    card_token       BYTEA,                    -- sealed to this row
    card             TEXT,                     -- JSON: brand, BIN, last four, expiry
    failure          TEXT                      -- JSON
);
CREATE INDEX sessions_of_merchant ON sessions (merchant_id, mode, created_at DESC, id DESC);
CREATE INDEX sessions_by_status ON sessions (merchant_id, mode, status, created_at DESC, id DESC);
CREATE INDEX sessions_by_conversation
    ON sessions (merchant_id, mode, conversation_id, created_at DESC, id DESC);
CREATE INDEX sessions_to_expire ON sessions (expires_at) WHERE ended_at IS NULL;

CREATE TABLE events (
    id              TEXT COLLATE "C" PRIMARY KEY,
    merchant_id     TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    session_id      TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
    kind            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    state           TEXT NOT NULL,             -- pending, delivered, abandoned
    attempts        BIGINT NOT NULL DEFAULT 0,
    due_at          BIGINT,                    -- next attempt, or end of the lease of the present one
    last_reason     TEXT,
    settled_at      BIGINT
);
CREATE INDEX events_of_session ON events (session_id);
CREATE INDEX events_due ON events (merchant_id, due_at) WHERE state = 'pending';
