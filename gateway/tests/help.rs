//! The help of every command is the one in `tests/help/`, so that a change of words is seen in review.
//!
//! After a change: `TILLGATE_BLESS=1 cargo test -p tillgate --test help`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};

fn collect(command: &mut Command, name: &str, pages: &mut BTreeMap<String, String>) {
    pages.insert(format!("{name}.txt"), command.render_long_help().to_string());
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        let name = format!("{name}-{}", sub.get_name());
        collect(sub, &name, pages);
    }
}

#[test]
fn the_help_is_the_one_in_the_repository() {
    let mut command = tillgate::cli::Cli::command().term_width(100);
    command.build();
    let mut pages = BTreeMap::new();
    collect(&mut command, "tillgate", &mut pages);

    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let entries = || fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    if std::env::var_os("TILLGATE_BLESS").is_some() {
        entries().for_each(|old| fs::remove_file(old).unwrap());
        for (name, page) in &pages {
            fs::write(dir.join(name), page).unwrap();
        }
    }
    let found: BTreeMap<String, String> = entries()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&pages));
    for (name, page) in &pages {
        assert_eq!(&found[name], page, "{name}: run with TILLGATE_BLESS=1 and look");
    }
}
