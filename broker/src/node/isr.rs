//! A leader's proposal of its in-sync set becomes one transaction; the outcome is carried back word for word.
//!
//! *Invariant:* nothing is tried twice here: repeating with the same guard is replication's own rule 4.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use crate::cluster::{Commands, IsrChange, IsrChangeOutcome};
use crate::replication::{IsrOutcome, IsrProposal, IsrStore};

/// The way from replication to the cluster's commands, which are made after the replicas are.
#[derive(Debug, Default)]
pub(super) struct IsrBridge {
    commands: OnceLock<Arc<Commands>>,
}

impl IsrBridge {
    /// Opens the way. Once.
    pub(super) fn connect(&self, commands: Arc<Commands>) {
        // A second call would be our own mistake and changes nothing.
        let _ = self.commands.set(commands);
    }
}

#[async_trait]
impl IsrStore for IsrBridge {
    async fn propose(&self, proposal: IsrProposal) -> IsrOutcome {
        let Some(commands) = self.commands.get() else {
            return IsrOutcome::NotSent;
        };
        let IsrProposal { tp, guard, state, joiner } = proposal;
        match commands.propose_isr(IsrChange { tp, guard, state, joiner }).await {
            IsrChangeOutcome::Committed(record) => IsrOutcome::Committed(record),
            IsrChangeOutcome::Refused { current } => IsrOutcome::Refused { current },
            IsrChangeOutcome::Unknown => IsrOutcome::Unknown,
            IsrChangeOutcome::NotSent => IsrOutcome::NotSent,
        }
    }
}
