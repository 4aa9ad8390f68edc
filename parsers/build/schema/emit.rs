//! Writes the tables of one version as Rust: one constant, nothing to do at start-up.

use std::fmt::Write as _;

use super::Family;
use super::resolve::{FileRow, Loop, Part, SetRow, Span, Tables, TotalRow, Usage, bound};

/// Appends a static of the name.
pub(crate) fn emit(out: &mut String, family: &Family, edition: &str, tables: &Tables) {
    let name = edition.to_uppercase();
    let mut text = format!("/// {}, {edition}.\n", family.standard);
    let _ = writeln!(text, "pub(super) static {name}: Tables = Tables {{");
    list(&mut text, "names", tables.names.iter().map(|name| format!("{name:?}")));
    list(&mut text, "codes", tables.codes.iter().map(|code| format!("{code:#x}")));
    list(&mut text, "usages", tables.usages.iter().map(usage));
    list(
        &mut text,
        "notes",
        tables.notes.iter().map(|note| {
            format!(
                "Note {{ bond: Bond::{}, first: {:#x}, others: {:#x} }}",
                note.bond, note.first, note.others
            )
        }),
    );
    list(&mut text, "shapes", tables.shapes.iter().map(|shape| {
        let rows = tables.usages.iter().skip(shape.usages.0).take(shape.usages.1);
        let mandatory = (1..).zip(rows.clone()).fold(0_u64, |mask, (number, row)| {
            mask | u64::from(row.need == "Mandatory") << number
        });
        let repeats = rows.clone().any(|row| row.most > 1);
        format!(
            "Shape {{ tag: {:#x}, name: {}, usages: {}, notes: {}, pairs: {:#x}, other_notes: {}, \
             mandatory: {mandatory:#x}, repeats: {repeats} }}",
            shape.tag, shape.name, span(shape.usages), span(shape.notes), shape.pairs, span(shape.other_notes)
        )
    }));
    list(
        &mut text,
        "loops",
        tables.loops.iter().map(|row| {
            let Loop { name, mandatory, later, .. } = row;
            let parts = span(row.parts);
            format!("Loop {{ name: {name:?}, parts: {parts}, mandatory: {mandatory:#x}, later: {later:#x} }}")
        }),
    );
    list(&mut text, "parts", tables.parts.iter().map(part));
    list(&mut text, "tags", tables.parts.iter().map(|part| format!("{:#x}", part.tag)));
    list(&mut text, "known", tables.known.iter().map(|tag| format!("{tag:#x}")));
    list(&mut text, "transactions", tables.sets.iter().map(|set| transaction(set, edition)));
    list(&mut text, "files", tables.files.iter().map(file));
    text.push_str("};\n");
    out.push_str(&text);
}

fn list(text: &mut String, field: &str, rows: impl Iterator<Item = String>) {
    let _ = writeln!(text, "    {field}: &[");
    for row in rows {
        let _ = writeln!(text, "        {row},");
    }
    text.push_str("    ],\n");
}

fn span((first, count): Span) -> String {
    format!("Span {{ first: {first}, count: {count} }}")
}

fn usage(row: &Usage) -> String {
    let most =
        if row.most > u32::from(u16::MAX) { u16::MAX.to_string() } else { row.most.to_string() };
    format!(
        "Usage {{ number: {}, name: {}, kind: Kind::{}, need: Need::{}, most: {most}, shortest: {}, longest: {}, \
         list: {} }}",
        row.number,
        row.name,
        row.kind,
        row.need,
        row.shortest,
        row.longest,
        span(row.list)
    )
}

fn part(row: &Part) -> String {
    let Part { shape, inner, most, .. } = row;
    format!("Part {{ shape: {shape}, inner: {inner}, most: {} }}", bound(*most, "UNBOUNDED"))
}

fn transaction(set: &SetRow, edition: &str) -> String {
    let tags: Vec<String> = set.tags.iter().map(|tag| format!("{tag:#x}")).collect();
    let totals: Vec<String> = set.totals.iter().map(total).collect();
    format!(
        "Transaction {{ directory: Directory::{edition}, id: {:?}, version: {}, group: {:?}, name: {:?}, root: {}, tags: &[{}], \
         totals: &[{}] }}",
        set.id,
        set.version,
        set.group,
        set.name,
        set.root,
        tags.join(", "),
        totals.join(", ")
    )
}

fn total(row: &TotalRow) -> String {
    format!(
        "Total {{ tag: {:#x}, place: {:?}, qualifier: {:#x}, counted: {:#x}, source: {:?} }}",
        row.tag, row.place, row.qualifier, row.counted, row.source
    )
}

fn file(row: &FileRow) -> String {
    let messages: Vec<String> = row
        .messages
        .iter()
        .map(|(id, mandatory, most)| {
            let most = bound(*most, "UNBOUNDED");
            format!("FileMessage {{ id: {id:?}, mandatory: {mandatory}, most: {most} }}")
        })
        .collect();
    let counts: Vec<String> = row
        .counts
        .iter()
        .map(|(tag, element, message)| {
            format!("FileCount {{ tag: {tag:#x}, element: {element}, message: {message:?} }}")
        })
        .collect();
    format!(
        "FileKind {{ id: {:?}, name: {:?}, messages: &[{}], counts: &[{}] }}",
        row.id,
        row.name,
        messages.join(", "),
        counts.join(", ")
    )
}
