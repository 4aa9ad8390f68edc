-- Incarnations, losses and more checksums, version 3.

-- The CRM knows a record by an incarnation and a sequence within it: a record belongs to the newest incarnation whose
-- base is below its number in the outbox, and its sequence is that number less the base. After any loss a new
-- incarnation begins, so that no pair of the two is ever used for two records.
CREATE TABLE incarnation (
    number   INTEGER PRIMARY KEY,
    base     INTEGER NOT NULL,
    began_us INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- What was once accepted and is gone, for people and for the CRM.
CREATE TABLE loss (
    number     INTEGER PRIMARY KEY,
    noticed_us INTEGER NOT NULL, -- when the gateway noticed
    report     TEXT    NOT NULL, -- JSON
    told       INTEGER NOT NULL, -- 1: the CRM has the notice; outside the checksum
    checksum   INTEGER NOT NULL
) STRICT;

-- A key with a flipped bit would refuse the wrong sale, a reply with one would reach a partner. NULL in rows of
-- earlier versions.
ALTER TABLE known ADD COLUMN checksum INTEGER;
ALTER TABLE reply ADD COLUMN checksum INTEGER;
