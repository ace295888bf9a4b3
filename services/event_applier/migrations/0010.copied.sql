-- depends: 0009.archive
-- COPY stores many rows at once only where no default is volatile. Then an error of the whole batch, such as a
-- duplicate, names the number of a line in the server's log, and not the line (ADR 27).
ALTER TABLE event ALTER COLUMN applied_at SET DEFAULT statement_timestamp();
