//! The test bed: a pam.d, a place for a socket, and a log, for one test.

use crate::{
    application::Application,
    broker::{Answer, Broker},
    built,
};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    unistd::{Uid, User},
};
use rustix::{fd::OwnedFd, net};
use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{self, Command, Output},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// A directory with a pam.d, a place for a socket and a log. It is removed with the test.
pub(crate) struct Bed {
    directory: PathBuf,
    log: OwnedFd,
}

impl Bed {
    /// A bed for the calling thread. From now on, `/dev/log` of this thread is that of the bed.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert!(Uid::effective().is_root(), "these tests need root: run them as root");
        built::module();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("pam-ck-{}-{number}", process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("pam.d")).unwrap();
        // Without this file, libpam writes a complaint to the log.
        fs::write(directory.join("pam.d/other"), "").unwrap();
        fs::create_dir(directory.join("dev")).unwrap();
        fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
        let log = listen_to_log(&directory.join("dev"));
        Self { directory, log }
    }

    /// A path in the directory of the bed.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The path of the broker's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("session.sock")
    }

    /// Starts a broker that root owns. It gives one of `answers` to each connection.
    pub(crate) fn broker(&self, answers: impl IntoIterator<Item = Answer>) -> Broker {
        Broker::start(&self.socket(), 0, answers)
    }

    /// A login of `user`. The PAM stack is the module with `options` and `socket=`.
    pub(crate) fn login(&self, user: &[u8], options: &str) -> Application {
        let line = self.line(built::module(), options);
        self.login_by(&line, "ck-test", user)
    }

    /// A line of a pam.d file for `module`.
    pub(crate) fn line(&self, module: &Path, options: &str) -> String {
        format!("session required {} socket={} {options}\n", module.display(), self.socket().display())
    }

    /// A login of `user` through the PAM service `service`. The PAM stack is `lines`.
    pub(crate) fn login_by(&self, lines: &str, service: &str, user: &[u8]) -> Application {
        fs::write(self.path("pam.d").join(service), lines).unwrap();
        Application::start(&self.path("pam.d"), service, user)
    }

    /// Takes the lines out of the log. Returns them without the part before the message.
    pub(crate) fn log(&self) -> Vec<String> {
        let head = format!("<83>ck-test[{}]: pam_ck(ck-test:session): ", process::id());
        self.raw_log().iter().map(|line| line.strip_prefix(&head).unwrap_or(line).to_owned()).collect()
    }

    /// Takes the lines out of the log. Returns them as they were sent.
    pub(crate) fn raw_log(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut room = [0; 8192];
        while let Ok((length, _)) = net::recv(&self.log, &mut room[..], net::RecvFlags::DONTWAIT) {
            lines.push(String::from_utf8(room[..length].to_vec()).unwrap());
        }
        lines
    }

    /// Fills the queue of the log, as it is after its reader has stopped.
    pub(crate) fn fill_log(&self) {
        let log = net::SocketAddrUnix::new("/dev/log").unwrap();
        // There are two writers, because both the queue and the memory of one writer have a limit.
        for _ in 0..2 {
            let flags = net::SocketFlags::CLOEXEC | net::SocketFlags::NONBLOCK;
            let writer =
                net::socket_with(net::AddressFamily::UNIX, net::SocketType::DGRAM, flags, None).unwrap();
            net::connect(&writer, &log).unwrap();
            while net::send(&writer, b"x", net::SendFlags::empty()).is_ok() {}
        }
    }

    /// Makes a directory that could be a runtime directory, with `owner` and `mode`.
    pub(crate) fn runtime_dir(&self, owner: u32, mode: u32) -> PathBuf {
        let path = self.path("runtime");
        fs::create_dir(&path).unwrap();
        chown(&path, Some(owner), None).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        // This comes first. Otherwise the next bed of this thread would find a `/dev` that was removed.
        let _ = umount2("/dev", MntFlags::MNT_DETACH);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Mounts `dev` on `/dev` for the calling thread and the threads that it starts, and listens on its `log`.
fn listen_to_log(dev: &Path) -> OwnedFd {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    mount(Some(dev), "/dev", none, MsFlags::MS_BIND, none).unwrap();
    let flags = net::SocketFlags::CLOEXEC;
    let log = net::socket_with(net::AddressFamily::UNIX, net::SocketType::DGRAM, flags, None).unwrap();
    net::bind(&log, &net::SocketAddrUnix::new(dev.join("log")).unwrap()).unwrap();
    log
}

/// The uid of `daemon`, an account that every system has.
pub(crate) fn daemon() -> u32 {
    User::from_name("daemon").unwrap().unwrap().uid.as_raw()
}

/// Runs `body`, which must end within five seconds. Otherwise `rescue` frees what it waits for, and the test fails.
pub(crate) fn promptly(body: impl FnOnce(), rescue: impl FnOnce() + Send) {
    let (over, is_over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let prompt = is_over.recv_timeout(Duration::from_secs(5)).is_ok();
            rescue();
            assert!(prompt, "the login hangs");
        });
        body();
        // The other thread may have timed out already.
        let _ = over.send(());
    });
}

/// Runs `body` in a new process, where no other test has threads or descriptors. `name` is the path of the calling
/// test.
///
/// Returns the output of that process in the calling process, and `None` in the new process.
pub(crate) fn alone(name: &str, body: impl FnOnce()) -> Option<Output> {
    const INSIDE: &str = "PAM_CK_TEST_ALONE";
    if env::var_os(INSIDE).is_some() {
        body();
        return None;
    }
    built::module();
    let mut command = Command::new(env::current_exe().unwrap());
    let output =
        command.args(["--exact", name, "--nocapture", "--test-threads=2"]).env(INSIDE, "").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    Some(output)
}
