//! Readings of a lane's devices.

use serde::{Deserialize, Serialize};

/// What a lane writes into the journal for a reading: already free of card data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RawReading {
    /// A barcode as the scanner sent it, less framing.
    Barcode {
        /// The checkout position.
        lane: String,
        /// AIM symbology identifier, such as `]C1`, if the scanner sends one.
        aim: Option<String>,
        /// Content; bytes that are no UTF-8 are replaced and marked by `damaged`.
        data: String,
        /// Whether bytes were lost or unreadable.
        damaged: bool,
    },
    /// A card, of which only this is left.
    Card {
        /// The checkout position.
        lane: String,
        /// Card scheme; none for a card that is no payment card.
        scheme: Option<String>,
        /// First six and last four digits of a payment card.
        masked_pan: Option<String>,
        /// Keyed token of a payment card.
        card_token: Option<String>,
        /// The number of a card that is no payment card.
        loyalty: Option<String>,
        /// Whether a track could not be read.
        damaged: bool,
    },
}
