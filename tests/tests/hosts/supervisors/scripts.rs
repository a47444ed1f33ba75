//! What shells think of the scripts.

use std::process::Command;

const PACKAGING: &str = concat!(env!("CK_ROOT"), "packaging");

#[test]
fn every_shell_reads_them() {
    let scripts = [
        "openrc/ck-broker.initd",
        "openrc/ck-broker.confd",
        "runit/ck-broker/run",
        "runit/ck-broker/check",
        "runit/ck-broker/log/run",
        "sysvinit/ck-broker",
    ];
    for script in scripts {
        for shell in [&["dash"][..], &["bash", "--posix"], &["busybox", "sh"]] {
            let status = Command::new(shell[0])
                .args(&shell[1..])
                .args(["-n", &format!("{PACKAGING}/{script}")])
                .status();
            // busybox may not be there.
            assert!(status.is_err() || status.is_ok_and(|status| status.success()), "{shell:?} {script}");
        }
    }
}
