-- The journal, version 1. Shipped files never change: what comes later is a new file.

-- One row: what the writer counts. It is written in the commit that uses the numbers, so that a crash can neither
-- skip nor repeat one. SQLite's own row numbers would do one or the other.
CREATE TABLE counter (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    incarnation       INTEGER NOT NULL,
    next_sequence     INTEGER NOT NULL,
    record_chain      INTEGER NOT NULL, -- checksum of the newest record
    next_capture      INTEGER NOT NULL,
    capture_chain     INTEGER NOT NULL, -- checksum of the newest capture
    acknowledged      INTEGER NOT NULL, -- the broker has all records through this sequence
    pruned_sequence   INTEGER NOT NULL, -- records through this sequence were removed
    pruned_capture    INTEGER NOT NULL, -- captures through this number were removed
    keys_since_us     INTEGER NOT NULL, -- keys seen before this moment may have been removed
    directory_version INTEGER NOT NULL,
    catalog_version   INTEGER NOT NULL,
    checksum          INTEGER NOT NULL
) STRICT;

CREATE TABLE capture (
    number         INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    source         TEXT    NOT NULL,
    channel        TEXT    NOT NULL,
    media          TEXT    NOT NULL,
    received_us    INTEGER NOT NULL,
    sha256         BLOB    NOT NULL,
    items          INTEGER NOT NULL, -- records + duplicates + quarantined + noted
    records        INTEGER NOT NULL, -- these have the sequences from first_sequence on
    duplicates     INTEGER NOT NULL,
    quarantined    INTEGER NOT NULL,
    noted          INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    config_version TEXT    NOT NULL,
    raw_bytes      INTEGER NOT NULL,
    raw_checksum   INTEGER NOT NULL, -- of raw: the row can still be checked when raw is gone
    previous       INTEGER NOT NULL, -- checksum of the capture before
    checksum       INTEGER NOT NULL,
    raw            BLOB              -- zstd; NULL once pruned
) STRICT;

CREATE INDEX capture_with_raw ON capture (number) WHERE raw IS NOT NULL;

CREATE TABLE record (
    sequence    INTEGER PRIMARY KEY,
    event_id    BLOB    NOT NULL,
    capture     INTEGER NOT NULL,
    item        INTEGER NOT NULL,
    event_type  INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    content     BLOB    NOT NULL,
    time        TEXT    NOT NULL,
    received_us INTEGER NOT NULL,
    previous    INTEGER NOT NULL, -- checksum of the record before
    checksum    INTEGER NOT NULL,
    parked      TEXT,             -- why the broker will never take it; outside the checksum
    data        BLOB    NOT NULL
) STRICT;

-- Keys are known longer than records are kept. Keys of one source rise, so that they land beside one another.
CREATE TABLE known (
    key      TEXT    PRIMARY KEY,
    content  BLOB    NOT NULL,
    sequence INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    seen_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    entry       TEXT    PRIMARY KEY, -- capture id, item
    capture     INTEGER NOT NULL,
    item        INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    source      TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    findings    TEXT    NOT NULL,    -- JSON
    state       TEXT    NOT NULL CHECK (state IN ('open', 'replayed', 'discarded')),
    closed_us   INTEGER,
    closed_how  TEXT,
    parked      INTEGER,             -- the record that the broker refused, if the entry is about one
    replayed    INTEGER,             -- the record that it became
    noticed     INTEGER NOT NULL,    -- 1: the CRM has the notice; outside the checksum
    checksum    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_of_capture ON quarantine (capture);
CREATE INDEX quarantine_open ON quarantine (entry) WHERE state = 'open';
CREATE INDEX quarantine_unnoticed ON quarantine (entry) WHERE noticed = 0;

-- A file is known by its stamp from the commit of its content until it has left the folder.
CREATE TABLE edi_file (
    partner     TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    inode       INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    capture     TEXT    NOT NULL, -- capture id
    taken_us    INTEGER NOT NULL,
    finished    INTEGER NOT NULL,
    PRIMARY KEY (partner, name, inode, modified_ns, bytes)
) STRICT, WITHOUT ROWID;

CREATE INDEX edi_file_finished ON edi_file (taken_us) WHERE finished = 1;

CREATE TABLE reply (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    capture      TEXT    NOT NULL, -- capture id
    partner      TEXT    NOT NULL,
    file_name    TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    content      BLOB    NOT NULL,
    written_us   INTEGER           -- NULL while the partner does not have it
) STRICT;

CREATE INDEX reply_pending ON reply (partner, id) WHERE written_us IS NULL;
CREATE INDEX reply_written ON reply (written_us) WHERE written_us IS NOT NULL;

CREATE TABLE control_number (
    partner TEXT    PRIMARY KEY,
    last    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE customer (
    number  INTEGER PRIMARY KEY,
    id      TEXT    NOT NULL UNIQUE,
    name    TEXT,
    version INTEGER NOT NULL -- the directory version that brought it
) STRICT;

CREATE TABLE customer_key (
    kind     INTEGER NOT NULL,
    hash     BLOB    NOT NULL,
    customer INTEGER NOT NULL REFERENCES customer (number) ON DELETE CASCADE,
    PRIMARY KEY (kind, hash, customer)
) STRICT, WITHOUT ROWID;

CREATE INDEX customer_key_of ON customer_key (customer);

CREATE TABLE product (
    gtin        TEXT PRIMARY KEY,
    sku         TEXT,
    description TEXT NOT NULL
) STRICT, WITHOUT ROWID;
