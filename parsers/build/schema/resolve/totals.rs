//! Looks up control totals: which element holds one, and what is counted or summed.

use super::super::Fault;
use super::super::dictionary::{Content, Group};
use super::super::set::{Set, Total};
use super::{FileRow, Resolver, TotalRow, packed, tag_code};

const WRITTEN: &str = "a total is written `CTT01 PO1`, `CTT02 IT1 02` or `CNT 2 LIN`";

/// The validator keeps so many running totals a set.
const MOST_TOTALS: usize = 8;

/// `CTT01`.
fn element_of(place: &str) -> Option<(u32, usize)> {
    let (tag, element) = place.split_at_checked(place.len().checked_sub(2)?)?;
    Some((tag_code(tag), element.parse().ok().filter(|element| *element > 0)?))
}

impl Resolver<'_, '_> {
    /// The messages of a file are messages of the family, and its counts count them.
    pub(super) fn file(&mut self, file: &Set, sets: &[Set]) {
        let is_message = |name: &str| sets.iter().any(|set| !set.is_file && set.id == name);
        let mut row = FileRow {
            id: file.id.clone(),
            name: file.name.clone(),
            messages: Vec::new(),
            counts: Vec::new(),
        };
        for node in &file.nodes {
            if node.children.is_some() || !is_message(&node.name) {
                self.faults
                    .push(node.at.fault(format!("nothing defines the message `{}`", node.name)));
            }
            row.messages.push((node.name.clone(), node.mandatory, node.most[self.edition]));
        }
        for total in &file.totals {
            match total.words.as_slice() {
                [place, message] if !total.is_sum && is_message(message) => {
                    match element_of(place) {
                        Some((tag, element)) => row.counts.push((tag, element, message.clone())),
                        None => self.faults.push(total.at.fault(WRITTEN)),
                    }
                }
                _ => {
                    let message = "a file counts messages: `count OFT01 ORDERS`";
                    self.faults.push(total.at.fault(message));
                }
            }
        }
        self.tables.files.push(row);
    }

    pub(super) fn totals(&mut self, set: &Set) -> Vec<TotalRow> {
        let mut rows = Vec::new();
        for total in set.totals.iter().filter(|total| total.editions[self.edition]) {
            match self.total(total) {
                Ok(row) => rows.push(row),
                Err(fault) => self.faults.push(fault),
            }
        }
        if rows.len() > MOST_TOTALS {
            self.faults.push(set.at.fault(format!("there are more than {MOST_TOTALS} totals")));
        }
        rows
    }

    /// `CTT01 PO1`, `CTT02 IT1 02`, `CNT 2 LIN`, `CNT 1 QTY C186.6060`.
    fn total(&self, total: &Total) -> Result<TotalRow, Fault> {
        let words: Vec<&str> = total.words.iter().map(String::as_str).collect();
        let wrong =
            || total.at.fault("a total is written `CTT01 PO1`, `CTT02 IT1 02` or `CNT 2 LIN`");
        let (place, counted, source) = match words.as_slice() {
            [place, qualifier, counted, rest @ ..] if place.len() == 3 => {
                let place = (tag_code(place), (1, 2), packed(qualifier));
                (place, *counted, rest.first().copied())
            }
            [place, counted, rest @ ..] if place.len() > 3 => {
                let (tag, element) = element_of(place).ok_or_else(wrong)?;
                ((tag, (element, 0), 0), *counted, rest.first().copied())
            }
            _ => return Err(wrong()),
        };
        let source = match source {
            None if total.is_sum => return Err(wrong()),
            Some(_) if !total.is_sum => return Err(wrong()),
            None => (0, 0),
            Some(source) => self.source(counted, source, total)?,
        };
        let (tag, place, qualifier) = place;
        Ok(TotalRow { tag, place, qualifier, counted: tag_code(counted), source })
    }

    /// `02`: the second element. `C186.6060`: that component of that composite.
    fn source(&self, tag: &str, source: &str, total: &Total) -> Result<(usize, usize), Fault> {
        let missing = || total.at.fault(format!("`{tag}` has no element `{source}`"));
        let Some((composite, component)) = source.split_once('.') else {
            return source.parse().map(|element| (element, 0)).map_err(|_| missing());
        };
        let segment = self.dictionary.segments.get(tag).ok_or_else(missing)?;
        let parts = self.dictionary.composites.get(composite).ok_or_else(missing)?;
        let element = self.position(segment, composite).ok_or_else(missing)?;
        let component = self.position(parts, component).ok_or_else(missing)?;
        Ok((element, component))
    }

    fn position(&self, group: &Group, name: &str) -> Option<usize> {
        let is_it = |content: &Content| matches!(content, Content::Named(own) if own == name);
        let found = group.positions.iter().position(|position| {
            position.uses[self.edition].as_ref().is_some_and(|usage| is_it(&usage.content))
        });
        found.map(|index| index + 1)
    }
}
