//! A login that only finds out whether the broker lets us in: connect, CONNECT, CONNACK, DISCONNECT.
//!
//! Never: a session that stays, a will, a message.

use std::time::Duration;

use super::dial::{Network, dial, with_causes};
use super::settings::Connection;
use super::transport::{Opening, Transport};
use super::trouble::Trouble;

/// Nothing but CONNACK is expected.
const INCOMING_BYTES: u32 = 1 << 16;

/// Logs in and leaves. The broker ends an older connection with the same client id, so the caller gives one that nobody
/// else has. `limit` holds for the way to the broker, then for its answer, then for the farewell.
///
/// # Errors
///
/// With what is wrong, by the broker's reason code where it gives one, and what to do.
pub async fn login(connection: &Connection, limit: Duration) -> Result<(), Trouble> {
    let password =
        connection.password().map_err(|error| Trouble::new("settings", with_causes(&error)))?;
    let stream = dial(&Network, connection, limit).await?;
    let opening = Opening {
        version: connection.version,
        client_id: connection.client_id.clone(),
        username: connection.username.clone(),
        password,
        will: None,
        keep_alive: connection.keep_alive,
        // So that our own limits, which have better words, come first.
        patience: limit * 2,
        window: 1,
        incoming_max: INCOMING_BYTES,
        clean: true,
        acknowledges: false,
    };
    let mut transport = Transport::open(&opening, stream)?;
    transport.connack(limit).await.map_err(|trouble| trouble.of_login(connection))?;
    let _said = tokio::time::timeout(limit, transport.disconnect()).await;
    Ok(())
}
