//! The Debian package, as it is installed on whole hosts, and `make install`.

mod boot;
mod hardening;
mod life;
mod listing;
mod make_install;
mod pam;
mod published;
mod shutdown;
pub(crate) mod site;
mod socket;
