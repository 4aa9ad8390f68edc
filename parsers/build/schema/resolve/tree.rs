//! Lays out the positions of a set: its loops, level by level.

use super::super::hashing::tag_bit;
use super::super::set::{Node, Set};
use super::super::{At, Fault};
use super::{Loop, NONE, Part, Resolver, SetRow};

/// A level's masks have this many bits.
const MOST_PARTS: usize = 128;

/// The matcher keeps this many levels open, the set itself among them.
const MOST_LEVELS: usize = 10;

impl Resolver<'_, '_> {
    pub(super) fn set(&mut self, set: &Set) {
        let mut nodes: Vec<&Node> = self.of_this_edition(&set.nodes);
        let (header, trailer) = (self.family.header, self.family.trailer);
        let is_alone = |node: Option<&&Node>, tag: &str| {
            node.is_some_and(|node| {
                node.name == tag && node.mandatory && node.children.is_none() && node.most == [1, 1]
            })
        };
        if !is_alone(nodes.first(), header) || !is_alone(nodes.last(), trailer) {
            let message = format!("a set begins with `M {header}` and ends with `M {trailer}`");
            self.faults.push(set.at.fault(message));
            return;
        }
        // The trailer is the envelope's.
        nodes.pop();
        let before = self.tables.parts.len();
        let root = self.level(String::new(), &nodes, 1, &set.at);
        let mut tags: Vec<u32> =
            self.tables.parts.iter().skip(before).map(|part| part.tag).collect();
        tags.sort_unstable();
        tags.dedup();
        let totals = self.totals(set);
        self.tables.sets.push(SetRow {
            id: set.id.clone(),
            version: set.version,
            group: set.group.clone(),
            name: set.name.clone(),
            root,
            tags,
            totals,
        });
    }

    fn of_this_edition<'n>(&self, nodes: &'n [Node]) -> Vec<&'n Node> {
        nodes.iter().filter(|node| node.editions[self.edition]).collect()
    }

    fn level(&mut self, name: String, nodes: &[&Node], depth: usize, at: &At) -> usize {
        if nodes.len() > MOST_PARTS {
            self.faults.push(at.fault(format!("a level has more than {MOST_PARTS} positions")));
        }
        if depth > MOST_LEVELS {
            self.faults.push(at.fault(format!("loops nest deeper than {MOST_LEVELS}")));
            return NONE;
        }
        let mut mandatory = 0_u128;
        let mut parts = Vec::new();
        for (index, node) in nodes.iter().enumerate().take(MOST_PARTS) {
            mandatory |= u128::from(node.mandatory) << index;
            match self.part(node, depth) {
                Ok(part) => parts.push(part),
                Err(fault) => self.faults.push(fault),
            }
        }
        let span = (self.tables.parts.len(), parts.len());
        let later = parts.iter().skip(1).fold(0, |bits, part| bits | tag_bit(part.tag));
        self.tables.parts.extend(parts);
        self.tables.loops.push(Loop { name, parts: span, mandatory, later });
        self.tables.loops.len() - 1
    }

    fn part(&mut self, node: &Node, depth: usize) -> Result<Part, Fault> {
        let most = node.most[self.edition];
        let Some(children) = &node.children else {
            return Ok(self.segment_part(node, NONE, most));
        };
        let children = self.of_this_edition(children);
        let Some(first) = children.first() else {
            return Err(node.at.fault(format!("the loop `{}` is empty", node.name)));
        };
        if first.children.is_some() || !first.mandatory || first.most[self.edition] != 1 {
            let message = "a loop is opened by a segment that is mandatory in it and stands once";
            return Err(first.at.fault(message));
        }
        if most == 1 && children.len() == 1 && node.mandatory {
            return Err(node.at.fault("a loop of one segment that stands once is no loop"));
        }
        let inner = self.level(node.name.clone(), &children, depth + 1, &node.at);
        Ok(self.segment_part(first, inner, most))
    }

    /// A segment without a shape has its place and use checked, not its elements.
    fn segment_part(&mut self, node: &Node, inner: usize, most: u32) -> Part {
        let tag = self.tag(&node.name, &node.at);
        let shape = self.tables.shapes.binary_search_by_key(&tag, |shape| shape.tag);
        Part { tag, shape: shape.unwrap_or(NONE), inner, most }
    }
}
