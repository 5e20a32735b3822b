//! A group with its members and what each has, whichever protocol they speak.

use std::collections::BTreeMap;

use super::at::At;
use super::classic;
use super::refusal::Refusal;
use crate::groups::{GroupListing, GroupView, MemberDetail};
use crate::http::door::Door;
use crate::http::query::shown;
use crate::types::TopicName;

/// A partition of a topic.
pub(super) type Place = (TopicName, i32);

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// As in a list.
    pub(super) listing: GroupListing,
    /// The assignor, or the classic protocol.
    pub(super) assignor: String,
    /// Its members, by name.
    pub(super) members: BTreeMap<String, Member>,
}

/// A member of a group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its instance, if it is a static member.
    pub(super) instance: Option<String>,
    /// What its client calls itself.
    pub(super) client_id: String,
    /// What it has, in order.
    pub(super) has: Vec<Place>,
}

impl Group {
    /// The group that a path names.
    pub(super) async fn of(door: &Door, at: &At) -> Result<Self, Refusal> {
        let view = door.service.describe_group(&at.group()).await?;
        Ok(Self::new(door, *view))
    }

    /// A group as its coordinator tells of it.
    pub(super) fn new(door: &Door, view: GroupView) -> Self {
        let members = view.members.into_iter().map(|member| {
            let mut has: Vec<Place> = match &member.detail {
                MemberDetail::Consumer { assigned, .. } => {
                    let by_name = door.service.by_name(assigned.keys()).into_iter();
                    by_name
                        .flat_map(|(topic, all)| all.into_iter().map(move |index| (topic.clone(), index)))
                        .collect()
                }
                MemberDetail::Classic { assignment, .. } => classic::partitions(assignment),
            };
            has.sort();
            let instance = member.instance.map(|instance| instance.as_str().to_owned());
            (member.member.as_str().to_owned(), Member { instance, client_id: member.client_id, has })
        });
        Self { members: members.collect(), listing: view.listing, assignor: view.protocol }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.listing.group.as_str()
    }

    /// The member that a path names.
    pub(super) fn member<'a>(&'a self, at: &'a At) -> Result<(&'a str, &'a Member), Refusal> {
        let id = at.text("consumer_id");
        let found = self.members.get_key_value(id);
        let none =
            || Refusal::missing(format!("group '{}' has no consumer '{}'", shown(self.name()), shown(id)));
        found.map(|(id, member)| (id.as_str(), member)).ok_or_else(none)
    }

    /// Who has what.
    pub(super) fn owners(&self) -> BTreeMap<&Place, (&str, &Member)> {
        let members = self.members.iter();
        members
            .flat_map(|(id, member)| member.has.iter().map(move |place| (place, (id.as_str(), member))))
            .collect()
    }
}
