//! A host for unit tests. It is not a PAM host, and its calls can fail on demand.

use crate::{
    host::{Account, Host, HostError, Item, Remembered},
    syslog::Level,
};
use nix::{errno::Errno, unistd::User};
use std::{cell::RefCell, collections::HashMap, ffi::CStr};

/// Holds items, and records what the module sets and logs.
#[derive(Default)]
pub(crate) struct FakeHost {
    items: Vec<(Item, Vec<u8>)>,
    /// Accounts beside those of the machine, each with what it is found by.
    accounts: Vec<(Vec<u8>, Account)>,
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

    /// Adds an account that is found by `name`.
    pub(crate) fn with_account(mut self, name: &[u8], account: Account) -> Self {
        self.accounts.push((name.to_vec(), account));
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

    fn account(&self, name: &[u8]) -> Result<Option<Account>, Errno> {
        if let Some((_, account)) = self.accounts.iter().find(|(known, _)| known == name) {
            return Ok(Some(account.clone()));
        }
        let found = User::from_name(&String::from_utf8_lossy(name))?;
        Ok(found.map(|user| Account {
            name: user.name.into_bytes(),
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        }))
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
