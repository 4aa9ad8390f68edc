//! The JSON Schemas below `config/schema/`: one for each event that leaves the gateway, and one of the
//! configuration for editors.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use tillgate_record::{
    DocumentRecord, EventType, LostRecords, ParkedRecord, ReadingRecord, SaleRecord,
};

use super::Config;

/// Name and content of every schema file.
#[must_use]
pub fn files() -> Vec<(&'static str, String)> {
    let events = EventType::ALL.into_iter().map(|event| {
        let schema = match event {
            EventType::Sale => of_output::<SaleRecord>(),
            EventType::Reading => of_output::<ReadingRecord>(),
            EventType::Order | EventType::Invoice => of_output::<DocumentRecord>(),
            EventType::Parked => of_output::<ParkedRecord>(),
            EventType::Lost => of_output::<LostRecords>(),
        };
        (event.schema_file(), titled(schema, event.as_str()))
    });
    events.chain([("tillgate.schema.json", titled(of_config(), "tillgate.toml"))]).collect()
}

/// The schema of the configuration, as it is read.
pub(super) fn of_config() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>()
}

/// The schema of what is written: a field that is always written is required.
fn of_output<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

fn titled(mut schema: Schema, title: &str) -> String {
    schema.insert("title".to_owned(), title.into());
    let mut text = format!("{:#}", schema.as_value());
    text.push('\n');
    text
}
