//! The group, and the member, that a path names.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::groups::{GroupId, MemberId};
use crate::http::errors::Problem;

/// The group that a path names. Whether it is a legal name is for the group's coordinator to say.
pub(in crate::http) struct GroupPath(pub(super) GroupId);

/// The member that a path names.
pub(in crate::http) struct MemberPath(pub(in crate::http) GroupId, pub(in crate::http) MemberId);

impl<S: Send + Sync> FromRequestParts<S> for GroupPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(param(parts, state, "group").await?.into()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MemberPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let group = param(parts, state, "group").await?.into();
        Ok(Self(group, param(parts, state, "member").await?.into()))
    }
}

async fn param<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Problem> {
    let bad = |_| Problem::bad_request("the path is not UTF-8 once percent-decoded");
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(bad)?;
    Ok(params.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value).to_owned())
}
