-- Every event has a mode, and a state although nobody is called; every attempt
-- at delivering one is kept. The table is built anew: its session may be absent.

CREATE TABLE events_anew (
    id           TEXT PRIMARY KEY,
    merchant_id  TEXT NOT NULL REFERENCES merchants (id),
    mode         TEXT NOT NULL,
    session_id   TEXT REFERENCES sessions (id),  -- null: a test event
    kind         TEXT NOT NULL,
    directive    TEXT,                           -- of page.violation: what was violated
    blocked      TEXT,                           -- and by what kind of thing
    callback_url TEXT,                           -- null: nobody is called
    endpoint     TEXT,                           -- the merchant and the origin of callback_url
    created_at   INTEGER NOT NULL,
    state        TEXT NOT NULL,                  -- pending, delivered, abandoned, unaddressed, endpoint_disabled
    attempts     INTEGER NOT NULL DEFAULT 0,     -- the number of the last attempt
    failures     INTEGER NOT NULL DEFAULT 0,     -- those of the present schedule
    scheduled_at INTEGER NOT NULL,               -- when the present schedule began
    due_at       INTEGER,                        -- next attempt, or end of the lease of the present one
    leased       INTEGER NOT NULL DEFAULT 0,     -- 1: an attempt is under way
    last_reason  TEXT,
    settled_at   INTEGER
) STRICT;

INSERT INTO events_anew (id, merchant_id, mode, session_id, kind, directive, blocked, callback_url, endpoint,
    created_at, state, attempts, failures, scheduled_at, due_at, last_reason, settled_at)
SELECT e.id, e.merchant_id, s.mode, e.session_id, e.kind, e.directive, e.blocked, s.callback_url,
    e.merchant_id || ' ' || substr(s.callback_url, 1, 7 + instr(substr(s.callback_url, 9), '/')),
    e.created_at, e.state, e.attempts, e.attempts, e.created_at, e.due_at, e.last_reason,
    CASE WHEN e.state = 'pending' THEN NULL ELSE COALESCE(e.settled_at, e.created_at) END
FROM events e JOIN sessions s ON s.id = e.session_id;

DROP TABLE events;
ALTER TABLE events_anew RENAME TO events;

CREATE INDEX events_of_session ON events (session_id);
CREATE INDEX events_of_merchant ON events (merchant_id, mode, created_at DESC, id DESC);
CREATE INDEX events_by_state ON events (merchant_id, mode, state, created_at DESC, id DESC);
CREATE INDEX events_by_time ON events (created_at DESC, id DESC);
CREATE INDEX events_due ON events (endpoint, due_at) WHERE state = 'pending';
CREATE INDEX events_waiting ON events (scheduled_at) WHERE state = 'pending';
CREATE INDEX events_settled ON events (settled_at) WHERE settled_at IS NOT NULL;
CREATE UNIQUE INDEX events_of_violations ON events (session_id, directive) WHERE kind = 'page.violation';

CREATE TABLE delivery_attempts (
    event_id   TEXT NOT NULL REFERENCES events (id),
    number     INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL,
    status     INTEGER,                          -- HTTP; null: no answer
    reason     TEXT,                             -- null: delivered
    answer     TEXT NOT NULL,                    -- the first of its body, masked
    PRIMARY KEY (event_id, number)
) STRICT;
CREATE INDEX delivery_attempts_by_time ON delivery_attempts (ended_at);

-- Callback URLs that answered 410 Gone.
CREATE TABLE disabled_endpoints (
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    url         TEXT NOT NULL,
    disabled_at INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, url)
) STRICT;

CREATE INDEX sessions_ended ON sessions (ended_at, id) WHERE ended_at IS NOT NULL;
