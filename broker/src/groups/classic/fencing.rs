//! Whose offsets are taken: those of the present generation, or of anybody while nobody is in the group.

use super::state::{ClassicGroup, State};
use crate::groups::error::GroupError;
use crate::groups::ids::{InstanceId, MemberId};
use crate::rules::{self, Rule};

impl ClassicGroup {
    pub(in crate::groups) fn may_commit(
        &self,
        name: &MemberId,
        instance: Option<&InstanceId>,
        generation: i32,
    ) -> Result<(), GroupError> {
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if !rules::holds(Rule::GenerationFences) {
            return Ok(());
        }
        if self.expected.contains(name) && instance.is_none() {
            return Err(GroupError::UnknownMember);
        }
        self.known(name, instance)?;
        self.check_generation(generation)?;
        // While members gather they may still commit; once the generation has changed they have other partitions.
        if self.state == State::CompletingRebalance { Err(GroupError::RebalanceInProgress) } else { Ok(()) }
    }
}
