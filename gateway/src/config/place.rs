//! Where each key of the file stands, so that a flaw that is found later can still be shown in its place.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{At, Flaw, Problem};

/// Bytes of a key and of its value, by dotted path.
#[derive(Debug, Default)]
pub(super) struct Places {
    keys: BTreeMap<String, (Range<usize>, Range<usize>)>,
    ids: BTreeMap<String, String>,
}

impl Places {
    /// Notes the place of every key of a document.
    pub(super) fn of(document: &DeTable<'_>) -> Self {
        let mut places = Self::default();
        places.add_table("", document);
        places
    }

    /// Puts a flaw in its place. A key that the file does not have is shown at the table that lacks it.
    pub(super) fn problem(&self, flaw: Flaw) -> Problem {
        let Flaw { path, at, severity, message } = flaw;
        let mut near = path.as_str();
        let span = loop {
            if let Some((key, value)) = self.keys.get(near) {
                let exact = near.len() == path.len();
                break Some(if at == At::Value && exact { value } else { key }.clone());
            }
            match near.rfind('.') {
                Some(dot) => near = near.get(..dot).unwrap_or_default(),
                None => break None,
            }
        };
        Problem { severity, key: self.label(&path), message, span }
    }

    /// The path of the innermost key whose value covers an offset.
    pub(super) fn path_at(&self, offset: usize) -> String {
        self.keys
            .iter()
            .filter(|(_, (key, value))| value.contains(&offset) || key.contains(&offset))
            .min_by_key(|(_, (_, value))| value.len())
            .map(|(path, _)| path.clone())
            .unwrap_or_default()
    }

    /// A path as the operator wrote it: `[mqtt] url`, `[[device]] "scanner-3" port`.
    fn label(&self, path: &str) -> String {
        let (section, rest) = path.split_once('.').unwrap_or((path, ""));
        let header = match section.split_once('[') {
            Some((name, index)) => {
                let number = index.trim_end_matches(']').parse().unwrap_or(0_usize) + 1;
                let id = self.ids.get(section);
                let entry = id.map_or_else(|| format!("#{number}"), |id| format!("{id:?}"));
                format!("[[{name}]] {entry}")
            }
            None if rest.is_empty() => section.to_owned(),
            None => format!("[{section}]"),
        };
        if rest.is_empty() { header } else { format!("{header} {rest}") }
    }

    fn add_table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref();
            let path =
                if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            if name == "id"
                && let DeValue::String(id) = value.get_ref()
            {
                self.ids.insert(prefix.to_owned(), id.to_string());
            }
            self.add_value(path, key.span(), value);
        }
    }

    fn add_value(&mut self, path: String, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(&path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add_value(format!("{path}[{index}]"), item.span(), item);
                }
            }
            _ => {}
        }
        self.keys.insert(path, (key, value.span()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_shown_where_they_are() {
        let text = "[mqtt]\nurl = \"x\"\n[[device]]\nid = \"s1\"\n[[device]]\nport = 1\n";
        let places = Places::of(DeTable::parse(text).unwrap().get_ref());
        for (path, at, key, marked) in [
            ("mqtt.url", At::Key, "[mqtt] url", "url"),
            ("mqtt.url", At::Value, "[mqtt] url", "\"x\""),
            ("mqtt.ca_file", At::Value, "[mqtt] ca_file", "mqtt"),
            ("device[0].lane", At::Value, "[[device]] \"s1\" lane", "[[device]]"),
            ("device[1].port", At::Value, "[[device]] #2 port", "1"),
        ] {
            let problem = places.problem(Flaw::error(path, at, "m"));
            assert_eq!((problem.key.as_str(), &text[problem.span.unwrap()]), (key, marked));
        }
        assert_eq!(places.problem(Flaw::error("gateway", At::Key, "m")).span, None);
        assert_eq!(places.path_at(text.find("\"x\"").unwrap()), "mqtt.url");
    }
}
