//! The Prometheus exporter: what `GET /metrics` answers.

use std::time::Duration;

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio_util::sync::CancellationToken;

use super::metric::{Kind, Metric};

/// The exporter keeps every observation of a histogram until somebody tidies up: at 60,000 records a second that is a
/// megabyte or two in a second.
const UPKEEP: Duration = Duration::from_secs(1);

/// From half a millisecond, a group commit on a good disk, to ten seconds, a broker far away.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const RECORDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];

/// The metrics of this process.
#[derive(Clone)]
pub struct Exporter {
    handle: PrometheusHandle,
}

/// Why metrics could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The buckets of a histogram were refused.
    #[error("cannot set up the metrics")]
    Setup(#[from] metrics_exporter_prometheus::BuildError),
    /// This process has a recorder already.
    #[error("metrics were started twice")]
    Started,
}

impl Exporter {
    /// Starts counting, for the whole process.
    ///
    /// # Errors
    ///
    /// This process counts already.
    pub fn start() -> Result<Self, ExporterError> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| ExporterError::Started)?;
        Metric::describe_all();
        Metric::BuildInfo.set(1.0, &[("version", env!("CARGO_PKG_VERSION"))]);
        Ok(Self { handle })
    }

    /// All metrics as Prometheus text.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Keeps the memory of histograms bounded, until stopped.
    pub async fn upkeep(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                _ = tick.tick() => self.handle.run_upkeep(),
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Without buckets histograms come out as summaries, which cannot be added up over many gateways.
fn recorder() -> Result<PrometheusRecorder, ExporterError> {
    let mut builder = PrometheusBuilder::new();
    for metric in Metric::ALL.iter().filter(|metric| metric.kind() == Kind::Histogram) {
        let buckets = if metric.name().ends_with("_seconds") { SECONDS } else { RECORDS };
        let matcher = Matcher::Full(metric.name().to_owned());
        builder = builder.set_buckets_for_metric(matcher, buckets)?;
    }
    Ok(builder.build_recorder())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_scraped_with_help_and_buckets() {
        let recorder = recorder().unwrap();
        let text = metrics::with_local_recorder(&recorder, || {
            Metric::describe_all();
            Metric::Captures.add(2, &[("source", "till-3")]);
            Metric::OutboxRecords.set(7.0, &[]);
            Metric::Commit.record(0.002, &[]);
            Metric::CommitBatch.record(300.0, &[]);
            recorder.handle().render()
        });
        for line in [
            "# TYPE tillgate_captures_total counter",
            "tillgate_captures_total{source=\"till-3\"} 2",
            "# HELP tillgate_outbox_records Committed records that the broker has not acknowledged.",
            "tillgate_outbox_records 7",
            "tillgate_commit_seconds_bucket{le=\"0.001\"} 0",
            "tillgate_commit_seconds_bucket{le=\"0.0025\"} 1",
            "tillgate_commit_batch_records_bucket{le=\"500\"} 1",
            "tillgate_commit_batch_records_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
        }
        assert!(!text.contains("quantile"), "a histogram came out as a summary:\n{text}");
    }

    #[test]
    fn names_follow_the_conventions() {
        for metric in Metric::ALL {
            let name = metric.name();
            assert_eq!(name.ends_with("_total"), metric.kind() == Kind::Counter, "{name}");
            assert!(metric.help().ends_with('.'), "{name}: help is a sentence");
        }
    }
}
