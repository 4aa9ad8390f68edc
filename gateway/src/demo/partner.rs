//! The demo's EDI partner: drops an order and an invoice into its folder, and finds the acknowledgements there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

/// The partner's two documents. `@` stands where each copy gets a number of its own.
const DOCUMENTS: [(&str, &str); 2] =
    [("order", include_str!("850.edi.in")), ("invoice", include_str!("810.edi.in"))];

/// Between two documents.
const PAUSE: Duration = Duration::from_secs(5);

/// Drops documents until the demo ends.
pub(super) async fn work(folder: PathBuf, stop: CancellationToken) -> anyhow::Result<()> {
    for (number, (name, template)) in (1..).zip(DOCUMENTS.iter().cycle()) {
        let content = template
            .replace("@@@@@@@@@", &format!("{number:09}"))
            .replace("@@@@", &format!("{number:04}"));
        drop_file(&folder, &format!("{name}-{number}.edi"), &content)
            .await
            .context("the demo's partner cannot drop its file")?;
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            break;
        }
    }
    Ok(())
}

/// As SFTP clients should do it: written beside the folder, then moved in whole.
async fn drop_file(folder: &Path, name: &str, content: &str) -> std::io::Result<()> {
    let unfinished = folder.join("in").join(format!(".{name}"));
    tokio::fs::write(&unfinished, content).await?;
    tokio::fs::rename(&unfinished, folder.join("in").join(name)).await
}
