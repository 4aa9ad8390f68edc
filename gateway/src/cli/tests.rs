//! The command line as a whole.

use clap::CommandFactory;

use super::Cli;

#[test]
fn the_definition_holds() {
    Cli::command().debug_assert();
}
