//! The report descriptor: which bits of which report mean what (HID 1.11, 6.2.2).
//!
//! In: the bytes of a descriptor. Out: its fields, in order, with their places. A descriptor that breaks the rules
//! gives the fields up to there, and the flaw. Never: memory beyond [`FIELDS_MAX`] fields, or a panic.

/// Linux takes no longer descriptor (`HID_MAX_DESCRIPTOR_SIZE`).
pub const DESCRIPTOR_BYTES_MAX: usize = 4096;
/// Scanners and card readers have some dozens.
pub const FIELDS_MAX: usize = 1024;
/// Linux takes no longer report (`HID_MAX_BUFFER_SIZE`).
pub const REPORT_BYTES_MAX: usize = 16_384;
const DEPTH_MAX: usize = 32;
const USAGES_MAX: usize = 512;

/// What a field or collection is for: a page and a number in it (HID Usage Tables).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// The page, such as 8C for scanners.
    pub page: u16,
    /// The usage within the page.
    pub id: u16,
}

impl Usage {
    /// A usage of a page.
    #[must_use]
    pub const fn new(page: u16, id: u16) -> Self {
        Self { page, id }
    }

    /// A usage item of four bytes brings its own page (HID 1.11, 6.2.2.8).
    fn of_item(data: u32, size: usize, page: u16) -> Self {
        let page = if size == 4 { low(data >> 16) } else { page };
        Self { page, id: low(data) }
    }
}

/// Which way a report goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// From the device.
    Input,
    /// To the device.
    Output,
    /// Both, on demand.
    Feature,
}

/// Neighbouring elements of a report with the same usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Which way its report goes.
    pub kind: ReportKind,
    /// Its report; 0 where the device does not number reports.
    pub report_id: u8,
    /// What it is.
    pub usage: Usage,
    /// The outermost collection around it.
    pub application: Usage,
    /// Its place in the report, in bits, not counting the report id.
    pub bit_offset: u32,
    /// Bits of an element.
    pub element_bits: u32,
    /// Elements.
    pub count: u32,
    /// Padding: says nothing.
    pub constant: bool,
}

impl Field {
    /// An element's value, where the report reaches so far and the element has at most 32 bits.
    #[must_use]
    pub fn element(&self, payload: &[u8], index: u32) -> Option<u32> {
        if index >= self.count || self.element_bits > 32 {
            return None;
        }
        let start = u64::from(self.bit_offset) + u64::from(index) * u64::from(self.element_bits);
        let mut value = 0;
        for bit in 0..self.element_bits {
            let at = start + u64::from(bit);
            let byte = payload.get(usize::try_from(at / 8).ok()?)?;
            value |= u32::from(byte >> (at % 8) & 1) << bit;
        }
        Some(value)
    }

    /// The elements of a field of bytes: those that the report has.
    pub fn bytes<'a>(&'a self, payload: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
        let count = if self.element_bits == 8 { self.count } else { 0 };
        (0..count).map_while(|index| u8::try_from(self.element(payload, index)?).ok())
    }

    /// The first bit behind the field.
    fn end(&self) -> u64 {
        u64::from(self.bit_offset) + u64::from(self.element_bits) * u64::from(self.count)
    }
}

/// What is wrong with a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It ends within an item.
    CutShort,
    /// It has more than [`DESCRIPTOR_BYTES_MAX`] bytes, [`FIELDS_MAX`] fields, or reports beyond [`REPORT_BYTES_MAX`].
    TooMuch,
    /// A collection or a push without its end, or the other way round.
    Unbalanced,
}

/// A descriptor that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportDescriptor {
    /// All fields, in order.
    pub fields: Vec<Field>,
    /// What the device is: the outermost collections.
    pub applications: Vec<Usage>,
    /// Whether each report begins with its id.
    pub numbered: bool,
    /// What is wrong with it. What stands before the flaw was read.
    pub flaw: Option<Flaw>,
}

impl ReportDescriptor {
    /// Reads a descriptor.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut reader = Reader::default();
        let flaw = reader.items(bytes).err();
        Self { flaw, ..reader.descriptor }
    }

    /// Splits a report into its id and the rest. 0 is the id of reports that are not numbered.
    #[must_use]
    pub fn split<'r>(&self, report: &'r [u8]) -> Option<(u8, &'r [u8])> {
        if !self.numbered {
            return Some((0, report));
        }
        report.split_first().map(|(id, payload)| (*id, payload))
    }

    /// The first field of a usage in a report of this kind, padding left out.
    #[must_use]
    pub fn find(&self, kind: ReportKind, usage: Usage) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.kind == kind && field.usage == usage && !field.constant)
    }

    /// The first field of a usage in one input report.
    #[must_use]
    pub fn input(&self, report_id: u8, usage: Usage) -> Option<Field> {
        let of_report = |field: &&Field| {
            field.kind == ReportKind::Input && field.report_id == report_id && field.usage == usage
        };
        self.fields.iter().filter(of_report).find(|field| !field.constant).copied()
    }

    /// Bytes of a report, its id included where reports are numbered.
    #[must_use]
    pub fn report_bytes(&self, kind: ReportKind, report_id: u8) -> usize {
        let of_report =
            self.fields.iter().filter(|field| field.kind == kind && field.report_id == report_id);
        let bits = of_report.map(Field::end).max().unwrap_or(0);
        usize::from(self.numbered) + usize::try_from(bits.div_ceil(8)).unwrap_or(0)
    }
}

/// Items that hold until they are changed (HID 1.11, 6.2.2.7).
#[derive(Clone, Copy, Default)]
struct Globals {
    page: u16,
    element_bits: u32,
    count: u32,
    report_id: u8,
}

#[derive(Default)]
struct Reader {
    descriptor: ReportDescriptor,
    globals: Globals,
    pushed: Vec<Globals>,
    usages: Vec<Usage>,
    usage_min: Option<Usage>,
    collections: Vec<Usage>,
    /// Bits so far of each report.
    used: Vec<(ReportKind, u8, u32)>,
}

impl Reader {
    /// `prefix data*`: the prefix holds size, type and tag (HID 1.11, 6.2.2.2).
    fn items(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        let mut rest = bytes.get(..DESCRIPTOR_BYTES_MAX).unwrap_or(bytes);
        while let Some((prefix, behind)) = rest.split_first() {
            // Long items (6.2.2.3) have no meaning that anyone defined.
            if *prefix == 0xFE {
                let size = behind.first().map_or(0, |size| usize::from(*size));
                rest = behind.get(2 + size..).ok_or(Flaw::CutShort)?;
                continue;
            }
            let size = [0, 1, 2, 4][usize::from(prefix & 3)];
            let (data, behind) = behind.split_at_checked(size).ok_or(Flaw::CutShort)?;
            rest = behind;
            let value = data.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            self.item(prefix & 0xFC, value, size)?;
        }
        let whole = self.collections.is_empty() && self.pushed.is_empty();
        match bytes.len() {
            ..=DESCRIPTOR_BYTES_MAX if whole => Ok(()),
            ..=DESCRIPTOR_BYTES_MAX => Err(Flaw::Unbalanced),
            _ => Err(Flaw::TooMuch),
        }
    }

    fn item(&mut self, tag: u8, value: u32, size: usize) -> Result<(), Flaw> {
        let page = self.globals.page;
        let globals = &mut self.globals;
        match tag {
            0x04 => globals.page = low(value),
            0x74 => globals.element_bits = value,
            0x94 => globals.count = value,
            0x84 => {
                globals.report_id = u8::try_from(value & 0xFF).unwrap_or_default();
                self.descriptor.numbered = true;
            }
            0xA4 if self.pushed.len() < DEPTH_MAX => self.pushed.push(*globals),
            0xA4 => return Err(Flaw::TooMuch),
            0xB4 => *globals = self.pushed.pop().ok_or(Flaw::Unbalanced)?,
            0x08 => self.add_usage(Usage::of_item(value, size, page)),
            0x18 => self.usage_min = Some(Usage::of_item(value, size, page)),
            0x28 => self.add_usages_to(Usage::of_item(value, size, page)),
            0x80 => self.fields(ReportKind::Input, value)?,
            0x90 => self.fields(ReportKind::Output, value)?,
            0xB0 => self.fields(ReportKind::Feature, value)?,
            0xA0 => self.begin_collection()?,
            0xC0 => {
                self.collections.pop().ok_or(Flaw::Unbalanced)?;
                self.end_main();
            }
            _ => {}
        }
        Ok(())
    }

    fn add_usage(&mut self, usage: Usage) {
        if self.usages.len() < USAGES_MAX {
            self.usages.push(usage);
        }
    }

    fn add_usages_to(&mut self, last: Usage) {
        let first = self.usage_min.take().unwrap_or(last);
        for id in first.id..=last.id {
            if self.usages.len() == USAGES_MAX {
                break;
            }
            self.usages.push(Usage { page: first.page, id });
        }
    }

    fn begin_collection(&mut self) -> Result<(), Flaw> {
        let usage = self.usages.first().copied().unwrap_or_default();
        if self.collections.len() == DEPTH_MAX || self.descriptor.applications.len() == FIELDS_MAX {
            return Err(Flaw::TooMuch);
        }
        if self.collections.is_empty() {
            self.descriptor.applications.push(usage);
        }
        self.collections.push(usage);
        self.end_main();
        Ok(())
    }

    /// Local items hold for one main item (HID 1.11, 6.2.2.8).
    fn end_main(&mut self) {
        self.usages.clear();
        self.usage_min = None;
    }

    /// A field an element and usage; the last usage stands for all elements that are left (HID 1.11, 6.2.2.8).
    fn fields(&mut self, kind: ReportKind, flags: u32) -> Result<(), Flaw> {
        let Globals { element_bits, mut count, report_id, .. } = self.globals;
        let mut bit_offset = self.take_bits(kind, element_bits, count)?;
        let is_array = flags & 2 == 0;
        let named = if is_array { self.usages.len().min(1) } else { self.usages.len() };
        let application = self.collections.first().copied().unwrap_or_default();
        for place in 0..named.max(1) {
            if count == 0 {
                break;
            }
            let usage = self.usages.get(place).copied();
            let elements = if place + 1 < named { 1 } else { count };
            if self.descriptor.fields.len() == FIELDS_MAX {
                return Err(Flaw::TooMuch);
            }
            self.descriptor.fields.push(Field {
                kind,
                report_id,
                usage: usage.unwrap_or_else(|| Usage::new(self.globals.page, 0)),
                application,
                bit_offset,
                element_bits,
                count: elements,
                constant: flags & 1 == 1,
            });
            bit_offset += element_bits * elements;
            count -= elements;
        }
        self.end_main();
        Ok(())
    }

    /// Room in a report, and where it begins.
    fn take_bits(&mut self, kind: ReportKind, element_bits: u32, count: u32) -> Result<u32, Flaw> {
        let id = self.globals.report_id;
        let known = self.used.iter().position(|(k, i, _)| (*k, *i) == (kind, id));
        let place = known.unwrap_or(self.used.len());
        if place == self.used.len() {
            self.used.push((kind, id, 0));
        }
        let (_, _, used) = self.used.get_mut(place).ok_or(Flaw::TooMuch)?;
        let start = *used;
        let end = u64::from(start) + u64::from(element_bits) * u64::from(count);
        let fits = end <= 8 * REPORT_BYTES_MAX as u64;
        *used = u32::try_from(end).ok().filter(|_| fits).ok_or(Flaw::TooMuch)?;
        Ok(start)
    }
}

/// The lower half.
fn low(value: u32) -> u16 {
    u16::try_from(value & 0xFFFF).unwrap_or_default()
}

#[cfg(test)]
mod tests;
