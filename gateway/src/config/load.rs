//! Reading the file: bytes to a [`Config`] or to everything that is wrong with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tillgate_record::Severity;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::place::Places;
use super::problem::{At, ConfigErrors, Flaw, Problem, Problems};
use super::{guides, shape, validate};

/// No hand-written configuration comes near: a larger file is a mistake, such as a device or a log.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Keys that earlier versions knew: dotted path and what replaced them. They are warned about and left out, since
/// refusing them would stop a store's gateway on an upgrade. A key stays here for at least one release.
const RETIRED: &[(&str, &str)] = &[];

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub config: Arc<Config>,
    /// What is odd, though allowed.
    pub warnings: Problems,
}

impl Config {
    /// Reads and checks a file, and the implementation guides that it names. Opens nothing else.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file, each with its place; or with the first guide that has a fault.
    pub fn load(path: &Path) -> Result<Loaded, ConfigErrors> {
        let text = read(path).map_err(|message| {
            let problem =
                Problem { severity: Severity::Error, key: String::new(), message, span: None };
            ConfigErrors(Problems {
                file: path.to_owned(),
                text: String::new(),
                list: vec![problem],
            })
        })?;
        let mut loaded = Self::parse(path, &text)?;
        guides::load(path, Arc::make_mut(&mut loaded.config))?;
        Ok(loaded)
    }

    /// Checks the text of a file. `path` only names it in messages.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text, each with its place.
    pub fn parse(path: &Path, text: &str) -> Result<Loaded, ConfigErrors> {
        let (config, mut list) = read_text(text, RETIRED);
        list.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
        let problems = Problems { file: path.to_owned(), text: text.to_owned(), list };
        match config {
            Some(config) if !has_error(&problems.list) => {
                let config =
                    Self { version: version_from(Sha256::new_with_prefix(text)), ..config };
                Ok(Loaded { config: Arc::new(config), warnings: problems })
            }
            _ => Err(ConfigErrors(problems)),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    text_of(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!(
            "cannot read the file: {error}; name it with --config or TILLGATE_CONFIG; a commented example is config/tillgate.toml"
        ),
        _ => format!("cannot read the file: {error}"),
    })
}

/// The text of a file that people write.
pub(super) fn text_of(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX + 1;
    let read = File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read == limit) {
        let message = format!("expected at most {FILE_BYTES_MAX} bytes, found more");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let message = format!("expected UTF-8 text, found another byte at offset {offset}");
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// What records name: 16 hex digits.
pub(super) fn version_from(digest: Sha256) -> String {
    let mut version = hex::encode(digest.finalize());
    version.truncate(16);
    version
}

fn has_error(list: &[Problem]) -> bool {
    list.iter().any(|problem| problem.severity == Severity::Error)
}

/// Each step needs the one before: syntax, shape, values, and what the values mean together.
fn read_text(text: &str, retired: &[(&str, &str)]) -> (Option<Config>, Vec<Problem>) {
    let (mut document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return (None, errors.iter().map(syntax_problem).collect());
    }
    let places = Places::of(document.get_ref());
    let mut flaws = take_retired(&mut document, retired);
    flaws.extend(shape::flaws(&document, super::schema::of_config().as_value()));
    let mut problems: Vec<_> = flaws.into_iter().map(|flaw| places.problem(flaw)).collect();
    if has_error(&problems) {
        return (None, problems);
    }
    match Config::deserialize(toml::de::Deserializer::from(document)) {
        Ok(config) => {
            let flaws = validate::flaws(&config);
            problems.extend(flaws.into_iter().map(|flaw| places.problem(flaw)));
            (Some(config), problems)
        }
        Err(error) => {
            problems.push(value_problem(&error, &places));
            (None, problems)
        }
    }
}

pub(super) fn syntax_problem(error: &toml::de::Error) -> Problem {
    Problem {
        severity: Severity::Error,
        key: String::new(),
        message: format!("this is not TOML: {}", error.message()),
        span: error.span(),
    }
}

pub(super) fn value_problem(error: &toml::de::Error, places: &Places) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let path = places.path_at(span.start);
    let mut problem = places.problem(Flaw::error(path, At::Value, error.message()));
    problem.span = Some(span);
    problem
}

fn take_retired(document: &mut Spanned<DeTable<'_>>, retired: &[(&str, &str)]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (path, advice) in retired {
        let (section, key) = path.split_once('.').unwrap_or(("", path));
        let table = match section {
            "" => Some(document.get_mut()),
            name => match document.get_mut().get_mut(name).map(Spanned::get_mut) {
                Some(DeValue::Table(table)) => Some(table),
                _ => None,
            },
        };
        if table.and_then(|table| table.remove(key)).is_some() {
            let message = format!("this key is no longer used and has no effect: {advice}");
            flaws
                .push(Flaw { severity: Severity::Warning, ..Flaw::error(*path, At::Key, message) });
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[gateway]\norg = \"acme\"\nstore = \"1\"\nid = \"gw\"\ndata_dir = \"/d\"\n\
                        currency = \"CNY\"\n[mqtt]\nurl = \"mqtt://localhost\"\n";

    fn errors(text: &str) -> String {
        Config::parse(Path::new("t.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_has_a_version_and_no_warnings() {
        let loaded = Config::parse(Path::new("t.toml"), GOOD).unwrap();
        assert_eq!(loaded.config.version.len(), 16);
        assert!(loaded.warnings.list.is_empty(), "{}", loaded.warnings);
    }

    #[test]
    fn all_flaws_of_shape_are_told_at_once() {
        let text = "[gateway]\norg = \"acme\"\nstore = 42\nid = \"gw\"\ndata_dir = \"/d\"\n\
                    [mqtt]\nurll = \"mqtt://localhost\"\nconfirm = \"pubback\"\n[htttp]\n";
        assert_eq!(
            errors(text),
            r#"t.toml:1:2: [gateway] currency: is required, for example "CNY"
  1 | [gateway]
    |  ^^^^^^^
t.toml:3:9: [gateway] store: expected text in quotes, found a whole number
  3 | store = 42
    |         ^^
t.toml:6:2: [mqtt] url: is required, for example "mqtts://broker.example:8883"
  6 | [mqtt]
    |  ^^^^
t.toml:7:1: [mqtt] urll: unknown key; did you mean "url"?
  7 | urll = "mqtt://localhost"
    | ^^^^
t.toml:8:11: [mqtt] confirm: "pubback" is not known; did you mean "puback"?
  8 | confirm = "pubback"
    |           ^^^^^^^^^
t.toml:9:2: htttp: unknown key; did you mean "http"?
  9 | [htttp]
    |  ^^^^^
"#
        );
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let told = errors("[gateway]\norg = acme\nid = 'gw\n");
        assert!(told.starts_with("t.toml:2:7: this is not TOML: "), "{told}");
        assert!(told.contains("t.toml:3:"), "{told}");
    }

    #[test]
    fn values_of_our_own_types_have_a_place() {
        let told = errors(&format!("{GOOD}[disk]\nbudget = \"2 GB\"\n"));
        assert!(told.starts_with("t.toml:10:10: [disk] budget: expected a whole number"), "{told}");
        let told = errors(&format!("{GOOD}version = 300\n"));
        assert!(told.starts_with("t.toml:9:11: [mqtt] version: "), "{told}");
    }

    #[test]
    fn a_retired_key_is_a_warning() {
        let text = format!("{GOOD}qos = 1\n");
        let (config, problems) = read_text(&text, &[("mqtt.qos", "records always go with QoS 1")]);
        assert!(config.is_some());
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].severity, Severity::Warning);
        assert!(read_text(&text, &[]).0.is_none());
    }

    #[test]
    fn an_unreadable_file_says_so() {
        let told = Config::load(Path::new("/dev/zero")).unwrap_err().to_string();
        assert_eq!(
            told,
            "/dev/zero: cannot read the file: expected at most 4194304 bytes, found more\n"
        );
        let told = Config::load(Path::new("/nonexistent/t.toml")).unwrap_err().to_string();
        assert!(told.starts_with("/nonexistent/t.toml: cannot read the file: "), "{told}");
    }
}
