//! Putting another file in the place of the journal, so that a crash at any moment leaves the one or the other, and
//! both are kept.
//!
//! The new file is built beside the journal. Once it is whole and synced it gets the name that says so: from then on
//! every start finishes the replacement. The files before are set aside under a name with the time, never deleted.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::options::journal_path;
use super::owner::{database_files, new_file, remove, sync_folder};
use super::row::moment;

const READY_PREFIX: &str = "journal.ready-";
const SUFFIX: &str = ".db";
/// What was set aside begins so.
pub(super) const ASIDE_PREFIX: &str = "journal.aside-";

/// A file under construction.
#[derive(Debug)]
pub(super) struct Building {
    data_dir: PathBuf,
    /// Tells one replacement from the next.
    stamp: String,
}

impl Building {
    /// An empty file to build in. What an attempt before left behind is removed.
    pub(super) fn begin(data_dir: &Path, now_us: i64) -> io::Result<Self> {
        let building = Self { data_dir: data_dir.to_owned(), stamp: free_stamp(data_dir, now_us) };
        building.remove()?;
        new_file(&building.path(), data_dir)?;
        Ok(building)
    }

    /// The file.
    pub(super) fn path(&self) -> PathBuf {
        self.data_dir.join("journal.building.db")
    }

    /// The name under which the journal of now will be kept.
    pub(super) fn aside(&self) -> String {
        aside_name(&self.stamp)
    }

    /// Gives up.
    pub(super) fn remove(&self) -> io::Result<()> {
        database_files(&self.path()).iter().try_for_each(|file| remove(file))
    }

    /// The file is whole and closed: it becomes the journal.
    pub(super) fn commit(self) -> io::Result<()> {
        File::open(self.path())?.sync_all()?;
        let ready = self.data_dir.join(format!("{READY_PREFIX}{}{SUFFIX}", self.stamp));
        fs::rename(self.path(), ready)?;
        sync_folder(&self.data_dir)?;
        finish(&self.data_dir)
    }
}

/// Finishes a replacement, if one was begun.
pub(super) fn finish(data_dir: &Path) -> io::Result<()> {
    let Some((ready, stamp)) = ready(data_dir)? else { return Ok(()) };
    move_aside(data_dir, &stamp)?;
    sync_folder(data_dir)?;
    fs::rename(ready, journal_path(data_dir))?;
    sync_folder(data_dir)
}

/// Sets the journal's files aside, if there are any, with nothing in their place.
pub(super) fn set_aside(data_dir: &Path, now_us: i64) -> io::Result<()> {
    let files = database_files(&journal_path(data_dir));
    let filled = |file: &PathBuf| fs::metadata(file).is_ok_and(|file| file.len() > 0);
    if files.iter().any(filled) {
        move_aside(data_dir, &free_stamp(data_dir, now_us))?;
    }
    Ok(())
}

fn ready(data_dir: &Path) -> io::Result<Option<(PathBuf, String)>> {
    for entry in fs::read_dir(data_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let stamp = name.to_str().and_then(|name| name.strip_prefix(READY_PREFIX));
        if let Some(stamp) = stamp.and_then(|stamp| stamp.strip_suffix(SUFFIX)) {
            return Ok(Some((entry.path(), stamp.to_owned())));
        }
    }
    Ok(None)
}

fn move_aside(data_dir: &Path, stamp: &str) -> io::Result<()> {
    let from = database_files(&journal_path(data_dir));
    let to = database_files(&data_dir.join(aside_name(stamp)));
    for (from, to) in from.iter().zip(&to) {
        match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
    }
    Ok(())
}

/// The name under which a log is kept that is mended in its place.
pub(super) fn free_log_name(data_dir: &Path, now_us: i64) -> String {
    format!("{ASIDE_PREFIX}{}.log", free_stamp(data_dir, now_us))
}

fn aside_name(stamp: &str) -> String {
    format!("{ASIDE_PREFIX}{stamp}{SUFFIX}")
}

/// The time to the second; where that was used before, the next free second.
fn free_stamp(data_dir: &Path, now_us: i64) -> String {
    let stamps = (0_i64..).map(|second| {
        let time = moment(now_us.saturating_add(second.saturating_mul(1_000_000)));
        time.strftime("%Y%m%dT%H%M%SZ").to_string()
    });
    let is_free = |stamp: &String| {
        let files = database_files(&data_dir.join(aside_name(stamp)));
        let log = data_dir.join(format!("{ASIDE_PREFIX}{stamp}.log"));
        !files.iter().chain([&log]).any(|file| file.exists())
    };
    stamps.take(SECONDS_MOST).find(is_free).unwrap_or_else(|| now_us.to_string())
}

/// Files set aside in one second; a gateway cannot be recovered so often.
const SECONDS_MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_crash_after_every_step_leaves_both_files() {
        // The steps of `commit`, in order; then a start.
        for steps in 0..=4 {
            let folder = tempfile::tempdir().unwrap();
            let path = journal_path(folder.path());
            for (file, content) in database_files(&path).iter().zip(["old", "log", "index"]) {
                fs::write(file, content).unwrap();
            }
            let building = Building::begin(folder.path(), 1_795_219_200_000_000).unwrap();
            let aside = folder.path().join(building.aside());
            fs::write(building.path(), "new").unwrap();
            let ready = folder.path().join(format!("{READY_PREFIX}{}{SUFFIX}", building.stamp));
            let [db, log, index] = database_files(&path);
            let [db_aside, log_aside, index_aside] = database_files(&aside);
            let renames = [
                (building.path(), ready),
                (db, db_aside.clone()),
                (log, log_aside.clone()),
                (index, index_aside),
            ];
            for (from, to) in renames.iter().take(steps) {
                fs::rename(from, to).unwrap();
            }
            finish(folder.path()).unwrap();
            let replaced = steps > 0;
            let expected = if replaced { "new" } else { "old" };
            assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{steps} steps");
            if replaced {
                assert_eq!(fs::read_to_string(&db_aside).unwrap(), "old");
                assert_eq!(fs::read_to_string(&log_aside).unwrap(), "log");
            }
            finish(folder.path()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn names_are_not_used_twice() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            fs::write(journal_path(folder.path()), "x").unwrap();
            set_aside(folder.path(), 1_795_219_200_000_000).unwrap();
        }
        set_aside(folder.path(), 1_795_219_200_000_000).unwrap();
        assert_eq!(
            names(folder.path()),
            [
                "journal.aside-20261121T000000Z.db",
                "journal.aside-20261121T000001Z.db",
                "journal.aside-20261121T000002Z.db"
            ]
        );
    }
}
