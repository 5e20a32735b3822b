//! The words of the document about v3 that no handler holds: what paths name, how answers look, refusals.

// These types are read by the macros that derive their description, and never made.
#![allow(dead_code, reason = "only their descriptions are used")]

use utoipa::{IntoParams, IntoResponses, ToSchema};

macro_rules! paths {
    ($($(#[doc = $meaning:literal])+ $name:ident { $($(#[doc = $field_meaning:literal])+ $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[doc = $meaning])+
            #[derive(IntoParams)]
            #[into_params(parameter_in = Path)]
            pub(in crate::http) struct $name {
                /// The cluster's id, or its name.
                cluster_id: String,
                $($(#[doc = $field_meaning])+ $field: $kind,)*
            }
        )*
    };
}

paths! {
    /// The cluster.
    Cluster {}
    /// A broker.
    Broker {
        /// Its number.
        broker_id: i32,
    }
    /// A setting of a broker.
    BrokerConfig {
        /// The broker's number.
        broker_id: i32,
        /// The setting.
        name: String,
    }
    /// A setting of all brokers.
    ClusterConfig {
        /// The setting.
        name: String,
    }
    /// A topic.
    Topic {
        /// Its name.
        topic_name: String,
    }
    /// A setting of a topic.
    TopicConfig {
        /// The topic.
        topic_name: String,
        /// The setting.
        name: String,
    }
    /// A partition.
    Partition {
        /// The topic.
        topic_name: String,
        /// From 0.
        partition_id: i32,
    }
    /// A replica.
    Replica {
        /// The topic.
        topic_name: String,
        /// From 0.
        partition_id: i32,
        /// The broker that has it.
        broker_id: i32,
    }
    /// A group.
    Group {
        /// Its name.
        consumer_group_id: String,
    }
    /// A partition that a group reads.
    GroupPartition {
        /// The group.
        consumer_group_id: String,
        /// The topic.
        topic_name: String,
        /// From 0.
        partition_id: i32,
    }
    /// A consumer.
    Consumer {
        /// The group.
        consumer_group_id: String,
        /// The consumer.
        consumer_id: String,
    }
    /// A partition that a consumer has.
    Assignment {
        /// The group.
        consumer_group_id: String,
        /// The consumer.
        consumer_id: String,
        /// The topic.
        topic_name: String,
        /// From 0.
        partition_id: i32,
    }
}

/// Which offsets.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct OffsetType {
    /// earliest_and_latest, earliest or latest; both are told in any case.
    offset_type: Option<String>,
}

/// What a thing is called.
#[derive(ToSchema)]
pub(in crate::http) struct V3Metadata {
    /// Where it is.
    #[schema(rename = "self")]
    own: String,
    /// Its name.
    resource_name: Option<String>,
    /// The next page; there is none.
    next: Option<String>,
}

/// A thing, with members of its own beside these.
#[derive(ToSchema)]
pub(in crate::http) struct V3Resource {
    /// KafkaTopic and the like.
    kind: String,
    /// What it is called.
    metadata: V3Metadata,
    /// The cluster.
    cluster_id: String,
}

/// Many things.
#[derive(ToSchema)]
pub(in crate::http) struct V3List {
    /// KafkaTopicList and the like.
    kind: String,
    /// Where the list is.
    metadata: V3Metadata,
    /// The things.
    data: Vec<V3Resource>,
}

/// A refusal.
#[derive(ToSchema)]
pub(in crate::http) struct V3Refusal {
    /// The status, or status * 100 + n.
    #[schema(example = 40403)]
    error_code: i32,
    /// What went wrong, and what to do.
    message: String,
}

/// What a request may be refused with.
#[derive(IntoResponses)]
pub(in crate::http) enum V3Refusals {
    /// Malformed (400), or what Kafka would refuse (40002).
    #[response(status = 400)]
    Malformed(#[to_schema] V3Refusal),
    /// A topic of the system (40301).
    #[response(status = 403)]
    Forbidden(#[to_schema] V3Refusal),
    /// No such thing (404), topic or partition (40403).
    #[response(status = 404)]
    Missing(#[to_schema] V3Refusal),
    /// The answer would be JSON.
    #[response(status = 406)]
    NotAcceptable(#[to_schema] V3Refusal),
    /// The body is no JSON.
    #[response(status = 415)]
    Unsupported(#[to_schema] V3Refusal),
    /// Not now (50003).
    #[response(status = 503)]
    NotNow(#[to_schema] V3Refusal),
    /// The outcome is unknown.
    #[response(status = 504)]
    Unknown(#[to_schema] V3Refusal),
}
