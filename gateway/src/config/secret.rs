//! Files that the configuration names: secrets, certificates. A secret is read only when nobody else can read it.
//!
//! A relative path is looked up in the directory of systemd's credentials (`LoadCredential=`) first; a path from the
//! root may lead there, too. Never: a secret in an error or in Debug output.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

/// Longer than any password, key or certificate chain: a wrong path must not fill the memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why a file that the configuration names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read at all.
    #[error("cannot read {}: {}", path.display(), with_advice(error))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer, which the words hold: what to do comes after it.
        error: io::Error,
    },
    /// Others than its owner may read it.
    #[error("{} is readable by others (mode {mode:03o}, expected 600): run `chmod 600 {}`, and let it belong to the daemon's user", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds nothing.
    #[error("{} is empty: expected a secret", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be what it should be.
    #[error("{} is no secret: expected text of at most {FILE_BYTES_MAX} bytes", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

fn with_advice(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => {
            "put the file there, or correct the path; `tillgate doctor` checks it again"
        }
        io::ErrorKind::PermissionDenied => {
            "let it belong to the daemon's user, or run this as root or as that user"
        }
        _ => "correct the path; `tillgate doctor` checks it again",
    };
    format!("{error}: {advice}")
}

/// Reads a secret, less the line end that editors add.
///
/// # Errors
///
/// When the file is missing, empty, no text, or readable by others than its owner.
pub fn read_secret_file(path: &Path) -> Result<SecretString, SecretError> {
    Files::of_service().secret(path)
}

/// Where files are looked up.
#[derive(Debug, Clone, Default)]
pub struct Files {
    credentials: Option<PathBuf>,
}

impl Files {
    /// With the credentials that the service manager passed to this process.
    #[must_use]
    pub fn of_service() -> Self {
        Self { credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from) }
    }

    /// With this directory of credentials.
    #[must_use]
    pub fn with_credentials(directory: &Path) -> Self {
        Self { credentials: Some(directory.to_owned()) }
    }

    /// Reads a secret. See [`read_secret_file`].
    ///
    /// # Errors
    ///
    /// When the file is missing, empty, no text, or readable by others than its owner.
    pub fn secret(&self, path: &Path) -> Result<SecretString, SecretError> {
        let (found, is_credential) = self.locate(path);
        // systemd lets the service's user in by an access list, which shows as a group bit of the mode.
        if !is_credential {
            refuse_exposed(&found)?;
        }
        let text = read_text(&found)?;
        let secret = text.strip_suffix('\n').unwrap_or(&text);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        if secret.is_empty() {
            return Err(SecretError::Empty { path: found });
        }
        Ok(SecretString::from(secret))
    }

    /// Reads a file that is no secret, such as a certificate.
    ///
    /// # Errors
    ///
    /// When the file is missing, too large or no text.
    pub fn public(&self, path: &Path) -> Result<String, SecretError> {
        read_text(&self.locate(path).0).map(|text| text.to_string())
    }

    /// The file that a configured path means.
    #[must_use]
    pub fn found(&self, path: &Path) -> PathBuf {
        self.locate(path).0
    }

    /// The file that a configured path means, and whether it is a credential of the service.
    fn locate(&self, path: &Path) -> (PathBuf, bool) {
        let Some(directory) = self.credentials.as_deref() else { return (path.to_owned(), false) };
        // Joining keeps a path from the root as it is.
        let candidate = directory.join(path);
        // `..` would lead out of the directory again.
        let climbs = path.components().any(|part| part == Component::ParentDir);
        if candidate.starts_with(directory) && !climbs && candidate.exists() {
            return (candidate, true);
        }
        (path.to_owned(), false)
    }
}

fn refuse_exposed(path: &Path) -> Result<(), SecretError> {
    let unreadable = |error| SecretError::Unreadable { path: path.to_owned(), error };
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(SecretError::Exposed { path: path.to_owned(), mode })
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let unreadable = |error| SecretError::Unreadable { path: path.to_owned(), error };
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(SecretError::NotText { path: path.to_owned() });
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(unreadable)?);
    std::str::from_utf8(&bytes)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| SecretError::NotText { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn file(directory: &Path, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_secret_comes_without_its_line_end() {
        let directory = tempfile::tempdir().unwrap();
        for (content, expected) in
            [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("a b", "a b")]
        {
            let path = file(directory.path(), "password", content, 0o600);
            assert_eq!(read_secret_file(&path).unwrap().expose_secret(), expected);
        }
    }

    #[test]
    fn what_others_may_read_is_refused_with_the_command_that_helps() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o644, 0o660] {
            let path = file(directory.path(), "password", "s3cret", mode);
            let message = read_secret_file(&path).unwrap_err().to_string();
            assert!(message.contains(&format!("chmod 600 {}", path.display())), "{message}");
            assert!(!message.contains("s3cret"));
        }
    }

    #[test]
    fn a_relative_path_means_a_credential_of_the_service() {
        let directory = tempfile::tempdir().unwrap();
        file(directory.path(), "tillgate-test-password", "from systemd\n", 0o440);
        let files = Files::with_credentials(directory.path());
        let secret = files.secret(Path::new("tillgate-test-password")).unwrap();
        assert_eq!(secret.expose_secret(), "from systemd");
        assert!(files.secret(Path::new("tillgate-test-other")).is_err());
        let from_the_root = directory.path().join("tillgate-test-password");
        assert_eq!(files.secret(&from_the_root).unwrap().expose_secret(), "from systemd");
        let outside = tempfile::tempdir().unwrap();
        let exposed = file(outside.path(), "password", "x", 0o440);
        let climbing =
            directory.path().join("..").join(exposed.strip_prefix("/tmp").unwrap_or(&exposed));
        for path in [exposed, climbing] {
            assert!(files.secret(&path).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let missing = read_secret_file(&directory.path().join("missing")).unwrap_err();
        assert!(matches!(missing, SecretError::Unreadable { .. }));
        let empty = file(directory.path(), "empty", "\n", 0o600);
        assert!(matches!(read_secret_file(&empty), Err(SecretError::Empty { .. })));
        let binary = directory.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read_secret_file(&binary), Err(SecretError::NotText { .. })));
    }
}
