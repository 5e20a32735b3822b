//! Tests of the door: with a stand-in behind it ([`door`]), and with one broker's service and logs ([`requests`], [`groups`], [`instances`]).

mod client;
mod admin;
mod door;
pub(super) mod fixture;
mod groups;
mod instances;
mod requests;
