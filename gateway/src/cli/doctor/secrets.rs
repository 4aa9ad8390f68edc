//! Files that hold secrets: there, readable for the daemon, and for nobody else.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Check;
use crate::config::Config;

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
    let metadata = match fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) => {
            let hint = "put the secret into this file: owner root, group of the daemon, mode 0640";
            return Check::fail(ID, error.to_string(), hint);
        }
    };
    let mode = metadata.mode() & 0o777;
    let found = format!("mode {mode:04o}");
    // A group may read: root owns the file, the daemon's group reads it.
    if mode & 0o027 != 0 {
        Check::fail(ID, found, "chmod 0640: others on this machine can read or change the secret")
    } else if metadata.len() == 0 {
        Check::fail(ID, "the file is empty", "put the secret into this file")
    } else {
        Check::ok(ID, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_that_others_can_read_fails() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        assert_eq!(check(&file).outcome, Outcome::Fail);
        fs::write(&file, "x").unwrap();
        for (mode, outcome) in [
            (0o600, Outcome::Ok),
            (0o640, Outcome::Ok),
            (0o644, Outcome::Fail),
            (0o660, Outcome::Fail),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check(&file).outcome, outcome, "{mode:o}");
        }
    }
}
