//! The variable `DBUS_SESSION_BUS_ADDRESS`, and what a user can put in the place of the socket.

use crate::{
    application::{Application, SUCCESS},
    bed::{Bed, daemon, promptly},
    broker::{Answer, opened_in},
    holder::Holder,
};
use ck_protocol::Reply;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::{
    fs::{self, File},
    os::{
        fd::AsRawFd,
        unix::{
            fs::{chown, symlink},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

/// Makes a socket at `path` that belongs to `owner`.
fn socket(path: &Path, owner: u32) -> UnixListener {
    let socket = UnixListener::bind(path).unwrap();
    chown(path, Some(owner), None).unwrap();
    socket
}

/// A login of daemon's whose runtime directory is `runtime`, which a broker answers.
fn log_in(bed: &Bed, runtime: &Path) -> Application {
    let mut login = bed.login(b"daemon", "");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(login.env("XDG_RUNTIME_DIR").map(PathBuf::from).as_deref(), Some(runtime));
    login
}

fn address(login: &Application) -> Option<String> {
    login.env("DBUS_SESSION_BUS_ADDRESS")
}

#[test]
fn a_login_is_told_of_a_bus_that_is_there() {
    let bed = Bed::new();
    let runtime = bed.runtime_dir(daemon(), 0o700);
    let _broker = bed.broker([opened_in(&runtime), opened_in(&runtime)]);
    assert_eq!(address(&log_in(&bed, &runtime)), None);
    let _bus = socket(&runtime.join("bus"), daemon());
    assert_eq!(address(&log_in(&bed, &runtime)), Some(format!("unix:path={}/bus", runtime.display())));
    assert!(bed.raw_log().is_empty());
}

#[test]
fn whoever_holds_the_directory_is_not_waited_for() {
    for is_there in [true, false] {
        let bed = Bed::new();
        let runtime = bed.runtime_dir(daemon(), 0o700);
        let _broker = bed.broker([opened_in(&runtime)]);
        let bus = is_there.then(|| socket(&runtime.join("bus"), daemon()));
        let holder = Holder::of(&runtime);
        promptly(|| assert_eq!(address(&log_in(&bed, &runtime)).is_some(), is_there), || drop(holder));
        drop(bus);
        assert!(bed.raw_log().is_empty());
    }
}

#[test]
fn what_is_no_socket_of_the_user_is_no_bus() {
    type Kind = (&'static str, fn(&Path));
    let kinds: [Kind; 5] = [
        ("a file", |path| {
            File::create(path).unwrap();
            chown(path, Some(daemon()), None).unwrap();
        }),
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a link to a socket", |path| {
            drop(socket(&path.with_file_name("other"), daemon()));
            symlink("other", path).unwrap();
        }),
        ("a socket of root's", |path| drop(socket(path, 0))),
        ("a socket that is mounted there", |path| {
            drop(socket(&path.with_file_name("other"), daemon()));
            File::create(path).unwrap();
            let none: Option<&str> = None;
            mount(Some(&path.with_file_name("other")), path, none, MsFlags::MS_BIND, none).unwrap();
        }),
    ];
    for (what, make) in kinds {
        let bed = Bed::new();
        let runtime = bed.runtime_dir(daemon(), 0o700);
        let _broker = bed.broker([opened_in(&runtime)]);
        make(&runtime.join("bus"));
        assert_eq!(address(&log_in(&bed, &runtime)), None, "{what}");
        assert!(bed.raw_log().is_empty());
        let _ = umount2(&runtime.join("bus"), MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_hung_fuse_mount_in_its_place_holds_nobody_up() {
    // This comes before the bed replaces /dev. Without FUSE in the kernel, nothing can hang.
    let Ok(fuse) = File::options().read(true).write(true).open("/dev/fuse") else { return };
    let bed = Bed::new();
    let runtime = bed.runtime_dir(daemon(), 0o700);
    let _broker = bed.broker([opened_in(&runtime)]);
    let place = runtime.join("bus");
    File::create(&place).unwrap();
    let options = format!("fd={},rootmode=140700,user_id=1,group_id=1,allow_other", fuse.as_raw_fd());
    mount(Some("hung"), &place, Some("fuse"), MsFlags::empty(), Some(options.as_str())).unwrap();
    // Closing the descriptor ends the mount, and with it every call that waits for an answer.
    promptly(|| assert_eq!(address(&log_in(&bed, &runtime)), None), || drop(fuse));
    umount2(&place, MntFlags::MNT_DETACH).unwrap();
}

#[test]
fn an_address_that_another_module_has_set_stays() {
    let bed = Bed::new();
    let runtime = bed.runtime_dir(daemon(), 0o700);
    let _bus = socket(&runtime.join("bus"), daemon());
    let _broker = bed.broker([opened_in(&runtime), Answer::Reply(Reply::Closed)]);
    let mut login = bed.login(b"daemon", "");
    login.put_env("DBUS_SESSION_BUS_ADDRESS=unix:path=/elsewhere");
    assert_eq!(login.open(), SUCCESS);
    assert_eq!(address(&login).as_deref(), Some("unix:path=/elsewhere"));
    assert_eq!(login.close(), SUCCESS);
    assert_eq!(address(&login).as_deref(), Some("unix:path=/elsewhere"));
}
