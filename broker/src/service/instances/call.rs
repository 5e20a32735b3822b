//! Asking the coordinator about an instance, and what its refusals mean here.

use std::time::Duration;

use super::error::InstanceError;
use crate::groups::instances::{InstanceAnswer, InstanceCall, InstanceRefusal, InstanceVerb};
use crate::groups::{GroupError, GroupId, InstanceName, Reply, Request};
use crate::replication::Written;
use crate::service::{FetchError, GroupCallError, Service};
use crate::types::TopicPartition;

impl Service {
    /// Asks, and again while the coordinator has not heard yet of a partition that this broker knows.
    pub(super) async fn ask_instance(
        &self,
        group: &GroupId,
        name: &InstanceName,
        verb: InstanceVerb,
    ) -> Result<InstanceAnswer, InstanceError> {
        let settled_by = self.parts.clock.now() + Duration::from_millis(self.parts.options.settle_ms_max);
        let mut news = self.news(settled_by);
        loop {
            match self.ask_instance_once(group, name, verb.clone()).await? {
                Ok(answer) => return Ok(answer),
                Err(InstanceRefusal::Unknown { tp }) => {
                    self.check_partition(&tp)?;
                    if !news.wait(self.parts.clock.now()).await {
                        return Err(InstanceError::Refused(GroupError::UnknownTopicOrPartition));
                    }
                }
                Err(refused) => return Err(error_of(refused, &verb)),
            }
        }
    }

    /// Asks; what the group itself refuses is left to the caller.
    pub(super) async fn ask_instance_once(
        &self,
        group: &GroupId,
        name: &InstanceName,
        verb: InstanceVerb,
    ) -> Result<Result<InstanceAnswer, InstanceRefusal>, InstanceError> {
        let call = InstanceCall { group: group.clone(), instance: name.clone(), verb };
        match self.ask_group(Request::Instance(Box::new(call))).await {
            Ok(Reply::Instance(answer)) => Ok(answer),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(InstanceError::Call(error)),
        }
    }

    /// Whether a partition is there, as far as this broker knows.
    pub(super) fn check_partition(&self, tp: &TopicPartition) -> Result<(), InstanceError> {
        self.route(tp).map(|_| ()).map_err(|missing| InstanceError::Missing(FetchError::from(missing)))
    }
}

/// An answer to another question than was asked: our own mistake, and no reason to fall over.
pub(super) fn unexpected(answer: &impl std::fmt::Debug) -> InstanceError {
    tracing::error!(?answer, "a coordinator answered another question about an instance");
    InstanceError::Call(GroupCallError::NoCoordinator {
        reason: "it answered another question".to_owned(),
        written: Written::No,
    })
}

/// What a refusal of `verb` means to who asked.
pub(super) fn error_of(refused: InstanceRefusal, verb: &InstanceVerb) -> InstanceError {
    use InstanceRefusal as R;
    match refused {
        R::NoInstance => InstanceError::NoInstance,
        R::Exists => InstanceError::Exists,
        R::OtherMode { is } => InstanceError::OtherMode { is: is.name() },
        R::NotSubscribed => InstanceError::NotSubscribed,
        R::NotAssigned { tp, is_member } => InstanceError::NotAssigned { tp, is_member },
        R::WrongFormat { is } => {
            let wants = match verb {
                InstanceVerb::Begin(begin) => begin.wants.unwrap_or(is),
                _ => is,
            };
            InstanceError::WrongFormat { is, wants }
        }
        R::TooMany { what, max } => InstanceError::TooMany { what: what.name().to_owned(), max },
        R::BadPattern { reason } => InstanceError::BadPattern { reason },
        R::Unknown { tp } => InstanceError::Missing(FetchError::UnknownTopic(tp.topic)),
        R::Lapsed => InstanceError::Lapsed,
        R::NotAMember => InstanceError::NotAMember,
        R::OtherProtocol => InstanceError::Refused(GroupError::GroupTypeMismatch { is: "classic" }),
        R::GroupFull { max } => InstanceError::TooMany { what: "members of one group".to_owned(), max },
        R::BadName { len: 0, .. } => {
            InstanceError::Invalid { reason: "a group and an instance need names".to_owned() }
        }
        R::BadName { len, max } => InstanceError::Refused(GroupError::TooLong {
            field: "name of the group or the instance",
            len,
            max,
        }),
        R::MetadataTooLarge { max } => InstanceError::Refused(GroupError::OffsetMetadataTooLarge { max }),
        R::NegativeOffset => InstanceError::Refused(GroupError::InvalidOffset),
        R::Other { reason } => InstanceError::Invalid { reason },
        // These two are for the poll that asked, which knows what to do.
        R::Fenced | R::Superseded => InstanceError::Call(GroupCallError::NoCoordinator {
            reason: "a later poll of the instance has taken over".to_owned(),
            written: Written::No,
        }),
    }
}
