//! Keyed tokens: the same card gives the same token, and nobody without the key can find the card for a token.
//!
//! In: a key and a number. Out: a token. Never: the key in `Debug`, an error or a copy that is not zeroized.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::number::Number;

/// The version of the key, in front of every token: tokens of different keys never meet by accident.
const KEY_VERSION: &str = "k1";

/// Bytes of a key, as long as the output of SHA-256.
const KEY_BYTES: usize = 32;

/// Bytes of a token: 128 bits, so that two cards of one directory never share one.
const TOKEN_BYTES: usize = 16;

/// The key that card tokens are made with. Lives outside the database (PCI DSS 3.5.1.1: hashes of card numbers are
/// keyed).
pub struct TokenKey(Zeroizing<[u8; KEY_BYTES]>);

/// Why a text is no token key. Holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenKeyError {
    /// Too long or too short.
    #[error(
        "expected a token key of 64 hexadecimal digits, found {found} characters: \
         `openssl rand -hex 32` makes one"
    )]
    Length {
        /// Characters found.
        found: usize,
    },
    /// The right length, but a character is no hexadecimal digit.
    #[error(
        "expected a token key of 64 hexadecimal digits, found another character among them: \
         `openssl rand -hex 32` makes one"
    )]
    NotHexadecimal,
}

impl TokenKey {
    /// Reads a key of 64 hexadecimal digits; white space around them is ignored.
    ///
    /// # Errors
    ///
    /// When the text is anything else.
    pub fn from_hex(text: &str) -> Result<Self, TokenKeyError> {
        let text = text.trim();
        if text.len() != 2 * KEY_BYTES {
            return Err(TokenKeyError::Length { found: text.chars().count() });
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        hex::decode_to_slice(text, key.as_mut_slice())
            .map_err(|_| TokenKeyError::NotHexadecimal)?;
        Ok(Self(key))
    }

    /// The token of a number: the version and the first 16 bytes of HMAC-SHA-256 in hexadecimal.
    pub(super) fn token_of(&self, number: &Number) -> String {
        let mut mac = self.mac();
        mac.update(number.digits());
        let code = mac.finalize().into_bytes();
        format!("{KEY_VERSION}_{}", hex::encode(code.get(..TOKEN_BYTES).unwrap_or_default()))
    }

    /// HMAC takes keys of any length (RFC 2104 section 3), so that a key of 32 bytes is never refused: it is
    /// padded with zeros to the block's 64 bytes, as the RFC says.
    fn mac(&self) -> Hmac<Sha256> {
        let mut block = Zeroizing::new([0_u8; 64]);
        for (place, byte) in block.iter_mut().zip(self.0.iter()) {
            *place = *byte;
        }
        <Hmac<Sha256> as KeyInit>::new((&*block).into())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(k1, …)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_hmac_sha_256() {
        let key = TokenKey::from_hex(&format!("{}\n", "0b".repeat(32))).unwrap();
        let number = Number::from_field(b"4111111111111111").unwrap();
        // printf 4111111111111111 | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b0b…
        assert_eq!(key.token_of(&number), "k1_fa61b145ec820bc4a65f8a5c629f5aaa");
        assert_eq!(format!("{key:?}"), "TokenKey(k1, …)");
    }

    #[test]
    fn a_key_of_another_shape_is_refused_without_showing_it() {
        let short = TokenKey::from_hex("abc").unwrap_err();
        assert_eq!(short, TokenKeyError::Length { found: 3 });
        assert!(!short.to_string().contains("abc"));
        let odd = TokenKey::from_hex(&"zz".repeat(32)).unwrap_err();
        assert_eq!(odd, TokenKeyError::NotHexadecimal);
        assert!(!odd.to_string().contains("zz"));
    }
}
