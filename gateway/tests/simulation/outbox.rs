//! The store, as the forwarder sees it: slow at times, failing at times, and forgetful in a crash of what it stores
//! lazily.

use std::sync::Mutex;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use tillgate::forward::{Notice, Outbox, OutboxError, Outgoing};
use tokio::sync::watch;
use tokio::time::sleep;

use super::seeds::generator;
use super::world::Shared;

pub(crate) struct ModelOutbox {
    world: Shared,
    random: Mutex<SmallRng>,
}

impl ModelOutbox {
    /// For one life of the gateway.
    pub(crate) fn new(world: &Shared, life: u64) -> Self {
        let seed = world.lock().plan.seed;
        Self { world: world.clone(), random: Mutex::new(generator(seed, 100_000 + life)) }
    }

    /// Takes a moment, and fails at times.
    async fn work(&self) -> Result<(), OutboxError> {
        let (is_slow, milliseconds, fails) = {
            let mut random = self.random.lock().unwrap();
            (random.random_bool(0.3), random.random_range(0..200), random.random_bool(0.01))
        };
        if is_slow {
            sleep(Duration::from_millis(milliseconds)).await;
        }
        if fails && self.world.lock().is_hostile {
            return Err(OutboxError::Failed("the disk is away".into()));
        }
        Ok(())
    }
}

impl Outbox for ModelOutbox {
    async fn after(&self, sequence: u64, limit: usize) -> Result<Vec<Outgoing>, OutboxError> {
        self.work().await?;
        let world = self.world.lock();
        if sequence < world.pruned {
            return Err(OutboxError::Damaged(
                format!("record {} is not kept", sequence + 1).into(),
            ));
        }
        let open = sequence + 1..=world.newest();
        let outgoing =
            |sequence| Outgoing { sequence, received_us: 0, payload: world.payload(sequence) };
        Ok(open.take(limit).map(outgoing).collect())
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.world.lock().newest.subscribe()
    }

    fn acknowledged(&self) -> u64 {
        self.world.lock().acknowledged.now
    }

    fn acknowledge(&self, through: u64) {
        self.world.lock().acknowledge(through);
    }

    fn confirmed(&self) -> u64 {
        self.world.lock().confirmed.now
    }

    fn confirm(&self, through: u64) {
        self.world.lock().confirm(through);
    }

    fn number_of(&self, incarnation: u32, sequence: u64) -> Option<u64> {
        self.world.lock().number_of(incarnation, sequence)
    }

    fn ended_with(&self, incarnation: u32) -> Option<u64> {
        let world = self.world.lock();
        let end = world.plan.first_incarnation;
        (incarnation <= 1 && end < world.newest()).then_some(end)
    }

    fn name_of(&self, number: u64) -> (u32, u64) {
        self.world.lock().name_of(number)
    }

    fn pruned(&self) -> u64 {
        self.world.lock().pruned
    }

    async fn park(&self, sequence: u64, reason: &str) -> Result<(), OutboxError> {
        self.work().await?;
        self.world.lock().park(sequence, reason);
        Ok(())
    }

    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, OutboxError> {
        self.work().await?;
        let world = self.world.lock();
        let open = world.notices.iter().filter(|(_, done)| !**done);
        let notice = |(id, _): (&String, _)| Notice { id: id.clone(), payload: id.clone().into() };
        Ok(open.take(limit).map(notice).collect())
    }

    async fn notice_acknowledged(&self, id: &str) -> Result<(), OutboxError> {
        self.work().await?;
        let mut world = self.world.lock();
        let is_answered = world.notices_answered.contains(id);
        world.expect(is_answered, || format!("notice {id} was not acknowledged by the broker"));
        world.notices.insert(id.to_owned(), true);
        Ok(())
    }
}
