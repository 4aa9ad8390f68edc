//! What must hold for an interchange whose author knows what is wrong with it: nothing, or one fault of a known rule.
//!
//! In: bytes, each of which chooses something: standard, separators, versions, sets, values, and the fault. Out:
//! nothing, or a panic. Never: an input that the choices cannot make right, so that each byte string is a whole
//! interchange.

mod bodies;
mod dialect;
mod faults;
mod interchange;

use std::collections::BTreeMap;

use tillgate_parsers::edi::{
    self, Acknowledgement, Functional, Issue, Kind, Options, Policy, Report, Standard, Wish,
};

use self::faults::Fault;
use self::interchange::Built;
use super::{edi_acknowledge, edi_chunks, edi_writer, shown, x12};

/// A right interchange has no findings; a wrong one has the one that its fault earns, and costs no other set. The
/// acknowledgement agrees, and the checks for any bytes hold as well.
pub fn edi_built(data: &[u8]) {
    let mut choices = Choices(data);
    let checks = [x12, edi_chunks, edi_writer, edi_acknowledge];
    // One of them an input, so that more inputs are tried in a second.
    let check = choices.one_of(&checks);
    let built = Built::new(&mut choices);
    let options = Options { policy: Policy::Strict, ..Options::default() };
    let report = edi::read(&built.bytes, &options);
    built.assert_findings(&report);
    built.assert_sets(&report);
    match built.dialect.standard {
        Standard::X12 => built.assert_acknowledged(&report),
        Standard::Edifact => built.assert_controlled(&report),
        Standard::Tradacoms => assert!(edi::acknowledge(&report, &ISSUE).is_empty()),
    }
    check(&built.bytes);
}

const ISSUE: Issue =
    Issue { functional: Functional::F997, control_number: 3, date: (2026, 1, 2), time: (3, 4) };

/// What the input chooses: each byte one thing, and the first of its kind where no byte is left.
struct Choices<'d>(&'d [u8]);

impl Choices<'_> {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % bound
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

impl Built {
    fn assert_findings(&self, report: &Report<'_>) {
        // Line ends between segments are worth saying and never wrong.
        let codes = report.findings.kept().iter().map(|finding| finding.finding.code);
        let codes: Vec<&str> = codes.filter(|code| *code != "line-ends").collect();
        let expected: Vec<&str> = self.fault.rule(self.dialect.standard).into_iter().collect();
        assert_eq!(codes, expected, "{:?} in {}", self.fault, shown(&self.bytes));
    }

    /// Every set is there with all its segments, and rejected is what is wrong.
    fn assert_sets(&self, report: &Report<'_>) {
        let [interchange] = report.interchanges.as_slice() else {
            panic!("not one interchange: {}", shown(&self.bytes));
        };
        let what = || format!("{:?} in {}", self.fault, shown(&self.bytes));
        assert_eq!(interchange.tally.rejected, self.fault.is_of_interchange(), "{}", what());
        assert_eq!(interchange.groups.len(), self.groups.len(), "{}", what());
        for (read, written) in interchange.groups.iter().zip(&self.groups) {
            assert_eq!(read.tally.rejected, written.is_wrong, "{}", what());
            let sets = read.sets.iter().map(|set| (set.segments, set.tally.rejected));
            let expected = written.sets.iter().map(|set| (set.segments, set.is_wrong));
            assert!(sets.eq(expected), "{}", what());
        }
    }

    /// TA1 for the interchange, which asks for one, and AK9 with its counts for each group.
    fn assert_acknowledged(&self, report: &Report<'_>) {
        for functional in [Functional::F997, Functional::F999] {
            let answers = edi::acknowledge(report, &Issue { functional, ..ISSUE });
            let [answer] = answers.as_slice() else { panic!("one partner, one answer") };
            let back = edi::read(&answer.content, &Options::default());
            let [interchange] = back.interchanges.as_slice() else { panic!("one answer") };
            let verdicts: Vec<&[u8]> =
                interchange.answers.iter().map(|note| note.element(4)).collect();
            let expected: &[u8] = if self.fault.is_of_interchange() { b"R" } else { b"A" };
            assert_eq!(verdicts, [expected], "{}", shown(&answer.content));
            assert_eq!(
                verdicts_of_groups(answer, &back),
                self.expected_verdicts(),
                "{:?}: {} of {}",
                self.fault,
                shown(&answer.content),
                shown(&self.bytes)
            );
            let is_note = answer.kind == Kind::Ta1;
            assert_eq!(is_note, self.expected_verdicts().is_empty());
        }
    }

    /// By number of the group: verdict, sets received, sets accepted.
    fn expected_verdicts(&self) -> Verdicts {
        if self.fault.is_of_interchange() {
            return Verdicts::new();
        }
        let groups = self.groups.iter().zip(1..).filter(|(group, _)| !group.is_acknowledgement);
        groups
            .map(|(group, number)| {
                let received = group.sets.len();
                let wrong = group.sets.iter().filter(|set| set.is_wrong).count();
                let (verdict, accepted) = match wrong {
                    _ if group.is_wrong => ("R", 0),
                    0 => ("A", received),
                    all if all == received => ("R", 0),
                    _ => ("P", received - wrong),
                };
                (
                    number.to_string(),
                    [verdict.to_owned(), received.to_string(), accepted.to_string()],
                )
            })
            .collect()
    }

    /// A CONTRL where something is rejected, that names the group or the message; else one only where it is wished.
    fn assert_controlled(&self, report: &Report<'_>) {
        let is_wrong = self.fault != Fault::None;
        let answers = edi::acknowledge(report, &ISSUE);
        assert_eq!(answers.len(), usize::from(is_wrong), "{}", shown(&self.bytes));
        for answer in &answers {
            let tags = tags(&answer.content);
            let named = [b"UCF", b"UCM"].map(|tag| tags.iter().filter(|one| *one == tag).count());
            let has_groups = !report.interchanges[0].groups[0].header.is_empty();
            let group = (has_groups && self.fault.is_of_set()) || self.fault.is_of_group();
            let expected = [usize::from(group), usize::from(self.fault.is_of_set())];
            assert_eq!(
                named,
                expected,
                "{:?}: {} of {}",
                self.fault,
                shown(&answer.content),
                shown(&self.bytes)
            );
        }
        let receipts = edi::contrl(report, &ISSUE, Wish { on_error: false, receipt: true });
        assert_eq!(receipts.len(), 1, "{}", shown(&self.bytes));
    }
}

type Verdicts = BTreeMap<String, [String; 3]>;

/// AK901, AK903 and AK904, by AK102.
fn verdicts_of_groups(answer: &Acknowledgement, back: &Report<'_>) -> Verdicts {
    let mut verdicts = Verdicts::new();
    let mut number = String::new();
    for set in back.interchanges.iter().flat_map(|one| &one.groups).flat_map(|group| &group.sets) {
        let mut walk = set.walk(&answer.content);
        while let Some(segment) = walk.next_segment() {
            let text = |at| segment.text(at).unwrap_or_default();
            match segment.tag() {
                b"AK1" => number = text(2),
                b"AK9" => drop(verdicts.insert(number.clone(), [1, 3, 4].map(text))),
                _ => {}
            }
        }
    }
    verdicts
}

/// The tags of what stands in the messages.
fn tags(content: &[u8]) -> Vec<Vec<u8>> {
    let back = edi::read(content, &Options::default());
    let mut tags = Vec::new();
    for set in back.interchanges.iter().flat_map(|one| &one.groups).flat_map(|group| &group.sets) {
        let mut walk = set.walk(content);
        while let Some(segment) = walk.next_segment() {
            tags.push(segment.tag().to_vec());
        }
    }
    tags
}
