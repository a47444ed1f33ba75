//! The facts that the rules are about. Every type here is a plain value.

mod hook_event;
mod limit;
mod login;
mod managers;
mod record;
mod services;

pub use hook_event::{HookEvent, OrderingKey};
pub use limit::{Full, Limit};
pub use login::{AuditIds, Leader, Login};
pub use managers::DIRECTORY_MANAGERS;
pub use record::{Lingerer, RuntimeDir, SessionRecord};
pub use services::{NestedLogin, Service, Services};

#[cfg(test)]
pub(crate) use login::tests::login;
