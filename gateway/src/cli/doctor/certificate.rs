//! How long certificates are valid.

use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Check;
use crate::clock::Clock;
use crate::config::certificate::validity;
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

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

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
