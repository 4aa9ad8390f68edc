//! The demo's EDI partner: drops an order and an invoice into its folder, and finds the acknowledgements there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

/// The partner's two documents. `@` stands where each copy gets a number of its own.
const DOCUMENTS: [(&str, &str); 2] =
    [("order", include_str!("850.edi.in")), ("invoice", include_str!("810.edi.in"))];

/// Between two looks for an acknowledgement.
const LOOK: Duration = Duration::from_millis(100);

/// Between two documents.
const PAUSE: Duration = Duration::from_secs(5);

/// Drops documents until the demo ends, and tells of the acknowledgements that it finds.
pub(super) async fn work(
    folder: PathBuf,
    tell: impl Fn(&str) -> std::io::Result<()>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (out, mut seen) = (folder.join("out"), BTreeSet::new());
    for (number, (name, template)) in (1..).zip(DOCUMENTS.iter().cycle()) {
        let content = template
            .replace("@@@@@@@@@", &format!("{number:09}"))
            .replace("@@@@", &format!("{number:04}"));
        drop_file(&folder, &format!("{name}-{number}.edi"), &content)
            .await
            .context("the demo's partner cannot drop its file")?;
        let answered = tokio::time::timeout(PAUSE, acknowledgement(&out, &mut seen));
        match stop.run_until_cancelled(answered).await {
            Some(Ok(answer)) => {
                tell(&format!("{name}-{number}.edi of bigbox is answered: {}", answer?))?;
            }
            Some(Err(_)) => tell(&format!("{name}-{number}.edi of bigbox is not answered yet"))?,
            None => break,
        }
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            break;
        }
    }
    Ok(())
}

/// The next acknowledgement: its file's name and its verdict, the AK5 segment.
async fn acknowledgement(out: &Path, seen: &mut BTreeSet<OsString>) -> std::io::Result<String> {
    loop {
        for entry in std::fs::read_dir(out)? {
            let entry = entry?;
            if seen.insert(entry.file_name()) {
                let content = std::fs::read_to_string(entry.path())?;
                let verdict =
                    content.split('~').map(str::trim).find(|segment| segment.starts_with("AK5"));
                return Ok(format!(
                    "{} says {}",
                    entry.file_name().display(),
                    verdict.unwrap_or("nothing of it")
                ));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// As SFTP clients should do it: written beside the folder, then moved in whole.
async fn drop_file(folder: &Path, name: &str, content: &str) -> std::io::Result<()> {
    let unfinished = folder.join("in").join(format!(".{name}"));
    tokio::fs::write(&unfinished, content).await?;
    tokio::fs::rename(&unfinished, folder.join("in").join(name)).await
}
