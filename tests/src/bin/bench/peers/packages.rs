//! Peers from package registries, installed once below `target/peers`, each version in a folder of its own.
//!
//! Nothing of them is linked or shipped, and `tests/run` does not need them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where all are.
pub(super) fn folder() -> PathBuf {
    let here = std::env::current_dir().expect("a current directory");
    here.join("target").join("peers")
}

/// A Python package in a virtual environment: the environment's folder, or why there is none.
pub(super) fn from_pypi(package: &str, version: &str) -> Result<PathBuf, String> {
    let environment = folder().join(format!("{package}-{version}"));
    // Programs are the last that pip installs.
    if !environment.join("bin").join(package).exists() {
        println!("   installing {package} {version} from PyPI");
        let mut make = Command::new("python3");
        tool(make.args(["-m", "venv"]).arg(&environment))?;
        let mut install = Command::new(environment.join("bin/pip"));
        tool(install.args(["install", "--quiet", &format!("{package}=={version}")]))?;
    }
    Ok(environment)
}

/// Packages from npm, as `name@version`: the folder that has their `node_modules`, or why there is none. The first one
/// names the folder.
pub(super) fn from_npm(packages: &[&str]) -> Result<PathBuf, String> {
    let home = folder().join(packages[0]);
    if !home.join("node_modules/.package-lock.json").exists() {
        println!("   installing {} from npm", packages.join(" and "));
        std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
        tool(install.arg(&home).args(packages))?;
    }
    Ok(home)
}

/// Runs an installer; its last words where it fails.
fn tool(command: &mut Command) -> Result<(), String> {
    let program = Path::new(command.get_program()).display().to_string();
    let said = command.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    let words = [said.stdout, said.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    let last = words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("{program} failed: {last}"))
}
