//! The scale driver against a real pseudo terminal.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what drives the tests fails them in the same way"
)]

use std::sync::Arc;
use std::time::Duration;

use tillgate_drivers::simulated::SimulatedDevice;
use tillgate_drivers::{DeviceEvent, DeviceSettings, DriverKind, ScaleSettings};
use tillgate_parsers::card::TokenKey;
use tillgate_parsers::scale::{OnScale, ScaleProtocol, WeightUnit};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

struct Scale {
    device: SimulatedDevice,
    events: mpsc::Receiver<DeviceEvent>,
    _stop: DropGuard,
}

impl Scale {
    async fn plug_in(protocol: ScaleProtocol, ask_ms: u64) -> Self {
        let device = SimulatedDevice::plug_in().unwrap();
        let mut settings = DeviceSettings::new("scale-1", DriverKind::SerialScale, device.port());
        settings.scale = ScaleSettings { protocol, unit: WeightUnit::Kilogram, ask_ms };
        let (sender, events) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let key = Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap());
        tokio::spawn(tillgate_drivers::run(settings, key, sender, stop.clone()));
        let mut scale = Self { device, events, _stop: stop.drop_guard() };
        assert!(matches!(scale.next().await, DeviceEvent::Connected { .. }));
        scale
    }

    async fn next(&mut self) -> DeviceEvent {
        let event = timeout(Duration::from_secs(5), self.events.recv()).await;
        event.expect("an event within 5 seconds").expect("the driver runs")
    }

    /// The name of what is on the scale now; `-` for a scale that says nothing.
    async fn weighed(&mut self) -> String {
        match self.next().await {
            DeviceEvent::Weighed(Some(OnScale::Stable(weight))) => weight.value,
            DeviceEvent::Weighed(Some(other)) => other.as_str().to_owned(),
            DeviceEvent::Weighed(None) => "-".to_owned(),
            event => panic!("expected a weight, found {event:?}"),
        }
    }
}

#[tokio::test]
async fn a_scale_is_asked_and_says_what_changes() {
    let mut scale = Scale::plug_in(ScaleProtocol::Toledo8217, 20).await;
    let mut said = Vec::new();
    for answer in ["00.000", "00.000", "?A", "01.255", "01.255", "?B", "01.255N"] {
        assert!(scale.device.heard().await.unwrap().iter().all(|byte| *byte == b'W'));
        scale.device.send(format!("\x02{answer}\r").as_bytes()).await.unwrap();
        if !said.contains(&answer) {
            said.push(answer);
            let expected = ["zero", "moving", "1.255", "over-capacity", "1.255"];
            assert_eq!(scale.weighed().await, expected[said.len() - 1], "{answer}");
        }
    }
}

#[tokio::test]
async fn a_scale_that_falls_silent_has_no_weight_any_more() {
    let mut scale = Scale::plug_in(ScaleProtocol::MtSics, 50).await;
    assert_eq!(scale.device.heard().await.unwrap(), b"SI\r\n");
    scale.device.send(b"S S      0.500 kg\r\n").await.unwrap();
    assert_eq!(scale.weighed().await, "0.500");
    assert_eq!(scale.weighed().await, "-");
    assert!(matches!(scale.next().await, DeviceEvent::Damaged { bytes: 0, .. }));
    scale.device.send(b"S S      0.500 kg\r\n").await.unwrap();
    assert_eq!(scale.weighed().await, "0.500", "it is back");
}

#[tokio::test]
async fn a_scale_that_speaks_by_itself_is_not_asked_and_its_weight_goes_with_it() {
    let mut scale = Scale::plug_in(ScaleProtocol::Nci, 0).await;
    let unasked = timeout(Duration::from_millis(300), scale.device.heard()).await;
    assert!(unasked.is_err(), "{unasked:?}");
    scale.device.send(b"\n  1.250kg\r\n00\r\x03\n  1.2").await.unwrap();
    assert_eq!(scale.weighed().await, "1.250");
    let Scale { device, mut events, _stop } = scale;
    drop(device);
    assert!(matches!(events.recv().await, Some(DeviceEvent::Weighed(None))));
    assert!(matches!(events.recv().await, Some(DeviceEvent::Partial { bytes: 6 })));
}
