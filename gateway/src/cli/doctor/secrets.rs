//! Files that hold secrets: judged by the reading that the daemon itself does, so that both have one rule.

use std::path::Path;

use super::Check;
use crate::config::Config;
use crate::config::secret::{SecretError, read_secret_file};

pub(super) fn checks(config: &Config) -> Vec<Check> {
    let files = [
        &config.mqtt.password_file,
        &config.mqtt.client_key_file,
        &config.http.tls_key_file,
        &config.cards.token_key_file,
    ];
    files.into_iter().flatten().map(|file| check(file).of(file.display().to_string())).collect()
}

fn check(file: &Path) -> Check {
    const ID: &str = "secrets.mode";
    let Err(error) = read_secret_file(file) else {
        return Check::ok(ID, "there, and for its owner alone");
    };
    let hint = match &error {
        SecretError::Empty { .. } | SecretError::NotText { .. } => {
            "put the secret into this file".to_owned()
        }
        SecretError::Unreadable { .. } | SecretError::Exposed { .. } => {
            let shown = file.display();
            format!("`chmod 600 {shown}`, and `chown` it to the daemon's user")
        }
    };
    Check::fail(ID, error.to_string(), hint)
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_that_others_can_read_fails() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        assert_eq!(check(&file).outcome, Outcome::Fail);
        fs::write(&file, "x").unwrap();
        for (mode, outcome) in [
            (0o600, Outcome::Ok),
            (0o400, Outcome::Ok),
            (0o640, Outcome::Fail),
            (0o644, Outcome::Fail),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let check = check(&file);
            assert_eq!(check.outcome, outcome, "{mode:o}");
            assert_eq!(
                check.hint.is_some_and(|hint| hint.contains("chmod 600")),
                mode & 0o077 != 0
            );
        }
    }
}
