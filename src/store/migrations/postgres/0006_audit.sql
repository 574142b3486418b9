-- The audit trail (docs/audit.md): entries are added and, by pruning alone, deleted.

CREATE TABLE audit_chains (
    id            TEXT COLLATE "C" PRIMARY KEY,
    number        BIGINT NOT NULL,             -- of the last entry
    hash          BYTEA NOT NULL,              -- and its hash
    at            BIGINT NOT NULL,             -- and its time
    anchor_number BIGINT NOT NULL DEFAULT 0,   -- the last entry that was pruned
    anchor_hash   BYTEA NOT NULL               -- and its hash
);
CREATE INDEX audit_chains_by_time ON audit_chains (at);

CREATE TABLE audit_entries (
    chain      TEXT COLLATE "C" NOT NULL,
    number     BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    previous   BYTEA NOT NULL,
    actor      TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    count      BIGINT NOT NULL,
    detail     TEXT NOT NULL,
    hash       BYTEA NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE INDEX audit_entries_by_time ON audit_entries (at);
