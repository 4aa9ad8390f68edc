//! Row checksums: CRC-32C (RFC 3720, B.4) over the fields of a row, each with its length, so that bytes which move
//! from one field to the next are noticed. They find damage; they are no signature.

/// A checksum under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digest(u32);

impl Digest {
    /// Begins with a name for the kind of row, so that no row passes for one of another table.
    pub(super) fn of(table: &str) -> Self {
        Self(0).text(table)
    }

    /// Adds a number.
    pub(super) fn number(self, value: i64) -> Self {
        Self(crc32c::crc32c_append(self.0, &value.to_le_bytes()))
    }

    /// Adds bytes.
    pub(super) fn bytes(self, value: &[u8]) -> Self {
        let length = self.number(i64::try_from(value.len()).unwrap_or(i64::MAX));
        Self(crc32c::crc32c_append(length.0, value))
    }

    /// Adds text.
    pub(super) fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    /// Adds a number that may be absent.
    pub(super) fn optional_number(self, value: Option<i64>) -> Self {
        value.map_or_else(|| self.number(0), |value| self.number(1).number(value))
    }

    /// Adds text that may be absent.
    pub(super) fn optional_text(self, value: Option<&str>) -> Self {
        value.map_or_else(|| self.number(0), |value| self.number(1).text(value))
    }

    /// The checksum as it is stored.
    pub(super) fn finish(self) -> i64 {
        i64::from(self.0)
    }
}
