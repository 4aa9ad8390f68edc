//! Interim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    pub element: u8,
    pub segment: u8,
    pub release: Option<u8>,
}
#[derive(Debug, Clone, Copy)]
pub struct End {
    pub at: u32,
    pub marks: u32,
    pub flags: u8,
}
pub const ODD: u8 = 1;
pub const RELEASED: u8 = 2;
#[derive(Debug, Default)]
pub struct Index {
    pub marks: Vec<u32>,
    pub ends: Vec<End>,
}
#[derive(Debug, Clone, Copy, Default)]
pub struct Carry {
    released: bool,
    flags: u8,
}
pub fn index(block: &[u8], base: u32, marks: &Marks, carry: &mut Carry, out: &mut Index) {
    for (at, byte) in block.iter().enumerate() {
        let at = base + at as u32;
        let released = std::mem::take(&mut carry.released);
        if !released && *byte == marks.segment {
            out.ends.push(End {
                at,
                marks: out.marks.len() as u32,
                flags: std::mem::take(&mut carry.flags),
            });
            continue;
        }
        if !released && Some(*byte) == marks.release {
            carry.released = true;
            carry.flags |= RELEASED;
        } else if !released && *byte == marks.element {
            out.marks.push(at);
        }
        if !(0x20..=0x7e).contains(byte) {
            carry.flags |= ODD;
        }
    }
}
