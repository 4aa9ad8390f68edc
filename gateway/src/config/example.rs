//! The commented example that operators copy, `config/tillgate.toml`, made of the types: their doc comments,
//! defaults and examples. So the example cannot part from what the gateway reads.

use std::fmt::Write;

use serde::de::{self, Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    Barcodes, Cards, Config, Device, Disk, Edi, FunctionCode, Gateway, Http, Lane, Limits, Log,
    LoyaltyCard, Mqtt, Partner, Retention, ScaleLabel, Terminal, TerminalStream, TradingIdentity,
    Viewer, schema,
};

const LINE_CHARS_MAX: usize = 100;

const HEAD: &str = "\
# The configuration of one tillgate gateway. `tillgate check` proves it without starting anything.
#
# Lines that begin with `#` and a blank explain. Lines that begin with `#` alone are settings:
# delete the `#` to use them. A setting that has a default shows it, the others show an example.
# Nothing here is secret: passwords and keys are named by their files, tokens stand here as hashes.
";

/// Keys that are optional in general and needed by the example's broker, which is reached with TLS.
const ACTIVE: &[(&str, &str)] = &[("Mqtt", "ca_file")];

/// The example file.
#[must_use]
pub fn text() -> String {
    let schema = schema::of_config();
    let example = Example { schema: schema.as_value() };
    let mut text = HEAD.to_owned();
    for section in fields::<Config>() {
        example.section(&mut text, section);
    }
    text
}

/// The names of a type's fields in the order of the source, which the schema, a sorted map, does not keep.
fn fields<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // The error only says that there was nothing to read.
    let _nothing = T::deserialize(FieldNames(&mut names));
    names
}

/// The fields of a type that the schema names.
fn fields_of(type_name: &str) -> &'static [&'static str] {
    match type_name {
        "Gateway" => fields::<Gateway>(),
        "Mqtt" => fields::<Mqtt>(),
        "Http" => fields::<Http>(),
        "TerminalStream" => fields::<TerminalStream>(),
        "Disk" => fields::<Disk>(),
        "Retention" => fields::<Retention>(),
        "Cards" => fields::<Cards>(),
        "Barcodes" => fields::<Barcodes>(),
        "Edi" => fields::<Edi>(),
        "Limits" => fields::<Limits>(),
        "Log" => fields::<Log>(),
        "Lane" => fields::<Lane>(),
        "Terminal" => fields::<Terminal>(),
        "Device" => fields::<Device>(),
        "Partner" => fields::<Partner>(),
        "ScaleLabel" => fields::<ScaleLabel>(),
        "LoyaltyCard" => fields::<LoyaltyCard>(),
        "FunctionCode" => fields::<FunctionCode>(),
        "TradingIdentity" => fields::<TradingIdentity>(),
        "Viewer" => fields::<Viewer>(),
        _ => &[],
    }
}

struct Example<'s> {
    schema: &'s Value,
}

impl<'s> Example<'s> {
    fn section(&self, text: &mut String, name: &str) {
        let property = &self.schema["properties"][name];
        let list = property["type"] == "array";
        let reference = if list { &property["items"]["$ref"] } else { &property["$ref"] };
        let (type_name, definition) = self.definition(reference);
        text.push('\n');
        comment(text, &description(property, definition));
        let header = if list { format!("[[{name}]]") } else { format!("[{name}]") };
        // An entry of a list is a made-up device or sender, and its token is known to everybody.
        let _ = writeln!(text, "{}{header}", if list { "#" } else { "" });
        for field in fields_of(type_name) {
            self.field(text, (type_name, field), list, definition);
        }
    }

    fn field(&self, text: &mut String, key: (&str, &str), in_list: bool, definition: &'s Value) {
        let (_, field) = key;
        let property = &definition["properties"][field];
        comment(text, property["description"].as_str().unwrap_or_default());
        let required = contains(&definition["required"], field);
        let active = !in_list && (required || ACTIVE.contains(&key));
        let default = property.get("default").filter(|default| !default.is_null());
        let value =
            default.or_else(|| property["examples"].get(0)).map(toml_value).unwrap_or_default();
        let _ = writeln!(text, "{}{field} = {value}", if active { "" } else { "#" });
    }

    fn definition(&self, reference: &'s Value) -> (&'s str, &'s Value) {
        let name = reference.as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        (name, &self.schema["$defs"][name])
    }
}

fn contains(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|item| item == name))
}

/// What the field says of the section, and what the section's type adds behind the colon.
fn description(property: &Value, definition: &Value) -> String {
    let of_field = property["description"].as_str().unwrap_or_default();
    let of_type = definition["description"].as_str().unwrap_or_default();
    match of_type.split_once(": ") {
        Some((_, more)) => format!("{of_field} {}", capitalised(more)),
        None => of_field.to_owned(),
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > LINE_CHARS_MAX {
            text.push_str(&line);
            text.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let pairs: Vec<_> = ordered(entries)
                .map(|(key, value)| format!("{key} = {}", toml_value(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        // Strings, numbers and booleans are written alike in JSON and TOML.
        other => other.to_string(),
    }
}

/// The one inline table of the configuration is an identity in an interchange.
fn ordered(entries: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let names = fields_of("TradingIdentity").iter();
    names.filter_map(|name| entries.get(*name).map(|value| (*name, value)))
}

/// A deserializer that holds nothing: it only notes which fields a type asks for.
struct FieldNames<'n>(&'n mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = de::value::Error;

    fn deserialize_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(de::Error::custom("no value"))
    }

    fn deserialize_any<V: de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("no value"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    #[test]
    fn every_table_of_the_schema_is_in_the_example() {
        let schema = schema::of_config();
        for (name, definition) in schema.as_value()["$defs"].as_object().unwrap() {
            let Some(properties) = definition["properties"].as_object() else { continue };
            let mut known: Vec<_> = fields_of(name).to_vec();
            known.sort_unstable();
            assert_eq!(properties.keys().collect::<Vec<_>>(), known, "add {name} to fields_of");
        }
    }

    #[test]
    fn no_setting_is_without_a_value_and_no_line_too_long() {
        for line in text().lines() {
            assert!(!line.ends_with("= "), "{line}: add a default or an example to its type");
            assert!(line.chars().count() <= LINE_CHARS_MAX || !line.starts_with("# "), "{line}");
        }
    }

    #[test]
    fn the_example_can_be_used_as_it_is_and_with_all_settings() {
        let loaded = Config::parse(Path::new("example"), &text()).unwrap();
        assert!(loaded.warnings.list.is_empty(), "{}", loaded.warnings);
        let all: String = text()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        // The example's senders share one token, which is no good idea in a store.
        let told = Config::parse(Path::new("example"), &all).unwrap_err();
        // Nor is a device named in two ways.
        let (ports, tokens): (Vec<_>, Vec<_>) =
            told.0.list.iter().partition(|problem| problem.key.ends_with("port"));
        assert_eq!((ports.len(), tokens.len()), (1, 2), "{told}");
        assert!(tokens.iter().all(|problem| problem.key.ends_with("token_sha256")), "{told}");
    }
}
