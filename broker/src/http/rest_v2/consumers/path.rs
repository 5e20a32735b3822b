//! The group, and the instance, that a path names. Percent-decoded once.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::groups::{GroupId, InstanceName};
use crate::http::door::Door;
use crate::http::rest_v2::fault::Fault;
use crate::http::rest_v2::path::param;

/// The group that a path names.
pub(in crate::http) struct GroupPath(pub(super) GroupId);

/// The instance that a path names.
pub(in crate::http) struct InstancePath(pub(super) GroupId, pub(super) InstanceName);

impl FromRequestParts<Arc<Door>> for GroupPath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Fault> {
        Ok(Self(name(parts, door, "group").await?.into()))
    }
}

impl FromRequestParts<Arc<Door>> for InstancePath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Fault> {
        let group = name(parts, door, "group").await?.into();
        Ok(Self(group, name(parts, door, "instance").await?.into()))
    }
}

async fn name(parts: &mut Parts, door: &Arc<Door>, which: &str) -> Result<String, Fault> {
    let name = param(parts, door, which).await?;
    if name.chars().any(char::is_control) {
        return Err(Fault::bad_parameter(format!("the name of the {which} has control characters")));
    }
    Ok(name)
}
