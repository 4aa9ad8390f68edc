//! The files below `config/` that are generated from the types are the ones in the repository.
//!
//! After a change of a type: `TILLGATE_BLESS=1 cargo test -p tillgate --test generated_files`.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

use tillgate::config::{Config, example, schema};

fn config_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config")
}

fn assert_file(path: &Path, expected: &str) {
    if std::env::var_os("TILLGATE_BLESS").is_some() {
        fs::write(path, expected).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what the types say: run with TILLGATE_BLESS=1 and look at the difference",
        path.display()
    );
}

#[test]
fn the_example_is_generated_from_the_types_and_loads() {
    let path = config_dir().join("tillgate.toml");
    assert_file(&path, &example::text());
    let loaded = Config::load(&path).unwrap();
    assert!(loaded.warnings.list.is_empty(), "{}", loaded.warnings);
}

#[test]
fn the_guides_are_right() {
    for entry in fs::read_dir(config_dir().join("guides")).unwrap() {
        let path = entry.unwrap().path();
        if let Err(errors) = tillgate::config::guides::read(&path) {
            panic!("{errors}");
        }
    }
}

#[test]
fn the_schemas_are_generated_from_the_types() {
    for (name, content) in schema::files() {
        assert_file(&config_dir().join("schema").join(name), &content);
    }
}
