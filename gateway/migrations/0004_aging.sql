-- What is old, version 4.

-- How far the clock of retention is. It follows the machine's clock slowly, so that one wrong date cannot make
-- everything old at once; it must survive a restart for that. Microseconds since 1970; it begins on 2026-01-01, when
-- there was no tillgate yet.
CREATE TABLE retention_clock (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    moment_us INTEGER NOT NULL
) STRICT;

INSERT INTO retention_clock (id, moment_us) VALUES (1, 1767225600000000);

-- Also tells how much room the raw inputs take, without a look at them.
DROP INDEX capture_with_raw;
CREATE INDEX capture_with_raw ON capture (number, length(raw)) WHERE raw IS NOT NULL;
