//! What v3 has and is not served yet: who may do what, replicas on their way, brokers set at run time. Under every method
//! it says so, in this face's shape.

use http::StatusCode;

use super::refusal::Refusal;

/// 501.
pub(in crate::http) async fn not_served() -> Refusal {
    let message = "access lists, reassignments and changes of brokers' settings are not served by this face";
    Refusal::new(StatusCode::NOT_IMPLEMENTED, message)
}
