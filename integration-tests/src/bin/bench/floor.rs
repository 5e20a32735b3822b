//! The floor for bulk: the same bytes on the same way with nothing else done.
//!
//! For each partition: a client sends 1 MiB over a socket; a leader writes it to its file and by sendfile to two followers
//! over sockets, who write it to theirs; with fsync, all three fdatasync before they acknowledge, the leader while the
//! followers receive. One request at a time on each stream, as the brokers' clients do. Reading back is sendfile from the
//! leader's file to the client.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};

use crate::bulk::{Bulk, PARTITIONS, REQUEST_BYTES, measure};

const SPACE_BYTES: usize = 256 * 1024;

/// Bytes a second through the floor.
pub(crate) fn produce(plan: &crate::arguments::Plan, folder: &Path, fsync: bool) -> Result<Bulk> {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut threads = Vec::new();
    for partition in 0..PARTITIONS {
        let path = |name: &str| folder.join(format!("floor-{partition}-{name}"));
        let (mut client, at_leader) = pair()?;
        let mut followers = Vec::new();
        for name in ["a", "b"] {
            let (to_follower, at_follower) = pair()?;
            let file = File::create(path(name))?;
            threads.push(thread::spawn(move || follow(at_follower, &file, fsync)));
            followers.push(to_follower);
        }
        let file = File::options().create(true).truncate(true).read(true).write(true).open(path("leader"))?;
        threads.push(thread::spawn(move || lead(at_leader, &file, followers, fsync)));
        let (done, stop) = (done.clone(), stop.clone());
        threads.push(thread::spawn(move || {
            let body = vec![b'x'; REQUEST_BYTES];
            while !stop.load(Ordering::Relaxed) {
                client.write_all(&body)?;
                client.read_exact(&mut [0])?;
                done.fetch_add(REQUEST_BYTES as u64, Ordering::Relaxed);
            }
            Ok(())
        }));
    }
    let bulk = measure(plan, &done, &[std::process::id()]);
    stop.store(true, Ordering::Relaxed);
    join(threads)?;
    bulk
}

/// Bytes a second by sendfile from the leaders' files of the last [`produce`] to as many clients, over and over.
pub(crate) fn read(plan: &crate::arguments::Plan, folder: &Path) -> Result<Bulk> {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut threads = Vec::new();
    for partition in 0..PARTITIONS {
        let (mut client, at_leader) = pair()?;
        let file = File::open(folder.join(format!("floor-{partition}-leader")))?;
        threads.push(thread::spawn(move || serve(at_leader, &file)));
        let (done, stop) = (done.clone(), stop.clone());
        threads.push(thread::spawn(move || {
            let mut space = vec![0; SPACE_BYTES];
            while !stop.load(Ordering::Relaxed) {
                client.write_all(&[0])?;
                let mut rest = REQUEST_BYTES;
                while rest > 0 {
                    let most = rest.min(SPACE_BYTES);
                    rest -= client.read(&mut space[..most])?;
                }
                done.fetch_add(REQUEST_BYTES as u64, Ordering::Relaxed);
            }
            Ok(())
        }));
    }
    let bulk = measure(plan, &done, &[std::process::id()]);
    stop.store(true, Ordering::Relaxed);
    join(threads)?;
    bulk
}

/// Deletes the floor's files.
pub(crate) fn clean(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("floor-")) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    let (other, _) = listener.accept()?;
    one.set_nodelay(true)?;
    other.set_nodelay(true)?;
    Ok((one, other))
}

fn join(threads: Vec<JoinHandle<Result<()>>>) -> Result<()> {
    for thread in threads {
        thread.join().ok().context("a thread of the floor panicked")??;
    }
    Ok(())
}

/// Copies one request from a socket to a file; false at the end of the stream.
fn take(from: &mut TcpStream, mut to: &File, space: &mut [u8]) -> Result<bool> {
    let mut rest = REQUEST_BYTES;
    while rest > 0 {
        let most = rest.min(space.len());
        let count = from.read(&mut space[..most])?;
        if count == 0 {
            ensure!(rest == REQUEST_BYTES, "a request was cut");
            return Ok(false);
        }
        to.write_all(&space[..count])?;
        rest -= count;
    }
    Ok(true)
}

fn send(file: &File, offset: &mut u64, to: &TcpStream) -> Result<()> {
    let end = *offset + REQUEST_BYTES as u64;
    while *offset < end {
        let most = usize::try_from(end - *offset)?;
        let count = rustix::fs::sendfile(to, file, Some(offset), most)?;
        ensure!(count > 0, "a file ended early");
    }
    Ok(())
}

fn lead(mut client: TcpStream, file: &File, mut followers: Vec<TcpStream>, fsync: bool) -> Result<()> {
    let mut space = vec![0; SPACE_BYTES];
    let mut start = 0;
    while take(&mut client, file, &mut space)? {
        for follower in &followers {
            send(file, &mut start.clone(), follower)?;
        }
        start += REQUEST_BYTES as u64;
        if fsync {
            file.sync_data()?;
        }
        for follower in &mut followers {
            follower.read_exact(&mut [0])?;
        }
        client.write_all(&[0])?;
    }
    Ok(())
}

fn follow(mut leader: TcpStream, file: &File, fsync: bool) -> Result<()> {
    let mut space = vec![0; SPACE_BYTES];
    while take(&mut leader, file, &mut space)? {
        if fsync {
            file.sync_data()?;
        }
        leader.write_all(&[0])?;
    }
    Ok(())
}

fn serve(mut client: TcpStream, file: &File) -> Result<()> {
    let length = file.metadata()?.len();
    let mut offset = 0;
    while client.read(&mut [0])? > 0 {
        if offset + REQUEST_BYTES as u64 > length {
            offset = 0;
        }
        send(file, &mut offset, &client)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::arguments::Plan;

    #[test]
    fn every_copy_is_the_same_and_everything_ends() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { rounds: 1, span: Duration::from_millis(100), parts: Vec::new() };
        for fsync in [false, true] {
            assert!(produce(&plan, folder.path(), fsync).unwrap().bytes_per_s > 0.0);
        }
        let bytes = |name: &str| std::fs::read(folder.path().join(format!("floor-0-{name}"))).unwrap();
        assert!(bytes("leader") == bytes("a") && bytes("a") == bytes("b") && !bytes("a").is_empty());
        assert!(read(&plan, folder.path()).unwrap().bytes_per_s > 0.0);
        clean(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
