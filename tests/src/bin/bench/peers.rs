//! The same job for us and for peers: sales go into a program in the store, and out of it to the centre's broker. How
//! fast is it, and what arrives when the centre is away, all sales are acknowledged, the program is killed and started
//! again, and the centre comes back?
//!
//! In: nothing. Out: rows of the table. Each peer is set up as its own documentation says for a store that must lose
//! nothing; a peer that cannot be installed has a row that says why. Peers are only run, never linked. Never: a peer
//! that is set up to lose.

mod arrivals;
mod bridge;
mod node_red;
mod packages;
mod source;
mod thingsboard;

use std::thread;
use std::time::{Duration, Instant};

use tillgate_tests::broker::{Broker, BrokerOptions};
use tillgate_tests::gateway::Gateway;
use tillgate_tests::site::Site;

use super::figures::{Table, rate};
use super::load::template;
use arrivals::Arrivals;

const INPUTS: u64 = 20_000;
/// When nothing has arrived for so long, nothing more will.
const SILENCE: Duration = Duration::from_secs(30);
/// A peer may wait for so long until it tries the centre again.
const RECONNECTS_WITHIN: Duration = Duration::from_secs(90);
/// When all have arrived, repeats have, too, after so long.
const REPEATS_WITHIN: Duration = Duration::from_secs(3);

/// A program in the store that hands on to the centre what it is given.
trait Edge {
    /// Gives it these sales. Comes back when all are acknowledged.
    fn take(&mut self, sales: &[String]);
    /// SIGKILL.
    fn kill(&mut self);
    /// Starts it again with what it has on its disk.
    fn resume(&mut self);
}

type Start = Box<dyn Fn(&Broker) -> Box<dyn Edge>>;

/// One way to set a program up.
struct Peer {
    name: String,
    how: &'static str,
    start: Start,
    /// Seconds from the last acknowledgement to the kill.
    pauses: &'static [u64],
}

impl Peer {
    fn new(name: &str, how: &'static str, pauses: &'static [u64], start: Start) -> Self {
        Self { name: name.to_owned(), how, start, pauses }
    }

    /// Its rows.
    fn measure(&self, sales: &[String], table: &mut Table) {
        self.speed(sales, table);
        for pause in self.pauses {
            self.kill(sales, *pause, table);
        }
    }

    /// From the first input to the last arrival, nothing else going on.
    fn speed(&self, sales: &[String], table: &mut Table) {
        let centre = centre();
        let arrivals = Arrivals::of(&centre);
        let mut edge = self.started(&centre, &arrivals, sales);
        let began = Instant::now();
        edge.take(&sales[1..]);
        settle(&arrivals);
        let seen = arrivals.seen();
        let bytes = sales[1].len();
        let mut value = rate(seen.different() - 1, seen.last_new.duration_since(began));
        if seen.flaws() != [0; 3] {
            value = format!("{value}; {}", flaws(&arrivals));
        }
        let how =
            format!("{INPUTS} sales of {bytes} B to a subscriber of the centre; {}", self.how);
        table.row(&format!("speed: {}", self.name), value, &how);
    }

    fn kill(&self, sales: &[String], pause: u64, table: &mut Table) {
        let mut centre = centre();
        let arrivals = Arrivals::of(&centre);
        let mut edge = self.started(&centre, &arrivals, sales);
        centre.stop();
        edge.take(&sales[1..]);
        thread::sleep(Duration::from_secs(pause));
        edge.kill();
        edge.resume();
        centre.resume();
        settle(&arrivals);
        let how = format!(
            "of {INPUTS} acknowledged while the centre was away; SIGKILL {pause} s after the last, start, centre back"
        );
        table.row(&format!("kill: {}", self.name), flaws(&arrivals), &how);
    }

    /// Started, and known to work: the first sale has arrived.
    fn started(&self, centre: &Broker, arrivals: &Arrivals, sales: &[String]) -> Box<dyn Edge> {
        let mut edge = (self.start)(centre);
        edge.take(&sales[..1]);
        arrivals.wait_for_first(&self.name);
        edge
    }
}

/// Measures all.
pub(crate) fn measure(table: &mut Table) {
    let (head, tail) = template("01");
    let sales: Vec<String> =
        (1..=INPUTS + 1).map(|number| format!("{head}{number}{tail}")).collect();
    let ours = Peer::new(
        "tillgate",
        "NDJSON over HTTP, 1,000 a request, one terminal",
        &[0],
        Box::new(|centre| Box::new(Ours::start(centre))),
    );
    for peer in std::iter::once(ours).chain(bridge::peers()) {
        peer.measure(&sales, table);
    }
    for (name, peers) in
        [(thingsboard::NAME, thingsboard::peers()), (node_red::NAME, node_red::peers())]
    {
        match peers {
            Ok(peers) => peers.iter().for_each(|peer| peer.measure(&sales, table)),
            Err(why) => table.row(&format!("peer: {name}"), "not measured".to_owned(), &why),
        }
    }
}

/// The centre's broker. It answers ThingsBoard's gateway as a server of theirs does; others do not notice.
fn centre() -> Broker {
    Broker::start(BrokerOptions { more: thingsboard::access(), ..BrokerOptions::default() })
}

/// Waits until nothing more will arrive.
fn settle(arrivals: &Arrivals) {
    let began = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(100));
        let seen = arrivals.seen();
        let silent = seen.last.max(began).elapsed();
        let enough = match seen.last > began {
            _ if seen.different() > INPUTS => REPEATS_WITHIN,
            true => SILENCE,
            false => RECONNECTS_WITHIN,
        };
        if silent > enough {
            return;
        }
    }
}

fn flaws(arrivals: &Arrivals) -> String {
    let [lost, twice, late] = arrivals.seen().flaws();
    format!("{lost} lost, {twice} twice, {late} out of order")
}

/// tillgate at the same job.
struct Ours {
    site: Site,
    gateway: Gateway,
}

impl Ours {
    fn start(centre: &Broker) -> Self {
        let mut site = Site::with(centre);
        site.config.set("limits", "requests_per_second", 1_000_000).set("log", "level", "error");
        let gateway = site.start();
        Self { site, gateway }
    }
}

impl Edge for Ours {
    fn take(&mut self, sales: &[String]) {
        let mut terminal = self.site.terminal(0);
        for batch in sales.chunks(1_000) {
            let answer = terminal.post("application/x-ndjson", batch.join("\n").as_bytes());
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
    }

    fn kill(&mut self) {
        self.gateway.kill();
    }

    fn resume(&mut self) {
        self.gateway.resume();
    }
}
