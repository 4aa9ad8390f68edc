//! `tillgate catalog`: the products.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::ConfigFile;
use super::import::Import;
use crate::control::Request;
use crate::store::Product;

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
    /// (required), sku. A product with a GTIN that is known is replaced. The whole file is read and checked
    /// before anything is changed.
    #[command(after_help = "\
Example:
  tillgate catalog import products.csv

Exit codes: 0 imported, 1 the daemon cannot take it, 2 the file has errors.")]
    Import {
        /// The CSV file, in UTF-8.
        file: PathBuf,
    },
}

pub(super) fn run(args: &CatalogArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let Action::Import { file } = &args.action;
    IMPORT.run(&args.config, file, out)
}

const IMPORT: Import<3, Product> = Import {
    columns: ["gtin", "sku", "description"],
    required: &["gtin", "description"],
    noun: "products",
    row: product,
    request: |products, end| Request::ImportProducts { products, end },
};

fn product(fields: [Option<String>; 3]) -> anyhow::Result<Product> {
    let [gtin, sku, description] = fields;
    let Some(gtin) = gtin else { bail!("the product has no gtin") };
    let Some(description) = description else { bail!("the product has no description") };
    Ok(Product { gtin: gtin14(&gtin)?, sku, description })
}

/// GS1 General Specifications, 7.9.1: the check digit makes the weighted sum of all digits a multiple of ten. A
/// shorter GTIN is the same number with zeros in front.
fn gtin14(text: &str) -> anyhow::Result<String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !matches!(text.len(), 8 | 12 | 13 | 14) {
        bail!(
            "{text:?} is no GTIN: expected 8, 12, 13 or 14 digits; a spreadsheet may have cut zeros off"
        );
    }
    let weighted = text.bytes().rev().zip([1, 3].into_iter().cycle());
    let sum: u32 = weighted.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    if !sum.is_multiple_of(10) {
        bail!("{text} is no GTIN: its check digit is wrong");
    }
    Ok(format!("{text:0>14}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gtins_are_checked_and_padded() {
        for (text, expected) in [
            ("96385074", "00000096385074"),
            ("036000291452", "00036000291452"),
            ("4006381333931", "04006381333931"),
            ("10614141000415", "10614141000415"),
        ] {
            assert_eq!(gtin14(text).unwrap(), expected);
        }
        for text in ["", "4006381333930", "400638133393", "40063813339E1", "4.00638E+12"] {
            assert!(gtin14(text).is_err(), "{text} was taken");
        }
    }
}
