//! How long certificates are valid.
//!
//! The two dates are read straight from the DER of the certificate; whether anybody should trust it is decided by
//! the TLS handshake, not here.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Check;
use crate::clock::Clock;
use crate::config::{BrokerUrl, Config};

const DAYS_LEFT_WARN: i64 = 14;
const SECONDS_PER_DAY: i64 = 86_400;

pub(super) fn checks(config: &Config, clock: &impl Clock) -> Vec<Check> {
    let mqtt = &config.mqtt;
    // Without TLS the authority is not used.
    let uses_tls = mqtt.url.parse::<BrokerUrl>().is_ok_and(|url| url.tls);
    let ca_file = mqtt.ca_file.clone().filter(|_| uses_tls);
    let files = [&ca_file, &mqtt.client_cert_file, &config.http.tls_cert_file];
    let now = clock.now();
    files
        .into_iter()
        .flatten()
        .map(|file| of_file(file, now).of(file.display().to_string()))
        .collect()
}

fn of_file(file: &Path, now: Timestamp) -> Check {
    const ID: &str = "certificates.valid";
    const HINT: &str = "put a certificate in PEM here, readable for the daemon";
    let mut ends = Vec::new();
    match CertificateDer::pem_file_iter(file) {
        Err(error) => return Check::fail(ID, error.to_string(), HINT),
        Ok(certificates) => {
            for certificate in certificates {
                match certificate {
                    Ok(certificate) => ends.push(validity(&certificate)),
                    Err(error) => return Check::fail(ID, error.to_string(), HINT),
                }
            }
        }
    }
    match ends.iter().copied().collect::<Option<Vec<_>>>() {
        Some(all) => match all.into_iter().min_by_key(|(_, end)| *end) {
            Some(first_to_end) => of_dates(ID, first_to_end, now),
            None => Check::fail(ID, "there is no certificate in the file", HINT),
        },
        None => Check::warn(ID, "the dates cannot be read", HINT),
    }
}

/// What the dates of a certificate mean today.
pub(super) fn of_dates(id: &'static str, dates: (Timestamp, Timestamp), now: Timestamp) -> Check {
    let (begin, end) = dates;
    let days = (end.as_second() - now.as_second()).div_euclid(SECONDS_PER_DAY);
    if now < begin {
        Check::fail(id, format!("valid from {begin} on"), "is this machine's clock right?")
    } else if now >= end {
        Check::fail(id, format!("ended on {end}"), "renew it; is this machine's clock right?")
    } else if days < DAYS_LEFT_WARN {
        Check::warn(id, format!("{days} days left, until {end}"), "renew it")
    } else {
        Check::ok(id, format!("{days} days left"))
    }
}

/// `notBefore` and `notAfter` of a certificate (RFC 5280, 4.1):
///
/// ```text
/// Certificate    ::= SEQUENCE { tbsCertificate, … }
/// TBSCertificate ::= SEQUENCE { version [0] OPTIONAL, serialNumber, signature, issuer, validity, … }
/// Validity       ::= SEQUENCE { notBefore Time, notAfter Time }
/// ```
pub(super) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
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
    use super::super::Outcome;
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

    #[test]
    fn dates_are_judged() {
        let dates =
            ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-03-01T00:00:00Z".parse().unwrap());
        for (now, outcome, found) in [
            ("2025-12-31T00:00:00Z", Outcome::Fail, "valid from 2026-01-01T00:00:00Z on"),
            ("2026-01-30T00:00:00Z", Outcome::Ok, "30 days left"),
            ("2026-02-28T12:00:00Z", Outcome::Warn, "0 days left, until 2026-03-01T00:00:00Z"),
            ("2026-03-01T00:00:00Z", Outcome::Fail, "ended on 2026-03-01T00:00:00Z"),
        ] {
            let check = of_dates("c", dates, now.parse().unwrap());
            assert_eq!((check.outcome, check.found.as_str()), (outcome, found));
        }
    }

    #[test]
    fn a_file_without_certificate_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.pem");
        assert_eq!(of_file(&file, Timestamp::UNIX_EPOCH).outcome, Outcome::Fail);
        std::fs::write(&file, "nothing").unwrap();
        assert_eq!(
            of_file(&file, Timestamp::UNIX_EPOCH).found,
            "there is no certificate in the file"
        );
    }
}
