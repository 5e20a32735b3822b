//! Consumer instances over HTTP (REST Proxy v2).
mod spec;
mod subscription;

pub use spec::{Dialect, EmbeddedFormat, InstanceSpec};
pub use subscription::Subscription;
