//! Logs: logfmt or JSON on stderr, the level changeable while running, repeats counted instead of repeated.
//!
//! A gateway whose broker is away or whose scanner is broken says so again and again; on a small disk the log
//! must not become the next trouble. A line that comes more than five times in ten seconds is held back, and then
//! one line says how often.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::{Log, LogFormat};

/// A line that comes more often within [`WINDOW`] is held back.
const SAME_LINES_MAX: u32 = 5;
const WINDOW: Duration = Duration::from_secs(10);
/// Different lines that are watched at once. Beyond that lines pass uncounted.
const LINES_MAX: usize = 512;
/// So much of a line is kept to say later what was repeated.
const MESSAGE_CHARS_MAX: usize = 200;

/// The running logs.
#[derive(Debug)]
pub struct Logs {
    level: reload::Handle<EnvFilter, Registry>,
    repeats: Arc<Repeats>,
}

/// Why logs could not be started or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The filter cannot be read.
    #[error("[log] level {level:?} is no log filter")]
    Level {
        /// As configured.
        level: String,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// This process logs already.
    #[error("logs were started twice")]
    Started,
    /// The logs are gone.
    #[error("logs have ended")]
    Ended,
}

impl Logs {
    /// Starts logging to stderr, for the whole process.
    ///
    /// # Errors
    ///
    /// The level cannot be read, or this process logs already.
    pub fn start(log: &Log) -> Result<Self, LogsError> {
        let (subscriber, logs) = subscriber(log, std::io::stderr)?;
        tracing::subscriber::set_global_default(subscriber).map_err(|_| LogsError::Started)?;
        log::set_logger(&Foreign).map_err(|_| LogsError::Started)?;
        log::set_max_level(log::LevelFilter::Info);
        Ok(logs)
    }

    /// Changes the level, on a reload of the configuration.
    ///
    /// # Errors
    ///
    /// The level cannot be read; the one before stays.
    pub fn set_level(&self, level: &str) -> Result<(), LogsError> {
        self.level.reload(filter(level)?).map_err(|_| LogsError::Ended)
    }

    /// Says from time to time what was held back, until stopped.
    pub async fn tell_repeats(&self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(WINDOW);
        loop {
            tokio::select! {
                _ = tick.tick() => self.repeats.tell(Instant::now()),
                () = stop.cancelled() => return self.repeats.tell(Instant::now()),
            }
        }
    }
}

fn filter(level: &str) -> Result<EnvFilter, LogsError> {
    EnvFilter::try_new(level).map_err(|source| LogsError::Level { level: level.to_owned(), source })
}

fn subscriber<W>(
    log: &Log,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + use<W>, Logs), LogsError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (level, handle) = reload::Layer::new(filter(&log.level)?);
    let repeats = Arc::new(Repeats::default());
    let lines = match log.format {
        LogFormat::Logfmt => tracing_logfmt::builder()
            .with_span_path(false)
            .layer()
            .with_ansi(false)
            .with_writer(writer)
            .boxed(),
        LogFormat::Json => {
            tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer).boxed()
        }
    };
    let lines = lines.with_filter(HoldBack(Arc::clone(&repeats)));
    let subscriber = Registry::default().with(level).with(lines);
    Ok((subscriber, Logs { level: handle, repeats }))
}

/// What other crates say through `log`: their words and who says them. The bridge of tracing would print with each line
/// where its source lay when this program was built.
struct Foreign;

impl log::Log for Foreign {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let (from, words) = (record.target(), record.args());
        match record.level() {
            log::Level::Error => tracing::error!(from, "{words}"),
            log::Level::Warn => tracing::warn!(from, "{words}"),
            log::Level::Info => tracing::info!(from, "{words}"),
            log::Level::Debug | log::Level::Trace => tracing::debug!(from, "{words}"),
        }
    }

    fn flush(&self) {}
}

/// Lets a line pass, or counts it.
struct HoldBack(Arc<Repeats>);

impl<S> Filter<S> for HoldBack {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // What is said about repeats is said here, and is not counted itself.
        if metadata.target() == module_path!() {
            return true;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let mut hasher = DefaultHasher::new();
        (metadata.callsite(), &message.0).hash(&mut hasher);
        self.0.admits(hasher.finish(), Instant::now(), || (*metadata.level(), message.0))
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// How often each line came.
#[derive(Debug, Default)]
struct Repeats(Mutex<HashMap<u64, Repeat>>);

#[derive(Debug)]
struct Repeat {
    since: Instant,
    seen: u32,
    held_back: u64,
    level: Level,
    message: String,
}

impl Repeats {
    fn admits(&self, line: u64, now: Instant, describe: impl FnOnce() -> (Level, String)) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_MAX && !lines.contains_key(&line) {
            lines.retain(|_, repeat| repeat.held_back > 0 || repeat.is_recent(now));
            if lines.len() >= LINES_MAX {
                return true;
            }
        }
        match lines.entry(line) {
            Entry::Vacant(free) => {
                let (level, mut message) = describe();
                message = message.chars().take(MESSAGE_CHARS_MAX).collect();
                free.insert(Repeat { since: now, seen: 1, held_back: 0, level, message });
                true
            }
            Entry::Occupied(mut known) => known.get_mut().admits(now),
        }
    }

    /// Takes what was held back since the last call, and forgets lines that have stopped.
    fn take(&self, now: Instant) -> Vec<(Level, String, u64)> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held_back = Vec::new();
        for repeat in lines.values_mut().filter(|repeat| repeat.held_back > 0) {
            let times = std::mem::take(&mut repeat.held_back);
            held_back.push((repeat.level, repeat.message.clone(), times));
        }
        lines.retain(|_, repeat| repeat.is_recent(now));
        held_back
    }

    fn tell(&self, now: Instant) {
        for (level, message, times) in self.take(now) {
            match level {
                Level::ERROR => tracing::error!("repeated {times} times: {message}"),
                Level::WARN => tracing::warn!("repeated {times} times: {message}"),
                Level::INFO => tracing::info!("repeated {times} times: {message}"),
                _ => tracing::debug!("repeated {times} times: {message}"),
            }
        }
    }
}

impl Repeat {
    fn is_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < WINDOW
    }

    fn admits(&mut self, now: Instant) -> bool {
        if !self.is_recent(now) {
            self.since = now;
            self.seen = 0;
        }
        self.seen = self.seen.saturating_add(1);
        let admitted = self.seen <= SAME_LINES_MAX;
        self.held_back += u64::from(!admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, act: impl FnOnce(&Logs)) -> Vec<String> {
        let sink = Sink::default();
        let writer = sink.clone();
        let log = Log { level: "info".to_owned(), format };
        let (subscriber, logs) = subscriber(&log, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || act(&logs));
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn repeats_are_counted_instead_of_repeated() {
        let lines = logged(LogFormat::Logfmt, |logs| {
            for attempt in 0..20 {
                tracing::warn!(attempt, "the broker refused");
            }
            tracing::warn!("something else");
            logs.repeats.tell(Instant::now());
        });
        let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
        assert_eq!(count("message=\"the broker refused\""), 5, "{lines:#?}");
        assert_eq!(count("something else"), 1);
        assert_eq!(count("repeated 15 times: the broker refused"), 1, "{lines:#?}");
        assert_eq!(lines.len(), 7);
    }

    #[test]
    fn a_line_is_told_again_in_the_next_window() {
        let repeats = Repeats::default();
        let start = Instant::now();
        let admitted = |at: Instant| repeats.admits(1, at, || (Level::INFO, "m".to_owned()));
        assert_eq!((0..8).filter(|_| admitted(start)).count(), 5);
        assert_eq!((0..8).filter(|_| admitted(start + WINDOW)).count(), 5);
        let told = repeats.take(start + WINDOW);
        assert_eq!(told, [(Level::INFO, "m".to_owned(), 6)]);
        assert!(repeats.take(start + 3 * WINDOW).is_empty());
        assert!(repeats.0.lock().unwrap().is_empty(), "a line that has stopped is forgotten");
    }

    #[test]
    fn the_table_is_bounded_and_a_full_one_lets_pass() {
        let repeats = Repeats::default();
        let now = Instant::now();
        for line in 0..2000 {
            assert!(repeats.admits(line, now, || (Level::INFO, String::new())));
        }
        assert_eq!(repeats.0.lock().unwrap().len(), LINES_MAX);
    }

    #[test]
    fn the_level_changes_while_running() {
        let lines = logged(LogFormat::Json, |logs| {
            tracing::debug!("first");
            logs.set_level("debug").unwrap();
            tracing::debug!(device = "scanner-3", "second");
            assert!(logs.set_level("tillgate=loud").is_err());
            tracing::debug!("third");
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&line["message"], &line["device"]), (&"second".into(), &"scanner-3".into()));
    }

    #[test]
    fn what_other_crates_say_does_not_tell_where_this_was_built() {
        use log::Log as _;
        for format in [LogFormat::Logfmt, LogFormat::Json] {
            let lines = logged(format, |_| {
                let mut record = log::Record::builder();
                record.level(log::Level::Warn).target("client").module_path(Some("client::state"));
                record.file(Some("/home/builder/client/state.rs")).line(Some(42));
                Foreign.log(&record.args(format_args!("unsolicited answer")).build());
            });
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("unsolicited answer") && lines[0].contains("client"));
            assert!(!lines[0].contains("builder") && !lines[0].contains("state"), "{lines:?}");
        }
    }

    #[test]
    fn a_value_from_outside_cannot_forge_a_line() {
        let name = "a\nlevel=error msg=forged \u{1b}[2J";
        for format in [LogFormat::Logfmt, LogFormat::Json] {
            let lines = logged(format, |_| tracing::info!(name, "file taken"));
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(!lines[0].contains('\u{1b}'), "{lines:?}");
        }
    }
}
