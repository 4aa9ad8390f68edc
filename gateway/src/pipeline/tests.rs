//! The pipeline with a real store: inputs that are offered again, and quarantine entries that are tried again.

use serde_json::{Value, json};
use tempfile::TempDir;
use tillgate_record::Channel;
use zeroize::Zeroizing;

use super::*;
use crate::clock::SystemClock;
use crate::config::{ByteSize, Confirm, Retention};
use crate::forward::Outbox;
use crate::store::{Outcome, StoreOptions, verify};
use crate::telemetry::pulse::Pulse;

const CONFIG: &str = r#"
[gateway]
org = "acme"
store = "0042"
id = "gw-1"
data_dir = "/nowhere"
currency = "CNY"
[mqtt]
url = "mqtt://localhost"
[[terminal]]
id = "03"
token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"#;

struct Rig {
    folder: TempDir,
    store: Store,
    pipeline: Pipeline,
}

#[test]
fn a_panic_before_card_data_is_cut_out_keeps_nothing() {
    let refused = caught(|| -> u32 { panic!("on purpose") });
    assert!(matches!(refused, Err(StoreError::Unusable { .. })), "{refused:?}");
    assert_eq!(caught(|| 7).unwrap(), 7);
}

impl Rig {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            data_dir: folder.path().to_owned(),
            org: "acme".to_owned(),
            store: "0042".to_owned(),
            gateway: "gw-1".to_owned(),
            budget: ByteSize::gibibytes(1),
            ballast: Some(ByteSize(0)),
            retention: Retention::default(),
            confirm: Confirm::Puback,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let pulse = Arc::new(Pulse::default());
        let store = Store::open(options, Arc::clone(&clock), pulse).await.unwrap();
        let (_, config) = watch::channel(Arc::new(toml::from_str(CONFIG).unwrap()));
        let keys = CustomerKeys::new([7; 32], None);
        let pipeline = Pipeline::new(store.clone(), Arc::default(), clock, keys, config);
        Self { folder, store, pipeline }
    }

    /// Sales of one input, one a line.
    async fn sales(&self, sales: &[Value]) -> Taken {
        let lines: Vec<String> = sales.iter().map(Value::to_string).collect();
        self.pipeline.take(input(Media::SaleNdjson, &lines.join("\n"), None)).await.unwrap()
    }

    async fn replay(
        &self,
        entry: &str,
        content: Option<&Value>,
        as_correction: bool,
    ) -> Result<Outcome, ReplayError> {
        let content = content.map(|content| content.to_string().into_bytes());
        let content = content.as_deref();
        let attempt = Attempt { entry, content, as_correction, by: "li" };
        self.pipeline.replay(attempt).await.map(|replayed| replayed.outcome)
    }

    /// The data of a record.
    async fn data(&self, sequence: u64) -> Value {
        let outgoing = self.store.after(sequence - 1, 1).await.unwrap();
        let event: Value = serde_json::from_slice(&outgoing[0].payload).unwrap();
        event["data"].clone()
    }

    async fn is_open(&self, entry: &str) -> bool {
        let open = self.store.quarantine_list(100, false).await.unwrap();
        open.iter().any(|found| found.id == entry)
    }

    /// A record's provenance names a capture that has the very bytes.
    async fn assert_provenance(&self, sequence: u64, item: u32) -> String {
        let provenance = self.data(sequence).await["provenance"].clone();
        assert_eq!(provenance["item"], item, "{provenance}");
        let capture = provenance["capture"].as_str().unwrap();
        let stored = self.store.capture_raw(capture).await.unwrap();
        assert_eq!(provenance["sha256"], hex::encode(stored.sha256));
        assert_eq!(provenance["received_at"], stored.received_at.to_string());
        capture.to_owned()
    }

    async fn assert_whole(self) {
        self.store.close().await;
        let report = verify(self.folder.path()).await.unwrap();
        assert!(report.whole, "{:#?}", report.problems);
    }
}

fn input(media: Media, text: &str, id: Option<Ulid>) -> Input {
    Input {
        source: "03".to_owned(),
        channel: Channel::TerminalHttp,
        media,
        bytes: Zeroizing::new(text.as_bytes().to_vec()),
        received_at: "2026-11-21T10:03:12.123456789Z".parse().unwrap(),
        id,
        file: None,
    }
}

fn sale(sequence: u32, gross: &str) -> Value {
    json!({
        "kind": "sale", "store": "0042", "terminal": "03", "sequence": sequence,
        "business_date": "2026-11-21", "currency": "CNY",
        "started_at": "2026-11-21T18:01:44+08:00", "ended_at": "2026-11-21T18:03:11+08:00",
        "lines": [{
            "number": 1, "gtin": "06901234567892", "description": "tea", "quantity": "1",
            "unit_price": gross, "amount": gross
        }],
        "tenders": [{"kind": "cash", "amount": gross}],
        "totals": {"gross": gross}
    })
}

/// What no configuration makes a sale.
fn broken(sequence: u32) -> Value {
    let mut sale = sale(sequence, "24.00");
    sale["lines"] = json!("none");
    sale
}

#[tokio::test]
async fn an_input_that_is_offered_again_is_taken_once() {
    let rig = Rig::start().await;
    let id = Some(Ulid::from_parts(1, 2));
    let reading = json!({
        "kind": "barcode", "lane": "3", "aim": null, "data": "6901234567892", "damaged": false
    })
    .to_string();
    for _ in 0..2 {
        let taken = rig.pipeline.take(input(Media::Reading, &reading, id)).await.unwrap();
        assert_eq!(Some(taken.capture), id);
    }
    let figures = rig.store.figures().await.unwrap();
    assert_eq!((figures.captures, figures.sequence_assigned), (1, 1));
    rig.assert_whole().await;
}

#[tokio::test]
async fn corrected_content_is_a_capture_that_the_record_names() {
    let rig = Rig::start().await;
    let taken = rig.sales(&[sale(1, "24.00"), broken(2)]).await;
    rig.assert_provenance(1, 0).await;
    let entry = format!("{}-1", taken.capture);
    let outcome = rig.replay(&entry, Some(&broken(2)), false).await.unwrap();
    assert_eq!(outcome, Outcome::Quarantined { entry: entry.clone() });
    assert_eq!(rig.store.figures().await.unwrap().captures, 1);

    let outcome = rig.replay(&entry, Some(&sale(2, "24.00")), false).await.unwrap();
    assert_eq!(outcome, Outcome::Accepted { sequence: 2 });
    let capture = rig.assert_provenance(2, 0).await;
    assert_ne!(capture, taken.capture.to_string());
    assert!(!rig.is_open(&entry).await);
    rig.assert_whole().await;
}

#[tokio::test]
async fn a_conflict_is_a_new_version_only_as_a_correction() {
    let rig = Rig::start().await;
    rig.sales(&[sale(1, "24.00")]).await;
    let taken = rig.sales(&[sale(2, "24.00"), sale(1, "25.00")]).await;
    let entry = format!("{}-1", taken.capture);
    let refused = rig.replay(&entry, None, false).await;
    assert!(matches!(refused, Err(ReplayError::Conflict { .. })), "{refused:?}");
    let outcome = rig.replay(&entry, None, true).await.unwrap();
    assert_eq!(outcome, Outcome::Accepted { sequence: 3 });
    let capture = rig.assert_provenance(3, 1).await;
    assert_eq!(capture, taken.capture.to_string());
    rig.assert_whole().await;
}

#[tokio::test]
async fn corrected_content_of_a_known_sale_needs_a_decision_too() {
    let rig = Rig::start().await;
    rig.sales(&[sale(1, "24.00")]).await;
    let taken = rig.sales(&[broken(1)]).await;
    let entry = format!("{}-0", taken.capture);
    let other = sale(1, "25.00");
    let refused = rig.replay(&entry, Some(&other), false).await;
    assert!(matches!(refused, Err(ReplayError::Conflict { .. })), "{refused:?}");
    assert!(rig.is_open(&entry).await);
    assert_eq!(rig.store.figures().await.unwrap().sequence_assigned, 1);
    let outcome = rig.replay(&entry, Some(&other), true).await.unwrap();
    assert_eq!(outcome, Outcome::Accepted { sequence: 2 });
    rig.assert_provenance(2, 0).await;
    rig.assert_whole().await;
}
