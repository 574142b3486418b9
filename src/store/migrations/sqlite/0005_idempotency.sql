-- Idempotency keys of the merchants' calls, each for 24 hours. Neither the key
-- nor the request is here: a hash of the one, a keyed hash of the other.

CREATE TABLE idempotency_keys (
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    mode        TEXT NOT NULL,
    key_digest  BLOB NOT NULL,                 -- SHA-256 of the key
    mac         BLOB NOT NULL,                 -- HMAC-SHA256 of method, path and body
    mac_key     TEXT NOT NULL,                 -- the master key that the MAC's is derived from
    names       BLOB NOT NULL,                 -- sealed: what the call makes is called so
    fence       INTEGER NOT NULL DEFAULT 1,
    lease_until INTEGER,                       -- null: answered
    answer      BLOB,                          -- sealed; null where it is not kept
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, mode, key_digest)
) STRICT;
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);
