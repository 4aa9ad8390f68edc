//! The key of card tokens and of the directory's look-up keys. It lives outside the database, so that a copy of the
//! database alone tells nothing.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::Rng;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tillgate_parsers::card::{TokenKey, TokenKeyError};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::config::secret::{SecretError, read_secret_file};
use crate::customer::{CustomerKeys, normalize};

/// The gateway's keys.
pub(crate) struct Keys {
    pub(crate) token: Arc<TokenKey>,
    pub(crate) customer: CustomerKeys,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, or others can read it too.
    #[error("the key of card tokens cannot be read")]
    Secret(#[from] SecretError),
    /// It holds something else.
    #[error("{} does not hold a key of card tokens: expected 64 hex digits on one line (make one with `openssl rand -hex 32`)", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: TokenKeyError,
    },
    /// The gateway's own key cannot be made.
    #[error("cannot make the key of card tokens {}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

/// Reads the configured key, or the gateway's own, which is made at the first start.
pub(crate) fn load(config: &Config) -> Result<Keys, KeyError> {
    let path = match &config.cards.token_key_file {
        Some(path) => path.clone(),
        None => own_key(&config.gateway.data_dir)?,
    };
    let text = read_secret_file(&path)?;
    let text = text.expose_secret().trim();
    let token = TokenKey::from_hex(text).map_err(|source| KeyError::Form { path, source })?;
    let region = config.gateway.phone_region.as_deref().and_then(normalize::region);
    let customer = CustomerKeys::new(directory_secret(text), region);
    Ok(Keys { token: Arc::new(token), customer })
}

/// The directory's keys have a secret of their own, so that neither kind of token tells anything of the other.
fn directory_secret(token_key: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"tillgate directory keys\0")
        .chain_update(token_key.as_bytes())
        .finalize()
        .into()
}

fn own_key(data_dir: &Path) -> Result<PathBuf, KeyError> {
    let path = data_dir.join("token.key");
    let is_there =
        path.try_exists().map_err(|error| SecretError::Unreadable { path: path.clone(), error })?;
    if !is_there {
        make(&path).map_err(|source| KeyError::Make { path: path.clone(), source })?;
        tracing::info!(
            path = %path.display(),
            "made a key for card tokens; for tokens that agree between gateways set [cards] token_key_file"
        );
    }
    Ok(path)
}

/// Written whole under another name first: a key that is cut short by a crash would never be found out.
fn make(path: &Path) -> io::Result<()> {
    let mut key = Zeroizing::new([0_u8; 32]);
    rand::rng().fill(&mut *key);
    let text = Zeroizing::new(hex::encode(*key));
    let unfinished = path.with_extension("key.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
