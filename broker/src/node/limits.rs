//! What the process asks of the operating system before it starts.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Raises the soft limit of open files to the hard one: every partition, reader and connection needs some.
///
/// Returns the limit in force; a refusal costs nothing but room.
pub(super) fn raise_open_files() -> Option<u64> {
    if cfg!(feature = "simulation") {
        // What this machine allows is nothing to the simulated one.
        return None;
    }
    let now = getrlimit(Resource::Nofile);
    if now.current != now.maximum {
        let wanted = Rlimit { current: now.maximum, maximum: now.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
    getrlimit(Resource::Nofile).current
}

/// Caps the connections at both doors so that together they use at most three quarters of the `open_files`: however many clients
/// come, logs can be opened and other brokers called.
pub(super) fn leave_files_free(config: &mut Config, open_files: u64) {
    let kafka = &mut config.kafka;
    let bounds =
        [&mut config.http.connections_max, &mut kafka.connections_max, &mut kafka.link_connections_max];
    let wanted = bounds.each_ref().map(|bound| **bound);
    let [http, kafka, links] = fit(wanted, open_files);
    if [http, kafka, links] != wanted {
        tracing::warn!(
            open_files,
            http,
            kafka,
            links,
            "few files may be open, so few connections: see 'ulimit -n'"
        );
        bounds.into_iter().zip([http, kafka, links]).for_each(|(bound, fitted)| *bound = fitted);
    }
}

fn fit<const N: usize>(wanted: [usize; N], open_files: u64) -> [usize; N] {
    let room = usize::try_from(open_files / 4 * 3).unwrap_or(usize::MAX);
    let sum = wanted.iter().fold(0_usize, |sum, one| sum.saturating_add(*one));
    if sum <= room { wanted } else { wanted.map(|one| (one.saturating_mul(room) / sum).max(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_some_of_the_open_files() {
        assert_eq!(fit([10_000, 2_000], 1 << 20), [10_000, 2_000]);
        assert_eq!(fit([10_000, 2_000], 800), [500, 100]);
        assert_eq!(fit([10_000, 0], 1), [1, 1]);
    }
}
