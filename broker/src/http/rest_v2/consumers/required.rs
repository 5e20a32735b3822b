//! The body of a command that means nothing without one.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::http::door::Door;
use crate::http::rest_v2::body::{Typed, command};
use crate::http::rest_v2::fault::Fault;

/// What such a body says.
pub(in crate::http) trait Wish: DeserializeOwned {
    /// A body for who sent none.
    const EXAMPLE: &'static str;
}

/// The wish of a request; 422 if it has no body.
pub(in crate::http) struct Required<T>(pub(super) T);

impl<T: Wish> FromRequest<Arc<Door>> for Required<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, door: &Arc<Door>) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let wish = command(door, &parts.headers, body, Typed::Needed).await?;
        wish.map(Self).ok_or_else(|| {
            let message =
                format!("Payload error. Null input provided. Data is required: send {}", T::EXAMPLE);
            Fault::unprocessable(message).code(42_206)
        })
    }
}
