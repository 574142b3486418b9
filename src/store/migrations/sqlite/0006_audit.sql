-- The audit trail (docs/audit.md): entries are added and, by pruning alone, deleted.

CREATE TABLE audit_chains (
    id            TEXT PRIMARY KEY,
    number        INTEGER NOT NULL,            -- of the last entry
    hash          BLOB NOT NULL,               -- and its hash
    at            INTEGER NOT NULL,            -- and its time
    anchor_number INTEGER NOT NULL DEFAULT 0,  -- the last entry that was pruned
    anchor_hash   BLOB NOT NULL                -- and its hash
) STRICT;
CREATE INDEX audit_chains_by_time ON audit_chains (at);

CREATE TABLE audit_entries (
    chain      TEXT NOT NULL,
    number     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    previous   BLOB NOT NULL,
    actor      TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    count      INTEGER NOT NULL,
    detail     TEXT NOT NULL,
    hash       BLOB NOT NULL,
    PRIMARY KEY (chain, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_entries_by_time ON audit_entries (at);

-- Against accidents, not against whoever owns the file: the chain is for that.
CREATE TRIGGER audit_entries_do_not_change BEFORE UPDATE ON audit_entries BEGIN
    SELECT RAISE(ABORT, 'audit entries do not change');
END;
CREATE TRIGGER audit_entries_go_by_pruning BEFORE DELETE ON audit_entries
    WHEN OLD.number > (SELECT anchor_number FROM audit_chains WHERE id = OLD.chain) BEGIN
    SELECT RAISE(ABORT, 'audit entries are deleted by vezne audit prune');
END;
