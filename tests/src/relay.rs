//! An address that stays the same while the server behind it is another.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Passes connections on to whichever server is told, as a load balancer does.
pub struct Relay {
    address: String,
    behind: Arc<Mutex<String>>,
}

impl Relay {
    /// A relay to a server at `http://HOST:PORT`.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it listens"));
        let behind = Arc::new(Mutex::new(host(server)));
        let of_connections = behind.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let server = of_connections.lock().expect("nobody panics").clone();
                tokio::spawn(async move {
                    // Who can't be reached closes the connection.
                    if let Ok(mut server) = TcpStream::connect(server).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { address, behind }
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Passes connections on to another server from now on.
    ///
    /// # Panics
    /// If a thread that passed one on panicked.
    pub fn lead_to(&self, server: &str) {
        *self.behind.lock().expect("nobody panics") = host(server);
    }
}

fn host(server: &str) -> String {
    server.trim_start_matches("http://").trim_end_matches('/').to_owned()
}
