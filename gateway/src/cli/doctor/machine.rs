//! The data directory and the clock.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Check;
use crate::clock::Clock;
use crate::config::{ByteSize, Config};
use crate::store::{SetAside, ballast_path, journal_path};

/// Slower than this, a till waits noticeably for each sale.
const SYNC_SLOW: Duration = Duration::from_millis(50);
const SYNC_ROUNDS: u32 = 5;
/// The clock of a machine without a battery starts in the past.
const PLAUSIBLE_SINCE: &str = "2026-01-01T00:00:00Z";
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn data_dir(config: &Config) -> Vec<Check> {
    let dir = &config.gateway.data_dir;
    let subject = dir.display().to_string();
    let checks = match fs::metadata(dir) {
        Err(error) => vec![Check::fail(
            "data_dir.exists",
            error.to_string(),
            "create it for the daemon's user with mode 0700; systemd does so with StateDirectory=tillgate",
        )],
        Ok(metadata) if !metadata.is_dir() => {
            vec![Check::fail("data_dir.exists", "is no directory", "set [gateway] data_dir")]
        }
        Ok(metadata) => vec![
            Check::ok("data_dir.exists", "there"),
            mode(&metadata),
            space(dir, config.disk.budget),
            ballast(dir, config.disk.ballast),
            set_aside(dir),
            sync_time(dir),
        ],
    };
    checks.into_iter().map(|check| check.of(subject.clone())).collect()
}

fn mode(metadata: &fs::Metadata) -> Check {
    let (mode, owner) = (metadata.mode() & 0o777, metadata.uid());
    let found = format!("mode {mode:04o}, owner {owner}");
    if mode & 0o077 == 0 {
        Check::ok("data_dir.mode", found)
    } else {
        Check::warn("data_dir.mode", found, "chmod 0700: the journal holds customers' data")
    }
}

fn space(dir: &Path, budget: ByteSize) -> Check {
    let free = match rustix::fs::statvfs(dir) {
        Ok(volume) => ByteSize(volume.f_bavail.saturating_mul(volume.f_frsize)),
        Err(error) => {
            return Check::warn("data_dir.space", error.to_string(), "is the volume mounted?");
        }
    };
    let used = ByteSize(size_of_files(dir));
    let found = format!("{} MiB free, {} MiB used, budget {budget}", free.0 >> 20, used.0 >> 20);
    if used.0.saturating_add(free.0) < budget.0 {
        let hint = "the disk is full before the budget is spent: make room, or lower [disk] budget";
        Check::warn("data_dir.space", found, hint)
    } else {
        Check::ok("data_dir.space", found)
    }
}

fn ballast(dir: &Path, wanted: Option<ByteSize>) -> Check {
    const ID: &str = "data_dir.ballast";
    let bytes = fs::metadata(ballast_path(dir)).map_or(0, |file| file.len());
    if bytes > 0 {
        Check::ok(ID, format!("{} MiB are kept for a full disk", bytes >> 20))
    } else if wanted == Some(ByteSize(0)) {
        Check::ok(ID, "none is wanted")
    } else if !journal_path(dir).exists() {
        Check::ok(ID, "is made at the first start")
    } else {
        let hint = "make room: the running gateway writes it again at once; without it a full disk stops deliveries, too";
        Check::warn(ID, "the ballast is not there: the disk was full, or is too full for it", hint)
    }
}

/// Damaged files that a recovery kept.
fn set_aside(dir: &Path) -> Check {
    const ID: &str = "data_dir.set_aside";
    match SetAside::of(dir) {
        SetAside { files: 0, .. } => Check::ok(ID, "no damaged files are kept"),
        SetAside { files, bytes } => {
            let found =
                format!("{files} damaged files are kept here, {} MiB", bytes.div_ceil(1 << 20));
            Check::warn(ID, found, SetAside::WAY_OUT)
        }
    }
}

/// The journal and its companions lie directly in the directory.
fn size_of_files(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

fn sync_time(dir: &Path) -> Check {
    const ID: &str = "data_dir.sync";
    let slowest = match slowest_sync(dir) {
        Ok(slowest) => slowest,
        Err(error) => {
            let hint = "run doctor as the daemon's user or root; is the volume mounted read-only?";
            return Check::warn(ID, format!("cannot write here: {error}"), hint);
        }
    };
    let found = format!("the slowest of {SYNC_ROUNDS} syncs took {slowest:.1?}");
    if slowest > SYNC_SLOW {
        Check::warn(
            ID,
            found,
            "every sale waits for a sync: use an SSD, or look for what else writes",
        )
    } else {
        Check::ok(ID, found)
    }
}

fn slowest_sync(dir: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::tempfile_in(dir)?;
    let mut slowest = Duration::ZERO;
    for _ in 0..SYNC_ROUNDS {
        file.write_all(&[0; 4096])?;
        let start = Instant::now();
        file.sync_all()?;
        slowest = slowest.max(start.elapsed());
    }
    Ok(slowest)
}

pub(super) async fn clock(clock: &impl Clock) -> Vec<Check> {
    vec![plausible(clock.now()), synchronised().await]
}

fn plausible(now: Timestamp) -> Check {
    let since: Timestamp = PLAUSIBLE_SINCE.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let found = format!("{now:.0}");
    if now < since {
        let hint =
            "the clock is in the past: certificates will be refused; set the time, and see to NTP";
        Check::fail("clock.plausible", found, hint)
    } else {
        Check::ok("clock.plausible", found)
    }
}

/// Asks systemd, which knows of chrony and ntpd too.
async fn synchronised() -> Check {
    const ID: &str = "clock.synchronised";
    const HINT: &str = "see `timedatectl`: records carry the time of this clock";
    let asked = tokio::process::Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(output)) if output.stdout.trim_ascii() == b"yes" => Check::ok(ID, "by NTP"),
        Ok(Ok(output)) if output.stdout.trim_ascii() == b"no" => {
            Check::warn(ID, "not synchronised", HINT)
        }
        _ => Check::warn(ID, "cannot tell: timedatectl does not answer", HINT),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_directory_is_fine_and_an_open_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        for (wanted, outcome) in [(0o700, Outcome::Ok), (0o755, Outcome::Warn)] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(wanted)).unwrap();
            assert_eq!(mode(&fs::metadata(dir.path()).unwrap()).outcome, outcome);
        }
        assert!(slowest_sync(dir.path()).unwrap() > Duration::ZERO);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
        assert_eq!(space(dir.path(), ByteSize(1)).outcome, Outcome::Ok);
        assert_eq!(space(dir.path(), ByteSize(u64::MAX)).outcome, Outcome::Warn);
        assert_eq!(ballast(dir.path(), None).outcome, Outcome::Ok);
        fs::write(journal_path(dir.path()), "").unwrap();
        assert_eq!(ballast(dir.path(), None).outcome, Outcome::Warn);
        assert_eq!(ballast(dir.path(), Some(ByteSize(0))).outcome, Outcome::Ok);
        fs::write(ballast_path(dir.path()), "ballast").unwrap();
        assert_eq!(ballast(dir.path(), None).outcome, Outcome::Ok);
    }

    #[test]
    fn a_clock_without_battery_is_told() {
        assert_eq!(plausible(Timestamp::UNIX_EPOCH).outcome, Outcome::Fail);
        assert_eq!(plausible("2026-11-21T00:00:00Z".parse().unwrap()).outcome, Outcome::Ok);
    }
}
