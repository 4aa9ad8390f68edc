//! `tillgate token`: a new token and the configuration line that knows it.

use std::io::Write;

use clap::{Args, ValueEnum};
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::exit;

/// 256 bits: a token is never guessed, so a plain hash of it may stand in the configuration.
const TOKEN_BYTES: usize = 32;

/// Makes a token for a terminal, partner or viewer.
///
/// The token is shown this once and stored nowhere; the configuration holds its hash only. With --kind and
/// --id the whole block for the configuration is printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate token
  tillgate token --kind terminal --id 03

The first line of the output is the token: give it to the sender. The rest goes into the configuration.")]
pub(super) struct TokenArgs {
    /// What the token is for.
    #[arg(long, requires = "id")]
    kind: Option<Kind>,
    /// The name of the terminal, partner or viewer.
    #[arg(long, requires = "kind", value_name = "ID")]
    id: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Terminal,
    Partner,
    Viewer,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Partner => "partner",
            Self::Viewer => "viewer",
        }
    }
}

pub(super) fn run(args: &TokenArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let mut random = Zeroizing::new([0; TOKEN_BYTES]);
    rand::rngs::OsRng.try_fill_bytes(&mut *random)?;
    let token = Zeroizing::new(hex::encode(*random));
    writeln!(out, "{}", *token)?;
    write!(out, "{}", configuration(&token, args))?;
    Ok(exit::FINE)
}

fn configuration(token: &str, args: &TokenArgs) -> String {
    let hash = hex::encode(Sha256::digest(token.as_bytes()));
    let line = format!("token_sha256 = \"{hash}\"\n");
    match (args.kind, &args.id) {
        (Some(kind), Some(id)) => {
            let more = match kind {
                Kind::Partner => TRADING_IDENTITY,
                Kind::Terminal | Kind::Viewer => "",
            };
            format!("\n[[{}]]\nid = {id:?}\n{line}{more}", kind.table())
        }
        _ => line,
    }
}

/// Only the partner knows it.
const TRADING_IDENTITY: &str = "\
# The sender of its interchanges (ISA05 and ISA06), so that nobody else is taken for it:
#x12 = { qualifier = \"ZZ\", id = \"\u{2026}\" }
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, example};
    use std::path::Path;

    #[test]
    fn the_block_can_be_added_to_the_configuration() {
        for (kind, id) in [(Kind::Terminal, "03"), (Kind::Partner, "p"), (Kind::Viewer, "v")] {
            let args = TokenArgs { kind: Some(kind), id: Some(id.to_owned()) };
            let text = example::text() + &configuration("secret", &args);
            let config = Config::parse(Path::new("t"), &text).unwrap().config;
            let hash = match kind {
                Kind::Terminal => config.terminals[0].token_sha256,
                Kind::Partner => config.partners[0].token_sha256.unwrap(),
                Kind::Viewer => config.viewers[0].token_sha256,
            };
            assert_eq!(hash.0, <[u8; 32]>::from(Sha256::digest("secret")));
        }
    }
}
