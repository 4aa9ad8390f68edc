//! One rule of a guide, checked and put in its place.

use super::names::{Place, has_value};
use crate::edi::guide::element::{self, Address, Test};
use crate::edi::guide::fault::Flaw;
use crate::edi::guide::pattern::Pattern;
use crate::edi::guide::text::{ConditionText, RuleText, Use};
use crate::edi::guide::{Ask, GuideRule, When};
use crate::edi::schema::{Kind, Need, Places, Transaction, UNBOUNDED, tag_text};
use crate::edi::value;
use crate::finding::Severity;

/// Puts rules in their places in one table.
pub(super) struct Resolver<'t> {
    pub(super) transaction: &'static Transaction,
    pub(super) places: &'t Places,
}

impl Resolver<'_> {
    pub(super) fn rule(&self, text: &RuleText) -> Result<GuideRule, Flaw> {
        let path = self.path(&text.at);
        let place = self.place(path.segment).map_err(|message| ("at", message))?;
        let (ask, at_element) = match path.element {
            None => (occurrence(text, &place)?, None),
            Some(element) => {
                let address =
                    self.address(place.facts.tag, element).map_err(|message| ("at", message))?;
                (Ask::Element(self.element(text, address)?), Some(address))
            }
        };
        let with = match &text.with {
            None => None,
            Some(condition) => Some(self.with(condition, &place)?),
        };
        let when = match &text.when {
            None => None,
            Some(condition) => {
                Some(self.when(condition, &place).map_err(|message| ("when", message))?)
            }
        };
        if at_element.is_none() && matches!(when, Some(When::Here(_))) {
            return Err(("when", format!("this is an element of {} itself: write with", text.at)));
        }
        contradiction(text, &place, at_element)?;
        Ok(GuideRule {
            tag: place.facts.tag,
            is_loop: place.facts.is_loop,
            position: place.position,
            with,
            when,
            ask,
            severity: text.severity.unwrap_or(Severity::Error),
            what: format!("{}{}", text.at, text.with.as_ref().map(with_words).unwrap_or_default()),
            given: text.when.as_ref().map(when_words).unwrap_or_default(),
        })
    }

    fn element(&self, text: &RuleText, address: Address) -> Result<element::Ask, Flaw> {
        let usage = address.usage;
        if text.codes.is_some() || text.length.is_some() || text.pattern.is_some() {
            has_value(address, "at")?;
        }
        if usage.need == Need::Unused && text.usage != Some(Use::Forbidden) {
            return Err(("at", "the standard has nothing here in this version".to_owned()));
        }
        let pattern = match text.pattern.as_deref().map(Pattern::parse) {
            Some(Err(message)) => return Err(("pattern", message)),
            pattern => pattern.and_then(Result::ok),
        };
        self.codes(text.codes.as_deref(), address)?;
        length(text.length, address)?;
        repetitions(text, address)?;
        Ok(element::Ask {
            address,
            usage: text.usage,
            codes: text.codes.clone().unwrap_or_default(),
            length: text.length,
            pattern,
            at_least: text.at_least,
            at_most: text.at_most,
        })
    }

    /// A guide chooses among the codes of the standard.
    fn codes(&self, codes: Option<&[String]>, address: Address) -> Result<(), Flaw> {
        let Some(codes) = codes else { return Ok(()) };
        if codes.is_empty() {
            return Err(("codes", "expected at least one".to_owned()));
        }
        let usage = address.usage;
        for code in codes {
            if usage.kind == Kind::Code
                && !self.transaction.tables().has_code(usage, code.as_bytes())
            {
                return Err(("codes", format!("the standard has no code {code:?} here")));
            }
            let length = address.length_of(code.as_bytes());
            if length < usize::from(usage.shortest) || length > usage.longest as usize {
                let (shortest, longest) = (usage.shortest, usage.longest);
                let message = format!(
                    "{code:?} cannot stand here: the standard has {shortest} to {longest} characters"
                );
                return Err(("codes", message));
            }
        }
        Ok(())
    }

    /// `with`: an element of the same segment.
    fn with(&self, condition: &ConditionText, place: &Place) -> Result<Test, Flaw> {
        match self.when(condition, place).map_err(|message| ("with", message))? {
            When::Here(test) => Ok(test),
            When::Earlier { .. } => {
                let element = &condition.element;
                Err(("with", format!("{element} is in another segment: write when")))
            }
        }
    }

    /// A condition. One without a path whose tag is that of the rule is about the same segment.
    fn when(&self, condition: &ConditionText, place: &Place) -> Result<When, String> {
        let path = self.path(&condition.element);
        let Some(element) = path.element else {
            let found = &condition.element;
            return Err(format!("{found} is no element; expected one such as {found}01"));
        };
        if path.segment == tag_text(place.facts.tag) {
            let address = self.address(place.facts.tag, element)?;
            return self.test(condition, address).map(When::Here);
        }
        let found = self.place(path.segment)?;
        let test = self.test(condition, self.address(found.facts.tag, element)?)?;
        if found.position == place.position {
            return Ok(When::Here(test));
        }
        let scope = self.places.scope(found.position, place.position);
        Ok(When::Earlier { tag: found.facts.tag, position: found.position, scope, test })
    }

    fn test(&self, condition: &ConditionText, address: Address) -> Result<Test, String> {
        let ConditionText { is, is_not, present, .. } = condition;
        let (values, negated) = match (is, is_not, present) {
            (Some(values), None, None) => (Some(values), false),
            (None, Some(values), None) => (Some(values), true),
            (None, None, present) => (None, *present == Some(false)),
            _ => return Err("expected one of is, is_not and present".to_owned()),
        };
        if let Some(values) = values {
            has_value(address, "").map_err(|(_, message)| message)?;
            self.codes(Some(values), address).map_err(|(_, message)| message)?;
        }
        Ok(Test { address, values: values.cloned().unwrap_or_default(), negated })
    }
}

/// What is asked of a segment or loop.
fn occurrence(text: &RuleText, place: &Place) -> Result<Ask, Flaw> {
    let of_element = [
        ("codes", text.codes.is_some()),
        ("length", text.length.is_some()),
        ("pattern", text.pattern.is_some()),
    ];
    if let Some((key, _)) = of_element.into_iter().find(|(_, is_set)| *is_set) {
        let tag = tag_text(place.facts.tag);
        return Err((
            key,
            format!(
                "this belongs to an element: write at = \"{}02\" or so for one of {tag}",
                text.at
            ),
        ));
    }
    let most = place.facts.most;
    let limit = |key, bound: Option<u32>| match bound {
        Some(bound) if bound > most => {
            Err((key, format!("the standard allows {most} at most, and a guide cannot allow more")))
        }
        _ => Ok(()),
    };
    limit("at_least", text.at_least)?;
    if most != UNBOUNDED {
        limit("at_most", text.at_most)?;
    }
    if text.usage == Some(Use::Forbidden) {
        return Ok(Ask::Absent);
    }
    let is_required = text.usage == Some(Use::Required) && text.at_least.is_none();
    let at_least = text.at_least.unwrap_or_else(|| u32::from(is_required));
    // What the standard asks for anyway is missed by it.
    let is_asked = at_least == 1 && place.facts.is_mandatory && text.with.is_none();
    Ok(Ask::Occurs {
        at_least: if is_asked { 0 } else { at_least },
        at_most: text.at_most.unwrap_or(UNBOUNDED),
        is_required,
    })
}

fn length(length: Option<[u32; 2]>, address: Address) -> Result<(), Flaw> {
    let Some([least, most]) = length else { return Ok(()) };
    let (shortest, longest) = (u32::from(address.usage.shortest), address.usage.longest);
    if least > most {
        return Err(("length", "expected the shortest length first".to_owned()));
    }
    if least < shortest || most > longest {
        let message = format!(
            "the standard has {shortest} to {longest} characters, and a guide cannot allow others"
        );
        return Err(("length", message));
    }
    Ok(())
}

fn repetitions(text: &RuleText, address: Address) -> Result<(), Flaw> {
    let most = address.usage.most;
    for (key, bound) in [("at_least", text.at_least), ("at_most", text.at_most)] {
        if bound.is_some_and(|bound| {
            address.component > 0 || (most != u16::MAX && bound > u32::from(most))
        }) {
            return Err((
                key,
                format!("the standard allows {most} here, and a guide cannot allow more"),
            ));
        }
    }
    Ok(())
}

/// A rule that asks for nothing, for what the standard forbids, or for two things at once.
fn contradiction(text: &RuleText, place: &Place, element: Option<Address>) -> Result<(), Flaw> {
    let bounds = [text.at_least, text.at_most].into_iter().flatten().count();
    let of_value = text.codes.is_some() || text.length.is_some() || text.pattern.is_some();
    if text.usage.is_none() && bounds == 0 && !of_value {
        let message =
            "the rule asks for nothing: give it use, codes, length, pattern, at_least or at_most";
        return Err(("at", message.to_owned()));
    }
    if text.usage == Some(Use::Forbidden) {
        if bounds > 0 || of_value {
            return Err(("use", "what is forbidden has no other bounds".to_owned()));
        }
        let must_be = match element {
            Some(address) => address.component == 0 && address.usage.need == Need::Mandatory,
            None => place.facts.is_mandatory && text.with.is_none(),
        };
        if must_be {
            return Err((
                "use",
                "the standard asks for it, so that a guide cannot forbid it".to_owned(),
            ));
        }
    }
    if text.usage == Some(Use::Required) && text.at_least == Some(0) {
        return Err(("at_least", "what is required is there once at least".to_owned()));
    }
    match (text.at_least, text.at_most) {
        (Some(least), Some(most)) if least > most => {
            Err(("at_least", format!("{least} is more than at_most, {most}")))
        }
        (_, Some(0)) => Err(("at_most", "write use = \"forbidden\" for none".to_owned())),
        _ => Ok(()),
    }
}

/// ` with REF01 DP`
fn with_words(condition: &ConditionText) -> String {
    let ConditionText { element, is, is_not, present } = condition;
    match (is, is_not, present) {
        (Some(values), _, _) => format!(" with {element} {}", values.join(" or ")),
        (_, Some(values), _) => format!(" with {element} other than {}", values.join(" or ")),
        (_, _, Some(false)) => format!(" without {element}"),
        _ => format!(" with {element}"),
    }
}

/// ` when BEG02 is DS`
fn when_words(condition: &ConditionText) -> String {
    let ConditionText { element, is, is_not, present } = condition;
    match (is, is_not, present) {
        (Some(values), _, _) => format!(" when {element} is {}", values.join(" or ")),
        (_, Some(values), _) => format!(" when {element} is not {}", values.join(" or ")),
        (_, _, Some(false)) => format!(" when {element} is absent"),
        _ => format!(" when {element} is there"),
    }
}

/// Whether the standard itself already has something to say against a value.
pub(in crate::edi::guide) fn is_refused_by_the_standard(
    transaction: &Transaction,
    address: Address,
    plain: &[u8],
) -> bool {
    let usage = address.usage;
    let length = address.length_of(plain);
    !transaction.tables().has_code(usage, plain.trim_ascii())
        || length < usize::from(usage.shortest)
        || length > usage.longest as usize
        || (usage.kind == Kind::Date && value::date(plain).is_none())
}
