//! The dates of a certificate, read straight from its DER. Pure.
//!
//! Whether anybody should trust it is decided by the TLS handshake, not here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// `notBefore` and `notAfter` of a certificate (RFC 5280, 4.1):
///
/// ```text
/// Certificate    ::= SEQUENCE { tbsCertificate, … }
/// TBSCertificate ::= SEQUENCE { version [0] OPTIONAL, serialNumber, signature, issuer, validity, … }
/// Validity       ::= SEQUENCE { notBefore Time, notAfter Time }
/// ```
#[must_use]
pub fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (SEQUENCE, certificate, _) = element(certificate)? else { return None };
    let (SEQUENCE, mut fields, _) = element(certificate)? else { return None };
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = element(fields)?;
    }
    for _serial_signature_issuer in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (SEQUENCE, validity, _) = element(fields)? else { return None };
    let (begin_tag, begin, rest) = element(validity)?;
    let (end_tag, end, _) = element(rest)?;
    Some((time(begin_tag, begin)?, time(end_tag, end)?))
}

/// One element of DER (X.690, 8.1): tag, content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        // Four bytes hold lengths up to 4 GiB, and no certificate is longer.
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    let (content, following) = rest.split_at_checked(length)?;
    Some((tag, content, following))
}

/// RFC 5280, 4.1.2.5: `YYMMDDHHMMSSZ` for years until 2049, `YYYYMMDDHHMMSSZ` from 2050 on.
fn time(tag: u8, content: &[u8]) -> Option<Timestamp> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let full = match tag {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let moment = DateTime::strptime("%Y%m%d%H%M%S", full).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag, 0x82];
        bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        bytes.extend(content);
        bytes
    }

    fn certificate(with_version: bool, begin: (u8, &str), end: (u8, &str)) -> Vec<u8> {
        let validity = [der(begin.0, begin.1.as_bytes()), der(end.0, end.1.as_bytes())].concat();
        let mut fields = if with_version { der(0xa0, &[2, 1, 2]) } else { Vec::new() };
        for tag in [0x02, 0x30, 0x30] {
            fields.extend(der(tag, b"any"));
        }
        fields.extend(der(0x30, &validity));
        der(0x30, &der(0x30, &fields))
    }

    #[test]
    fn the_dates_of_both_forms_are_read() {
        for with_version in [true, false] {
            let bytes =
                certificate(with_version, (0x17, "991231235959Z"), (0x18, "20500101000000Z"));
            let (begin, end) = validity(&bytes).unwrap();
            assert_eq!(begin.to_string(), "1999-12-31T23:59:59Z");
            assert_eq!(end.to_string(), "2050-01-01T00:00:00Z");
            for cut in 0..bytes.len() {
                assert_eq!(validity(&bytes[..cut]), None, "cut at {cut}");
            }
        }
    }
}
