//! Holds one set against a guide, beside the validator.
//!
//! In: each segment, with the place that the matcher found for it. Out: remarks. Never: an allocation for a segment
//! that is right, a second word on what the standard already minds.

use super::element::{self, Found, Test};
use super::resolve::is_refused_by_the_standard;
use super::text::Use;
use super::{Ask, Guide, GuideRule, Plan, When};
use crate::edi::finding::{Remark, Trigger};
use crate::edi::rules::{self, Rule};
use crate::edi::schema::{Matcher, Need, Position, tag_text};
use crate::edi::segment::Segment;
use crate::edi::shown::times;
use crate::edi::validate::{Sink, Spot};
use crate::edi::value;

/// Reads one set.
#[derive(Debug, Default)]
pub(in crate::edi) struct GuideCheck<'g> {
    name: &'g str,
    /// None where no guide is for the set.
    plan: Option<&'g Plan>,
    /// What was seen for each rule.
    seen: Vec<Seen>,
    /// The levels that are open: row and serial number.
    levels: Vec<(u16, u32, Option<&'static str>)>,
    /// Values without their release characters.
    scratch: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Segments or loops in the level that is open.
    count: u32,
    /// The condition's element said so, in its scope.
    said: bool,
    /// Where the condition was looked at last: the segment's position and its loop.
    at: Option<(u32, Option<&'static str>)>,
}

/// What made a rule apply.
#[derive(Debug, Clone, Copy)]
struct Cause {
    tag: u32,
    at: (u32, Option<&'static str>),
    element: usize,
}

/// Who is told, and of which segment.
struct Hearer<'h, 's> {
    segment: &'h Segment<'s>,
    sink: &'h mut dyn Sink,
    loop_id: Option<&'static str>,
    cause: Option<Cause>,
}

impl<'g> GuideCheck<'g> {
    /// Before the header segment of a set. Memory of the set before is used again.
    pub(in crate::edi) fn open(&mut self, chosen: Option<(&'g Guide, &'g Plan)>) {
        self.name = chosen.map_or("", |(guide, _)| guide.name());
        self.plan = chosen.map(|(_, plan)| plan);
        self.levels.clear();
        self.seen.clear();
        self.seen.resize(self.plan.map_or(0, |plan| plan.rules.len()), Seen::default());
    }

    /// Whether a guide is for the open set.
    pub(in crate::edi) fn is_open(&self) -> bool {
        self.plan.is_some()
    }

    /// The next segment, after it was placed.
    pub(in crate::edi) fn segment(
        &mut self,
        segment: &Segment<'_>,
        matcher: &Matcher,
        sink: &mut dyn Sink,
    ) {
        let Some(plan) = self.plan else { return };
        self.follow(plan, segment, matcher, sink);
        let Some((level, part)) = matcher.position() else { return };
        let is_here =
            |position: Position| position.level == level && position.parts & (1 << part) != 0;
        let tag = segment.tag_code();
        for index in plan.watching(tag) {
            if let Some((rule, seen)) = plan.rules.get(index).zip(self.seen.get_mut(index))
                && let Some(When::Earlier { position, test, .. }) = &rule.when
                && !seen.said
                && is_here(*position)
            {
                seen.said = test.is_said(segment, &mut self.scratch);
                seen.at = Some((sink.position(), matcher.loop_id()));
            }
        }
        let first = plan.rules.partition_point(|rule| rule.tag < tag);
        let rules = plan.rules.iter().enumerate().skip(first);
        let mut hearer = Hearer::new(segment, sink, matcher.loop_id());
        for (index, rule) in rules.take_while(|(_, rule)| rule.tag == tag) {
            if is_here(rule.position) {
                self.hold(index, rule, &mut hearer);
            }
        }
    }

    /// The trailer is there, or would have to be.
    pub(in crate::edi) fn finish(&mut self, at: &Segment<'_>, sink: &mut dyn Sink) {
        if let Some(plan) = self.plan.take() {
            self.leave(plan, 0, &mut Hearer::new(at, sink, None));
        }
    }

    /// Levels that were closed and opened since the last segment.
    fn follow(
        &mut self,
        plan: &Plan,
        segment: &Segment<'_>,
        matcher: &Matcher,
        sink: &mut dyn Sink,
    ) {
        let kept =
            self.levels.iter().zip(matcher.levels()).take_while(|(own, open)| own.1 == open.1);
        let kept = kept.count();
        self.leave(plan, kept, &mut Hearer::new(segment, sink, None));
        for (depth, (row, serial)) in matcher.levels().enumerate().skip(kept) {
            let name = depth.checked_sub(1).and_then(|above| matcher.path().nth(above));
            self.levels.push((row, serial, name));
            for index in plan.counting(row) {
                self.seen.get_mut(index).into_iter().for_each(|seen| seen.count = 0);
            }
            for index in plan.within(row) {
                self.seen.get_mut(index).into_iter().for_each(|seen| {
                    (seen.said, seen.at) = (false, None);
                });
            }
        }
    }

    /// Closes levels, the innermost first: what was too seldom there is told.
    fn leave(&mut self, plan: &Plan, kept: usize, hearer: &mut Hearer<'_, '_>) {
        while self.levels.len() > kept {
            let Some((row, _, name)) = self.levels.pop() else { return };
            hearer.loop_id = name;
            for index in plan.counting(row) {
                let Some((rule, seen)) = plan.rules.get(index).zip(self.seen.get(index)) else {
                    continue;
                };
                let Ask::Occurs { at_least, is_required, .. } = rule.ask else { continue };
                let applies = match &rule.when {
                    Some(When::Earlier { test, .. }) => seen.said != test.negated,
                    _ => true,
                };
                if seen.count < at_least && applies {
                    hearer.cause = cause(rule, seen.at, hearer);
                    self.too_few((rule, seen.count), (at_least, is_required), hearer);
                }
            }
        }
    }

    fn too_few(
        &self,
        (rule, count): (&GuideRule, u32),
        (at_least, is_required): (u32, bool),
        hearer: &mut Hearer<'_, '_>,
    ) {
        let broken = match (rule.is_loop, count) {
            (_, 0) if rule.when.is_some() => rules::GUIDE_SEGMENT_CONDITION,
            _ if is_required => rules::GUIDE_SEGMENT_MISSING,
            (true, _) => rules::GUIDE_LOOP_TOO_FEW,
            (false, _) => rules::GUIDE_SEGMENT_TOO_FEW,
        };
        let what = match at_least {
            1 => format!("{} is required{}", rule.what, rule.given),
            least => format!("{} is required {}{}", rule.what, times(least), rule.given),
        };
        let tag = tag_text(rule.tag);
        let mut remark = self.remark(&what).expected(format!("{tag} before this segment"));
        if at_least > 1 {
            remark = self
                .remark(&what)
                .expected(format!("{at_least}"))
                .found(count.to_string().as_bytes());
        }
        let spot = Spot { tag: Some(tag), ..hearer.spot() };
        hearer.say(broken, rule, remark, spot);
    }

    /// A segment that a rule is about, in its place.
    fn hold(&mut self, index: usize, rule: &GuideRule, hearer: &mut Hearer<'_, '_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let Seen { said, at, .. } = self.seen.get(index).copied().unwrap_or_default();
        hearer.cause = cause(rule, at, hearer);
        let is_meant =
            rule.with.as_ref().is_none_or(|with| with.holds(hearer.segment, &mut scratch));
        let applies = match &rule.when {
            None => true,
            Some(When::Here(test)) => test.holds(hearer.segment, &mut scratch),
            Some(When::Earlier { test, .. }) => said != test.negated,
        };
        if is_meant {
            match &rule.ask {
                Ask::Occurs { at_most, .. } => self.count(index, (rule, *at_most), applies, hearer),
                Ask::Absent if applies => self.present(rule, hearer),
                Ask::Element(ask) if applies => self.element(rule, ask, hearer, &mut scratch),
                Ask::Absent | Ask::Element(_) => {}
            }
        }
        self.scratch = scratch;
    }

    fn count(
        &mut self,
        index: usize,
        (rule, at_most): (&GuideRule, u32),
        applies: bool,
        hearer: &mut Hearer<'_, '_>,
    ) {
        let Some(seen) = self.seen.get_mut(index) else { return };
        seen.count = seen.count.saturating_add(1);
        // Told once, by the first that is too many.
        if applies && seen.count.checked_sub(1) == Some(at_most) {
            let broken = match rule.is_loop {
                true => rules::GUIDE_LOOP_TOO_OFTEN,
                false => rules::GUIDE_SEGMENT_TOO_OFTEN,
            };
            let most = times(at_most);
            let what = format!("{} is there more than {most}{}", rule.what, rule.given);
            let spot = hearer.spot();
            hearer.say(broken, rule, self.remark(&what), spot);
        }
    }

    fn present(&self, rule: &GuideRule, hearer: &mut Hearer<'_, '_>) {
        let broken = match rule.when {
            None => rules::GUIDE_SEGMENT_FORBIDDEN,
            Some(_) => rules::GUIDE_SEGMENT_EXCLUDED,
        };
        let remark = self.remark(&format!("{} is not used{}", rule.what, rule.given));
        let remark = remark.found(hearer.segment.tag());
        let spot = hearer.spot();
        hearer.say(broken, rule, remark, spot);
    }

    fn element(
        &self,
        rule: &GuideRule,
        ask: &element::Ask,
        hearer: &mut Hearer<'_, '_>,
        scratch: &mut Vec<u8>,
    ) {
        let is_conditional = rule.when.is_some() || rule.with.is_some();
        let mut filled = 0;
        let mut last = None;
        for found in ask.address.values(hearer.segment) {
            last = Some(found);
            if found.value.is_empty() {
                continue;
            }
            filled += 1;
            if ask.at_most.is_some_and(|most| filled == most.saturating_add(1)) {
                let what = format!("{} is there more than {}", rule.what, times(filled - 1));
                self.say_of(&rules::GUIDE_TOO_MANY_REPETITIONS, (rule, ask, found), what, hearer);
            }
            let plain = value::unreleased(found.value, hearer.segment.delimiters.release, scratch);
            if let Some((broken, what)) = self.fault(rule, ask, plain) {
                self.say_of(broken, (rule, ask, found), what, hearer);
            }
        }
        let Some(found) = last else { return };
        let lacks = |what: &str| format!("{} {what}{}", rule.what, rule.given);
        match ask.usage {
            Some(Use::Forbidden) if filled > 0 => {
                let broken = if is_conditional {
                    &rules::GUIDE_ELEMENT_EXCLUDED
                } else {
                    &rules::GUIDE_ELEMENT_FORBIDDEN
                };
                self.say_of(broken, (rule, ask, found), lacks("is not used"), hearer);
            }
            Some(Use::Required) if filled == 0 && !is_asked_by_the_standard(ask) => {
                let broken = if is_conditional {
                    &rules::GUIDE_ELEMENT_CONDITION
                } else {
                    &rules::GUIDE_ELEMENT_MISSING
                };
                self.say_of(broken, (rule, ask, found), lacks("is required"), hearer);
            }
            _ if filled > 0 && ask.at_least.is_some_and(|least| filled < least) => {
                let what = format!("{} is there {}", rule.what, times(filled));
                self.say_of(&rules::GUIDE_TOO_FEW_REPETITIONS, (rule, ask, found), what, hearer);
            }
            _ => {}
        }
    }

    /// What a guide has against a value. What the standard already minds is not said twice.
    fn fault(
        &self,
        rule: &GuideRule,
        ask: &element::Ask,
        plain: &[u8],
    ) -> Option<(&'static Rule, String)> {
        let trimmed = plain.trim_ascii();
        let length = ask.address.length_of(plain);
        let (broken, what) = if !ask.codes.is_empty()
            && !ask.codes.iter().any(|code| code.as_bytes() == trimmed)
        {
            (&rules::GUIDE_CODE, format!("must be one of {}", ask.codes.join(", ")))
        } else if let Some([least, most]) =
            ask.length.filter(|[least, most]| length < *least as usize || length > *most as usize)
        {
            let broken = if length < least as usize {
                &rules::GUIDE_TOO_SHORT
            } else {
                &rules::GUIDE_TOO_LONG
            };
            let span = if least == most { least.to_string() } else { format!("{least} to {most}") };
            (broken, format!("must have {span} characters"))
        } else if let Some(pattern) = ask.pattern.as_ref().filter(|pattern| !pattern.fits(plain)) {
            (&rules::GUIDE_PATTERN, format!("must look like {pattern}"))
        } else {
            return None;
        };
        let told = self
            .plan
            .is_some_and(|plan| is_refused_by_the_standard(plan.transaction, ask.address, plain));
        (!told).then(|| (broken, format!("{} {what}{}", rule.what, rule.given)))
    }

    fn say_of(
        &self,
        broken: &Rule,
        (rule, ask, found): (&GuideRule, &element::Ask, Found<'_>),
        what: String,
        hearer: &mut Hearer<'_, '_>,
    ) {
        let address = ask.address;
        let number = |number: usize| u32::try_from(number).ok().filter(|number| *number > 0);
        let repeats = found.repetition > 1;
        let spot = Spot {
            offset: found.offset,
            element: number(address.element),
            component: number(address.component),
            repetition: Some(found.repetition).filter(|_| repeats),
            element_number: Some(address.usage.number).filter(|number| *number > 0),
            ..hearer.spot()
        };
        let remark = self.remark(&what).found(found.value);
        hearer.say(*broken, rule, remark, spot);
    }

    fn remark(&self, what: &str) -> Remark {
        Remark::new(format!("{}: {what}", self.name))
    }
}

/// What makes a rule apply, where it holds under a condition.
fn cause(
    rule: &GuideRule,
    at: Option<(u32, Option<&'static str>)>,
    hearer: &Hearer<'_, '_>,
) -> Option<Cause> {
    let here = |test: &Test| Cause {
        tag: hearer.segment.tag_code(),
        at: (hearer.sink.position(), hearer.loop_id),
        element: test.address.element,
    };
    match &rule.when {
        Some(When::Here(test)) => Some(here(test)),
        Some(When::Earlier { tag, test, .. }) => {
            at.map(|at| Cause { tag: *tag, at, element: test.address.element })
        }
        None if matches!(rule.ask, Ask::Element(_)) => rule.with.as_ref().map(here),
        None => None,
    }
}

impl<'h, 's> Hearer<'h, 's> {
    fn new(
        segment: &'h Segment<'s>,
        sink: &'h mut dyn Sink,
        loop_id: Option<&'static str>,
    ) -> Self {
        Self { segment, sink, loop_id, cause: None }
    }

    fn spot(&self) -> Spot {
        Spot { offset: self.segment.offset, loop_id: self.loop_id, ..Spot::default() }
    }

    fn say(&mut self, broken: Rule, rule: &GuideRule, mut remark: Remark, spot: Spot) {
        remark.trigger = self.cause.map(|Cause { tag, at: (position, loop_id), element }| {
            let element = u32::try_from(element).ok();
            Trigger { segment: tag_text(tag), position, loop_id, element }
        });
        let broken = Rule { lenient: rule.severity, strict: rule.severity, ..broken };
        self.sink.remark(&broken, remark, spot);
    }
}

/// An element that the standard asks for is missed by it.
fn is_asked_by_the_standard(ask: &element::Ask) -> bool {
    ask.address.component == 0 && ask.address.usage.need == Need::Mandatory
}
