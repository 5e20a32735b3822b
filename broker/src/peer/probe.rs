//! Is anybody there? Only a port that refuses means no.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::cluster::HostPort;
use crate::net::{ConnectError, connect};

/// How long a connection must stand to count as answered. A process that is being killed closes its port last: until
/// then the system still takes calls for it, and resets them a moment later.
const STANDING: Duration = Duration::from_millis(50);
/// How often a connection that did not stand is tried again.
const TRIES: usize = 3;

/// Whether `address` refuses connections; `false` if nothing is certain within `limit`.
pub(super) async fn is_refused(address: &HostPort, limit: Duration) -> bool {
    let tries = async {
        for _ in 0..TRIES {
            match connect(&address.host, address.port, limit).await {
                Err(ConnectError::Refused { .. }) => return true,
                Err(_) => return false,
                Ok(mut stream) => {
                    // A door says nothing before it is asked.
                    if tokio::time::timeout(STANDING, stream.read_u8()).await.is_err() {
                        return false;
                    }
                }
            }
        }
        false
    };
    tokio::time::timeout(limit, tries).await.unwrap_or(false)
}
