//! Tokens: of high entropy, so that a plain SHA-256 is a safe way to keep them.

use std::hint::black_box;

use sha2::{Digest, Sha256};

use crate::config::{Config, TokenHash};

/// Whose token was shown. A token may be given to several roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// A terminal's id.
    pub terminal: Option<String>,
    /// A partner's id.
    pub partner: Option<String>,
    /// A viewer's id.
    pub viewer: Option<String>,
}

/// Compares with every configured hash, so that the time tells nothing of which one fits.
pub(super) fn identify(config: &Config, token: &[u8]) -> Option<Identity> {
    let shown: [u8; 32] = Sha256::digest(token).into();
    let mut identity = Identity::default();
    for terminal in &config.terminals {
        keep(&mut identity.terminal, &terminal.id, equal(&shown, &terminal.token_sha256));
    }
    for partner in &config.partners {
        if let Some(hash) = &partner.token_sha256 {
            keep(&mut identity.partner, &partner.id, equal(&shown, hash));
        }
    }
    for viewer in &config.viewers {
        keep(&mut identity.viewer, &viewer.id, equal(&shown, &viewer.token_sha256));
    }
    (identity != Identity::default()).then_some(identity)
}

fn keep(place: &mut Option<String>, id: &str, fits: bool) {
    if fits {
        *place = Some(id.to_owned());
    }
}

/// Looks at all bytes, whichever differ.
fn equal(shown: &[u8; 32], configured: &TokenHash) -> bool {
    let difference =
        shown.iter().zip(&configured.0).fold(0, |all, (one, other)| black_box(all | (one ^ other)));
    difference == 0
}
