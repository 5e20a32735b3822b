//! A member of a group of the classic kind, by the Kafka protocol: FindCoordinator 0, JoinGroup 2, SyncGroup 1, Heartbeat 1,
//! OffsetFetch 1, OffsetCommit 2, LeaveGroup 1. The leader of a generation deals the partitions out in turn.
//!
//! Now and then it leaves, or is silent for longer than the group waits and then commits what it had in hand.
//!
//! *Invariant:* a member lets go of all before it joins again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use integration_tests::kafka::Wire;
use tokio::time::Instant;

use super::frames::{Body, Words, ask, connect};
use super::kafka::KafkaDoor;
use super::standing::Standing;
use super::{At, BACK_OFF, SESSION_MS, Shared};
use crate::chance::Chance;
use crate::history::Phase;

/// The group.
pub(super) const GROUP: &str = "classic";
const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER: i16 = 25;
const REBALANCE_IN_PROGRESS: i16 = 27;
/// How long a generation lasts at least, unless others end it.
const LEAST: Duration = Duration::from_secs(2);
/// Errors that say that nothing was kept.
const FENCES: [i16; 3] = [ILLEGAL_GENERATION, UNKNOWN_MEMBER, REBALANCE_IN_PROGRESS];

/// A client that is a member again and again.
struct Client {
    shared: Arc<Shared>,
    topic: String,
    partitions: i32,
    chance: Chance,
    turn: usize,
    /// The member that it is.
    standing: Option<Standing>,
    /// When it leaves or falls silent.
    until: Instant,
}

/// A member in one generation.
struct Life {
    coordinator: Wire,
    standing: Standing,
    /// What it owns: the next offset of each, and a connection to its leader.
    owned: BTreeMap<i32, (i64, KafkaDoor)>,
    /// What it has read and not committed.
    in_hand: BTreeMap<i32, i64>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    JoinAgain,
    /// The group knows it no more.
    BeginAnew,
}

/// Joins, reads, commits, and joins again, until the clients stop.
pub(super) async fn consume(shared: Arc<Shared>, topic: String, partitions: i32, chance: Chance) {
    let until = Instant::now();
    let mut client = Client { shared, topic, partitions, chance, turn: 0, standing: None, until };
    while !client.shared.is_stopping() {
        if client.live().await.is_err() {
            tokio::time::sleep(BACK_OFF).await;
        }
    }
}

impl Client {
    /// One generation.
    async fn live(&mut self) -> Result<()> {
        let mut life = self.join().await?;
        self.until = self.until.max(Instant::now() + LEAST);
        let mut next = Ok(Next::GoOn);
        while matches!(next, Ok(Next::GoOn)) && !self.shared.is_stopping() {
            next = self.step(&mut life).await;
        }
        let gone = matches!(next, Ok(Next::BeginAnew));
        if gone {
            life.standing.lets_go(&self.shared);
        }
        self.standing = (!gone).then_some(life.standing);
        next.map(drop)
    }

    async fn step(&mut self, life: &mut Life) -> Result<Next> {
        if life.owned.is_empty() {
            self.shared.sleep(BACK_OFF).await;
        }
        for (partition, (from, door)) in &mut life.owned {
            let Ok(fetched) = door.fetch(&At::of(&self.topic, *partition), *from).await else { continue };
            let Some((last, ..)) = fetched.records.last() else { continue };
            *from = last + 1;
            life.in_hand.insert(*partition, *from);
            let records: Vec<_> = fetched.records.iter().map(|(at, value, _)| (*at, *value)).collect();
            life.standing.has_read(&self.shared, *partition, &records);
        }
        if Instant::now() >= self.until && !life.in_hand.is_empty() {
            self.until = Instant::now() + self.chance.millis(4_000..25_000);
            if self.chance.one_in(3) {
                life.standing.lets_go(&self.shared);
                life.leave().await?;
                return Ok(Next::BeginAnew);
            }
            let silence = self.chance.millis(SESSION_MS + 1_000..SESSION_MS + 9_000);
            self.shared.sleep(silence).await;
        }
        match life.commit(&self.shared, &self.topic).await? {
            Next::GoOn => life.beat().await,
            other => Ok(other),
        }
    }

    async fn join(&mut self) -> Result<Life> {
        let mut coordinator = self.coordinator().await?;
        let joined = self.gather(&mut coordinator).await?;
        let owned = self.sync(&mut coordinator, &joined).await?;
        let positions = positions(&mut coordinator, &self.topic, &owned).await?;
        let door = || KafkaDoor::new(self.shared.kafka_ports.clone());
        let owned = positions.into_iter().map(|(partition, from)| (partition, (from, door()))).collect();
        let mut standing = self.standing.take().context("it has just joined")?;
        standing.enters(&self.shared, Some(i64::from(joined.generation)));
        Ok(Life { coordinator, standing, owned, in_hand: BTreeMap::new() })
    }

    /// Joins, when all others have joined.
    async fn gather(&mut self, coordinator: &mut Wire) -> Result<Joined> {
        let name = match &mut self.standing {
            None => "",
            Some(standing) => {
                standing.lets_go(&self.shared);
                standing.name.as_str()
            }
        };
        let mut subscription = Body::default();
        subscription.i16(0).i32(1).text(&self.topic).i32(-1);
        let session_ms = i32::try_from(SESSION_MS)?;
        let mut body = Body::default();
        body.text(GROUP).i32(session_ms).i32(session_ms).text(name).text("consumer");
        body.i32(1).text("in turn").blob(&subscription.0);
        let answer = ask(coordinator, 11, 2, &body.0).await?;
        let (error, joined) = Joined::read(&answer)?;
        if error == UNKNOWN_MEMBER {
            self.standing = None;
        }
        ensure!(error == 0, "JoinGroup: error {error}");
        if self.standing.as_ref().is_none_or(|standing| standing.name != joined.name) {
            self.standing = Some(Standing::new(&self.shared, GROUP, joined.name.clone(), &self.topic));
        }
        Ok(joined)
    }

    async fn coordinator(&mut self) -> Result<Wire> {
        self.turn += 1;
        let ports = &self.shared.kafka_ports;
        let mut wire = connect(ports[self.turn % ports.len()]).await?;
        let mut body = Body::default();
        body.text(GROUP);
        let answer = ask(&mut wire, 10, 0, &body.0).await?;
        let mut words = Words(&answer);
        let error = words.i16()?;
        ensure!(error == 0, "FindCoordinator: error {error}");
        words.i32()?;
        words.text()?;
        connect(u16::try_from(words.i32()?)?).await
    }

    /// What the member has in this generation; it deals out if it leads.
    async fn sync(&self, coordinator: &mut Wire, joined: &Joined) -> Result<Vec<i32>> {
        let mut body = Body::default();
        body.text(GROUP).i32(joined.generation).text(&joined.name);
        body.i32(i32::try_from(joined.members.len())?);
        for (place, member) in (0..).zip(&joined.members) {
            let count = i32::try_from(joined.members.len())?;
            let dealt: Vec<i32> = (0..self.partitions).filter(|one| one % count == place).collect();
            body.text(member).blob(&assignment(&self.topic, &dealt)?);
        }
        let answer = ask(coordinator, 14, 1, &body.0).await?;
        let mut words = Words(&answer);
        words.i32()?;
        let error = words.i16()?;
        ensure!(error == 0, "SyncGroup: error {error}");
        assigned(words.blob()?)
    }
}

fn assignment(topic: &str, partitions: &[i32]) -> Result<Vec<u8>> {
    let mut body = Body::default();
    body.i16(0).i32(1).text(topic).i32(i32::try_from(partitions.len())?);
    for partition in partitions {
        body.i32(*partition);
    }
    body.i32(-1);
    Ok(body.0)
}

fn assigned(assignment: &[u8]) -> Result<Vec<i32>> {
    if assignment.is_empty() {
        return Ok(Vec::new());
    }
    let mut words = Words(assignment);
    words.i16()?;
    ensure!(words.i32()? == 1, "another number of topics");
    words.text()?;
    (0..words.i32()?).map(|_| words.i32()).collect()
}

/// What JoinGroup answers.
struct Joined {
    generation: i32,
    name: String,
    /// All members, if it leads.
    members: Vec<String>,
}

impl Joined {
    /// With the error.
    fn read(answer: &[u8]) -> Result<(i16, Self)> {
        let mut words = Words(answer);
        words.i32()?;
        let error = words.i16()?;
        let generation = words.i32()?;
        words.text()?;
        words.text()?;
        let name = words.text()?.to_owned();
        let mut members = Vec::new();
        for _ in 0..words.i32()? {
            members.push(words.text()?.to_owned());
            words.blob()?;
        }
        Ok((error, Self { generation, name, members }))
    }
}

impl Life {
    /// The group, the generation and the name, as many requests begin.
    fn who(&self) -> Result<Body> {
        let generation = i32::try_from(self.standing.epoch.context("it has not joined")?)?;
        let mut body = Body::default();
        body.text(GROUP).i32(generation).text(&self.standing.name);
        Ok(body)
    }

    /// Commits what it has in hand. If that is kept, its generation was the present one, and what it owns is its own.
    async fn commit(&mut self, shared: &Shared, topic: &str) -> Result<Next> {
        if self.in_hand.is_empty() {
            return Ok(Next::GoOn);
        }
        let mut body = self.who()?;
        body.i64(-1).i32(1).text(topic).i32(i32::try_from(self.in_hand.len())?);
        for (partition, next) in &self.in_hand {
            body.i32(*partition).i64(*next).text("");
        }
        let begun = self.standing.begin_beat(shared, &self.in_hand);
        let errors = match ask(&mut self.coordinator, 8, 2, &body.0).await {
            Ok(answer) => commit_errors(&answer),
            Err(error) => Err(error),
        };
        let all_are = |of: &[i16]| errors.as_ref().is_ok_and(|all| all.iter().all(|one| of.contains(one)));
        let phase = match (all_are(&[0]), all_are(&FENCES)) {
            (true, _) => Phase::Ok,
            (_, true) => Phase::Fail,
            _ => Phase::Unknown,
        };
        if let Some(certain) = self.standing.end(shared, begun, phase) {
            let owned: Vec<i32> = self.owned.keys().copied().collect();
            self.standing.owns(shared, &certain, Some(&owned));
        }
        self.in_hand.clear();
        next_of(errors?.into_iter().max().unwrap_or(0))
    }

    async fn beat(&mut self) -> Result<Next> {
        let body = self.who()?;
        let answer = ask(&mut self.coordinator, 12, 1, &body.0).await?;
        let mut words = Words(&answer);
        words.i32()?;
        next_of(words.i16()?)
    }

    async fn leave(&mut self) -> Result<()> {
        let mut body = Body::default();
        body.text(GROUP).text(&self.standing.name);
        ask(&mut self.coordinator, 13, 1, &body.0).await.map(drop)
    }
}

/// Where to go on: where the group has come to, or at the start.
async fn positions(coordinator: &mut Wire, topic: &str, partitions: &[i32]) -> Result<BTreeMap<i32, i64>> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut body = Body::default();
    body.text(GROUP).i32(1).text(topic).i32(i32::try_from(partitions.len())?);
    for partition in partitions {
        body.i32(*partition);
    }
    let answer = ask(coordinator, 9, 1, &body.0).await?;
    let mut words = Words(&answer);
    ensure!(words.i32()? == 1, "another number of topics");
    words.text()?;
    let mut positions = BTreeMap::new();
    for _ in 0..words.i32()? {
        let (partition, offset) = (words.i32()?, words.i64()?);
        words.text()?;
        let error = words.i16()?;
        ensure!(error == 0, "OffsetFetch: error {error}");
        positions.insert(partition, offset.max(0));
    }
    Ok(positions)
}

fn commit_errors(answer: &[u8]) -> Result<Vec<i16>> {
    let mut words = Words(answer);
    ensure!(words.i32()? == 1, "another number of topics");
    words.text()?;
    let mut errors = Vec::new();
    for _ in 0..words.i32()? {
        words.i32()?;
        errors.push(words.i16()?);
    }
    Ok(errors)
}

fn next_of(error: i16) -> Result<Next> {
    match error {
        0 => Ok(Next::GoOn),
        ILLEGAL_GENERATION | REBALANCE_IN_PROGRESS => Ok(Next::JoinAgain),
        UNKNOWN_MEMBER => Ok(Next::BeginAnew),
        other => bail!("error {other}"),
    }
}
