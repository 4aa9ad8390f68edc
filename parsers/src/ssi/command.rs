//! What a host asks of an SSI scanner, and what a scanner says about itself.
//!
//! In: commands. Out: their packets, the answers they expect, and the values of such answers. Never: a packet that
//! changes a scanner for good unless the command says so.

use super::packet::{PERMANENT, Packet};

/// Opcodes of SSI (Simple Serial Interface Programmer's Guide, Zebra 72E-40451, chapter 3).
pub mod opcode {
    /// A segment of a message that does not fit into a packet, and the host's answer to it.
    pub const SEGMENT: u8 = 0x73;
    /// A segment arrived.
    pub const SEGMENT_ACK: u8 = 0x74;
    /// What software are you?
    pub const REVISION_REQUEST: u8 = 0xA3;
    /// Answers it.
    pub const REVISION: u8 = 0xA4;
    /// Light off.
    pub const ILLUMINATION_OFF: u8 = 0xC0;
    /// Light on.
    pub const ILLUMINATION_ON: u8 = 0xC1;
    /// Aiming pattern off.
    pub const AIM_OFF: u8 = 0xC4;
    /// Aiming pattern on.
    pub const AIM_ON: u8 = 0xC5;
    /// Parameters: from the host to be set, from the scanner as they are.
    pub const PARAM_SEND: u8 = 0xC6;
    /// How are these parameters set?
    pub const PARAM_REQUEST: u8 = 0xC7;
    /// All parameters back to their defaults.
    pub const PARAM_DEFAULTS: u8 = 0xC8;
    /// Taken, or done.
    pub const ACK: u8 = 0xD0;
    /// Not taken; the data says why.
    pub const NAK: u8 = 0xD1;
    /// Forget what waits to be sent.
    pub const FLUSH_QUEUE: u8 = 0xD2;
    /// Which commands do you know?
    pub const CAPABILITIES_REQUEST: u8 = 0xD3;
    /// Answers it.
    pub const CAPABILITIES: u8 = 0xD4;
    /// Read now, as if the trigger were pulled.
    pub const START_SESSION: u8 = 0xE4;
    /// Stop reading.
    pub const STOP_SESSION: u8 = 0xE5;
    /// Sound a beep.
    pub const BEEP: u8 = 0xE6;
    /// Lamps on.
    pub const LED_ON: u8 = 0xE7;
    /// Lamps off.
    pub const LED_OFF: u8 = 0xE8;
    /// Scanning is allowed.
    pub const SCAN_ENABLE: u8 = 0xE9;
    /// Scanning is not allowed.
    pub const SCAN_DISABLE: u8 = 0xEA;
    /// Save power until the next byte comes.
    pub const SLEEP: u8 = 0xEB;
    /// A barcode.
    pub const DECODE_DATA: u8 = 0xF3;
    /// Something happened at the scanner.
    pub const EVENT: u8 = 0xF6;
}

/// Why a packet is not taken: the data of [`opcode::NAK`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The checksum does not fit: send it again.
    Resend,
    /// Unknown, or not possible now.
    BadContext,
    /// The settings of the scanner forbid it.
    Denied,
    /// Not wanted: leave the rest of the message out.
    Cancel,
    /// None of these.
    Other(u8),
}

impl Cause {
    /// As it is sent.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Resend => 0x01,
            Self::BadContext => 0x02,
            Self::Denied => 0x06,
            Self::Cancel => 0x0A,
            Self::Other(code) => code,
        }
    }

    /// What the data of a NAK means. Without data it asks for nothing in particular.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        match data.first() {
            Some(0x01) => Self::Resend,
            Some(0x06) => Self::Denied,
            Some(0x0A) => Self::Cancel,
            Some(0x02) | None => Self::BadContext,
            Some(other) => Self::Other(*other),
        }
    }
}

/// A parameter of one byte and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// As the scanner's manual numbers it.
    pub number: u16,
    /// Its meaning depends on the number.
    pub value: u8,
}

/// Something to ask of a scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Aiming pattern on or off.
    Aim(bool),
    /// One of the sounds 00 to 1A of the guide's beep table.
    Beep(u8),
    /// Which commands it knows.
    Capabilities,
    /// Forget what waits to be sent.
    FlushQueue,
    /// Light on or off.
    Illumination(bool),
    /// The lamps of the mask on or off.
    Led {
        /// Which lamps.
        mask: u8,
        /// On, else off.
        on: bool,
    },
    /// All parameters back to their defaults.
    ParameterDefaults,
    /// How these parameters are set.
    ParameterRequest(Vec<u16>),
    /// Sets parameters.
    ParameterSend {
        /// New values.
        values: Vec<Parameter>,
        /// They survive a loss of power.
        permanent: bool,
    },
    /// The software of the scanner.
    Revision,
    /// Scanning is allowed or not.
    ScanEnabled(bool),
    /// Reads as if the trigger were pulled, or stops.
    Session(bool),
    /// Saves power until the next byte comes.
    Sleep,
}

/// No beep for a change of parameters.
const SILENT: u8 = 0xFF;

impl Command {
    /// The opcode of its packet.
    #[must_use]
    pub const fn opcode(&self) -> u8 {
        match self {
            Self::Aim(true) => opcode::AIM_ON,
            Self::Aim(false) => opcode::AIM_OFF,
            Self::Beep(_) => opcode::BEEP,
            Self::Capabilities => opcode::CAPABILITIES_REQUEST,
            Self::FlushQueue => opcode::FLUSH_QUEUE,
            Self::Illumination(true) => opcode::ILLUMINATION_ON,
            Self::Illumination(false) => opcode::ILLUMINATION_OFF,
            Self::Led { on: true, .. } => opcode::LED_ON,
            Self::Led { on: false, .. } => opcode::LED_OFF,
            Self::ParameterDefaults => opcode::PARAM_DEFAULTS,
            Self::ParameterRequest(_) => opcode::PARAM_REQUEST,
            Self::ParameterSend { .. } => opcode::PARAM_SEND,
            Self::Revision => opcode::REVISION_REQUEST,
            Self::ScanEnabled(true) => opcode::SCAN_ENABLE,
            Self::ScanEnabled(false) => opcode::SCAN_DISABLE,
            Self::Session(true) => opcode::START_SESSION,
            Self::Session(false) => opcode::STOP_SESSION,
            Self::Sleep => opcode::SLEEP,
        }
    }

    /// The opcode of the packet that says it is done.
    #[must_use]
    pub const fn answer(&self) -> u8 {
        match self {
            Self::Capabilities => opcode::CAPABILITIES,
            Self::ParameterRequest(_) => opcode::PARAM_SEND,
            Self::Revision => opcode::REVISION,
            _ => opcode::ACK,
        }
    }

    /// Its bytes, as sent for the first time or with [`super::packet::RETRANSMISSION`] in `status`. `None` for more
    /// parameters than a packet holds.
    #[must_use]
    pub fn packet(&self, status: u8) -> Option<Vec<u8>> {
        let data = self.data();
        let permanent = matches!(self, Self::ParameterSend { permanent: true, .. });
        let status = if permanent { status | PERMANENT } else { status };
        Packet { opcode: self.opcode(), status, data: &data }.from_host()
    }

    fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        match self {
            Self::Beep(sound) => data.push(*sound),
            Self::Led { mask, .. } => data.push(*mask),
            Self::ParameterRequest(numbers) => {
                numbers.iter().for_each(|number| write_number(*number, &mut data));
            }
            Self::ParameterSend { values, .. } => {
                data.push(SILENT);
                for Parameter { number, value } in values {
                    write_number(*number, &mut data);
                    data.push(*value);
                }
            }
            _ => {}
        }
        data
    }
}

/// Numbers below F0 are one byte; F0 to F2 stand for 256, 512 and 768 more than the byte behind them; F8 has two bytes
/// behind it.
fn write_number(number: u16, data: &mut Vec<u8>) {
    let [high, low] = number.to_be_bytes();
    match (high, low) {
        (0, 0..=0xEF) => data.push(low),
        (1..=3, _) => data.extend([0xEF + high, low]),
        _ => data.extend([0xF8, high, low]),
    }
}

/// Parameters of one byte in the data of a scanner's [`opcode::PARAM_SEND`], as far as they can be told apart: words,
/// texts and tables of the scanner (F3 to F6) end the list.
#[must_use]
pub fn parameters(data: &[u8]) -> Vec<Parameter> {
    let mut found = Vec::new();
    let mut rest = data.get(1..).unwrap_or_default();
    loop {
        let (number, behind) = match rest {
            [low @ 0..=0xEF, behind @ ..] => (u16::from(*low), behind),
            [prefix @ 0xF0..=0xF2, low, behind @ ..] => {
                (u16::from_be_bytes([prefix - 0xEF, *low]), behind)
            }
            [0xF8, high, low, behind @ ..] => (u16::from_be_bytes([*high, *low]), behind),
            _ => return found,
        };
        let Some((value, behind)) = behind.split_first() else { return found };
        found.push(Parameter { number, value: *value });
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_back_as_they_were_written() {
        let numbers = [0x00, 0x9F, 0xEF, 0xF0, 0xFF, 256, 511, 512, 1023, 1024, 0xFFFF];
        let values: Vec<Parameter> = numbers
            .into_iter()
            .zip(1..)
            .map(|(number, value)| Parameter { number, value })
            .collect();
        let command = Command::ParameterSend { values: values.clone(), permanent: false };
        assert_eq!(parameters(&command.data()), values);
        assert_eq!(parameters(&[]), []);
        assert_eq!(
            parameters(b"\xff\xee\x01\xf4\x9b\0\x14"),
            [Parameter { number: 0xEE, value: 1 }]
        );
    }

    #[test]
    fn causes_come_back_as_they_were_written() {
        for code in [1, 2, 6, 10, 77] {
            assert_eq!(Cause::of(&[code]).code(), code);
        }
        assert_eq!(Cause::of(&[]), Cause::BadContext);
    }
}
