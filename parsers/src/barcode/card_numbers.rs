//! Card numbers in the content of a barcode: where they are looked for, and what takes their place.
//!
//! In: content and its symbology. Out: the content with masks, where there is something to mask. GTINs, and the
//! elements of a GS1 string or Digital Link without errors, stay: the field decides first. Elements of free text, 90 to
//! 99 among them, and the parts of a web address that are no elements, are looked at, since their owner may put
//! anything into them. In a GS1 string with errors, digits may be an identifier, a number and more: both ends of all
//! digits are looked at.

use super::digital_link;
use super::element::elements;
use super::gtin;
use super::percent::{Plus, decoded};
use super::symbology::{Content, Symbology};
use super::{COMPOSITE, FNC1};
use crate::redact::scan::{self, Alphabet, Cut, Hit};

/// What stands between the parts of a web address.
const URI_DELIMITERS: &[u8] = b"/?&=#";

/// Masks card numbers in the content of a barcode with the symbology identifier `aim`.
pub(crate) fn cut(aim: &[u8], content: &[u8]) -> Option<Cut> {
    let aim = std::str::from_utf8(aim).ok().filter(|aim| !aim.is_empty());
    let (symbology, content) = match aim {
        Some(aim) => Symbology::split(Some(aim), content),
        None => (Symbology::UNSTATED, content),
    };
    cut_content(&symbology, content)
}

/// The same, of content that its symbology identifier was taken off already: it may begin with what looks like one.
pub(super) fn cut_content(symbology: &Symbology<'_>, content: &[u8]) -> Option<Cut> {
    let mut whole = Cut { text: content.to_vec(), hits: Vec::new() };
    let parts = unexplained(symbology, content);
    let is_gs1 = is_gs1(symbology.content(), content);
    let alphabet = match parts.as_slice() {
        [(0, end)] if *end == content.len() && is_gs1 => &Alphabet::GLUED,
        _ => &Alphabet::TEXT,
    };
    for (start, end) in parts {
        let part = content.get(start..end).unwrap_or_default();
        let Some(cut) = cut_part(part, alphabet) else { continue };
        whole.hits.extend(cut.hits.iter().map(|hit| hit.moved(start)));
        if let Some(place) = whole.text.get_mut(start..end) {
            place.copy_from_slice(&cut.text);
        }
    }
    (!whole.hits.is_empty()).then_some(whole)
}

/// Where no field says what the content is.
fn unexplained(symbology: &Symbology<'_>, content: &[u8]) -> Vec<(usize, usize)> {
    let all = vec![(0, content.len())];
    let kind = symbology.content();
    let (linear, composite) = split_composite(content);
    let retail = match kind {
        Content::Retail => gtin::retail(linear, symbology.may_have_add_on()).is_ok(),
        Content::ShortRetail => gtin::ean_8(linear).is_ok(),
        // Only 14 digits are read as a trade item: see `read_carton`.
        Content::ItfCarton => content.len() == 14 && gtin::plain(content).is_some(),
        Content::Unstated => gtin::plain(linear).is_some(),
        Content::Gs1 | Content::AddOn | Content::Other => false,
    };
    let Some(composite) = composite.filter(|_| retail) else {
        return if retail { Vec::new() } else { unexplained_by_gs1(kind, content).unwrap_or(all) };
    };
    let start = content.len() - composite.len();
    let parsed = elements(composite);
    match parsed.are_sound() {
        true => parsed.free().map(|(from, to)| (start + from, start + to)).collect(),
        false => vec![(start, content.len())],
    }
}

fn unexplained_by_gs1(kind: Content, content: &[u8]) -> Option<Vec<(usize, usize)>> {
    if is_gs1(kind, content) {
        let parsed = elements(content);
        return parsed.are_sound().then(|| parsed.free().collect());
    }
    let is_link = matches!(kind, Content::Other | Content::Unstated);
    let link = digital_link::read(content).filter(|_| is_link)?;
    let free = link.elements.free();
    link.elements.are_sound().then(|| free.chain(link.other.iter().copied()).collect())
}

fn is_gs1(kind: Content, content: &[u8]) -> bool {
    kind == Content::Gs1 || (kind == Content::Unstated && content.first() == Some(&FNC1))
}

/// The linear part, and the elements of a composite component behind it.
pub(super) fn split_composite(content: &[u8]) -> (&[u8], Option<&[u8]>) {
    let at = content.windows(COMPOSITE.len()).position(|window| window == COMPOSITE);
    let Some((linear, behind)) = at.and_then(|at| content.split_at_checked(at)) else {
        return (content, None);
    };
    (linear, behind.get(COMPOSITE.len()..))
}

/// Digits may be written as `%34` in a web address. Where that hides a number, the part of the address goes.
pub(super) fn cut_part(part: &[u8], alphabet: &Alphabet) -> Option<Cut> {
    let plain = scan::cut(part, alphabet, |_| false);
    if !part.contains(&b'%') {
        return plain;
    }
    let mut cut = plain.unwrap_or_else(|| Cut { text: part.to_vec(), hits: Vec::new() });
    let mut start = 0;
    for text in part.split(|byte| URI_DELIMITERS.contains(byte)) {
        let end = start + text.len();
        let hidden = text.contains(&b'%').then(|| decoded(text, Plus::Itself));
        let hidden = hidden.and_then(|text| scan::cut(&text, alphabet, |_| false));
        if let Some(first) = hidden.and_then(|hidden| hidden.hits.first().copied()) {
            cut.hits.push(Hit { start, end, tail: end, scheme: first.scheme });
            if let Some(place) = cut.text.get_mut(start..end) {
                place.fill(b'*');
            }
        }
        start = end + 1;
    }
    (!cut.hits.is_empty()).then_some(cut)
}
