//! Producers, without and with sequence numbers.

use super::super::history::Outcome;
use super::super::http::{Answer, Silence};
use super::{Actor, TOPIC};

/// How often the same batch is sent before its producer gives up on it.
const TRIES: u32 = 20;

/// Sends each batch once.
pub(super) async fn plain(mut actor: Actor) -> turmoil::Result {
    while !actor.is_over() {
        let partition = actor.partition();
        send_once(&mut actor, partition).await;
        actor.rest(400).await;
    }
    Ok(())
}

/// Sends one batch, once; noted.
pub(in crate::world) async fn send_once(actor: &mut Actor, partition: i32) -> Outcome {
    let values = new_values(actor);
    let sending = actor.load.history.begin_send(actor.process, actor.place(partition), &values, None);
    let answer = actor.call("POST", &path(partition), &media(), &lines(&values)).await;
    let outcome = outcome(&answer);
    actor.load.history.end_send(sending, outcome);
    outcome
}

pub(super) fn new_values(actor: &mut Actor) -> Vec<u64> {
    let count = actor.chance.within(&(1..=4));
    actor.load.history.new_values(count)
}

/// Sends each batch until it is known to be stored, or until the producer gives up.
pub(super) async fn exactly_once(mut actor: Actor, number: u32) -> turmoil::Result {
    // One sequence for each partition, as the log keeps them.
    let mut next = vec![0_i32; usize::try_from(actor.load.partitions).unwrap_or(0)];
    let mut life = 0;
    while !actor.is_over() {
        let partition = actor.partition();
        let values = new_values(&mut actor);
        let at = usize::try_from(partition).unwrap_or(0);
        let mut headers = media().to_vec();
        headers.push(("producer-id", format!("exact-{number}-{life}")));
        headers.push(("producer-epoch", "0".to_owned()));
        headers.push(("producer-seq", next[at].to_string()));
        // Its name is no number; the ids that brokers give out are not negative.
        let producer = (-1 - i64::from(number) * 1_000_000 - life, 0, next[at]);
        let place = actor.place(partition);
        let sending = actor.load.history.begin_send(actor.process, place, &values, Some(producer));
        let mut known = Outcome::Unknown;
        for attempt in 0..TRIES {
            let answer = actor.call("POST", &path(partition), &headers, &lines(&values)).await;
            let now = outcome(&answer);
            if matches!(now, Outcome::Stored(..)) || (attempt == 0 && now == Outcome::Refused) {
                known = now;
                break;
            }
            // Refused now says nothing of the tries before.
            actor.rest(700).await;
        }
        actor.load.history.end_send(sending, known);
        match known {
            Outcome::Stored(..) => next[at] += 1,
            Outcome::Refused => {}
            Outcome::Unknown => {
                // Whether the number is used up is not known: a new life has new ones.
                life += 1;
                next.fill(0);
            }
        }
        actor.rest(400).await;
    }
    Ok(())
}

fn path(partition: i32) -> String {
    format!("/v1/topics/{TOPIC}/partitions/{partition}/records?acks=all&timeout_ms=4000")
}

fn media() -> [(&'static str, String); 1] {
    [("content-type", "application/x-ndjson".to_owned())]
}

fn lines(values: &[u64]) -> Vec<u8> {
    // Of different lengths, some long enough to fill segments.
    let line =
        |value: &u64| format!("{value} {}\n", "~".repeat(usize::try_from(value % 13 * 40).unwrap_or(0)));
    values.iter().map(line).collect::<String>().into_bytes()
}

fn outcome(answer: &Result<Answer, Silence>) -> Outcome {
    match answer {
        Err(silence) => silence.outcome(),
        Ok(answer) if answer.is_success() => {
            let epoch = answer.number("tidemark-leader-epoch");
            let base_offset = answer.number("tidemark-base-offset");
            base_offset.map_or(Outcome::Unknown, |base_offset| Outcome::Stored(base_offset, epoch))
        }
        Ok(answer) if answer.json()["written"] == "no" => Outcome::Refused,
        Ok(_) => Outcome::Unknown,
    }
}
