//! The guest's kernel: a Debian package that was unpacked, not installed. `tests/run` brings it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use memchr::memmem;

/// A kernel with its modules.
pub(crate) struct Kernel {
    /// What boots.
    pub(crate) image: PathBuf,
    /// File of each module, by its name with `_` for `-`.
    modules: BTreeMap<String, PathBuf>,
    built_in: String,
}

impl Kernel {
    /// The kernel in a folder, if there is one.
    pub(crate) fn unpacked_in(folder: &Path) -> Option<Self> {
        let boot = files(&folder.join("boot"));
        let image = boot.into_iter().find(|file| name(file).starts_with("vmlinuz-"))?;
        // Newer packages have them below /usr.
        let roots = [folder.join("lib/modules"), folder.join("usr/lib/modules")];
        let all: Vec<PathBuf> = roots.iter().flat_map(|root| files(root)).collect();
        let built_in = all.iter().find(|file| file.ends_with("modules.builtin"));
        let built_in = built_in.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let modules = all.into_iter().filter_map(|file| {
            let (module, _) = name(&file).split_once(".ko")?;
            Some((module.replace('-', "_"), file))
        });
        Some(Self { image, modules: modules.collect(), built_in })
    }

    /// The modules of these names and all that they need, in the order in which they can be loaded.
    pub(crate) fn modules(&self, wanted: &[&str]) -> Vec<(String, Vec<u8>)> {
        let mut order = Vec::new();
        wanted.iter().for_each(|module| self.add(module, &mut order));
        order
    }

    fn add(&self, module: &str, order: &mut Vec<(String, Vec<u8>)>) {
        let module = module.replace('-', "_");
        let file_name = format!("{module}.ko");
        if order.iter().any(|(known, _)| *known == file_name) {
            return;
        }
        let Some(file) = self.modules.get(&module) else {
            let built_in = self.built_in.replace('-', "_").contains(&format!("/{file_name}"));
            assert!(built_in, "the kernel has no module {module}");
            return;
        };
        let content = unpacked(file);
        for needed in needed_by(&content).split(',').filter(|needed| !needed.is_empty()) {
            self.add(needed, order);
        }
        order.push((file_name, content));
    }
}

/// `depends=a,b` in the module's section `.modinfo`, where each entry ends with a NUL.
fn needed_by(module: &[u8]) -> String {
    let key = b"\0depends=";
    let Some(at) = memmem::find(module, key) else { return String::new() };
    let value = module[at + key.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}

/// Debian 12 packs modules plain, Debian 13 with xz.
fn unpacked(file: &Path) -> Vec<u8> {
    if file.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(file).expect("a module");
    }
    let output = Command::new("xz").arg("-dc").arg(file).output().expect("xz");
    assert!(output.status.success(), "xz: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .flat_map(|entry| {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect();
    found.sort();
    found
}
