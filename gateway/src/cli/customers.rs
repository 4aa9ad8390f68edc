//! `tillgate customers`: the directory.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::ConfigFile;
use super::import::import;
use crate::control::Request;
use crate::customer::import::read_customers;

/// Brings the customers that the gateway knows in step with the CRM.
#[derive(Debug, Args)]
pub(super) struct CustomersArgs {
    #[command(flatten)]
    config: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Imports customers from a CSV file.
    ///
    /// The first line names the columns, in any order: id (required), name, loyalty, card_token, phone,
    /// email; several values in a cell have `;` between. A customer with an id that is known is replaced. The
    /// gateway keeps keyed hashes of numbers and addresses, not the values. Rows with a mistake are told and
    /// left out.
    #[command(after_help = "\
Example:
  tillgate customers import crm-export.csv

Exit codes: 0 imported, 1 the gateway cannot take it, 2 rows were left out.")]
    Import {
        /// The CSV file, in UTF-8.
        file: PathBuf,
    },
}

pub(super) fn run(args: &CustomersArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let Action::Import { file } = &args.action;
    let loaded = args.config.load()?;
    crate::run::expect_data_dir(&loaded.config.gateway.data_dir)?;
    let keys = crate::run::keys::load(&loaded.config)?;
    let csv = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let rows = read_customers(BufReader::new(csv), &keys.customer)
        .with_context(|| format!("cannot import {}", file.display()))?;
    import(&args.config, "customer", rows, |customers| Request::ImportCustomers { customers }, out)
}
