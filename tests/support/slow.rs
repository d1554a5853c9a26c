//! A network between a broker and a server that takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Hands on what it gets to a port, and what comes back after a while.
pub struct Slow {
    pub port: u16,
    millis: Arc<AtomicU64>,
}

impl Slow {
    /// In front of a port of this machine; at first without delay.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let millis = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&millis);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let (from_near, to_near) = near.into_split();
                let (from_far, to_far) = far.into_split();
                tokio::spawn(hand_on(from_near, to_far, Arc::default()));
                tokio::spawn(hand_on(from_far, to_near, Arc::clone(&delay)));
            }
        });
        Self { port: here, millis }
    }

    /// From now on each answer takes so much longer.
    pub fn by(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap();
        self.millis.store(millis, Ordering::SeqCst);
    }
}

async fn hand_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Arc<AtomicU64>) {
    let mut some = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut some).await {
        let millis = delay.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        if to.write_all(&some[..count]).await.is_err() {
            return;
        }
    }
}
