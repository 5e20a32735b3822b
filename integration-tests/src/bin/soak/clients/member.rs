//! A member of a group over HTTP: it joins, polls, commits; now and then it leaves, or is silent for longer than the group
//! waits and then goes on with what it had in hand, as a process does that was suspended.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use integration_tests::api::Answer;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::http::HttpDoor;
use super::standing::Standing;
use super::{BACK_OFF, SESSION_MS, Shared, value_in};
use crate::chance::Chance;
use crate::history::Phase;

/// The group.
pub(super) const GROUP: &str = "g";

/// One life of a member.
struct Member {
    standing: Standing,
    token: Value,
    /// What the token stands for: the next offset of each partition that the last poll delivered.
    delivered: BTreeMap<i32, i64>,
    /// When it leaves or falls silent.
    until: Instant,
}

/// A client that is a member again and again.
struct Client {
    shared: Arc<Shared>,
    door: HttpDoor,
    topic: String,
    chance: Chance,
}

/// Joins, polls, and joins again when it has left or was thrown out, until the clients stop.
pub(super) async fn consume(shared: Arc<Shared>, topic: String, chance: Chance) {
    let door = HttpDoor::new(&shared);
    let mut client = Client { shared, door, topic, chance };
    let mut member: Option<Member> = None;
    while !client.shared.is_stopping() {
        let goes_on = match &mut member {
            None => client.join().await.map(|joined| {
                member = Some(joined);
                true
            }),
            Some(member) => client.step(member).await,
        };
        match (goes_on, &mut member) {
            (Ok(false), Some(gone)) => {
                gone.standing.lets_go(&client.shared);
                member = None;
            }
            (Ok(_), _) => {}
            (Err(_), _) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

impl Client {
    async fn join(&mut self) -> Result<Member> {
        let wish = json!({
            "topics": [self.topic],
            "auto_offset_reset": "earliest",
            "session_timeout_ms": SESSION_MS,
        });
        let path = format!("/v1/groups/{GROUP}/members");
        let answer = self.door.next().json(Method::POST, &path, &wish).await?.ok()?.json()?;
        let name = answer["member_id"].as_str().context("a member's name")?.to_owned();
        let standing = Standing::new(&self.shared, GROUP, name, &self.topic);
        let until = self.next_event();
        Ok(Member { standing, token: Value::Null, delivered: BTreeMap::new(), until })
    }

    fn next_event(&mut self) -> Instant {
        Instant::now() + self.chance.millis(4_000..25_000)
    }

    /// False if the member is to join again.
    async fn step(&mut self, member: &mut Member) -> Result<bool> {
        if Instant::now() >= member.until && !member.delivered.is_empty() {
            member.until = self.next_event();
            if self.chance.one_in(3) {
                self.leave(member).await;
                return Ok(false);
            }
            let silence = self.chance.millis(SESSION_MS + 1_000..SESSION_MS + 9_000);
            self.shared.sleep(silence).await;
            self.commit(member).await;
        } else if self.chance.one_in(8) {
            self.commit(member).await;
        }
        self.poll(member).await
    }

    async fn leave(&mut self, member: &mut Member) {
        member.standing.lets_go(&self.shared);
        let path = format!("/v1/groups/{GROUP}/members/{}", member.standing.name);
        // If it is not heard, the session will end.
        let _ = self.door.next().delete(&path).await;
    }

    /// Commits what the member has in hand, in the epoch in which it got it.
    async fn commit(&mut self, member: &mut Member) {
        let offsets: Vec<Value> = member
            .delivered
            .iter()
            .map(|(partition, next)| json!({"topic": self.topic, "partition": partition, "offset": next}))
            .collect();
        if offsets.is_empty() {
            return;
        }
        let standing = &mut member.standing;
        let begun = standing.begin_commits(&self.shared, &member.delivered);
        let wish = json!({"member_id": standing.name, "member_epoch": standing.epoch, "offsets": offsets});
        let answer = self.door.next().put_json(&format!("/v1/groups/{GROUP}/offsets"), &wish).await;
        let phase = match &answer {
            Ok(answer) if answer.status == 204 => Phase::Ok,
            Ok(answer) if is_fenced(answer) => Phase::Fail,
            _ => Phase::Unknown,
        };
        standing.end(&self.shared, begun, phase);
        if phase == Phase::Fail && self.chance.one_in(2) {
            // It takes the word of the group, and begins again where others have come to.
            standing.lets_go(&self.shared);
            member.delivered.clear();
            member.token = Value::Null;
        }
    }

    /// One poll, which commits what the one before it delivered. False if the member is to join again.
    async fn poll(&mut self, member: &mut Member) -> Result<bool> {
        let begun = member.standing.begin_beat(&self.shared, &member.delivered);
        let name = &member.standing.name;
        let path = format!("/v1/groups/{GROUP}/members/{name}/poll?wait_ms=500&max_records=200");
        let answer = self.door.next().json(Method::POST, &path, &json!({"ack": member.token})).await;
        let told = answer.as_ref().ok().filter(|answer| answer.status == 200).map(Answer::json);
        let told = told.and_then(Result::ok);
        // Refused as a whole it may be although its commits were taken; and in another epoch what is the member's no more
        // is left out.
        let epoch = told.as_ref().and_then(|told| told["member_epoch"].as_i64());
        let phase =
            if epoch.is_some() && epoch == member.standing.epoch { Phase::Ok } else { Phase::Unknown };
        let certain = member.standing.end(&self.shared, begun, phase);
        let status = answer?.status;
        let Some(told) = told else {
            return if matches!(status, 404 | 409) { Ok(false) } else { anyhow::bail!("{status}") };
        };
        self.take(member, epoch, &told)?;
        if let Some(certain) = certain {
            let owned = self.owned(&member.standing.name, certain.epoch).await.ok();
            member.standing.owns(&self.shared, &certain, owned.as_deref());
        }
        Ok(true)
    }

    fn take(&self, member: &mut Member, epoch: Option<i64>, told: &Value) -> Result<()> {
        member.standing.enters(&self.shared, epoch);
        member.token = told["token"].clone();
        member.delivered.clear();
        let mut read: BTreeMap<i32, Vec<(i64, Option<u64>)>> = BTreeMap::new();
        for record in told["records"].as_array().context("records")? {
            let partition = i32::try_from(record["partition"].as_i64().context("a partition")?)?;
            let offset = record["offset"].as_i64().context("an offset")?;
            let value = record["value"].as_str().and_then(|text| value_in(text.as_bytes()));
            read.entry(partition).or_default().push((offset, value));
        }
        for (partition, records) in read {
            member.delivered.extend(records.last().map(|(offset, _)| (partition, offset + 1)));
            member.standing.has_read(&self.shared, partition, &records);
        }
        Ok(())
    }

    /// What a member owns, if it is in this epoch.
    async fn owned(&mut self, name: &str, epoch: i64) -> Result<Vec<i32>> {
        let group = self.door.next().get(&format!("/v1/groups/{GROUP}")).await?.ok()?.json()?;
        let members = group["members"].as_array().context("members")?;
        let is_it = |one: &&Value| one["member_id"] == name && one["member_epoch"] == epoch;
        let found = members.iter().find(is_it).context("it is in another epoch")?;
        let topics = found["assignment"].as_array().context("an assignment")?;
        let partitions = topics.iter().filter(|one| one["topic"] == self.topic.as_str());
        let partitions = partitions.filter_map(|one| one["partitions"].as_array()).flatten();
        Ok(partitions.filter_map(Value::as_i64).filter_map(|one| i32::try_from(one).ok()).collect())
    }
}

/// Whether a commit was certainly not kept.
fn is_fenced(answer: &Answer) -> bool {
    answer.status == 409 && answer.json().is_ok_and(|body| body["written"] == "no")
}
