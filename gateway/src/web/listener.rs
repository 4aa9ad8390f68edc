//! The accept loop of both listeners: places for connections, TLS, an orderly end.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// A TLS handshake must be done within so long.
const HANDSHAKE_SECONDS: u64 = 10;
/// When the daemon stops, connections may finish what they began for so long.
const DRAIN_SECONDS: u64 = 10;
/// One address may hold so many of eight places, so that no single machine shuts out the others.
const PLACES_OF_EIGHT: u32 = 7;

/// After the last answer so much of what the other side still sends is thrown away before the connection ends:
/// closed at once, the system would reset it, and the answer might never be seen.
const LINGER: (Duration, u64) = (Duration::from_secs(1), 1 << 20);

/// A connection, with or without TLS.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// Places for connections, all listeners together.
#[derive(Debug)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    of_one_address: u32,
    addresses: Mutex<HashMap<IpAddr, u32>>,
}

/// A place that is given back when dropped.
struct Place {
    room: Arc<Room>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new(places: u32) -> Self {
        let places = places.max(1);
        let of_one_address = (places / 8 * PLACES_OF_EIGHT + places % 8).max(1);
        Self {
            places: Arc::new(Semaphore::new(places.try_into().unwrap_or(Semaphore::MAX_PERMITS))),
            of_one_address,
            addresses: Mutex::default(),
        }
    }

    /// A place for an address, unless it has too many.
    fn enter(self: &Arc<Self>, address: IpAddr, permit: OwnedSemaphorePermit) -> Option<Place> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_default();
        if *count >= self.of_one_address {
            return None;
        }
        *count += 1;
        Some(Place { room: Arc::clone(self), address, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.room.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// Accepts connections until `stop`, then waits for those that are open. `serve` gives a connection back that is to
/// end in order.
pub(super) async fn accept<F, Fut>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    room: Arc<Room>,
    stop: &CancellationToken,
    serve: F,
) where
    F: Fn(Box<dyn Io>, SocketAddr) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Option<Box<dyn Io>>> + Send + 'static,
{
    let tasks = TaskTracker::new();
    let overdue = CancellationToken::new();
    while let Some((socket, peer, place)) = next(&listener, &room, stop).await {
        let (tls, serve, overdue) = (tls.clone(), serve.clone(), overdue.clone());
        tasks.spawn(async move {
            let connection = async {
                if let Some(io) = secured(socket, tls).await
                    && let Some(io) = serve(io, peer).await
                {
                    linger(io).await;
                }
            };
            tokio::select! {
                () = connection => {}
                () = overdue.cancelled() => {}
            }
            drop(place);
        });
    }
    // Nobody new is kept waiting for an answer that will not come.
    drop(listener);
    tasks.close();
    if timeout(Duration::from_secs(DRAIN_SECONDS), tasks.wait()).await.is_err() {
        warn!(connections = tasks.len(), "connections are cut: they did not end in time");
        overdue.cancel();
        tasks.wait().await;
    }
}

/// The next connection with its place. None: the daemon stops.
async fn next(
    listener: &TcpListener,
    room: &Arc<Room>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, Place)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return None,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(failure) => {
                // Out of file descriptors, mostly: trying at once again would only burn the processor.
                warn!(%failure, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let permit = tokio::select! {
            permit = Arc::clone(&room.places).acquire_owned() => permit.ok()?,
            () = stop.cancelled() => return None,
        };
        match room.enter(peer.ip().to_canonical(), permit) {
            Some(place) => return Some((socket, peer, place)),
            None => debug!(address = %peer.ip(), "too many connections of one address"),
        }
    }
}

async fn secured(socket: TcpStream, tls: Option<TlsAcceptor>) -> Option<Box<dyn Io>> {
    // Answers are small and awaited: Nagle's algorithm would only delay them.
    let _ = socket.set_nodelay(true);
    let Some(tls) = tls else { return Some(Box::new(socket)) };
    match timeout(Duration::from_secs(HANDSHAKE_SECONDS), tls.accept(socket)).await {
        Ok(Ok(secured)) => Some(Box::new(secured)),
        Ok(Err(failure)) => {
            debug!(%failure, "no TLS handshake");
            None
        }
        Err(_) => None,
    }
}

async fn linger(mut io: Box<dyn Io>) {
    let (wait, bytes_max) = LINGER;
    let rest = async {
        let _ = io.shutdown().await;
        discard(&mut io, bytes_max).await;
    };
    let _ = timeout(wait, rest).await;
}

async fn discard(io: &mut (impl AsyncRead + Unpin), bytes_max: u64) {
    let mut buffer = [0; 4096];
    let mut rest = io.take(bytes_max);
    while matches!(rest.read(&mut buffer).await, Ok(count) if count > 0) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_leaves_places_for_others() {
        let room = Arc::new(Room::new(16));
        let enter = |last: u8| {
            let permit = Arc::clone(&room.places).try_acquire_owned().ok()?;
            room.enter(IpAddr::from([192, 0, 2, last]), permit)
        };
        let mut places: Vec<Place> = (0..14).map(|_| enter(1).unwrap()).collect();
        assert!(enter(1).is_none());
        let other = enter(2).unwrap();
        places.pop();
        assert!(enter(1).is_some());
        drop((places, other));
        assert_eq!(room.places.available_permits(), 16);
        assert!(room.addresses.lock().unwrap().is_empty());
    }
}
