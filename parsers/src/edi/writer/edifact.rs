//! Writes EDIFACT. In: values. Out: bytes. A value never breaks the structure: what has a meaning in it is released, or
//! replaced by a blank where there is no release character. Empty components and elements at an end are left out.

use crate::edi::delimiters::Delimiters;
use crate::redact;

/// Builds segments.
#[derive(Debug)]
pub struct EdifactWriter {
    out: Vec<u8>,
    delimiters: Delimiters,
    segments: u32,
    /// Separators of elements that were empty so far.
    owed: usize,
}

impl EdifactWriter {
    /// Nothing is written yet.
    #[must_use]
    pub fn new(delimiters: Delimiters) -> Self {
        Self { out: Vec::new(), delimiters, segments: 0, owed: 0 }
    }

    /// UNA. Before syntax version 4 its fifth character is a blank.
    pub fn service_characters(&mut self) {
        let Delimiters { component, element, segment, repetition, release } = self.delimiters;
        let (release, repetition) = (release.unwrap_or(b' '), repetition.unwrap_or(b' '));
        self.out.extend_from_slice(b"UNA");
        self.out.extend([component, element, b'.', release, repetition, segment]);
    }

    /// Writes a segment: its elements, each of them its components.
    pub fn segment(&mut self, tag: &str, elements: &[&[&[u8]]]) {
        self.begin(tag);
        for element in elements {
            self.element(element);
        }
        self.end();
    }

    /// Begins a segment.
    pub fn begin(&mut self, tag: &str) {
        self.out.extend_from_slice(tag.as_bytes());
        self.owed = 0;
    }

    /// The next element by its components.
    pub fn element<V: AsRef<[u8]>>(&mut self, components: &[V]) {
        self.owed += 1;
        let Some(last) = components.iter().rposition(|value| !value.as_ref().is_empty()) else {
            return;
        };
        let separators =
            std::iter::repeat_n(self.delimiters.element, std::mem::take(&mut self.owed));
        self.out.extend(separators);
        for (index, component) in components.iter().take(last + 1).enumerate() {
            if index > 0 {
                self.out.push(self.delimiters.component);
            }
            self.value(component.as_ref());
        }
    }

    /// Ends the segment.
    pub fn end(&mut self) {
        self.out.push(self.delimiters.segment);
        self.segments += 1;
    }

    /// Segments since the last call, for UNT.
    pub fn take_count(&mut self) -> u32 {
        std::mem::take(&mut self.segments)
    }

    /// The bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn value(&mut self, value: &[u8]) {
        // A reference has fourteen characters; what is longer may be a card number, and is not repeated in clear.
        let masked = (value.len() > 14).then(|| redact::text(value).bytes);
        let value = masked.as_deref().unwrap_or(value);
        for byte in value {
            match (self.delimiters.contains(*byte), self.delimiters.release) {
                (true, Some(release)) => self.out.extend([release, *byte]),
                (true, None) => self.out.push(b' '),
                (false, _) if byte.is_ascii_control() => self.out.push(b' '),
                (false, _) => self.out.push(*byte),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIMITERS: Delimiters = Delimiters {
        element: b'+',
        component: b':',
        segment: b'\'',
        repetition: None,
        release: Some(b'?'),
    };

    #[test]
    fn values_are_released_and_empty_ends_left_out() {
        let mut writer = EdifactWriter::new(DELIMITERS);
        writer.service_characters();
        writer.segment("NAD", &[&[b"BY"], &[b"", b""], &[b"O'B?", b"a+b:c", b""], &[b""]]);
        assert_eq!(writer.take_count(), 1);
        assert_eq!(writer.finish(), b"UNA:+.? 'NAD+BY++O?'B??:a?+b?:c'");
    }

    #[test]
    fn without_a_release_character_a_value_loses_what_would_break_the_structure() {
        let delimiters = Delimiters { release: None, ..DELIMITERS };
        let mut writer = EdifactWriter::new(delimiters);
        writer.segment("FTX", &[&[b"a'b\nc"]]);
        assert_eq!(writer.finish(), b"FTX+a b c'");
    }
}
