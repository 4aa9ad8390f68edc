//! MQTT 5.

use std::sync::Arc;

use futures_util::stream::{self, Stream as EventStream};
use rumqttc_v5::{
    AckMode, AsyncClient, ClientBuildError, ClientError, ConnAck, ConnectReturnCode,
    ConnectionError, DisconnectReasonCode, EventLoop, Incoming, IncomingPacketSizeLimit, LastWill,
    ManualAck, MqttOptions, Outgoing, PubAck, PubAckReason, PublishOptions, PublishProperties, QoS,
    StateError, SubscribeReasonCode,
};
use secrecy::ExposeSecret;

use super::super::dial::Stream;
use super::super::trouble::Trouble;
use super::resumed::NothingUnderWay;
use super::{
    Capabilities, Event, Message, Once, Opening, READ_BATCH, Reason, Received, WRITE_BATCH,
};

/// How long the broker keeps the messages of a client that is away and did not ask for a clean start.
const SESSION_SECONDS: u32 = 7 * 24 * 3600;

pub(super) type Client = AsyncClient;

pub(super) fn open(
    opening: &Opening,
    stream: Stream,
) -> Result<
    (Client, impl EventStream<Item = Result<Event, Trouble>> + Send + 'static),
    ClientBuildError,
> {
    let (client, event_loop) =
        AsyncClient::builder(options(opening, stream)).capacity(opening.channel()).try_build()?;
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
    options
        .set_keep_alive(u16::try_from(opening.keep_alive.as_secs()).unwrap_or(u16::MAX))
        .set_connect_timeout(opening.patience)
        .set_clean_start(opening.clean)
        .set_outgoing_inflight_upper_limit(opening.inflight_limit())
        .set_max_request_batch(WRITE_BATCH)
        .set_read_batch_size(READ_BATCH)
        .set_ack_mode(if opening.acknowledges { AckMode::Manual } else { AckMode::Automatic })
        .set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(opening.incoming_max));
    if opening.acknowledges {
        // What is not acknowledged yet is held in memory, so the broker must not send without limit.
        options.set_receive_maximum(Some(opening.inflight_limit()));
    }
    if !opening.clean {
        options
            .set_session_expiry_interval(Some(SESSION_SECONDS))
            .set_session_store(NothingUnderWay::of(opening, SESSION_SECONDS));
    }
    if let Some(will) = &opening.will {
        let payload = will.payload.to_vec();
        let will = LastWill::new(&will.topic, payload, QoS::AtLeastOnce, will.retain, None);
        options.set_last_will(will);
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
    let mut options = PublishOptions::at_least_once().retain(message.retain);
    if let Some(content_type) = message.content_type {
        options = options.properties(PublishProperties {
            content_type: Some(content_type.to_owned()),
            ..PublishProperties::default()
        });
    }
    client.try_publish(message.topic.as_str(), message.payload.clone(), options)
}

pub(super) fn subscribe(client: &Client, filter: &str) -> Result<(), ClientError> {
    client.try_subscribe(filter, QoS::AtLeastOnce)
}

pub(super) fn unsubscribe(client: &Client, filter: &str) -> Result<(), ClientError> {
    client.try_unsubscribe(filter)
}

pub(super) fn acknowledge(client: &Client, id: u16) -> Result<(), ClientError> {
    client.try_manual_ack(ManualAck::PubAck(PubAck::new(id, None)))
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

fn meaning(event: rumqttc_v5::Event) -> Event {
    match event {
        rumqttc_v5::Event::Outgoing(Outgoing::Publish(id)) => Event::Sent(id),
        rumqttc_v5::Event::Incoming(Incoming::ConnAck(answer)) => {
            Event::Connected(abilities(&answer))
        }
        rumqttc_v5::Event::Incoming(Incoming::PubAck(answer)) => {
            Event::Acknowledged(answer.pkid, reason(answer.reason))
        }
        rumqttc_v5::Event::Incoming(Incoming::SubAck(answer)) => Event::Subscribed {
            granted: answer
                .return_codes
                .iter()
                .all(|code| matches!(code, SubscribeReasonCode::Success(_))),
        },
        rumqttc_v5::Event::Incoming(Incoming::UnsubAck(_)) => Event::Alive,
        rumqttc_v5::Event::Incoming(Incoming::Publish(message)) => Event::Received(Received {
            topic: String::from_utf8_lossy(&message.topic).into_owned(),
            payload: message.payload,
            id: message.pkid,
        }),
        _ => Event::Other,
    }
}

/// What is absent has the value that MQTT 5, 3.2.2.3 gives it.
fn abilities(answer: &ConnAck) -> Capabilities {
    let told = answer.properties.as_ref();
    Capabilities {
        receive_maximum: told.and_then(|told| told.receive_max).unwrap_or(u16::MAX),
        packet_max: told.and_then(|told| told.max_packet_size),
        retain: told.and_then(|told| told.retain_available) != Some(0),
        at_least_once: told.and_then(|told| told.max_qos) != Some(0),
        session_present: answer.session_present,
    }
}

fn reason(reason: PubAckReason) -> Reason {
    match reason {
        PubAckReason::Success => Reason::Success,
        PubAckReason::NoMatchingSubscribers => Reason::NoSubscriber,
        PubAckReason::UnspecifiedError => {
            Reason::TryLater("it gives no reason (0x80); its log should")
        }
        PubAckReason::ImplementationSpecificError => {
            Reason::TryLater("it has a trouble of its own (0x83); its log should say which")
        }
        PubAckReason::QuotaExceeded => Reason::TryLater(
            "it says that a quota is spent (0x97); have its operator look at what this gateway may use",
        ),
        PubAckReason::NotAuthorized => Reason::NotAuthorized,
        PubAckReason::TopicNameInvalid => Reason::Never(
            "the broker does not allow the topic that it goes to (0x90, topic name invalid): have its operator allow this gateway's topics, then replay the record",
        ),
        PubAckReason::PayloadFormatInvalid => Reason::Never(
            "the broker checks what messages hold and does not take this one (0x99, payload format invalid): compare its rules with tillgate's JSON Schema of this event, put right what is wrong, then replay the record",
        ),
        PubAckReason::PacketIdentifierInUse => Reason::IdInUse,
    }
}

fn trouble(error: &ConnectionError) -> Trouble {
    match error {
        ConnectionError::ConnectionRefused(code) => refused(*code),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            disconnected(*reason_code)
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => Trouble::closed(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => Trouble::new(
            "no_ping_answer",
            "the broker gave no sign of life within the keep-alive time: is the network down?",
        ),
        // This variant hides its cause from `source`.
        ConnectionError::MqttState(StateError::Deserialization(inner)) => Trouble::of_error(inner),
        other => Trouble::of_error(other),
    }
}

fn refused(code: ConnectReturnCode) -> Trouble {
    match code {
        ConnectReturnCode::NotAuthorized | ConnectReturnCode::Banned => Trouble::not_authorized(),
        ConnectReturnCode::BadUserNamePassword => Trouble::bad_password(),
        ConnectReturnCode::ClientIdentifierNotValid | ConnectReturnCode::BadClientId => {
            Trouble::client_id_refused()
        }
        ConnectReturnCode::UnsupportedProtocolVersion
        | ConnectReturnCode::RefusedProtocolVersion => Trouble::wrong_version(),
        ConnectReturnCode::ServerUnavailable
        | ConnectReturnCode::ServerBusy
        | ConnectReturnCode::ServiceUnavailable
        | ConnectReturnCode::QuotaExceeded
        | ConnectReturnCode::ConnectionRateExceeded => Trouble::unavailable(),
        other => {
            let words = format!(
                "the broker refused to talk to us, with the reason \"{}\": its log should say more",
                in_words(other)
            );
            Trouble::new("refused_connect", words)
        }
    }
}

fn disconnected(reason: DisconnectReasonCode) -> Trouble {
    match reason {
        DisconnectReasonCode::SessionTakenOver => Trouble::taken_over(),
        DisconnectReasonCode::NotAuthorized => Trouble::not_authorized(),
        DisconnectReasonCode::ServerBusy
        | DisconnectReasonCode::ServerShuttingDown
        | DisconnectReasonCode::QuotaExceeded
        | DisconnectReasonCode::MessageRateTooHigh
        | DisconnectReasonCode::ConnectionRateExceeded => Trouble::unavailable(),
        DisconnectReasonCode::PacketTooLarge => Trouble::new(
            "disconnected",
            "the broker ended the connection: a message was too large for it (0x95); set mqtt.message_max to its limit, or raise that",
        ),
        other => {
            let words = format!(
                "the broker ended the connection, with the reason \"{}\": its log should say more",
                in_words(other)
            );
            Trouble::new("disconnected", words)
        }
    }
}

/// The name of a reason as MQTT 5, 2.4 has it: `TopicFilterInvalid` is "topic filter invalid".
fn in_words(reason: impl std::fmt::Debug) -> String {
    let mut words = String::new();
    for letter in format!("{reason:?}").chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_its_code_and_what_to_do() {
        for (answer, parts) in [
            (PubAckReason::TopicNameInvalid, ["0x90", "have its operator allow"]),
            (PubAckReason::PayloadFormatInvalid, ["0x99", "then replay the record"]),
            (PubAckReason::QuotaExceeded, ["0x97", "have its operator look"]),
            (PubAckReason::UnspecifiedError, ["0x80", "its log"]),
            (PubAckReason::ImplementationSpecificError, ["0x83", "its log"]),
        ] {
            let (Reason::Never(words) | Reason::TryLater(words)) = reason(answer) else {
                panic!("{answer:?} is no refusal")
            };
            assert!(parts.iter().all(|part| words.contains(part)), "{words}");
        }
    }

    #[test]
    fn other_reasons_have_the_names_of_the_standard() {
        let ended = disconnected(DisconnectReasonCode::AdministrativeAction);
        assert!(ended.words.contains("\"administrative action\""), "{ended}");
        let refused = refused(ConnectReturnCode::UseAnotherServer);
        assert!(refused.words.contains("\"use another server\""), "{refused}");
    }
}
