-- How a merchant's pages look, and what was found wrong with one: a report of
-- the page's own policy becomes one event a session and directive.

ALTER TABLE merchants ADD COLUMN theme TEXT;   -- JSON: accent, accentDark, radius, font, scheme
ALTER TABLE merchants ADD COLUMN logo BYTEA;   -- PNG of at most 8 KiB

ALTER TABLE events ADD COLUMN directive TEXT;  -- of page.violation: what was violated
ALTER TABLE events ADD COLUMN blocked TEXT;    -- and by what kind of thing
CREATE UNIQUE INDEX events_of_violations ON events (session_id, directive) WHERE kind = 'page.violation';
