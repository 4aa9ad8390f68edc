//! MQTT 3.1.1. There are no reasons: a broker that does not want a message closes the connection or is silent.

use std::sync::Arc;

use futures_util::stream::{self, Stream as EventStream};
use rumqttc_v4::{
    AckMode, AsyncClient, ClientBuildError, ClientError, ConnectReturnCode, ConnectionError,
    EventLoop, Incoming, LastWill, ManualAck, MqttOptions, NetworkOptions, Outgoing, PubAck,
    PublishOptions, QoS, StateError, SubscribeReasonCode,
};
use secrecy::ExposeSecret;

use super::super::dial::Stream;
use super::super::trouble::Trouble;
use super::{
    Capabilities, Event, Message, Once, Opening, READ_BATCH, Reason, Received, WRITE_BATCH,
};

pub(super) type Client = AsyncClient;

pub(super) fn open(
    opening: &Opening,
    stream: Stream,
) -> Result<
    (Client, impl EventStream<Item = Result<Event, Trouble>> + Send + 'static),
    ClientBuildError,
> {
    let (client, mut event_loop) =
        AsyncClient::builder(options(opening, stream)).capacity(opening.channel()).try_build()?;
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(opening.patience.as_secs().max(1));
    event_loop.network_options = network;
    Ok((client, stream::unfold(Some(event_loop), next)))
}

fn options(opening: &Opening, stream: Stream) -> MqttOptions {
    // The address is never used: the connector hands over the stream.
    let mut options = MqttOptions::new(opening.client_id.clone(), "broker");
    let once = Arc::new(Once::new(stream));
    options.set_socket_connector(move |_, _| {
        let stream = once.take();
        async move { stream }
    });
    let incoming_max = usize::try_from(opening.incoming_max).unwrap_or(usize::MAX);
    options
        .set_keep_alive(u16::try_from(opening.keep_alive.as_secs()).unwrap_or(u16::MAX))
        .set_clean_session(opening.clean)
        .set_inflight(opening.inflight_limit())
        .set_max_request_batch(WRITE_BATCH)
        .set_read_batch_size(READ_BATCH)
        .set_ack_mode(if opening.acknowledges { AckMode::Manual } else { AckMode::Automatic })
        // What is too large was parked before it came here.
        .set_max_packet_size(incoming_max, usize::MAX);
    if let Some(will) = &opening.will {
        let payload = will.payload.to_vec();
        options.set_last_will(LastWill::new(&will.topic, payload, QoS::AtLeastOnce, will.retain));
    }
    match (&opening.username, &opening.password) {
        (Some(user), Some(password)) => {
            let password = password.expose_secret().as_bytes().to_vec();
            options.set_credentials(user, password);
        }
        (Some(user), None) => {
            options.set_username(user);
        }
        (None, _) => {}
    }
    options
}

pub(super) fn publish(client: &Client, message: &Message) -> Result<(), ClientError> {
    let options = PublishOptions::at_least_once().retain(message.retain);
    client.try_publish(message.topic.as_str(), message.payload.clone(), options)
}

pub(super) fn subscribe(client: &Client, filter: &str) -> Result<(), ClientError> {
    client.try_subscribe(filter, QoS::AtLeastOnce)
}

pub(super) fn unsubscribe(client: &Client, filter: &str) -> Result<(), ClientError> {
    client.try_unsubscribe(filter)
}

pub(super) fn acknowledge(client: &Client, id: u16) -> Result<(), ClientError> {
    client.try_manual_ack(ManualAck::PubAck(PubAck::new(id)))
}

/// The event loop is not asked again after an error: it would connect anew.
async fn next(
    event_loop: Option<EventLoop>,
) -> Option<(Result<Event, Trouble>, Option<EventLoop>)> {
    let mut event_loop = event_loop?;
    Some(match event_loop.poll().await {
        Ok(event) => (Ok(meaning(event)), Some(event_loop)),
        Err(error) => (Err(trouble(&error)), None),
    })
}

fn meaning(event: rumqttc_v4::Event) -> Event {
    match event {
        rumqttc_v4::Event::Outgoing(Outgoing::Publish(id)) => Event::Sent(id),
        rumqttc_v4::Event::Incoming(Incoming::ConnAck(answer)) => Event::Connected(Capabilities {
            receive_maximum: u16::MAX,
            packet_max: None,
            retain: true,
            at_least_once: true,
            session_present: answer.session_present,
        }),
        rumqttc_v4::Event::Incoming(Incoming::PubAck(answer)) => {
            Event::Acknowledged(answer.pkid, Reason::Success)
        }
        rumqttc_v4::Event::Incoming(Incoming::SubAck(answer)) => Event::Subscribed {
            granted: answer
                .return_codes
                .iter()
                .all(|code| matches!(code, SubscribeReasonCode::Success(_))),
        },
        rumqttc_v4::Event::Incoming(Incoming::UnsubAck(_)) => Event::Alive,
        rumqttc_v4::Event::Incoming(Incoming::Publish(message)) => Event::Received(Received {
            topic: String::from_utf8_lossy(&message.topic).into_owned(),
            payload: message.payload,
            id: message.pkid,
        }),
        _ => Event::Other,
    }
}

fn trouble(error: &ConnectionError) -> Trouble {
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::RefusedProtocolVersion => Trouble::wrong_version(),
            ConnectReturnCode::BadClientId => Trouble::client_id_refused(),
            ConnectReturnCode::BadUserNamePassword => Trouble::bad_password(),
            ConnectReturnCode::NotAuthorized => Trouble::not_authorized(),
            ConnectReturnCode::ServiceUnavailable | ConnectReturnCode::Success => {
                Trouble::unavailable()
            }
        },
        ConnectionError::MqttState(StateError::ConnectionAborted) => Trouble::closed(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => Trouble::new(
            "no_ping_answer",
            "the broker gave no sign of life within the keep-alive time: is the network down?",
        ),
        ConnectionError::FlushTimeout => {
            Trouble::new("silent", "the broker reads nothing more: is it overloaded?")
        }
        other => Trouble::of_error(other),
    }
}
