//! What administrators ask beyond making and changing topics by the native API: strict creation, growth, settings of
//! topics and brokers shown with their origins and changed one by one or all at once, and all of it as a rehearsal.
//!
//! - `names`: Kafka's names, and kinds, of what a topic's settings are called where they are a broker's
//! - `settings`: the settings of a topic, of a broker, and the defaults of all
//! - `elsewhere`: the settings of another broker, asked of it
//! - `topics`: topics made, grown, changed, deleted by their ids
//!
//! *Invariant:* what is only to be validated changes nothing.

mod elsewhere;
mod names;
mod settings;
mod topics;

pub use elsewhere::NoSettings;
pub use settings::{BrokerSetting, SettingChange, SettingKind, SettingSource, SettingValue, SettingView};
