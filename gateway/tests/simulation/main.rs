//! The forwarder in a simulated world: real sessions, windows and MQTT clients; simulated time, network, broker,
//! store and consumer. Each seed is a world of its own, and must end with every record at the consumer.
//!
//! What a seed does is the same each time; in which order tokio polls what is ready at the same moment is not, unless
//! it is built with `RUSTFLAGS="--cfg tokio_unstable"`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "the seed that fails is printed, and how many there were")]

mod broker;
mod life;
mod outbox;
mod packets;
mod seeds;
mod world;

/// Seeds of an ordinary run.
const SEEDS: u64 = 450;

#[test]
fn every_record_arrives_in_every_world() {
    seeds::live_all(SEEDS, |seed| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        #[cfg(tokio_unstable)]
        runtime.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_be_bytes()));
        runtime.enable_time().start_paused(true).build().unwrap().block_on(life::live(seed))
    });
}
