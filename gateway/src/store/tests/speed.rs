//! How fast captures are committed, on this machine and in this build. Run it alone:
//! `cargo test --release -p tillgate store::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

const CAPTURES: u32 = 60;
const RECORDS: u32 = 1000;

fn sales(from: u32, count: u32) -> NewCapture {
    let content = "x".repeat(1200);
    let item = |n| record(&format!("acme/0042/03/2026-11-21/{n}/sale"), &content);
    capture((from..from + count).map(item).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn captures_of_a_thousand_records() {
    let folder = folder();
    let store = open(folder.path()).await;
    let captures: Vec<_> = (0..CAPTURES).map(|n| sales(n * RECORDS, RECORDS)).collect();
    let started = Instant::now();
    for capture in captures {
        store.commit(capture).await.unwrap();
    }
    let rate = f64::from(CAPTURES * RECORDS) / started.elapsed().as_secs_f64();
    println!("captures of {RECORDS}: {rate:.0} records/s");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn single_posters() {
    let folder = folder();
    let store = open(folder.path()).await;
    let started = Instant::now();
    let posters: Vec<_> = (0..64)
        .map(|poster| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..300 {
                    store.commit(sales(poster * 1000 + number, 1)).await.unwrap();
                }
            })
        })
        .collect();
    for poster in posters {
        poster.await.unwrap();
    }
    println!("64 single posters: {:.0} records/s", 64.0 * 300.0 / started.elapsed().as_secs_f64());
    store.close().await;
}
