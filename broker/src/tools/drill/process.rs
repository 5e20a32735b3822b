//! Processes of this machine, as `/proc` tells of them: a number that was mistyped, or given again to another process,
//! must not be hit.

use std::fs;
use std::path::PathBuf;

use rustix::process::Pid;

use super::DrillError;

/// The state of a socket that listens, in the tables of the kernel.
const LISTEN: &str = "0A";

/// Refuses a process that is no broker at all.
pub(super) fn ensure_is_broker(broker: i32, pid: Pid) -> Result<(), DrillError> {
    let line = command_line(pid);
    if line.is_empty() {
        let why = format!("broker {broker}: there is no process {pid}");
        return if has_proc() { Err(DrillError::NotAllowed(why)) } else { Ok(()) };
    }
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let program = line.split(' ').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    if program.contains("tidemark") {
        return Ok(());
    }
    Err(DrillError::NotAllowed(format!("process {pid} is no broker, but '{}'", line.trim_end())))
}

/// Refuses a process that is another broker: who serves this one listens at its port.
pub(super) fn ensure_serves(broker: i32, pid: Pid, port: u16) -> Result<(), DrillError> {
    ensure_is_broker(broker, pid)?;
    if !has_proc() {
        return Ok(());
    }
    let table = |name: &str| fs::read_to_string(of(pid, name)).unwrap_or_default();
    let sockets = [table("net/tcp"), table("net/tcp6")].join("\n");
    let sockets: Vec<String> =
        listening_at(&sockets, port).map(|inode| format!("socket:[{inode}]")).collect();
    let open = fs::read_dir(of(pid, "fd")).into_iter().flatten().flatten();
    let mut open = open.filter_map(|file| fs::read_link(file.path()).ok());
    if open.any(|file| sockets.iter().any(|socket| file.as_os_str() == socket.as_str())) {
        return Ok(());
    }
    let name = format!("process {pid} does not listen at port {port}, where broker {broker} is");
    let hint = "name its own process, or tell by a command how it is hurt";
    Err(DrillError::NotAllowed(format!("{name}: {hint}")))
}

/// Whether it has ended.
pub(super) fn has_ended(pid: Pid) -> bool {
    command_line(pid).is_empty()
}

/// How it was called; empty once it has ended, also while nobody has waited for it.
fn command_line(pid: Pid) -> Vec<u8> {
    fs::read(of(pid, "cmdline")).unwrap_or_default()
}

/// Whether this machine tells of processes in this way.
fn has_proc() -> bool {
    fs::exists("/proc/self").unwrap_or_default()
}

fn of(pid: Pid, what: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{what}", pid.as_raw_nonzero()))
}

/// The inodes of the sockets that listen at a port, in a table like `/proc/net/tcp`.
fn listening_at(table: &str, port: u16) -> impl Iterator<Item = &str> {
    table.lines().filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (_, at) = fields.next()?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(at, 16) == Ok(port) && fields.nth(1) == Some(LISTEN);
        fields.nth(5).filter(|_| is_it)
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use rustix::process::getpid;

    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 71234 1 0 100 0 0 10 0
   1: 0100007F:1F92 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 71300 1 0 20 4 30 10 -1
   2: 00000000:1F93 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 71301 1 0 100 0 0 10 0
torn 0100";

    #[test]
    fn who_listens_is_read_from_the_table() {
        assert_eq!(listening_at(TABLE, 8082).collect::<Vec<_>>(), ["71234"]);
        assert_eq!(listening_at(TABLE, 8083).collect::<Vec<_>>(), ["71301"]);
        assert_eq!(listening_at(TABLE, 8084).count(), 0);
    }

    #[test]
    fn a_broker_is_the_process_that_listens_at_its_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        ensure_serves(2, getpid(), port).unwrap();
        drop(listener);
        let refused = ensure_serves(2, getpid(), port).unwrap_err().to_string();
        assert!(refused.contains(&format!("does not listen at port {port}, where broker 2 is")), "{refused}");
    }

    #[test]
    fn what_is_no_broker_is_refused() {
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_child(&other);
        while has_ended(pid) {
            std::thread::yield_now(); // it is still to become that program
        }
        let refused = ensure_is_broker(2, pid).unwrap_err().to_string();
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(refused.contains("is no broker, but 'sleep 60'"), "{refused}");
        let refused = ensure_is_broker(2, pid).unwrap_err().to_string();
        assert!(refused.contains("there is no process"), "{refused}");
        assert!(has_ended(pid) && !has_ended(getpid()));
    }
}
