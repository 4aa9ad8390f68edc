//! Compiles the schema files into Rust tables.
//!
//! In: `schemas/`. Out: `schema.rs` in `OUT_DIR`, constants only. A mistake in a file stops the build and is told
//! with file and line. Never: a table that was not checked.

mod schema;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use schema::{Source, compile};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?).join("schema.rs");
    let mut cargo = io::stdout().lock();
    writeln!(cargo, "cargo::rerun-if-changed=build")?;
    writeln!(cargo, "cargo::rerun-if-changed=schemas")?;
    match compile(&sources(&root.join("schemas"))?) {
        Ok(tables) => fs::write(out, tables)?,
        Err(faults) => {
            for fault in faults {
                writeln!(cargo, "cargo::error={fault}")?;
            }
        }
    }
    Ok(())
}

/// Every text file one folder down, in the order of their names, so that a build can be repeated.
fn sources(schemas: &Path) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in entries(schemas)? {
        if !folder.is_dir() {
            continue;
        }
        for path in entries(&folder)? {
            if path.extension().is_some_and(|extension| extension == "txt") {
                let part =
                    |path: &Path| path.file_stem().map(|name| name.to_string_lossy().into_owned());
                sources.push(Source {
                    folder: part(&folder).unwrap_or_default(),
                    stem: part(&path).unwrap_or_default(),
                    text: fs::read_to_string(&path)?,
                });
            }
        }
    }
    Ok(sources)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths)
}
