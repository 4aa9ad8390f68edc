//! MQTT 3.1.1 and 5 as a broker speaks them, encoded by hand: only what a gateway needs.

use tillgate::forward::Version;

/// A PUBLISH of the gateway.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) id: u16,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// Takes a whole packet off the buffer: its type, and what follows the length.
pub(crate) fn take(buffer: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let kind = *buffer.first()? >> 4;
    let mut length = 0_usize;
    for (index, byte) in buffer.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7F) << (7 * (index - 1));
        if byte & 0x80 == 0 {
            let end = index + 1 + length;
            if buffer.len() < end {
                return None;
            }
            let body = buffer[index + 1..end].to_vec();
            buffer.drain(..end);
            return Some((kind, body));
        }
    }
    None
}

pub(crate) fn read_publish(version: Version, body: &[u8]) -> Publish {
    let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let topic = String::from_utf8(body[2..2 + length].to_vec()).unwrap();
    let id = u16::from_be_bytes([body[2 + length], body[3 + length]]);
    let mut payload = &body[4 + length..];
    if version == Version::V5 {
        payload = &payload[1 + usize::from(payload[0])..];
    }
    Publish { id, topic, payload: payload.to_vec() }
}

pub(crate) fn connack(
    version: Version,
    code: u8,
    receive_maximum: u16,
    packet_max: u32,
) -> Vec<u8> {
    if version == Version::V3 {
        return vec![0x20, 2, 0, code];
    }
    let mut packet = vec![0x20, 11, 0, code, 8, 0x21];
    packet.extend(receive_maximum.to_be_bytes());
    packet.push(0x27);
    packet.extend(packet_max.to_be_bytes());
    packet
}

pub(crate) fn puback(version: Version, id: u16, reason: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    match (version, reason) {
        (Version::V3, _) | (Version::V5, 0) => vec![0x40, 2, high, low],
        (Version::V5, reason) => vec![0x40, 4, high, low, reason, 0],
    }
}

/// To a SUBSCRIBE with this body.
pub(crate) fn suback(version: Version, body: &[u8], is_granted: bool) -> Vec<u8> {
    match version {
        Version::V3 => vec![0x90, 3, body[0], body[1], if is_granted { 1 } else { 0x80 }],
        Version::V5 => vec![0x90, 4, body[0], body[1], 0, if is_granted { 1 } else { 0x87 }],
    }
}

/// To an UNSUBSCRIBE with this body, of something that was never subscribed.
pub(crate) fn unsuback(version: Version, body: &[u8]) -> Vec<u8> {
    match version {
        Version::V3 => vec![0xB0, 2, body[0], body[1]],
        Version::V5 => vec![0xB0, 4, body[0], body[1], 0, 0x11],
    }
}

pub(crate) fn pingresp() -> Vec<u8> {
    vec![0xD0, 0]
}

/// PUBLISH with QoS 1 to the gateway.
pub(crate) fn publish(version: Version, topic: &str, id: u16, payload: &str) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(id.to_be_bytes());
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(payload.as_bytes());
    let mut packet = vec![0x32];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push(u8::try_from(length % 0x80).unwrap() | 0x80);
        length /= 0x80;
    }
    packet.push(u8::try_from(length).unwrap());
    packet.extend(body);
    packet
}
