//! The demo's checkout: customers come to two lanes, their items are scanned, some swipe a card, and the till posts the
//! sale. Scanners and reader are pseudo terminals that the real drivers open; the till speaks to the real listener.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use jiff::tz::TimeZone;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tillgate_drivers::simulated::SimulatedDevice;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::shop::Basket;
use crate::clock::Clock;

/// Between two scans of a cashier.
const SCAN_PAUSE: Duration = Duration::from_millis(300);
/// Between two customers.
const CUSTOMER_PAUSE: Duration = Duration::from_millis(700);
/// Every third customer swipes a card.
const SWIPE_EVERY: u64 = 3;
/// How long the daemon may need for its ports.
const OPENING: Duration = Duration::from_millis(50);

/// The devices and the till.
pub(super) struct Floor {
    scanners: [SimulatedDevice; 2],
    reader: SimulatedDevice,
    token: String,
}

impl Floor {
    /// Plugs the devices in.
    pub(super) fn open(token: String) -> std::io::Result<Self> {
        Ok(Self {
            scanners: [SimulatedDevice::plug_in()?, SimulatedDevice::plug_in()?],
            reader: SimulatedDevice::plug_in()?,
            token,
        })
    }

    /// The ports to configure: two scanners, one card reader.
    pub(super) fn ports(&self) -> [&Path; 3] {
        [self.scanners[0].port(), self.scanners[1].port(), self.reader.port()]
    }

    /// Serves customers until the demo ends.
    pub(super) async fn work(
        self,
        till: SocketAddr,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut random = SmallRng::from_os_rng();
        let mut connection = connect(till).await?;
        // What a scanner sends while its port is being opened counts as the rest of a code.
        tokio::time::sleep(OPENING).await;
        let first = u64::try_from(clock.now().as_second()).unwrap_or(1);
        for (sequence, lane) in (first..).zip([0, 1].into_iter().cycle()) {
            let serve = self.serve(lane, sequence, &mut connection, (&mut random, clock.as_ref()));
            match stop.run_until_cancelled(serve).await {
                Some(served) => served?,
                None => break,
            }
        }
        Ok(())
    }

    async fn serve(
        &self,
        lane: usize,
        sequence: u64,
        connection: &mut SendRequest<Full<Bytes>>,
        (random, clock): (&mut SmallRng, &dyn Clock),
    ) -> anyhow::Result<()> {
        let basket = Basket::random(random);
        for barcode in basket.barcodes() {
            self.scanners[lane].scan(barcode).await?;
            tokio::time::sleep(SCAN_PAUSE).await;
        }
        if sequence.is_multiple_of(SWIPE_EVERY) {
            self.reader.swipe(Basket::swipe(random)).await?;
        }
        let now = clock.now().to_zoned(TimeZone::UTC);
        let sale = basket.sale("03", sequence, &now).to_string();
        self.post(connection, sale).await?;
        tokio::time::sleep(CUSTOMER_PAUSE).await;
        Ok(())
    }

    async fn post(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        sale: String,
    ) -> anyhow::Result<()> {
        let request = Request::post("/v1/sales")
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(sale)))?;
        let response = connection
            .send_request(request)
            .await
            .context("the demo's till cannot post its sale")?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("the demo's sale was answered with {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(())
    }
}

async fn connect(till: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream =
        TcpStream::connect(till).await.context("the demo's till cannot reach the gateway")?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
