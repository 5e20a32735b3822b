//! What may happen next, one step each.

use std::fmt;

use tidemark::types::BrokerId;

/// One step of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A producer appends at a broker that believes to lead.
    Append(BrokerId),
    /// A broker makes its log durable.
    Flush(BrokerId),
    /// A follower asks its leader, and takes the answer.
    Fetch(BrokerId),
    /// A follower asks its leader; the question is under way.
    Ask(BrokerId),
    /// The leader answers that question; the answer is under way.
    Answer(BrokerId),
    /// The follower takes that answer.
    Take(BrokerId),
    /// A broker sees the next version of the record.
    SeeNext(BrokerId),
    /// A broker sees the newest version of the record.
    SeeNewest(BrokerId),
    /// A leader proposes to put a member out.
    Shrink(BrokerId, BrokerId),
    /// A leader proposes to take a follower in.
    Expand(BrokerId, BrokerId),
    /// A leader's write reaches the store, and whoever waits for its outcome hears it.
    Land(u8),
    /// A leader gives up waiting for its write, which may land later.
    TimeOut(u8),
    /// A leader's write is certainly not sent.
    Unsent(u8),
    /// The controller writes what should be.
    Control,
    /// The controller decides what should be; its write is under way.
    Decide,
    /// The leader's disk is full for a moment, and the controller hands its leadership over.
    HandOver,
    /// The preferred leader gets its leadership back.
    Prefer,
    /// A controller's write reaches the store.
    LandControl(u8),
    /// Another broker takes the controller's seat.
    NewController,
    /// A broker's lease ends.
    Expire(BrokerId),
    /// A broker that lives gets a lease again.
    Revive(BrokerId),
    /// A broker dies; so many of its entries stay.
    Crash(BrokerId, u8),
    /// A broker stops in good order.
    Stop(BrokerId),
    /// The disk of a broker that is down is replaced by an empty one.
    LoseDisk(BrokerId),
    /// A broker comes back in another life.
    Restart(BrokerId),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(id) => write!(f, "append at {id}"),
            Self::Flush(id) => write!(f, "{id} flushes"),
            Self::Fetch(id) => write!(f, "{id} fetches"),
            Self::Ask(id) => write!(f, "{id} asks its leader"),
            Self::Answer(id) => write!(f, "the question of {id} is answered"),
            Self::Take(id) => write!(f, "{id} takes its answer"),
            Self::SeeNext(id) => write!(f, "{id} sees the next record"),
            Self::SeeNewest(id) => write!(f, "{id} sees the newest record"),
            Self::Shrink(id, member) => write!(f, "{id} proposes to put {member} out"),
            Self::Expand(id, joiner) => write!(f, "{id} proposes to take {joiner} in"),
            Self::Land(nth) => write!(f, "leader's write #{nth} reaches the store"),
            Self::TimeOut(nth) => write!(f, "leader's write #{nth} times out, and may land later"),
            Self::Unsent(nth) => write!(f, "leader's write #{nth} is not sent"),
            Self::Control => write!(f, "the controller writes"),
            Self::Decide => write!(f, "the controller decides, and its write is late"),
            Self::HandOver => write!(f, "the leadership is handed over"),
            Self::Prefer => write!(f, "the preferred leader is brought back"),
            Self::LandControl(nth) => write!(f, "controller's late write #{nth} reaches the store"),
            Self::NewController => write!(f, "another broker takes the controller's seat"),
            Self::Expire(id) => write!(f, "the lease of {id} ends"),
            Self::Revive(id) => write!(f, "{id} has a lease again"),
            Self::Crash(id, kept) => write!(f, "{id} crashes and keeps {kept} entries"),
            Self::Stop(id) => write!(f, "{id} stops in good order"),
            Self::LoseDisk(id) => write!(f, "{id} is given an empty disk"),
            Self::Restart(id) => write!(f, "{id} restarts"),
        }
    }
}
