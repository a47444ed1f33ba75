//! A host for unit tests. It is not a PAM host, and its calls can fail on demand.

use crate::{
    host::{Host, HostError, Item, Remembered},
    syslog::Level,
};
use std::{cell::RefCell, collections::HashMap, ffi::CStr};

/// Holds items, and records what the module sets and logs.
#[derive(Default)]
pub(crate) struct FakeHost {
    items: Vec<(Item, Vec<u8>)>,
    pub(crate) env: HashMap<String, String>,
    pub(crate) lines: RefCell<Vec<(Level, String)>>,
    pub(crate) session: Option<Remembered>,
    /// True if every call that stores something fails.
    pub(crate) broken: bool,
}

impl FakeHost {
    /// A host at which `user` logs in.
    pub(crate) fn of(user: &str) -> Self {
        Self::default().with(Item::User, user.as_bytes())
    }

    /// Adds an item.
    pub(crate) fn with(mut self, item: Item, value: &[u8]) -> Self {
        self.items.push((item, value.to_vec()));
        self
    }

    /// Makes every call that stores something fail.
    pub(crate) fn broken(self) -> Self {
        Self { broken: true, ..self }
    }
}

impl Host for FakeHost {
    fn item(&self, item: Item) -> Option<&[u8]> {
        self.items.iter().find(|(which, _)| *which == item).map(|(_, value)| value.as_slice())
    }

    fn recall(&self) -> Option<Remembered> {
        self.session
    }

    fn remember(&mut self, session: Option<Remembered>) -> Result<(), HostError> {
        if self.broken {
            return Err(HostError(5));
        }
        self.session = session;
        Ok(())
    }

    fn env(&self, name: &CStr) -> Option<&[u8]> {
        self.env.get(name.to_str().ok()?).map(|value| value.as_bytes())
    }

    fn put_env(&mut self, name: &str, value: &str) -> Result<(), HostError> {
        if self.broken {
            return Err(HostError(5));
        }
        self.env.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn remove_env(&mut self, name: &CStr) -> Result<(), HostError> {
        self.env.remove(name.to_str().unwrap());
        Ok(())
    }

    fn log(&self, level: Level, message: &str) {
        self.lines.borrow_mut().push((level, message.to_owned()));
    }
}
