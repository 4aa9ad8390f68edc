//! Does the file have the shape of the types? The schema that the types generate is walked together with the
//! document, so that all unknown keys, missing keys, wrong types and unknown names are told at once, where serde
//! would stop at the first.

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::problem::{At, Flaw};

/// All flaws of shape.
pub(super) fn flaws(document: &Spanned<DeTable<'_>>, schema: &Json) -> Vec<Flaw> {
    let mut walk = Walk { schema, flaws: Vec::new() };
    walk.table("", document.get_ref(), schema);
    walk.flaws
}

/// The known name that was probably meant.
pub(super) fn nearest<'n>(
    unknown: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    // A third of the letters may be wrong: enough for a slip of the finger, too few for another word.
    let allowed = (unknown.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

struct Walk<'s> {
    schema: &'s Json,
    flaws: Vec<Flaw>,
}

impl<'s> Walk<'s> {
    fn table(&mut self, path: &str, table: &DeTable<'_>, schema: &'s Json) {
        let Some(properties) = schema["properties"].as_object() else { return };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let path = joined(path, name);
            match properties.get(name) {
                Some(schema) => self.value(&path, value, schema),
                None => self.unknown_key(path, name, properties.keys().map(String::as_str)),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if !table.contains_key(name) {
                self.missing_key(joined(path, name), &properties[name]);
            }
        }
    }

    fn value(&mut self, path: &str, value: &Spanned<DeValue<'_>>, schema: &'s Json) {
        let schema = self.resolved(schema);
        let expected = expected_type(schema);
        let found = type_name(value.get_ref());
        if expected.is_some_and(|expected| expected != found) {
            let expected = expected.unwrap_or_default();
            let message = format!("expected {}, found {}", words(expected), words(found));
            self.flaws.push(Flaw::error(path, At::Value, message));
            return;
        }
        match value.get_ref() {
            DeValue::Table(table) => self.table(path, table, schema),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{path}[{index}]"), item, &schema["items"]);
                }
            }
            DeValue::String(text) => self.name(path, text, schema),
            DeValue::Integer(number) => self.whole_number(path, number, schema),
            _ => {}
        }
    }

    /// Within what the type of the key can hold.
    fn whole_number(&mut self, path: &str, number: &DeInteger<'_>, schema: &'s Json) {
        let most = match schema["format"].as_str() {
            Some("uint8") => u64::from(u8::MAX),
            Some("uint16") => u64::from(u16::MAX),
            Some("uint32") => u64::from(u32::MAX),
            _ => return,
        };
        let value = u64::from_str_radix(number.as_str(), number.radix());
        if value.is_ok_and(|value| value <= most) {
            return;
        }
        let message = format!("expected a whole number from 0 to {most}");
        self.flaws.push(Flaw::error(path, At::Value, message));
    }

    /// One of a closed list of names.
    fn name(&mut self, path: &str, text: &str, schema: &'s Json) {
        let known = names(schema);
        if known.is_empty() || known.contains(&text) {
            return;
        }
        let message = match nearest(text, known.iter().copied()) {
            Some(name) => format!("{text:?} is not known; did you mean {name:?}?"),
            None => {
                let list: Vec<_> = known.iter().map(|name| format!("{name:?}")).collect();
                format!("{text:?} is not known; expected one of {}", list.join(", "))
            }
        };
        self.flaws.push(Flaw::error(path, At::Value, message));
    }

    fn unknown_key<'n>(
        &mut self,
        path: String,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        let message = match nearest(name, known.clone()) {
            Some(near) => format!("unknown key; did you mean {near:?}?"),
            None => format!("unknown key; known here: {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.flaws.push(Flaw::error(path, At::Key, message));
    }

    fn missing_key(&mut self, path: String, schema: &'s Json) {
        let example = schema["examples"].get(0);
        let is_section = self.resolved(schema)["properties"].is_object();
        let message = match example {
            None if is_section => {
                "this section is missing; a commented example is config/tillgate.toml".to_owned()
            }
            Some(example) => format!("is required, for example {example}"),
            None => "is required".to_owned(),
        };
        self.flaws.push(Flaw::error(path, At::Key, message));
    }

    /// Follows a reference, and looks through an `Option`.
    fn resolved(&self, schema: &'s Json) -> &'s Json {
        let inner = schema["anyOf"]
            .as_array()
            .and_then(|options| options.iter().find(|option| option["type"] != "null"))
            .unwrap_or(schema);
        inner["$ref"]
            .as_str()
            .and_then(|reference| self.schema.pointer(reference.trim_start_matches('#')))
            .unwrap_or(inner)
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The JSON type that a schema asks for; none where it does not say.
fn expected_type(schema: &Json) -> Option<&str> {
    match &schema["type"] {
        Json::String(name) => Some(name),
        Json::Array(options) => {
            options.iter().filter_map(Json::as_str).find(|name| *name != "null")
        }
        _ if names(schema).is_empty() => None,
        _ => Some("string"),
    }
}

/// The names that a schema of an enum allows.
fn names(schema: &Json) -> Vec<&str> {
    let constants = schema["oneOf"].as_array().into_iter().flatten().map(|option| &option["const"]);
    let listed = schema["enum"].as_array().into_iter().flatten();
    constants.chain(listed).filter_map(Json::as_str).collect()
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

fn words(type_name: &str) -> &str {
    match type_name {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "date" => "a date",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["url", "version", "username", "ca_file"];
        for (unknown, expected) in [
            ("urll", Some("url")),
            ("user_name", Some("username")),
            ("cafile", Some("ca_file")),
            ("broker", None),
            ("x", None),
        ] {
            assert_eq!(nearest(unknown, known), expected, "{unknown}");
        }
    }
}
