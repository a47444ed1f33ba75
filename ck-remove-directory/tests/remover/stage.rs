//! A directory for each test. It holds a runtime directory, and beside it a canary that must not change.

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};
use rustix::fs::{IFlags, Mode, OFlags, ioctl_getflags, ioctl_setflags, mkdirat, open, openat};
use std::{
    ffi::OsStr,
    fs,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{DirBuilderExt, PermissionsExt, chown},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// The user of every test: a uid without an account.
pub(crate) const USER: u32 = 2001;

/// The content of the canary.
const CANARY: &str = "still here";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A directory of root's that holds `run`, which is the user's, and `outside/canary`, which is root's.
pub(crate) struct Stage {
    base: PathBuf,
    immutable: Vec<OwnedFd>,
}

impl Stage {
    /// A stage on the disk, where every kernel supports immutable files.
    pub(crate) fn new() -> Self {
        let base = fresh_directory();
        Self::in_place(base)
    }

    /// A stage on the disk. The thread of this test gets its own mount namespace.
    pub(crate) fn with_private_mounts() -> Self {
        make_mounts_private();
        Self::new()
    }

    /// A stage that only root can enter, as the directory of the retired.
    pub(crate) fn among_the_retired() -> Self {
        make_mounts_private();
        let base = fresh_directory().join(".ck-retired");
        fs::DirBuilder::new().mode(0o700).create(&base).unwrap();
        Self::in_place(base)
    }

    /// A stage on a tmpfs, for large trees. The thread of this test gets its own mount namespace.
    pub(crate) fn on_tmpfs() -> Self {
        make_mounts_private();
        let base = fresh_directory();
        mount(Some("tmpfs"), &base, Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).expect("a tmpfs");
        Self::in_place(base)
    }

    fn in_place(base: PathBuf) -> Self {
        let stage = Self { base, immutable: Vec::new() };
        fs::create_dir(stage.outside("")).unwrap();
        fs::write(stage.outside("canary"), CANARY).unwrap();
        stage.user_directory("");
        stage
    }

    /// The user's runtime directory, which is to be removed.
    pub(crate) fn run(&self) -> PathBuf {
        self.base.join("run")
    }

    /// The path of `name` in the user's runtime directory. For "", the path of that directory.
    pub(crate) fn inside(&self, name: impl AsRef<Path>) -> PathBuf {
        match name.as_ref() {
            name if name.as_os_str().is_empty() => self.run(),
            name => self.run().join(name),
        }
    }

    /// The path of `name` in a directory of root's beside it.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.base.join("outside").join(name)
    }

    /// The path of `name` in the directory that holds everything.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// Makes the directories down to `name`. Each is the user's.
    pub(crate) fn user_directory(&self, name: &str) -> PathBuf {
        let mut path = self.run();
        for part in std::iter::once("").chain(name.split('/').filter(|part| !part.is_empty())) {
            path = if part.is_empty() { path } else { path.join(part) };
            if !path.exists() {
                fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
                chown(&path, Some(USER), Some(USER)).unwrap();
            }
        }
        path
    }

    pub(crate) fn user_file(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.inside(name);
        fs::write(&path, "x").unwrap();
        chown(&path, Some(USER), Some(USER)).unwrap();
        path
    }

    /// Makes a chain of `depth` directories in `name`, each in the one before.
    pub(crate) fn user_chain(&self, name: &str, depth: usize) {
        let mut at =
            open(self.user_directory(name), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        for _ in 0..depth {
            mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = openat(&at, "d", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
            own(&at);
        }
    }

    /// Makes `path` immutable, also for root, until the test is over.
    pub(crate) fn make_immutable(&mut self, path: &Path) {
        let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        set_immutable(&file, true);
        self.immutable.push(file);
    }

    /// Forgets the immutable files: they are gone with their tmpfs.
    pub(crate) fn forget_immutable(&mut self) {
        self.immutable.clear();
    }

    /// Runs the command with `--uid` and `--dest` for the user's runtime directory, and with the arguments `more`.
    pub(crate) fn remove(&self, more: &[&str]) -> Outcome {
        Outcome::of(self.command(more).output().unwrap())
    }

    /// The same command, not yet started.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = remover();
        command.args(["--uid", "2001", "--dest"]).arg(self.run()).args(more);
        command
    }

    pub(crate) fn assert_gone(&self) {
        assert!(!self.run().exists(), "{} is still there", self.run().display());
        self.assert_canary();
    }

    pub(crate) fn assert_canary(&self) {
        assert_eq!(fs::read_to_string(self.outside("canary")).expect("the canary"), CANARY);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for file in &self.immutable {
            set_immutable(file, false);
        }
        let _ = umount2(&self.run(), MntFlags::MNT_DETACH);
        let _ = umount2(&self.base, MntFlags::MNT_DETACH);
        let _ = fs::remove_dir_all(&self.base);
        if self.base.ends_with(".ck-retired") {
            let _ = self.base.parent().map(fs::remove_dir);
        }
    }
}

/// The output of the command, and its exit status.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 only"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 only"),
        }
    }

    /// Asserts exit status 0 and nothing on standard error.
    pub(crate) fn assert_silent_success(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
    }

    /// Asserts exit status 2, and one line that contains `word`.
    pub(crate) fn assert_refused(&self, word: &str) {
        assert_eq!((self.code, self.stderr.lines().count()), (Some(2), 1), "{self:?}");
        assert!(self.stderr.starts_with("ck-remove-directory: ") && self.stderr.contains(word), "{self:?}");
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

// Cargo builds this anew, with the path of the program, when the checkout has been moved: .cargo/config.toml.
const _: &str = env!("CK_ROOT");

/// The command without arguments.
pub(crate) fn remover() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ck-remove-directory"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The command `inner`, started by `words`, such as `setpriv ...`.
pub(crate) fn through(words: &[&str], inner: &Command) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(inner.get_program()).args(inner.get_args());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A shell script run by the user.
pub(crate) fn as_user(script: &str, directory: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).current_dir(directory).uid(USER).gid(USER);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A file name from bytes.
pub(crate) fn name(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn fresh_directory() -> PathBuf {
    assert!(rustix::process::geteuid().is_root(), "these tests change owners and mounts: run them as root");
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let base = std::env::temp_dir().join(format!("ck-remover-{}-{number}", std::process::id()));
    fs::DirBuilder::new().mode(0o755).create(&base).expect("a fresh directory for the test");
    base
}

fn make_mounts_private() {
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace (needs CAP_SYS_ADMIN)");
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .expect("private mounts");
}

fn own(directory: impl AsFd) {
    let (uid, gid) = (rustix::fs::Uid::from_raw(USER), rustix::fs::Gid::from_raw(USER));
    rustix::fs::fchown(directory, Some(uid), Some(gid)).unwrap();
}

fn set_immutable(file: &OwnedFd, on: bool) {
    let mut flags = ioctl_getflags(file).expect("file flags (ext4, or tmpfs from Linux 6.6 on)");
    flags.set(IFlags::IMMUTABLE, on);
    ioctl_setflags(file, flags).expect("chattr +i (needs CAP_LINUX_IMMUTABLE)");
}
