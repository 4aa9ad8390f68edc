//! Asking the daemon, or working on its data while it is stopped.

use super::ConfigFile;
use crate::control::{self, ControlError, Request, Response};

/// The daemon's answer. Where no daemon runs, the same is done on its data; only its state needs it running.
pub(super) fn ask(config: &ConfigFile, request: Request) -> anyhow::Result<Response> {
    let loaded = config.load()?;
    match control::call(&loaded.config.gateway.data_dir, &request) {
        Err(error @ ControlError::NotRunning(_)) => match request {
            Request::Status => Err(anyhow::anyhow!(
                "{error}: start it with `systemctl start tillgate`, and see `journalctl -u tillgate` where it does not stay"
            )),
            request => crate::run::offline(loaded, request),
        },
        answered => Ok(answered?),
    }
}

/// The daemon answered a question that was not asked: both are of different versions.
pub(super) fn unexpected(response: &Response) -> anyhow::Error {
    anyhow::anyhow!("the daemon gave an answer of another kind: {response:?}")
}
