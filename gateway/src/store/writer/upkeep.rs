//! What the writer does between groups: stores the forwarder's cursor, measures the disk, looks what fills the budget,
//! and prunes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::SqliteConnection;

use super::super::aging::{self, Aging};
use super::super::counters::Counters;
use super::super::disk::Disk;
use super::super::filling::{self, Filled};
use super::super::open::begin;
use super::super::prune::{self, Pruned};
use super::{CURSOR_EVERY, Writer};
use crate::fail_point;

/// So often is looked for what has become old.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// So often is the disk use measured, at least.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// So often is it measured while captures come in, and more often where they are large.
const MEASURE_GROUPS: u32 = 16;
/// After a failure upkeep rests: a disk that fails is not asked more often.
const UPKEEP_REST: Duration = Duration::from_secs(1);
/// So often is looked what fills the budget, and more often where that is tight.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const LOOK_TIGHT_EVERY: Duration = Duration::from_secs(1);
/// So often a warning of the budget is logged.
const TOLD_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys stay at least in such a part of what is used.
const KEYS_PART: u64 = 8;

impl Writer {
    /// What is done between groups. A failure here is no sender's business: it is logged and tried again later.
    pub(super) async fn upkeep(&mut self) {
        if Instant::now() < self.upkeep_from {
            return;
        }
        if let Err(error) = self.maintain().await {
            tracing::error!(error = %error, "upkeep of the journal failed, trying again");
            self.shared.note_damage(&error);
            self.distrust(&error).await;
            self.pruned_at = Some(Instant::now());
            self.upkeep_from = Instant::now() + UPKEEP_REST;
        }
    }

    async fn maintain(&mut self) -> Result<(), sqlx::Error> {
        if self.cursor_at.elapsed() >= CURSOR_EVERY {
            self.write_cursor().await?;
        }
        if self.groups >= MEASURE_GROUPS
            || self.shared.disk.is_outdated()
            || self.measured_at.elapsed() >= MEASURE_EVERY
        {
            self.measure().await?;
        }
        if self.is_prune_due() {
            self.pulse.beat();
            self.pruned_at = Some(Instant::now());
            if self.prune().await?.1 {
                self.pruned_at = None;
            }
        }
        let every = if self.shared.disk.is_tight() { LOOK_TIGHT_EVERY } else { LOOK_EVERY };
        if self.looked_at.elapsed() >= every {
            self.look_what_fills().await?;
        }
        Ok(())
    }

    fn is_prune_due(&self) -> bool {
        let every = if self.shared.disk.is_tight() { CURSOR_EVERY } else { PRUNE_EVERY };
        self.pruned_at.is_none_or(|at| at.elapsed() >= every)
    }

    /// Stores the forwarder's cursor, if it moved. After a commit that failed it is stored anyhow: that proves that the
    /// disk takes commits again.
    pub(super) async fn write_cursor(&mut self) -> Result<(), sqlx::Error> {
        self.cursor_at = Instant::now();
        let (_, after) = self.connected_with_counters().await?;
        if after != self.counters || !self.shared.healthy.load(Ordering::Relaxed) {
            self.pulse.beat();
            after.write(self.connected().await?).await?;
            self.committed(after, 0);
            fail_point::reached("cursor-stored");
        }
        Ok(())
    }

    async fn measure(&mut self) -> Result<(), sqlx::Error> {
        self.pulse.beat();
        self.groups = 0;
        self.measured_at = Instant::now();
        let shared = Arc::clone(&self.shared);
        shared.disk.measure(self.connected().await?).await
    }

    /// What fills the budget, for those who ask, and for the log where the operator has to act.
    async fn look_what_fills(&mut self) -> Result<(), sqlx::Error> {
        self.looked_at = Instant::now();
        let (shared, counters) = (Arc::clone(&self.shared), self.counters);
        let awaits = shared.awaits_receipts();
        self.connected().await?;
        if let Some(connection) = &mut self.connection {
            look(connection, &counters, awaits, &shared.disk, &self.aging).await?;
        }
        for warning in shared.disk.filled().warnings(shared.disk.used(), shared.disk.budget()) {
            let told_at = self.told_at.get(warning.code);
            if told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
                tracing::warn!(fix = warning.fix, "{}", warning.message);
                self.told_at.insert(warning.code, Instant::now());
            }
        }
        Ok(())
    }

    /// A step of pruning: what went, and whether another one is due at once.
    pub(super) async fn prune(&mut self) -> Result<(Pruned, bool), sqlx::Error> {
        let tight = self.shared.disk.is_tight();
        let awaits = self.shared.awaits_receipts();
        let limits = self.aging.limits(self.clock.now(), tight).awaiting_receipts(awaits);
        let limits = limits.keeping_keys(self.shared.disk.used() / KEYS_PART);
        let clock_due = self.aging.clock_due();
        let mut sweeps = self.sweeps.clone();
        let (connection, mut after) = self.connected_with_counters().await?;
        let mut transaction = begin(connection).await?;
        let pruned = prune::step(&mut transaction, &mut after, limits, &mut sweeps).await?;
        aging::store_clock(&mut transaction, clock_due).await?;
        if pruned != Pruned::default() {
            fail_point::reached("pruning-written");
        }
        transaction.commit().await?;
        self.aging.stepped(&pruned, clock_due);
        self.sweeps = sweeps;
        if pruned != Pruned::default() || after != self.counters {
            fail_point::reached("pruned");
            self.committed(after, 0);
            self.measure().await?;
        }
        let more = pruned.is_full(&limits) || self.sweeps.keys.is_pressed();
        Ok((pruned, more))
    }
}

/// Looks what fills the budget of an open journal.
pub(in super::super) async fn look(
    connection: &mut SqliteConnection,
    counters: &Counters,
    awaits_receipts: bool,
    disk: &Disk,
    aging: &Aging,
) -> Result<(), sqlx::Error> {
    let delivered = prune::delivered(counters, awaits_receipts);
    let (used, wal) = (disk.used(), disk.wal_bytes());
    let filling = filling::look(&mut *connection, counters, delivered, (used, wal)).await?;
    let begin_us = filling::begin_us(connection).await?;
    let keys = aging.key_age(counters, begin_us, filling.keys);
    disk.set_filled(Filled { filling, keys });
    Ok(())
}
