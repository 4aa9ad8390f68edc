//! `tillgate catalog`: the products.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::ConfigFile;
use super::import::import;
use crate::control::Request;
use crate::customer::import::read_products;

/// Brings the products that the gateway knows up to date.
#[derive(Debug, Args)]
pub(super) struct CatalogArgs {
    #[command(flatten)]
    config: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Imports products from a CSV file.
    ///
    /// The first line names the columns, in any order: gtin (required; 8, 12, 13 or 14 digits), description
    /// (required), sku. A product with a GTIN that is known is replaced. Rows with a mistake are told and
    /// left out.
    #[command(after_help = "\
Example:
  tillgate catalog import products.csv

Exit codes: 0 imported, 1 the gateway cannot take it, 2 rows were left out.")]
    Import {
        /// The CSV file, in UTF-8.
        file: PathBuf,
    },
}

pub(super) fn run(args: &CatalogArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let Action::Import { file } = &args.action;
    let csv = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let rows = read_products(BufReader::new(csv))
        .with_context(|| format!("cannot import {}", file.display()))?;
    import(&args.config, "product", rows, |products| Request::ImportProducts { products }, out)
}
