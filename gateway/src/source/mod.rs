//! Every way in. A source reads an input whole, hands it to the [pipeline](crate::pipeline), and tells its sender
//! "accepted" only when the pipeline has answered, since then the input is committed and synced.
//!
//! Never: a source that parses, stores, or drops what it cannot understand.

pub mod exchange;
pub mod lanes;
pub mod terminals;

use jiff::Timestamp;
use rand::Rng;
use tillgate_record::Channel;
use ulid::Ulid;
use zeroize::Zeroizing;

/// One input as it arrived, before card data was cut out of it.
///
/// `Debug` is left out on purpose: the bytes may hold a card number.
pub struct Input {
    /// The configured source: a device's, terminal's or partner's id.
    pub source: String,
    /// The kind of way in.
    pub channel: Channel,
    /// How the bytes are to be read.
    pub media: Media,
    /// The input, whole.
    pub bytes: Zeroizing<Vec<u8>>,
    /// When the last byte was there.
    pub received_at: Timestamp,
    /// The capture's id, from a source that offers an input again after a failure: the failed commit may have held.
    pub id: Option<Ulid>,
    /// The file it was, so that a crash between commit and move cannot take it twice.
    pub file: Option<FileStamp>,
}

/// A new capture's id. Captures sort by the time of their arrival; 80 random bits keep two of the same millisecond
/// apart.
pub(crate) fn new_id(now: Timestamp) -> Ulid {
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
    Ulid::from_parts(milliseconds, rand::rng().random())
}

/// How the bytes of an input are to be read. The name is stored with the capture and decides how it is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Media {
    /// One sale as JSON.
    SaleJson,
    /// Sales, one a line.
    SaleNdjson,
    /// A reading of a lane's device, as JSON of [`crate::normalize::reading::RawReading`].
    Reading,
    /// EDI: the first bytes tell the standard.
    Edi,
}

impl Media {
    /// The name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SaleJson => "sale-json",
            Self::SaleNdjson => "sale-ndjson",
            Self::Reading => "reading",
            Self::Edi => "edi",
        }
    }

    /// The media of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::SaleJson, Self::SaleNdjson, Self::Reading, Self::Edi]
            .into_iter()
            .find(|media| media.as_str() == name)
    }
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Its capture is committed; it was not moved yet, as far as the journal knows.
    Committed {
        /// Whether something in it is in quarantine.
        refused: bool,
    },
    /// It was moved.
    Finished,
}

/// What tells one arrival of a file from another: a partner that sends the same file again makes a new inode or
/// a new modification time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileStamp {
    /// The partner whose folder it is.
    pub partner: String,
    /// The name, which is data from outside: never a path.
    pub name: String,
    /// Inode number.
    pub inode: u64,
    /// Modification time, nanoseconds since 1970.
    pub modified_ns: i64,
    /// Size in bytes.
    pub bytes: u64,
}
