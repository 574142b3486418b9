-- The origin whose pages may have the session's page in a frame. Null: nobody's.
ALTER TABLE sessions ADD COLUMN embed_origin TEXT;
