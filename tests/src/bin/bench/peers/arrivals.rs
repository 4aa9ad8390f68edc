//! What reaches the centre: `mosquitto_sub` with a session that outlives a stop of the broker counts sales by their
//! numbers, whatever a peer has packed them into.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::until;
use tillgate_tests::process::{Process, command};

use super::INPUTS;

/// Stands before a sale's number in each message that carries it.
const MARK: &str = "\"sequence\":";
/// A peer written in a language with a slow start, on a busy machine.
const FIRST_WITHIN_SECONDS: u64 = 90;

/// What was seen so far.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    numbers: HashSet<u64>,
    highest: u64,
    twice: u64,
    late: u64,
    /// The last arrival.
    pub(super) last: Instant,
    /// The last arrival that was no repeat.
    pub(super) last_new: Instant,
}

impl Seen {
    /// Different sales, the first one included.
    pub(super) fn different(&self) -> u64 {
        self.numbers.len() as u64
    }

    /// Lost, repeated, and behind one with a higher number.
    pub(super) fn flaws(&self) -> [u64; 3] {
        [(INPUTS + 1).saturating_sub(self.different()), self.twice, self.late]
    }

    fn note(&mut self, number: u64) {
        self.last = Instant::now();
        if !self.numbers.insert(number) {
            self.twice += 1;
            return;
        }
        self.last_new = self.last;
        self.late += u64::from(number < self.highest);
        self.highest = self.highest.max(number);
    }
}

/// A subscriber of the centre.
#[derive(Debug)]
pub(super) struct Arrivals {
    seen: Arc<Mutex<Seen>>,
    _subscriber: Process,
}

impl Arrivals {
    pub(super) fn of(centre: &Broker) -> Self {
        let mut subscriber = command("mosquitto_sub");
        subscriber
            .args(["-V", "5", "-i", "centre", "-c", "-x", "86400", "-q", "1", "-F", "%p"])
            .args(["-t", "tillgate/#", "-t", "v1/gateway/telemetry", "-h", "127.0.0.1", "-p"])
            .arg(centre.port().to_string())
            .stdout(Stdio::piped());
        let mut subscriber = Process::start(subscriber, std::path::Path::new("/dev/null"));
        let now = Instant::now();
        let (numbers, highest, twice, late) = (HashSet::new(), 0, 0, 0);
        let seen = Seen { numbers, highest, twice, late, last: now, last_new: now };
        let seen = Arc::new(Mutex::new(seen));
        let lines = BufReader::new(subscriber.stdout().expect("a piped output")).lines();
        let listening = Arc::clone(&seen);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut seen = held(&listening);
                numbers_in(&line).for_each(|number| seen.note(number));
            }
        });
        until(10, "the centre has a subscriber", || centre.log().contains("centre 1 v1/gateway"));
        Self { seen, _subscriber: subscriber }
    }

    pub(super) fn seen(&self) -> Seen {
        held(&self.seen).clone()
    }

    pub(super) fn wait_for_first(&self, peer: &str) {
        let what = format!("the first sale from {peer}");
        until(FIRST_WITHIN_SECONDS, &what, || held(&self.seen).different() > 0);
    }
}

/// The numbers of all sales in a message.
fn numbers_in(line: &str) -> impl Iterator<Item = u64> {
    line.split(MARK).skip(1).filter_map(|behind| {
        let digits = behind.trim_start();
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits.get(..end).and_then(|digits| digits.parse().ok())
    })
}

fn held(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
