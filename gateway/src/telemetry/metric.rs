//! Every metric of the gateway: name, kind, help. The rest of the code counts through this table, so that the
//! list in the documentation, the exporter and the code cannot part.
//!
//! Labels have few values: source, channel, outcome, rule, partner; never a barcode, a customer or a capture id.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Distribution, in seconds or records.
    Histogram,
}

macro_rules! metrics_table {
    ($($variant:ident $kind:ident $name:literal $help:literal;)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Metric { $(#[doc = $help] $variant,)* }

        impl Metric {
            /// All metrics.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Name as scraped.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => concat!("tillgate_", $name),)* }
            }

            /// Help as scraped.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }

            /// Counter, gauge or histogram.
            #[must_use]
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }
        }
    };
}

metrics_table! {
    Captures Counter "captures_total" "Inputs by source, channel and outcome (records, duplicate, quarantined, noted, refused).";
    Records Counter "records_total" "Records committed, by kind.";
    Findings Counter "findings_total" "Findings by code and severity.";
    QuarantineEntries Gauge "quarantine_entries" "Entries in quarantine that wait for a person.";
    Links Counter "links_total" "Customer links by decision and method.";
    OutboxRecords Gauge "outbox_records" "Committed records that the broker has not acknowledged.";
    OutboxOldest Gauge "outbox_oldest_seconds" "Age of the oldest record that the broker has not acknowledged.";
    SequenceAssigned Gauge "sequence_assigned" "Highest sequence number given to a record.";
    SequenceAcknowledged Gauge "sequence_acknowledged" "Sequence number through which the broker has acknowledged all records.";
    SequenceConfirmed Gauge "sequence_confirmed" "Sequence number through which the CRM has confirmed all records by receipts.";
    ReceiptLag Gauge "receipt_lag_seconds" "Age of the oldest record that the broker has and the CRM has not confirmed.";
    ResendRequests Counter "resend_requests_total" "Requests of the CRM to send records again, by outcome (taken, pruned, unknown).";
    Publish Counter "publish_total" "Publishes by outcome (acknowledged, refused, repeated, parked).";
    PublishAck Histogram "publish_ack_seconds" "From a publish on the wire to its acknowledgement.";
    CaptureToAck Histogram "capture_to_ack_seconds" "From the last byte at the source to the broker's acknowledgement.";
    Commit Histogram "commit_seconds" "Duration of a group commit, sync included.";
    CommitBatch Histogram "commit_batch_records" "Records in a group commit.";
    StoreErrors Counter "store_errors_total" "Failed store operations by kind.";
    BrokerConnected Gauge "broker_connected" "1 while connected to the broker.";
    BrokerReconnects Counter "broker_reconnects_total" "Connections lost, by reason.";
    MqttInflight Gauge "mqtt_inflight" "Records sent and not yet acknowledged.";
    NoSubscriber Counter "no_subscriber_total" "Acknowledgements that said: no matching subscribers (MQTT 5, 0x10).";
    CertificateExpiry Gauge "certificate_expiry_timestamp_seconds" "When the first certificate in a file of the broker connection ends, by file (client, authority).";
    DeviceConnected Gauge "device_connected" "1 while the device is there.";
    DeviceReadings Counter "device_readings_total" "Readings by device and outcome (read, damaged, overflow, partial, refused, dropped, flood).";
    DeviceLastRead Gauge "device_last_read_timestamp_seconds" "When the device read last.";
    DeviceDisconnects Counter "device_disconnects_total" "How often the device went away.";
    EdiDocuments Counter "edi_documents_total" "EDI documents by partner, type and outcome.";
    EdiBytes Counter "edi_bytes_total" "Bytes of EDI taken.";
    HttpRequests Counter "http_requests_total" "Requests by route and status.";
    HighWaterMarkLag Gauge "high_water_mark_lag" "Records and captures committed and not yet in the synced high-water mark.";
    Panics Counter "panics_total" "Panics that cost one input, by stage (redaction, parser): report them.";
    DiskUsed Gauge "disk_used_bytes" "Bytes that the store uses.";
    DiskBudget Gauge "disk_budget_bytes" "Bytes that the store may use.";
    DiskFree Gauge "disk_free_bytes" "Bytes that are free on the file system of the store.";
    BallastPresent Gauge "ballast_present" "1 while the ballast is there: room that is given up when the disk is full.";
    BuildInfo Gauge "build_info" "1, with the version as label.";
}

impl Metric {
    /// Adds to a counter.
    pub fn add(self, count: u64, labels: &[(&'static str, &str)]) {
        metrics::counter!(self.name(), owned(labels)).increment(count);
    }

    /// Sets a gauge.
    pub fn set(self, value: f64, labels: &[(&'static str, &str)]) {
        metrics::gauge!(self.name(), owned(labels)).set(value);
    }

    /// Records a value of a distribution.
    pub fn record(self, value: f64, labels: &[(&'static str, &str)]) {
        metrics::histogram!(self.name(), owned(labels)).record(value);
    }

    /// A counter that is used for each record: it is looked up once.
    pub fn counter(self, labels: &[(&'static str, &str)]) -> metrics::Counter {
        metrics::counter!(self.name(), owned(labels))
    }

    /// A gauge, likewise.
    pub fn gauge(self) -> metrics::Gauge {
        metrics::gauge!(self.name())
    }

    /// A distribution, likewise.
    pub fn histogram(self) -> metrics::Histogram {
        metrics::histogram!(self.name())
    }

    /// Tells the recorder kinds and help texts. Called once, after the recorder is installed.
    pub fn describe_all() {
        for metric in Self::ALL {
            match metric.kind() {
                Kind::Counter => metrics::describe_counter!(metric.name(), metric.help()),
                Kind::Gauge => metrics::describe_gauge!(metric.name(), metric.help()),
                Kind::Histogram => metrics::describe_histogram!(metric.name(), metric.help()),
            }
        }
    }
}

fn owned(labels: &[(&'static str, &str)]) -> Vec<metrics::Label> {
    labels.iter().map(|(key, value)| metrics::Label::new(*key, (*value).to_owned())).collect()
}
