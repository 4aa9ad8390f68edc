//! `tillgate customers`: the directory.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::ConfigFile;
use super::import::Import;
use crate::control::{CustomerRow, Request};

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
    /// email. A customer with an id that is known is replaced. The gateway keeps keyed hashes of loyalty
    /// numbers, tokens, telephone numbers and addresses, not the values. The whole file is read and checked
    /// before anything is changed.
    #[command(after_help = "\
Example:
  tillgate customers import crm-export.csv

Exit codes: 0 imported, 1 the daemon cannot take it, 2 the file has errors.")]
    Import {
        /// The CSV file, in UTF-8.
        file: PathBuf,
    },
}

pub(super) fn run(args: &CustomersArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let Action::Import { file } = &args.action;
    IMPORT.run(&args.config, file, out)
}

const IMPORT: Import<6, CustomerRow> = Import {
    columns: ["id", "name", "loyalty", "card_token", "phone", "email"],
    required: &["id"],
    noun: "customers",
    row: customer,
    request: |customers, end| Request::ImportCustomers { customers, end },
};

fn customer(fields: [Option<String>; 6]) -> anyhow::Result<CustomerRow> {
    let [id, name, loyalty, card_token, phone, email] = fields;
    let Some(id) = id else { bail!("the customer has no id") };
    Ok(CustomerRow { id, name, loyalty, card_token, phone, email })
}
