//! Bearer tokens, as `tillgate token` makes them.

use rand::Rng;
use sha2::{Digest, Sha256};

/// A token and what the configuration knows of it.
#[derive(Debug, Clone)]
pub struct Token(String);

impl Token {
    /// 32 random bytes in hex.
    #[must_use]
    pub fn random() -> Self {
        Self(hex::encode(rand::rng().random::<[u8; 32]>()))
    }

    /// What its holder sends.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the configuration says.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}
