//! The gateway's configuration as a test writes it: a table that becomes TOML.

use std::fmt;
use std::path::Path;

use toml::{Table, Value};

/// A configuration file.
#[derive(Debug, Clone, Default)]
pub struct Config(Table);

impl Config {
    /// Sets `key` in `[section]`, which is made when it is missing.
    ///
    /// # Panics
    ///
    /// When the section is no table.
    pub fn set(&mut self, section: &str, key: &str, value: impl Into<Value>) -> &mut Self {
        let table = self.0.entry(section).or_insert_with(|| Value::Table(Table::new()));
        table.as_table_mut().expect("a section is a table").insert(key.to_owned(), value.into());
        self
    }

    /// Takes `key` out of `[section]`.
    pub fn unset(&mut self, section: &str, key: &str) -> &mut Self {
        if let Some(table) = self.0.get_mut(section).and_then(Value::as_table_mut) {
            table.remove(key);
        }
        self
    }

    /// Adds a `[[section]]` with these keys.
    ///
    /// # Panics
    ///
    /// When the section is no list.
    pub fn add<'a>(
        &mut self,
        section: &str,
        keys: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> &mut Self {
        let entry = keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let list = self.0.entry(section).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().expect("a section is a list").push(Value::Table(entry));
        self
    }

    /// Sets `key` in every `[[section]]`.
    pub fn set_in(&mut self, section: &str, key: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        for entry in self.0.get_mut(section).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(table) = entry.as_table_mut() {
                table.insert(key.to_owned(), value.clone());
            }
        }
        self
    }

    /// Takes all of `[[section]]` out.
    pub fn remove(&mut self, section: &str) -> &mut Self {
        self.0.remove(section);
        self
    }

    /// Where the data is.
    ///
    /// # Panics
    ///
    /// When the configuration does not say.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        Path::new(self.0["gateway"]["data_dir"].as_str().expect("a data_dir"))
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A path as a configuration value.
#[must_use]
pub fn path(path: &Path) -> Value {
    Value::String(path.to_string_lossy().into_owned())
}

/// An X12 identity as a configuration value.
#[must_use]
pub fn x12(id: &str) -> Value {
    let pairs = [("qualifier", "ZZ"), ("id", id)];
    Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect())
}
