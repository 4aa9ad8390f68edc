//! Asking the daemon.

use anyhow::Context;

use super::ConfigFile;
use crate::control::{self, ControlError, Request, Response};

/// The daemon's answer. Where no daemon runs, the error says how to start one.
pub(super) fn ask(config: &ConfigFile, request: &Request) -> anyhow::Result<Response> {
    let loaded = config.load()?;
    match control::call(&loaded.config.gateway.data_dir, request) {
        Err(error @ ControlError::NotRunning(_)) => Err(anyhow::Error::from(error).context(
            "start it with `systemctl start tillgate`, and see `journalctl -u tillgate` where it does not stay",
        )),
        answered => answered.context("the daemon was asked"),
    }
}

/// The daemon answered a question that was not asked: both are of different versions.
pub(super) fn unexpected(response: &Response) -> anyhow::Error {
    anyhow::anyhow!("the daemon gave an answer of another kind: {response:?}")
}
