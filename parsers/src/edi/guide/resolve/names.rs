//! Paths of a guide: `PO1/PID`, `BEG02`, `SG2/NAD03-1`, `DTM.2380`.

use super::rule::Resolver;
use crate::edi::guide::element::Address;
use crate::edi::guide::fault::{Flaw, nearest};
use crate::edi::schema::{Facts, Kind, Position, Usage, tag_code, tag_text};
use crate::edi::standard::Standard;

/// A path, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'p> {
    /// Loops and the segment: `PO1/PID`.
    pub(super) segment: &'p str,
    /// The element, as it is written.
    pub(super) element: Option<Element<'p>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Element<'p> {
    /// By its position, and that of the component: `02`, `03-1`.
    At(usize, usize),
    /// By its number in the directory: `2380`.
    Number(&'p str),
}

/// Where a path leads.
pub(super) struct Place {
    pub(super) position: Position,
    pub(super) facts: Facts,
}

impl Resolver<'_> {
    pub(super) fn path<'p>(&self, path: &'p str) -> Path<'p> {
        let name = path.rsplit('/').next().unwrap_or_default();
        // G62 is a segment, and SG25 a loop, not the second digit pair of one.
        if self.transaction.has(tag_code(name.as_bytes())) || !self.places.find(path).is_empty() {
            return Path { segment: path, element: None };
        }
        if let Some((segment, number)) = path.rsplit_once('.') {
            return Path { segment, element: Some(Element::Number(number)) };
        }
        let (reference, component) = match path.rsplit_once('-') {
            Some((reference, component)) => (reference, component.parse().unwrap_or(0)),
            None => (path, 0),
        };
        let split = reference.len().checked_sub(2).filter(|_| name.len() >= 4);
        let parts = split.and_then(|at| reference.split_at_checked(at));
        let number = parts.and_then(|(segment, number)| {
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            Some((segment, number.parse().ok().filter(|_| is_number)?))
        });
        match number {
            Some((segment, number)) => {
                Path { segment, element: Some(Element::At(number, component)) }
            }
            None => Path { segment: path, element: None },
        }
    }

    /// The positions of a segment or loop: those of one level.
    pub(super) fn place(&self, path: &str) -> Result<Place, String> {
        let positions = self.places.find(path);
        let name = path.rsplit('/').next().unwrap_or_default();
        match positions.as_slice() {
            [] => Err(self.unknown(path, name)),
            [one] => {
                let facts = self.places.facts(*one).ok_or_else(|| self.unknown(path, name))?;
                Ok(Place { position: *one, facts })
            }
            several => {
                let paths = self.paths(several);
                Err(format!("{path} is in several places; expected one of {paths}"))
            }
        }
    }

    fn unknown(&self, path: &str, name: &str) -> String {
        let set = self.transaction.id;
        let elsewhere = self.places.anywhere(name);
        let hint = if elsewhere.is_empty() {
            nearest(name, self.places.names()).map(|near| format!("; did you mean {near}?"))
        } else {
            Some(format!("; it is at {}", self.paths(&elsewhere)))
        };
        format!("the schema of {set} has no {path}{}", hint.unwrap_or_default())
    }

    fn paths(&self, positions: &[Position]) -> String {
        let mut paths: Vec<_> =
            positions.iter().take(4).map(|position| self.places.path_of(*position)).collect();
        if positions.len() > paths.len() {
            paths.push("…".to_owned());
        }
        paths.join(", ")
    }

    /// Where an element stands in its segment.
    pub(super) fn address(&self, tag: u32, element: Element<'_>) -> Result<Address, String> {
        let tables = self.transaction.tables();
        let name = tag_text(tag);
        let Some(shape) = tables.shape(tag) else {
            return Err(format!("the schema does not say which elements {name} has"));
        };
        let usages = tables.elements(shape);
        match element {
            Element::At(element, component) => self.at(&name, usages, (element, component)),
            Element::Number(number) => self.by_number(&name, usages, number),
        }
    }

    fn at(
        &self,
        tag: &str,
        usages: &'static [Usage],
        (element, component): (usize, usize),
    ) -> Result<Address, String> {
        let Some(usage) = self.usage_at(usages, element) else {
            let last = self.positions(usages).min(99);
            return Err(format!(
                "{tag} has no element {element:02}; expected {tag}01 to {tag}{last:02}"
            ));
        };
        if component == 0 {
            return Ok(Address { element, component, usage });
        }
        let components = self.transaction.tables().components(usage);
        match components.get(component - 1) {
            Some(usage) => Ok(Address { element, component, usage }),
            None if components.is_empty() => {
                Err(format!("{tag}{element:02} has no components: leave out -{component}"))
            }
            None => Err(format!(
                "{tag}{element:02} has no component {component}; expected {tag}{element:02}-1 to {tag}{element:02}-{}",
                components.len()
            )),
        }
    }

    fn by_number(
        &self,
        tag: &str,
        usages: &'static [Usage],
        number: &str,
    ) -> Result<Address, String> {
        let wanted = number.parse::<u16>().ok().filter(|number| *number > 0);
        let mut found = Vec::new();
        for element in 1..=self.positions(usages).min(99) {
            let Some(usage) = self.usage_at(usages, element) else { break };
            let components = (1..).zip(self.transaction.tables().components(usage));
            for (component, usage) in std::iter::once((0, usage)).chain(components) {
                if Some(usage.number) == wanted {
                    found.push(Address { element, component, usage });
                }
            }
        }
        let reference = |address: &Address| match address.component {
            0 => format!("{tag}{:02}", address.element),
            component => format!("{tag}{:02}-{component}", address.element),
        };
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(format!("{tag} has no element with the number {number}")),
            several => {
                let places: Vec<_> = several.iter().take(6).map(reference).collect();
                Err(format!(
                    "{tag} has {number} in several places; expected one of {}",
                    places.join(", ")
                ))
            }
        }
    }

    /// The element at a position as documents have it. In EDIFACT repetitions are elements of their own.
    fn usage_at(&self, usages: &'static [Usage], element: usize) -> Option<&'static Usage> {
        let mut before = element.checked_sub(1)?;
        usages.iter().find(|usage| {
            let width = self.width(usage);
            let is_here = before < width;
            before = before.saturating_sub(width);
            is_here
        })
    }

    fn positions(&self, usages: &[Usage]) -> usize {
        usages.iter().map(|usage| self.width(usage)).sum()
    }

    fn width(&self, usage: &Usage) -> usize {
        match self.transaction.directory.standard() {
            Standard::Edifact => usize::from(usage.most.max(1)),
            Standard::X12 | Standard::Tradacoms => 1,
        }
    }
}

/// A composite has no value of its own.
pub(super) fn has_value(address: Address, key: &'static str) -> Result<(), Flaw> {
    if address.usage.kind == Kind::Composite {
        return Err((
            key,
            "this is a composite: name one of its components, such as …-1".to_owned(),
        ));
    }
    Ok(())
}
