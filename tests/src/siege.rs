//! An attack by alice, and what must hold meanwhile and afterwards.

use std::cell::RefCell;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::guarded::Guarded;
use crate::host::Host;
use crate::logins::{FIFTY, Login, assert_no_slower, assert_whole, logins};
use crate::machine::Machine;
use crate::process::Running;
use crate::wait::wait_until;

/// What puts a program into alice's hands, without a session.
pub const BY_ALICE: [&str; 4] = ["setpriv", "--reuid=2001", "--regid=2001", "--clear-groups"];
const ATTACK: &str = "/usr/local/bin/attack";
/// How long an attack may take to stand.
const STANDS: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(30);
/// What a login may take longer than twice as long as when nothing is wrong: less than the module's deadline of 1.5 s, and
/// more than what else runs on the machine makes it wait.
pub const SLACK: Duration = Duration::from_millis(1400);
/// How long the broker may be in an uninterruptible sleep at a time: the kernel's own locks cost a moment on a busy machine.
const SHORT: Duration = Duration::from_millis(500);
/// In the stack of a process that waits for no user: for a child of its own to execute its program (vfork(2)), or for all processors
/// to have had their turn, which takes as long as the machine is busy.
const HARMLESS: [&str; 2] = ["kernel_clone", "synchronize_rcu"];
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A machine under attack, whose broker is watched.
pub struct Siege<'g> {
    guarded: &'g Guarded,
    idle: Vec<Login>,
    watch: RefCell<Option<Watch>>,
}

impl<'g> Siege<'g> {
    /// Sees how long logins take while nothing is wrong, and watches the broker from here on. `program` is the attacker.
    pub fn lay(guarded: &'g Guarded, program: &str) -> Self {
        install(&guarded.machine, program);
        let idle = logins(&guarded.machine.host, 1);
        assert_whole(&idle, || guarded.machine.host.syslog());
        guarded.machine.await_nothing_left();
        let watch = Watch::start(guarded.machine.broker().pid_outside());
        Self { guarded, idle, watch: RefCell::new(Some(watch)) }
    }

    /// Fifty logins of others, each as if nothing was wrong.
    pub fn assert_nobody_notices(&self) {
        assert_whole(&self.logins(), || {
            self.guarded.machine.host.syslog() + &self.guarded.machine.broker().stderr()
        });
    }

    /// Fifty logins of others, none of which takes longer than when nothing is wrong.
    pub fn logins(&self) -> Vec<Login> {
        let logins = logins(&self.guarded.machine.host, FIFTY);
        assert_no_slower(&logins, &self.idle, SLACK);
        logins
    }

    /// The attack is over: nothing is left of it, and the broker is the same and never waited.
    pub fn assert_lifted(&self) {
        let watch = self.watch.borrow_mut().take().expect("watched once");
        let asleep = watch.stop();
        assert!(asleep.longest <= SHORT, "the broker was in an uninterruptible sleep: {asleep:?}");
        self.guarded.assert_gone_and_unharmed();
        assert_at_rest(&self.guarded.machine.host);
    }
}

/// Puts the attacker's program on the host.
pub fn install(machine: &Machine, program: &str) {
    machine.host.write_file(ATTACK, fs::read(program).expect("a program of ours"), 0o755);
}

/// Alice attacks, until the returned value is dropped; what it said until it stood.
pub fn attack(host: &Host, words: &[&str]) -> Running {
    attack_by(host, &BY_ALICE, words)
}

/// The same by another user: what comes before the attacker's words.
pub fn attack_by(host: &Host, user: &[&str], words: &[&str]) -> Running {
    let attack = host.spawn(&[user, &[ATTACK], words].concat());
    wait_until(STANDS, "the attack stands", || {
        let told = attack.stdout();
        assert!(!attack.is_over(), "{words:?} ended: {told}{}", attack.stderr());
        told.lines().any(|line| line == "ready")
    });
    attack
}

/// No process of ours waits in the kernel, or is stopped.
pub fn assert_at_rest(host: &Host) {
    wait_until(SOON, "no process of ours is in D or T", || {
        let processes = host.run_ok(&["ps", "-eo", "stat=,comm="]);
        !processes.lines().any(|line| {
            let (state, name) = line.split_once(' ').unwrap_or((line, ""));
            name.trim().starts_with("ck-") && state.starts_with(['D', 'T'])
        })
    });
}

/// Memory of the machine's that file systems hold, in KiB.
pub fn shmem() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let line = info.lines().find_map(|line| line.strip_prefix("Shmem:")).expect("Shmem");
    line.trim().trim_end_matches(" kB").parse().expect("KiB")
}

/// For how long a process was seen in an uninterruptible sleep (D of proc_pid_stat(5)) without a break, and where.
#[derive(Debug, Default)]
pub struct Asleep {
    /// The longest that it was.
    pub longest: Duration,
    /// Its stack in the kernel then.
    pub stack: String,
}

/// Somebody who looks at a process all the time.
#[derive(Debug)]
pub struct Watch {
    over: Arc<AtomicBool>,
    watcher: JoinHandle<Asleep>,
}

impl Watch {
    /// Watches the process that has this pid here.
    pub fn start(pid: i32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let watcher = spawn({
            let over = Arc::clone(&over);
            move || longest_sleep(pid, &over)
        });
        Self { over, watcher }
    }

    /// What was seen.
    pub fn stop(self) -> Asleep {
        self.over.store(true, Ordering::Relaxed);
        self.watcher.join().expect("the watcher")
    }
}

fn longest_sleep(pid: i32, over: &AtomicBool) -> Asleep {
    let (mut asleep, mut since) = (Asleep::default(), None);
    while !over.load(Ordering::Relaxed) {
        if let Some(stack) = waits_in(pid) {
            let lasts = since.get_or_insert_with(Instant::now).elapsed();
            if lasts > asleep.longest {
                asleep = Asleep { longest: lasts, stack };
            }
        } else {
            since = None;
        }
        sleep(LOOK_EVERY);
    }
    asleep
}

/// The stack in the kernel of a process that is in an uninterruptible sleep, unless it is a harmless one.
fn waits_in(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ").filter(|(_, rest)| rest.starts_with('D'))?;
    let stack = fs::read_to_string(format!("/proc/{pid}/stack")).ok()?;
    (!HARMLESS.iter().any(|call| stack.contains(call))).then_some(stack)
}
