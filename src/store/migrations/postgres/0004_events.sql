-- Every event has a mode, and a state although nobody is called; every attempt
-- at delivering one is kept.

ALTER TABLE events ALTER COLUMN session_id DROP NOT NULL;            -- null: a test event
ALTER TABLE events ADD COLUMN mode TEXT;
ALTER TABLE events ADD COLUMN callback_url TEXT;                     -- null: nobody is called
ALTER TABLE events ADD COLUMN endpoint TEXT COLLATE "C";             -- the merchant and the origin of callback_url
ALTER TABLE events ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;    -- those of the present schedule
ALTER TABLE events ADD COLUMN scheduled_at BIGINT;                   -- when the present schedule began
ALTER TABLE events ADD COLUMN leased BOOLEAN NOT NULL DEFAULT FALSE; -- an attempt is under way

UPDATE events SET mode = s.mode, callback_url = s.callback_url,
    endpoint = events.merchant_id || ' '
        || substr(s.callback_url, 1, 7 + strpos(substr(s.callback_url, 9), '/')),
    failures = events.attempts, scheduled_at = events.created_at,
    settled_at = CASE WHEN events.state = 'pending' THEN NULL ELSE COALESCE(events.settled_at, events.created_at) END
FROM sessions s WHERE s.id = events.session_id;

ALTER TABLE events ALTER COLUMN mode SET NOT NULL;
ALTER TABLE events ALTER COLUMN scheduled_at SET NOT NULL;

DROP INDEX events_due;
CREATE INDEX events_of_merchant ON events (merchant_id, mode, created_at DESC, id DESC);
CREATE INDEX events_by_state ON events (merchant_id, mode, state, created_at DESC, id DESC);
CREATE INDEX events_by_time ON events (created_at DESC, id DESC);
CREATE INDEX events_due ON events (endpoint, due_at) WHERE state = 'pending';
CREATE INDEX events_waiting ON events (scheduled_at) WHERE state = 'pending';
CREATE INDEX events_settled ON events (settled_at) WHERE settled_at IS NOT NULL;

CREATE TABLE delivery_attempts (
    event_id   TEXT COLLATE "C" NOT NULL REFERENCES events (id),
    number     BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    latency_ms BIGINT NOT NULL,
    status     BIGINT,                           -- HTTP; null: no answer
    reason     TEXT,                             -- null: delivered
    answer     TEXT NOT NULL,                    -- the first of its body, masked
    PRIMARY KEY (event_id, number)
);
CREATE INDEX delivery_attempts_by_time ON delivery_attempts (ended_at);

-- Callback URLs that answered 410 Gone.
CREATE TABLE disabled_endpoints (
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    url         TEXT NOT NULL,
    disabled_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, url)
);

CREATE INDEX sessions_ended ON sessions (ended_at, id) WHERE ended_at IS NOT NULL;
