//! The life of a node, on a pseudo terminal: what is read, an unplug, the way back.

use tillgate_parsers::card::TokenKey;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::*;
use crate::simulated::SimulatedDevice;
use crate::{DriverKind, Reading};

/// Each read is a barcode, and is answered.
#[derive(Default)]
struct Echo {
    attached: bool,
}

impl Protocol for Echo {
    fn attach(&mut self, _node: &Arc<OwnedFd>, _path: &Path) -> Result<Attached, OpenError> {
        self.attached = true;
        Ok(Attached { detail: "echo".to_owned(), first: vec![b"hello".to_vec()] })
    }

    fn read(&mut self, bytes: &[u8], events: &mut Vec<DeviceEvent>) -> Option<Vec<u8>> {
        let data = Zeroizing::new(bytes.to_vec());
        events.push(DeviceEvent::Reading(Reading::Barcode { aim: None, data, damaged: false }));
        Some(b"!".to_vec())
    }

    fn gap(&self) -> Option<Duration> {
        None
    }

    fn quiet(&mut self, _events: &mut Vec<DeviceEvent>) {}

    fn detach(&mut self, events: &mut Vec<DeviceEvent>) {
        if std::mem::take(&mut self.attached) {
            events.push(DeviceEvent::Partial { bytes: 1 });
        }
    }
}

struct Rig {
    events: mpsc::Receiver<DeviceEvent>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn serve_at(port: &Path) -> Rig {
    let (sender, events) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let assignment = Assignment {
        settings: DeviceSettings::new("echo", DriverKind::HidScanner, port),
        token_key: Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap()),
        events: sender,
        stop: stop.clone(),
    };
    let task = tokio::spawn(serve(assignment, Box::<Echo>::default()));
    Rig { events, stop, task }
}

impl Rig {
    async fn next(&mut self) -> String {
        let event = timeout(Duration::from_secs(10), self.events.recv()).await.unwrap().unwrap();
        match event {
            DeviceEvent::Reading(Reading::Barcode { data, .. }) => data.escape_ascii().to_string(),
            DeviceEvent::Connected { .. } => "connected".to_owned(),
            DeviceEvent::Disconnected { reason, .. } => reason,
            other => format!("{other:?}"),
        }
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(10), self.task).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_node_is_read_lost_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let port = folder.path().join("scanner");
    let mut rig = serve_at(&port);
    assert!(rig.next().await.starts_with("there is no device"));
    for round in ["one", "two", "three"] {
        let device = SimulatedDevice::plug_in().unwrap();
        std::os::unix::fs::symlink(device.port(), &port).unwrap();
        assert_eq!(rig.next().await, "connected");
        device.scan(round).await.unwrap();
        assert_eq!(rig.next().await, format!("{round}\\r\\n"));
        std::fs::remove_file(&port).unwrap();
        drop(device);
        assert_eq!(rig.next().await, "Partial { bytes: 1 }");
        assert!(rig.next().await.contains("the device is gone"));
        assert!(rig.next().await.starts_with("there is no device"));
    }
    rig.end().await;
}

#[tokio::test]
async fn a_node_that_another_holds_is_busy() {
    let device = SimulatedDevice::plug_in().unwrap();
    let held = open_now(device.port()).unwrap_or_else(|_| panic!("the port opens"));
    let mut rig = serve_at(device.port());
    assert!(rig.next().await.contains("is in use"));
    drop(held);
    assert_eq!(rig.next().await, "connected");
    rig.end().await;
}
