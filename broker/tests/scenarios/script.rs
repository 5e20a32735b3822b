//! The language of the stories: one command a line, `=>` and what it must say, `#` for remarks.
//!
//! ```text
//! partition replicas=1,2,3 min_isr=2 flush=ack [isr=1,2]   everybody has seen it; the first of the ISR leads epoch 1
//! append 1 x [leader]          a producer sends x to broker 1 with acks=all, or leader
//! flush 1                      fsync
//! ask 2 1 / take 2             broker 2 asks 1 and gets an answer; later it takes it
//! fetch 2 1                    both at once
//! question 1 3/9 epoch=1 offset=5 last=0   somebody asks 1: broker 3 in life 9; nobody takes the answer
//! sync 2 1                     flush and fetch until nothing changes
//! see 1 [n]                    broker 1 learns of the newest record, or of the n-th version
//! propose 1                    broker 1 looks at its ISR and sends a proposal
//! handle [n]                   the store handles the first, or n-th, write that waits
//! hear 1 / lose 1 / unsend 1   broker 1 learns the outcome, does not, learns that it was not sent
//! elect 2 [unclean] / shrink 3 / assign 1,2    the controller writes; if the leader is not assigned, another leads
//! crash 1 [keep] / restart 1   a power cut, or (keep) only the process; another life
//! dead 3 / alive 3             its lease is gone, or back; all leaders know
//! lease 1 lost                 broker 1 no longer knows that its lease holds
//! wait 11s
//! trim 1 4                     the log of broker 1 now starts at 4
//! hw 1 / end 1 / durable 1 / log 1 / tells 1 / record      what is so
//! ```
//!
//! After every command nothing that was committed may be lost.

use std::path::Path;
use std::time::Duration;

use tidemark::replication::Asked;
use tidemark::types::{BrokerEpoch, BrokerId, FlushMode, Incarnation, LeaderEpoch, Offset};

use crate::node::Role;
use crate::world::World;

/// Runs one story.
pub(crate) fn run(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut world: Option<World> = None;
    let mut trace = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let (command, expected) = match line.split_once("=>") {
            Some((command, expected)) => (command.trim(), Some(expected.trim())),
            None => (line, None),
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        let said = tell(&mut world, &words);
        trace.push(format!("{:>4}  {command} => {said}", number + 1));
        let fault = if expected.is_some_and(|expected| expected != said) {
            Some(format!("expected: {}", expected.unwrap_or_default()))
        } else {
            world.as_mut().and_then(|world| world.check().err())
        };
        if let Some(fault) = fault {
            return Err(format!("{}:{}: {fault}\n{}", path.display(), number + 1, trace.join("\n")));
        }
    }
    Ok(())
}

fn tell(world: &mut Option<World>, words: &[&str]) -> String {
    if words[0] == "partition" {
        *world = Some(partition(&words[1..]));
        return "ok".to_owned();
    }
    let world = world.as_mut().expect("a story begins with its partition");
    let id = || words.get(1).and_then(|word| word.parse::<i32>().ok());
    let broker = || id().unwrap_or_else(|| panic!("which broker? {words:?}"));
    let third = words.get(2).copied();
    let now = world.now;
    match words[0] {
        "append" => world.node(broker()).append(third.unwrap(), words.get(3) != Some(&"leader"), now),
        "flush" => done(world.node(broker()).flush_log()),
        "ask" => world.ask(broker(), third.unwrap().parse().unwrap()),
        "take" => world.node(broker()).take(),
        "question" => question(world, broker(), &words[2..]),
        "fetch" => fetch(world, broker(), third.unwrap().parse().unwrap()),
        "sync" => sync(world, broker(), third.unwrap().parse().unwrap()),
        "see" => world.see(broker(), third.map(|at| at.parse().unwrap())),
        "propose" => {
            let proposal = world.propose(broker());
            proposal
                .map_or("nothing".to_owned(), |proposal| format!("isr {}", lives(world, &proposal.state.isr)))
        }
        "handle" => world.handle(id().map_or(0, |nth| usize::try_from(nth).unwrap())),
        "hear" => world.hear(broker()),
        "lose" => world.lose(broker()),
        "unsend" => world.unsend(broker()),
        "elect" => world.elect(broker(), third == Some("unclean")),
        "shrink" => world.shrink(broker()),
        "assign" => done(world.assign(&ids(words[1]))),
        "crash" => done(world.crash(broker(), third == Some("keep"))),
        "restart" => done(world.restart(broker())),
        "dead" | "alive" => liveness(world, broker(), words[0] == "alive"),
        "lease" => done(world.node(broker()).has_lease = third != Some("lost")),
        "wait" => done(world.wait(time(words[1]))),
        "trim" => done(world.node(broker()).log.advance_start(third.unwrap().parse().unwrap())),
        "hw" => world.node(broker()).high_watermark().to_string(),
        "end" => world.node(broker()).log.end().to_string(),
        "durable" => world.node(broker()).log.durable_end().to_string(),
        "log" => world.node(broker()).log.values(),
        "tells" => tells(world, broker()),
        "record" => record(world),
        other => panic!("unknown command {other}"),
    }
}

fn done((): ()) -> String {
    "ok".to_owned()
}

fn partition(settings: &[&str]) -> World {
    let value =
        |name: &str| settings.iter().find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='));
    let replicas = ids(value("replicas").expect("replicas=1,2,3"));
    let isr = value("isr").map_or_else(|| replicas.clone(), ids);
    let min_isr = value("min_isr").map_or(2, |text| text.parse().unwrap());
    let flush = value("flush").map_or(FlushMode::Ack, |text| text.parse().unwrap());
    World::new(&replicas, &isr, min_isr, flush)
}

fn ids(text: &str) -> Vec<i32> {
    text.split(',').map(|id| id.parse().unwrap()).collect()
}

/// A fetch that no broker of the story sends: a stranger's, or a former life's.
fn question(world: &mut World, leader: i32, words: &[&str]) -> String {
    let (broker, life) = words[0].split_once('/').expect("who asks, as in 3/9");
    let from =
        Incarnation { broker: BrokerId(broker.parse().unwrap()), epoch: BrokerEpoch(life.parse().unwrap()) };
    let number = |name: &str| {
        let word = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        word.map(|word| word.parse::<i64>().unwrap())
    };
    let epoch = |name| number(name).map(|epoch| LeaderEpoch(i32::try_from(epoch).unwrap()));
    let asked = Asked {
        epoch: epoch("epoch").expect("epoch=1"),
        offset: Offset(number("offset").expect("offset=0")),
        last_epoch: epoch("last").unwrap_or(LeaderEpoch::NONE),
    };
    let now = world.now;
    world.node(leader).answer(from, asked, now).0
}

fn fetch(world: &mut World, follower: i32, leader: i32) -> String {
    let asked = world.ask(follower, leader);
    if world.node(follower).answer.is_none() {
        return asked;
    }
    let taken = world.node(follower).take();
    if taken.starts_with("appended") { taken } else { format!("{asked}; {taken}") }
}

fn sync(world: &mut World, follower: i32, leader: i32) -> String {
    let mut said = String::new();
    for _ in 0..50 {
        world.node(follower).flush_log();
        said = fetch(world, follower, leader);
        if said == "appended 0" {
            return "in step".to_owned();
        }
    }
    said
}

fn liveness(world: &mut World, id: i32, alive: bool) -> String {
    let me = world.node(id).me;
    if alive {
        world.live.insert(me);
    } else {
        world.live.remove(&me);
    }
    world.tell_liveness();
    "ok".to_owned()
}

fn time(text: &str) -> Duration {
    let number = |unit: &str| text.strip_suffix(unit).and_then(|number| number.parse().ok());
    number("ms")
        .map(Duration::from_millis)
        .or_else(|| number("s").map(Duration::from_secs))
        .expect("as in 11s or 200ms")
}

/// The end that a client is told.
fn tells(world: &mut World, id: i32) -> String {
    match &world.node(id).role {
        Role::Leader(leader) if leader.knows_the_committed_end() => leader.high_watermark().to_string(),
        Role::Leader(_) => "not available".to_owned(),
        Role::Follower(_) => "not the leader".to_owned(),
    }
}

fn record(world: &World) -> String {
    let state = &world.record.state;
    let leader = state.leader.map_or("none".to_owned(), |leader| lives(world, &[leader]));
    let (isr, elr) = (lives(world, &state.isr), lives(world, &state.elr));
    format!("leader {leader} epoch {} isr {isr} elr {elr}", state.leader_epoch)
}

/// Brokers by number; with a prime for a life that is not the registered one.
fn lives(world: &World, members: &[Incarnation]) -> String {
    let name = |member: &Incarnation| {
        let is_current =
            world.registered.get(&member.broker.0).is_some_and(|(life, _)| *life == member.epoch);
        format!("{}{}", member.broker, if is_current { "" } else { "'" })
    };
    if members.is_empty() { "-".to_owned() } else { members.iter().map(name).collect::<Vec<_>>().join(",") }
}
