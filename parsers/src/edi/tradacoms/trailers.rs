//! MTR, EOB and END: whether the counts are right, and what to say where a level does not end at all.

use crate::edi::assembler::{Visit, spot_of};
use crate::edi::delimiters::digits;
use crate::edi::event::Stage;
use crate::edi::finding::Remark;
use crate::edi::rules::{self, Rule};
use crate::edi::segment::{KeptSegment, Segment};

impl Visit<'_, '_> {
    pub(super) fn close_tradacoms_message(&mut self, segment: &Segment<'_>) {
        if !self.state.set.open {
            return self.outside_tradacoms_message(segment);
        }
        self.count_segment(segment);
        self.finish_validator(segment);
        let segments = self.state.set.segments;
        self.check_count(segment, segments, &rules::MTR_COUNT, "segments from MHD to MTR");
        if segments == 2 {
            let remark = Remark::new("the message has nothing between MHD and MTR");
            self.say(&rules::MESSAGE_EMPTY, remark, spot_of(segment), Some(segment));
        }
        self.close(Stage::Set, segment.end);
    }

    pub(super) fn close_batch(&mut self, segment: &Segment<'_>) {
        if !self.state.group.open || self.state.group.header.is_empty() {
            return self.outside_tradacoms_message(segment);
        }
        self.end_tradacoms_message_early(segment);
        self.end_of_file(segment);
        let messages = self.state.group.children;
        self.state.group.stated = digits(segment.element(1).trim_ascii());
        self.check_count(segment, messages, &rules::EOB_COUNT, "messages of the batch");
        self.close_group_of_messages(segment.end);
    }

    pub(super) fn close_transmission(&mut self, segment: &Segment<'_>) {
        self.end_batch_early(segment);
        let messages = self.state.interchange.segments;
        self.state.interchange.stated = digits(segment.element(1).trim_ascii());
        self.check_count(segment, messages, &rules::END_COUNT, "messages of the transmission");
        if messages == 0 {
            let remark = Remark::new("the transmission has no message");
            self.say(&rules::TRANSMISSION_EMPTY, remark, spot_of(segment), Some(segment));
        }
        self.close(Stage::Interchange, segment.end);
    }

    fn check_count(
        &mut self,
        segment: &Segment<'_>,
        counted: u32,
        rule: &Rule,
        what: &'static str,
    ) {
        let stated = segment.element(1).trim_ascii();
        if digits(stated) != Some(counted) {
            let remark = Remark::new(format!("{} is not the number of {what}", segment.tag_text()))
                .expected(counted.to_string())
                .found(stated);
            self.say_of_element(rule, remark, segment, 1);
        }
        self.too_many(segment, 1);
    }

    /// END counts the messages of all batches: each group leaves its number behind.
    fn close_group_of_messages(&mut self, end: usize) {
        let messages = self.state.group.children;
        let all = &mut self.state.interchange.segments;
        *all = all.saturating_add(messages);
        if messages == 0 {
            let remark = Remark::new("the batch has no message");
            let header = self.state.group.header.clone();
            self.say(&rules::BATCH_EMPTY, remark, spot_of(&header.view()), Some(&header.view()));
        }
        self.close(Stage::Group, end);
    }

    pub(super) fn batches_mixed(&mut self, at: &Segment<'_>) {
        let remark =
            Remark::new("messages stand outside of batches in a transmission with batches");
        self.say(&rules::BATCHES_MIXED, remark, spot_of(at), Some(at));
    }

    pub(super) fn end_tradacoms_message_early(&mut self, at: &Segment<'_>) {
        if !self.state.set.open {
            return;
        }
        self.finish_validator(at);
        let remark = Remark::new("the message is not closed").expected("MTR").found(at.tag());
        self.say(&rules::MTR_MISSING, remark, spot_of(at), Some(at));
        self.close(Stage::Set, at.offset);
    }

    pub(super) fn end_batch_early(&mut self, at: &Segment<'_>) {
        self.end_tradacoms_message_early(at);
        if !self.state.group.open {
            return;
        }
        self.end_of_file(at);
        if !self.state.group.header.is_empty() {
            let remark = Remark::new("the batch is not closed").expected("EOB").found(at.tag());
            self.say(&rules::EOB_MISSING, remark, spot_of(at), Some(at));
        } else if at.tag() == b"BAT" && self.state.group.index == 0 {
            self.batches_mixed(at);
        }
        self.close_group_of_messages(at.offset);
    }

    /// The input ends, or the next STX comes, before END.
    pub(in crate::edi) fn end_tradacoms_early(&mut self, offset: usize) {
        let mut nothing = KeptSegment::default();
        (nothing.offset, nothing.end) = (offset, offset);
        let end = nothing.view();
        self.end_batch_early(&end);
        let remark = Remark::new("the transmission is not closed").expected("END");
        self.say(&rules::END_MISSING, remark, spot_of(&end), None);
        self.close(Stage::Interchange, offset);
    }
}
