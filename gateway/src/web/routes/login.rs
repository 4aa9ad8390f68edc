//! Logins: a bearer token; for viewers also the browser's dialog (HTTP Basic: user = viewer id, password = token).

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use zeroize::Zeroizing;

use super::super::answer::Refusal;
use super::peer;
use crate::admission::{Admission, Identity};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Terminal,
    Partner,
    Viewer,
}

impl Role {
    fn of(self, identity: Identity) -> Option<String> {
        match self {
            Self::Terminal => identity.terminal,
            Self::Partner => identity.partner,
            Self::Viewer => identity.viewer,
        }
    }

    fn config_table(self) -> &'static str {
        match self {
            Self::Terminal => "[[terminal]]",
            Self::Partner => "[[partner]]",
            Self::Viewer => "[[viewer]]",
        }
    }

    /// RFC 9110 section 11.6.1; a browser asks its user only for Basic (RFC 7617).
    fn challenge(self) -> &'static str {
        match self {
            Self::Terminal | Self::Partner => "Bearer realm=\"tillgate\"",
            Self::Viewer => "Basic realm=\"tillgate\", charset=\"UTF-8\"",
        }
    }
}

/// The id of the caller in its role.
pub(super) fn authenticate(
    admission: &Admission,
    role: Role,
    head: &Parts,
) -> Result<String, Refusal> {
    let Some(shown) = head.headers.get(header::AUTHORIZATION) else {
        return Err(unauthorized(role, "a token is needed"));
    };
    let identity = match credentials(shown.as_bytes()) {
        Some(Credentials::Bearer(token)) => admission.identify(&token),
        Some(Credentials::Basic { user, token }) => admission.identify(&token).filter(|identity| {
            role == Role::Viewer && identity.viewer.as_deref().map(str::as_bytes) == Some(&user)
        }),
        None => None,
    };
    let Some(identity) = identity else {
        // A token that is set up wrongly shows on no screen of the store but here.
        let address = peer(head).map(|address| address.to_string()).unwrap_or_default();
        tracing::warn!(peer = address, "a wrong token was refused");
        if peer(head).is_some_and(|address| admission.failed_too_often(address)) {
            let message = "too many wrong tokens from this address: correct the token";
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "login-rate", message);
            return Err(refusal.retry_after(60));
        }
        return Err(unauthorized(role, "the token is unknown"));
    };
    role.of(identity).ok_or_else(|| {
        let table = role.config_table();
        let message = format!("this token is known, but not for this: it stands in no {table}");
        Refusal::new(StatusCode::FORBIDDEN, "role", message)
    })
}

fn unauthorized(role: Role, what: &str) -> Refusal {
    let message = format!(
        "{what}: send Authorization: Bearer TOKEN, with a token whose SHA-256 stands in a {} of the configuration",
        role.config_table()
    );
    Refusal::new(StatusCode::UNAUTHORIZED, "token", message).challenge(role.challenge())
}

enum Credentials {
    Bearer(Zeroizing<Vec<u8>>),
    Basic { user: Vec<u8>, token: Zeroizing<Vec<u8>> },
}

fn credentials(value: &[u8]) -> Option<Credentials> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = value.split_at_checked(space)?;
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(Credentials::Bearer(Zeroizing::new(rest.to_vec())));
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let decoded = Zeroizing::new(base64(rest)?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(Credentials::Basic {
        user: decoded.get(..colon)?.to_vec(),
        token: Zeroizing::new(decoded.get(colon + 1..)?.to_vec()),
    })
}

/// Base 64 (RFC 4648 section 4), with or without padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len() - padding).unwrap_or_default();
    let mut bytes = Vec::with_capacity(digits.len());
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap_or(0));
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_rfc_4648() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(base64(text.as_bytes()).unwrap(), bytes.as_bytes(), "{text}");
        }
        assert_eq!(base64(b"Zm9v!"), None);
    }
}
