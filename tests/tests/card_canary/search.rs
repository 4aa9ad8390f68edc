//! Searching for card numbers in what the gateway wrote, sent or showed.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// First bytes of a zstd frame (RFC 8878, 3.1.1): the journal keeps inputs compressed.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// How much is shown around a number that was found.
const CONTEXT: usize = 60;

/// Something that could hold a card number.
pub(crate) struct Place {
    name: String,
    content: Vec<u8>,
}

impl Place {
    pub(crate) fn new(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.to_owned(), content }
    }

    pub(crate) fn text(name: &str, content: String) -> Self {
        Self::new(name, content.into_bytes())
    }
}

/// Every file below a folder, and what is compressed inside it.
pub(crate) fn files(folder: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(content) = fs::read(&path) {
            let name = path.display().to_string();
            found.push(Place::text("a file's name", name.clone()));
            found.extend(
                decompressed(&content)
                    .map(|frame| Place::new(&format!("{name}, decompressed"), frame)),
            );
            found.push(Place::new(&name, content));
        }
    }
    found
}

/// Each zstd frame, as far as it can be read: a frame that the database has spread over pages is readable to the end of
/// its first one.
fn decompressed(content: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let starts = content.windows(ZSTD_MAGIC.len()).enumerate();
    starts.filter(|(_, window)| *window == ZSTD_MAGIC).filter_map(|(start, _)| {
        let mut decoder = zstd::stream::Decoder::new(&content[start..]).ok()?.single_frame();
        let mut frame = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = decoder.read(&mut piece) {
            frame.extend_from_slice(&piece[..count]);
        }
        Some(frame)
    })
}

/// The ids in what `quarantine list --json` printed, as one array or one object a line.
pub(crate) fn ids(printed: &str) -> Vec<String> {
    let values =
        serde_json::Deserializer::from_str(printed).into_iter::<Value>().map_while(Result::ok);
    values
        .flat_map(|value| match value {
            Value::Array(entries) => entries,
            other => vec![other],
        })
        .filter_map(|entry| entry["id"].as_str().map(str::to_owned))
        .collect()
}

/// None of the numbers is in any of the places, however it is written there.
#[track_caller]
pub(crate) fn assert_absent(places: &[Place], cards: &[&str]) {
    let mut leaks = Vec::new();
    for place in places {
        let (digits, positions) = digits_of(&place.content);
        for card in cards {
            for (index, _) in digits.match_indices(card) {
                let from = positions[index].saturating_sub(CONTEXT);
                let to = (positions[index] + CONTEXT).min(place.content.len());
                let around = String::from_utf8_lossy(&place.content[from..to]);
                leaks.push(format!("{card} in {}: …{}…", place.name, around.escape_debug()));
            }
        }
    }
    let count = leaks.len();
    leaks.truncate(20);
    assert!(leaks.is_empty(), "{count} card numbers were found, such as:\n{}", leaks.join("\n"));
}

/// The digits of a text, without the blanks, dashes and JSON escapes between them, and where each stood. What is no
/// digit otherwise becomes `x`, so that digits of different words never meet.
fn digits_of(content: &[u8]) -> (String, Vec<usize>) {
    let mut digits = String::with_capacity(content.len());
    let mut positions = Vec::with_capacity(content.len());
    let mut index = 0;
    while let Some(&byte) = content.get(index) {
        let (digit, length) = match (byte, content.get(index..index + 6)) {
            (b'0'..=b'9', _) => (Some(byte), 1),
            (b'\\', Some([_, b'u', b'0', b'0', b'3', digit @ b'0'..=b'9'])) => (Some(*digit), 6),
            (b' ' | b'-', _) => (None, 1),
            _ => (Some(b'x'), 1),
        };
        if let Some(digit) = digit {
            digits.push(char::from(digit));
            positions.push(index);
        }
        index += length;
    }
    (digits, positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(text: &[u8]) -> bool {
        let places = [Place::new("here", text.to_vec())];
        std::panic::catch_unwind(|| assert_absent(&places, &["4111111111111111"])).is_err()
    }

    #[test]
    fn numbers_are_found_however_they_are_written() {
        for text in [
            "a 4111111111111111 b",
            "4111-1111 1111-1111",
            "x4111111111111111y",
            "94111111111111111",
        ] {
            assert!(is_found(text.as_bytes()), "{text}");
        }
        assert!(is_found(b"411111111111111\\u0031"));
        let compressed = zstd::bulk::compress(b"the card 4111111111111111", 1).unwrap();
        let inside: Vec<_> =
            decompressed(&[b"before".as_slice(), &compressed, b"behind"].concat()).collect();
        assert!(is_found(&inside[0]));
    }

    #[test]
    fn masks_are_not_found() {
        for text in ["411111******1111", "411111 and 1111111111", "411111111111111", ""] {
            assert!(!is_found(text.as_bytes()), "{text}");
        }
    }
}
