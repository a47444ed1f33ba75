//! The broker as a service of real supervisors: OpenRC as process 1, by its own script and by Debian's; sysvinit as
//! process 1; runit's runsvdir.

mod boot;
mod debian;
mod documented;
mod killed;
mod packages;
mod readiness;
mod reloading;
mod scripts;
mod service;
mod shutdown;
mod status;
mod stopping;

use service::{Service, Supervisor};

/// A test for each of these ways to have the broker run.
macro_rules! under {
    ($scenario:path: $($name:ident = $init:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            $scenario($crate::supervisors::Service::installed($crate::supervisors::Supervisor::$init));
        })+
    };
}
use under;
