//! One world from its begin to its end: hostile at first, with crashes of gateway and broker and jumps of the clock;
//! then calm, and everything must settle.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use rand::rngs::SmallRng;
use tillgate::clock::Clock;
use tillgate::config::{BrokerUrl, Confirm, NoSubscriber};
use tillgate::forward::{self, Connection, Settings, Surroundings, Timing};
use tillgate::telemetry::board::Board;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::broker::{Broker, PACKET_MAX};
use super::outbox::ModelOutbox;
use super::seeds::generator;
use super::world::{Plan, Shared, Tally};

/// In calm times everything must be out within this: the watchdog's silence, the longest wait between attempts, and
/// a receipt's doubled patience, with room. A record at which the broker closes is parked after some minutes.
const SETTLES_WITHIN: Duration = Duration::from_secs(1800);

/// A stop waits for what is under way, says goodbye, and no more.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// The store writes the cursors so often.
const STORED_EVERY: Duration = Duration::from_millis(200);

/// A clock that jumps. Nothing that is promised may depend on it.
#[derive(Default)]
struct JumpingClock(AtomicI64);

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_795_219_200 + self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// A running gateway.
struct Gateway {
    board: Arc<Board>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Gateway {
    fn start(world: &Shared, broker: &Broker, clock: &Arc<JumpingClock>, life: u64) -> Self {
        let plan = world.lock().plan.clone();
        let board = Arc::<Board>::default();
        let stop = CancellationToken::new();
        let chance = std::sync::Mutex::new(generator(plan.seed, 200_000 + life));
        let surroundings = Surroundings {
            board: Arc::clone(&board),
            pulse: Arc::default(),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            chance: Arc::new(move || chance.lock().unwrap().random()),
            network: Arc::new(broker.clone()),
            stop: stop.clone(),
        };
        let outbox = ModelOutbox::new(world, life);
        let task = tokio::spawn(forward::run(settings(&plan), outbox, surroundings));
        Self { board, stop, task: AbortOnDropHandle::new(task) }
    }

    /// As a kill: what was not stored is forgotten.
    async fn crash(self, world: &Shared) {
        self.task.abort();
        let _aborted = self.task.await;
        let mut world = world.lock();
        world.tally.gateway_crashes += 1;
        world.acknowledged.now = world.acknowledged.stored;
        world.confirmed.now = world.confirmed.stored;
    }

    async fn stop(self, world: &Shared) {
        self.stop.cancel();
        let stopped = timeout(STOPS_WITHIN, self.task).await;
        let mut world = world.lock();
        world.expect(stopped.is_ok(), || "the forwarder did not stop".to_owned());
        // The store writes the cursors when it is closed.
        world.store_cursors();
    }
}

/// The defaults of a store.
fn settings(plan: &Plan) -> Settings {
    let address = BrokerUrl { host: "broker".to_owned(), port: 1883, tls: false };
    Settings {
        connection: Connection::plain(address, plan.version, "acme-0042-gw-1"),
        topic_prefix: "tillgate/v1/acme/0042/gw-1".to_owned(),
        window_records: plan.window,
        message_max: PACKET_MAX,
        no_subscriber: NoSubscriber::Hold,
        fallbacks: Vec::new(),
        confirm: plan.confirm,
        timing: Timing::default(),
    }
}

/// Lives one seed. What must not be is the error.
pub(crate) async fn live(seed: u64) -> Result<Tally, String> {
    let plan = Plan::of(seed);
    let world = Shared::new(plan.clone());
    let broker = Broker::new(&world);
    let clock = Arc::<JumpingClock>::default();
    let _others = [
        AbortOnDropHandle::new(tokio::spawn(write(world.clone()))),
        AbortOnDropHandle::new(tokio::spawn(store(world.clone()))),
        AbortOnDropHandle::new(tokio::spawn(consume(world.clone(), broker.clone()))),
    ];
    let mut random = generator(seed, 2);
    let mut lives = 1;
    let mut gateway = Gateway::start(&world, &broker, &clock, lives);
    let calm = Instant::now() + Duration::from_secs(plan.hostile_seconds);
    while Instant::now() < calm {
        sleep(Duration::from_millis(random.random_range(1..20_000))).await;
        check(&world, &gateway)?;
        match random.random_range(0..10) {
            0..3 => {
                gateway.crash(&world).await;
                lives += 1;
                gateway = Gateway::start(&world, &broker, &clock, lives);
            }
            3 => {
                gateway.stop(&world).await;
                lives += 1;
                gateway = Gateway::start(&world, &broker, &clock, lives);
            }
            4..6 => broker.crash(plan.confirm == Confirm::Receipt && random.random_bool(0.5)),
            6..8 => {
                let hours = random.random_range(-9..=9);
                clock.0.fetch_add(hours * 3600, Ordering::Relaxed);
                world.lock().tally.clock_jumps += 1;
            }
            _ => {}
        }
    }
    world.lock().is_hostile = false;
    settle(&world, &gateway).await?;
    gateway.stop(&world).await;
    let mut world = world.lock();
    world.tally.records = world.newest();
    world.tally.parked = world.parked.len() as u64;
    world.failure.take().map_or(Ok(world.tally), Err)
}

/// Waits until all records and notices are where they belong.
async fn settle(world: &Shared, gateway: &Gateway) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        check(world, gateway)?;
        let unsettled = {
            let world = world.lock();
            let is_written = world.newest() == world.plan.records;
            if is_written { world.unsettled() } else { Some("not all is committed".to_owned()) }
        };
        let Some(unsettled) = unsettled else { return Ok(()) };
        if begun.elapsed() > SETTLES_WITHIN {
            let problem = gateway.board.broker().problem.unwrap_or_default();
            return Err(format!("it does not settle: {unsettled}; the board says \"{problem}\""));
        }
        sleep(Duration::from_millis(500)).await;
    }
}

fn check(world: &Shared, gateway: &Gateway) -> Result<(), String> {
    if let Some(failure) = world.lock().failure.take() {
        return Err(failure);
    }
    if gateway.task.is_finished() {
        return Err("the forwarder ended by itself".to_owned());
    }
    let problem = gateway.board.broker().problem.unwrap_or_default();
    if problem.contains("report this as a bug") { Err(problem) } else { Ok(()) }
}

/// Records and notices are committed, now and then.
async fn write(world: Shared) {
    let plan = world.lock().plan.clone();
    let mut random = generator(plan.seed, 3);
    let pause = plan.hostile_seconds * 1000 / plan.records;
    while world.lock().newest() < plan.records {
        if random.random_bool(0.4) {
            sleep(Duration::from_millis(random.random_range(0..=4 * pause))).await;
        }
        let mut world = world.lock();
        if random.random_bool(0.05) {
            let id = format!("notice-{}", world.notices.len());
            world.notices.insert(id, false);
        }
        world.commit(&mut random);
    }
}

/// The cursors are stored lazily, and what is delivered is pruned.
async fn store(world: Shared) {
    let mut random = generator(world.lock().plan.seed, 4);
    loop {
        sleep(STORED_EVERY).await;
        let mut world = world.lock();
        world.store_cursors();
        if random.random_bool(0.02) {
            let delivered = match world.plan.confirm {
                Confirm::Puback => world.acknowledged.stored,
                Confirm::Receipt => world.confirmed.stored,
            };
            world.pruned = random.random_range(world.pruned..=delivered.max(world.pruned));
        }
    }
}

/// The consumer takes what the broker delivers, confirms it, asks for gaps, and says nonsense at times.
async fn consume(world: Shared, broker: Broker) {
    let mut random = generator(world.lock().plan.seed, 5);
    loop {
        sleep(Duration::from_millis(random.random_range(1..3000))).await;
        let said = {
            let mut world = world.lock();
            let count = random.random_range(0..=world.kept.len());
            let delivered: Vec<u64> = world.kept.drain(..count).collect();
            world.consumed.extend(delivered);
            if world.plan.confirm == Confirm::Puback {
                continue;
            }
            world.tally.receipts += 1;
            world.say(&mut random)
        };
        broker.say(&said);
    }
}

impl super::world::World {
    fn store_cursors(&mut self) {
        self.acknowledged.stored = self.acknowledged.now;
        self.confirmed.stored = self.confirmed.now;
    }

    /// What the consumer says next.
    fn say(&mut self, random: &mut SmallRng) -> String {
        let through = self.consumed_through();
        let nonsense = self.is_hostile && random.random_bool(0.1);
        if nonsense {
            return match random.random_range(0..4) {
                0 => "{".to_owned(),
                1 => r#"{"incarnation":7,"through":3}"#.to_owned(),
                2 => format!(r#"{{"incarnation":2,"through":{}}}"#, self.newest() + 1000),
                _ => {
                    let last = random.random_range(1..=self.newest().max(1));
                    self.resend(random.random_range(1..=last), last)
                }
            };
        }
        let behind = self.consumed.range(through + 1..).next().copied();
        if let Some(behind) = behind
            && random.random_bool(0.3)
        {
            return self.resend(through + 1, behind - 1);
        }
        self.said_through = self.said_through.max(through);
        let (incarnation, sequence) = self.name_of(through);
        format!(r#"{{"incarnation":{incarnation},"through":{sequence}}}"#)
    }

    /// Asks for these, as far as they are of one incarnation.
    fn resend(&self, first: u64, last: u64) -> String {
        let boundary = self.plan.first_incarnation;
        let last = if first <= boundary { last.min(boundary) } else { last };
        let ((incarnation, from), (_, to)) = (self.name_of(first), self.name_of(last));
        format!(r#"{{"incarnation":{incarnation},"resend":[{from},{to}]}}"#)
    }
}
