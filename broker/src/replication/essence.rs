//! What a leader's decisions rest on, without the times: by this a model tells states apart. Pure, and not in a broker in
//! use.
//!
//! Left out is what only decides when to do something: when a follower fetched last, when a proposal was made or refused,
//! what a follower had to reach to be called caught up.

use std::hash::{Hash, Hasher};

use super::leader::LeaderState;

/// A leader apart from all times.
#[derive(Clone, Copy, Debug)]
pub struct Essence<'a>(&'a LeaderState);

impl LeaderState {
    /// What it rests its decisions on, times apart.
    #[must_use]
    pub fn essence(&self) -> Essence<'_> {
        Essence(self)
    }
}

impl Hash for Essence<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let leader = self.0;
        (leader.me, &leader.record, leader.epoch_start, leader.high_watermark).hash(state);
        let deposed_by = leader.deposed.map(|(epoch, _)| epoch);
        (leader.log_end(), leader.counted_end, deposed_by).hash(state);
        for follower in &leader.followers {
            (follower.incarnation, follower.end).hash(state);
        }
        if let Some(open) = &leader.proposal {
            let proposal = &open.proposal;
            (proposal.guard, &proposal.state, proposal.joiner, &open.counts, open.uncertain).hash(state);
        }
    }
}
