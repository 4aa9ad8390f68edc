//! Whose files these are. A command that root runs on the data of a stopped daemon must not leave files behind that the
//! daemon cannot open.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

/// Gives a file to the owner of the data folder, where root works on it.
pub(super) fn adopt(path: &Path, data_dir: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let folder = fs::metadata(data_dir)?;
    chown(path, Some(folder.uid()), Some(folder.gid()))
}

/// A new empty file for the daemon's eyes only.
pub(super) fn new_file(path: &Path, data_dir: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    adopt(path, data_dir)?;
    Ok(file)
}

/// Makes renames and new files in a folder survive a power cut.
pub(super) fn sync_folder(data_dir: &Path) -> io::Result<()> {
    File::open(data_dir)?.sync_all()
}

/// The files of a database: itself, its log, its index of the log.
pub(super) fn database_files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
