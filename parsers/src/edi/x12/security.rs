//! Security segments (X12.58): S1S to S4S with their trailers, in groups and in sets.
//!
//! In: one of them, or the end of the level that they stand in. Out: a finding for each that has no other half.
//! Never: a look at what they say; nothing is decrypted or verified.

use crate::edi::assembler::{Visit, spot_of};
use crate::edi::event::Stage;
use crate::edi::finding::Remark;
use crate::edi::rules::{self, Code, Rule};
use crate::edi::segment::Segment;

const HEADERS: [&str; 4] = ["S1S", "S2S", "S3S", "S4S"];
const TRAILERS: [&str; 4] = ["S1E", "S2E", "S3E", "S4E"];

impl Visit<'_, '_> {
    pub(super) fn security(&mut self, segment: &Segment<'_>) {
        if !self.state.group.open {
            return self.outside(segment);
        }
        self.count_segment(segment);
        let stage = if self.state.set.open { Stage::Set } else { Stage::Group };
        let tag = segment.tag_text();
        let open = &mut self.state.level_mut(stage).security;
        if let Some(index) = HEADERS.iter().position(|header| *header == tag) {
            if std::mem::replace(&mut open[index], true) {
                self.lacks_trailer(stage, index, segment);
            }
        } else if let Some(index) = TRAILERS.iter().position(|trailer| *trailer == tag)
            && !std::mem::take(&mut open[index])
        {
            let rule = match stage {
                Stage::Set => {
                    Rule { answer: Some(Code::Set(HEADERS[index])), ..rules::SET_SECURITY_HEADER }
                }
                _ => Rule {
                    answer: Some(Code::Group(HEADERS[index])),
                    ..rules::GROUP_SECURITY_HEADER
                },
            };
            let remark = Remark::new("a security trailer has no header");
            let remark = remark.expected(HEADERS[index]).found(segment.tag());
            self.say(&rule, remark, spot_of(segment), Some(segment));
        }
    }

    /// The level ends: what is open lacks its trailer.
    pub(super) fn end_security(&mut self, stage: Stage, at: &Segment<'_>) {
        let open = std::mem::take(&mut self.state.level_mut(stage).security);
        for (index, _) in open.iter().enumerate().filter(|(_, open)| **open) {
            self.lacks_trailer(stage, index, at);
        }
    }

    fn lacks_trailer(&mut self, stage: Stage, index: usize, at: &Segment<'_>) {
        let Some((header, trailer)) = HEADERS.get(index).zip(TRAILERS.get(index)) else {
            return;
        };
        let rule = match stage {
            Stage::Set => Rule { answer: Some(Code::Set(trailer)), ..rules::SET_SECURITY_TRAILER },
            _ => Rule { answer: Some(Code::Group(trailer)), ..rules::GROUP_SECURITY_TRAILER },
        };
        let remark = Remark::new(format!("the security header {header} has no trailer"));
        let remark = remark.expected(*trailer).found(at.tag());
        self.say(&rule, remark, spot_of(at), Some(at));
    }
}
