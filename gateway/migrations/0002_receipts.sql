-- Receipts and incarnations, version 2.

-- The CRM has said that it has all records through this sequence. Zero where it sends no receipts; a zero is left out
-- of the row's checksum, so that rows of version 1 still hold.
ALTER TABLE counter ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
