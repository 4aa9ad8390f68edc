//! Partners' implementation guides: TOML files, read and checked together with the configuration that names them.
//!
//! In: the path of a guide. Out: the guide, or all that is wrong with the file, each with its place. Never: a guide
//! that is left out because it is wrong.

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tillgate_parsers::edi::Guide;
use tillgate_parsers::edi::guide::GuideText;
use tillgate_record::Severity;
use toml::de::DeTable;

use super::load;
use super::place::Places;
use super::problem::{At, ConfigErrors, Flaw, Problem, Problems};
use super::{Config, Partner};

/// Reads and checks a guide.
///
/// # Errors
///
/// All that is wrong with the file, each with its place.
pub fn read(path: &Path) -> Result<Guide, ConfigErrors> {
    parse(path, &text_of(path)?)
}

fn text_of(path: &Path) -> Result<String, ConfigErrors> {
    load::text_of(path).map_err(|error| {
        let message = format!("cannot read the guide: {error}");
        let problem =
            Problem { severity: Severity::Error, key: String::new(), message, span: None };
        errors(path, "", vec![problem])
    })
}

/// Checks the text of a guide. `path` only names it in messages.
fn parse(path: &Path, text: &str) -> Result<Guide, ConfigErrors> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(errors(path, text, syntax.iter().map(load::syntax_problem).collect()));
    }
    let places = Places::of(document.get_ref());
    let said = GuideText::deserialize(toml::de::Deserializer::from(document))
        .map_err(|error| errors(path, text, vec![load::value_problem(&error, &places)]))?;
    Guide::new(said).map_err(|faults| {
        let flaw = |fault: tillgate_parsers::edi::guide::GuideFault| {
            places.problem(Flaw::error(fault.key, At::Value, fault.message))
        };
        let mut list: Vec<_> = faults.0.into_iter().map(flaw).collect();
        list.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
        errors(path, text, list)
    })
}

fn errors(path: &Path, text: &str, list: Vec<Problem>) -> ConfigErrors {
    ConfigErrors(Problems { file: path.to_owned(), text: text.to_owned(), list })
}

/// Reads the guides of all partners. What they say is part of the configuration's version.
///
/// # Errors
///
/// All that is wrong with the first guide that has a fault.
pub(super) fn load(file: &Path, config: &mut Config) -> Result<(), ConfigErrors> {
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let mut digest = Sha256::new_with_prefix(&config.version);
    let mut any = false;
    for partner in &mut config.partners {
        let Partner { guides, loaded_guides, .. } = partner;
        for guide in guides {
            // A path from the root stays as it is.
            let path = folder.join(guide);
            let text = text_of(&path)?;
            loaded_guides.push(parse(&path, &text)?);
            digest.update(text);
            any = true;
        }
    }
    if any {
        config.version = load::version_from(digest);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = "name = \"BIGBOX\"\nstandard = \"x12\"\nset = \"850\"\n\n[[rule]]\nat = \"BEG02\"\n\
                         codes = [\"SA\"]\n";
    const CONFIG: &str = "[gateway]\norg = \"acme\"\nstore = \"1\"\nid = \"gw\"\ndata_dir = \"/d\"\ncurrency = \"CNY\"\n\
                          [mqtt]\nurl = \"mqtt://localhost\"\n[[partner]]\nid = \"bigbox\"\n\
                          x12 = { qualifier = \"ZZ\", id = \"BIGBOX\" }\nguides = [\"guides/g.toml\"]\n";

    fn folder(guide: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("guides")).unwrap();
        std::fs::write(folder.path().join("guides/g.toml"), guide).unwrap();
        std::fs::write(folder.path().join("t.toml"), CONFIG).unwrap();
        folder
    }

    #[test]
    fn guides_are_read_with_the_configuration_and_are_part_of_its_version() {
        let load = |guide: &str| Config::load(&folder(guide).path().join("t.toml")).unwrap().config;
        let (one, other) = (load(GUIDE), load(&GUIDE.replace("SA", "NE")));
        assert_eq!(one.partners[0].loaded_guides[0].name(), "BIGBOX");
        assert_eq!(one.version.len(), 16);
        assert_ne!(one.version, other.version);
    }

    #[test]
    fn a_bad_guide_is_an_error_with_its_place() {
        let told = |guide: &str| {
            let folder = folder(guide);
            let told = Config::load(&folder.path().join("t.toml")).unwrap_err().to_string();
            let prefix = folder.path().join("guides/g.toml").display().to_string();
            told.strip_prefix(&prefix).unwrap_or(&told).to_owned()
        };
        assert_eq!(
            told(&GUIDE.replace("BEG02", "BEGG")),
            r#":6:6: [[rule]] #1 at: the schema of 850 has no BEGG; did you mean BEG? (in 004010; name the version that the guide is for)
  6 | at = "BEGG"
    |      ^^^^^^
"#
        );
        let unknown = told(&GUIDE.replace("codes", "code"));
        assert!(
            unknown.starts_with(":7:1: [[rule]] #1 code: unknown field `code`, expected one of "),
            "{unknown}"
        );
        let syntax = told("name = BIGBOX\n");
        assert!(syntax.starts_with(":1:8: this is not TOML: "), "{syntax}");
    }

    #[test]
    fn a_guide_that_is_not_there_is_named() {
        let told = read(Path::new("/nonexistent/g.toml")).unwrap_err().to_string();
        assert!(told.starts_with("/nonexistent/g.toml: cannot read the guide: "), "{told}");
    }
}
