//! `--config`, the same in every command.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, ConfigErrors, Loaded};

/// Where a packaged gateway has it.
pub(super) const USUAL_FILE: &str = "/etc/tillgate/tillgate.toml";

/// Which configuration a command works with.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The configuration.
    #[arg(
        long = "config",
        value_name = "FILE",
        env = "TILLGATE_CONFIG",
        hide_env_values = true,
        global = true,
        default_value = USUAL_FILE
    )]
    pub path: PathBuf,
}

impl ConfigFile {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn load(&self) -> Result<Loaded, ConfigErrors> {
        Config::load(&self.path)
    }
}
