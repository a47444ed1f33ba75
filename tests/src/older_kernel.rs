//! Kernels that lack what newer ones have: programs run with a filter under which newer system calls, socket options
//! and requests fail as they do there. [`refusing`] is the filter of a container, which refuses single calls.

/// The first system call that Linux 6.1 and 5.10 do not know. They have the same numbers everywhere, in the order in
/// which they came: cachestat(2) is Linux 6.5, epoll_pwait2(2) is 5.11 and landlock_create_ruleset(2), 444, is 5.13.
pub const FIRST_UNKNOWN: [(&str, &str); 2] = [("6.1", "451"), ("5.10", "441")];

/// `SO_PEERPIDFD` and all that came after it, such as `SO_PASSRIGHTS`, fail with ENOPROTOOPT (92), `PIDFD_GET_INFO` fails with
/// ENOTTY (25), and system calls from `$ARGV[0]` on fail with ENOSYS (38). So does the broker's fstatfs(2), by which alone pidfs would be found.
/// A seccomp(2) filter: struct sock_filter is a u16, two u8, a u32; see BPF_LD, BPF_JMP in linux/bpf_common.h.
const FILTER: &str = r#"
    my ($prctl, $getsockopt, $setsockopt, $ioctl, $fstatfs) =
        `uname -m` =~ /x86_64/ ? (157, 55, 54, 16, 138) : (167, 209, 208, 29, 44);
    my $code = join "", map { pack "SCCL", @$_ }
        [0x20, 0, 0, 0],            # the number of the call
        [0x35, 9, 0, shift],        # at least the first unknown: ENOSYS
        [0x15, 11, 0, $fstatfs],
        [0x15, 4, 0, $ioctl],
        [0x15, 1, 0, $getsockopt],
        [0x15, 0, 6, $setsockopt],
        [0x20, 0, 0, 32],           # its third argument
        [0x35, 2, 4, 77],           # at least SO_PEERPIDFD
        [0x20, 0, 0, 24],           # the second of ioctl(2)
        [0x15, 3, 2, 0xC040FF0B],   # PIDFD_GET_INFO
        [0x06, 0, 0, 0x50000 | 92],
        [0x06, 0, 0, 0x50000 | 38],
        [0x06, 0, 0, 0x7fff0000],
        [0x06, 0, 0, 0x50000 | 25],
        [0x20, 0, 0, 16],           # the descriptor that fstatfs(2) is asked about:
        [0x35, 0, 1, 10],           # the broker has so many others by then, and the remover never has
        [0x06, 0, 0, 0x50000 | 38],
        [0x06, 0, 0, 0x7fff0000];
    my $program = pack "Sx6P", length($code) / 8, $code;
    syscall($prctl, 22, 2, $program) == 0 or die "PR_SET_SECCOMP: $!";
    exec @ARGV or die "$ARGV[0]: $!";
"#;

/// The words before a command that is to run as on such a kernel.
pub fn on(first_unknown: &'static str) -> [&'static str; 4] {
    ["perl", "-e", FILTER, first_unknown]
}

/// A broker that runs so.
pub fn broker(first_unknown: &'static str) -> Vec<&'static str> {
    [&on(first_unknown)[..], &["/usr/sbin/ck-broker"]].concat()
}

/// Single calls fail with `$ARGV[0]`, EPERM or ENOSYS. Their names follow, up to `--`. Calls since Linux 5.1 have the same
/// numbers everywhere. Of an option of a socket, the third argument of its call is compared, of a request to a pidfd the
/// second.
const REFUSING: &str = r#"
    my $is_x86 = `uname -m` =~ /x86_64/;
    my %number = (pidfd_send_signal => 424, open_tree => 428, move_mount => 429, fsopen => 430, fsconfig => 431,
        fsmount => 432, pidfd_open => 434, clone3 => 435, close_range => 436, openat2 => 437, faccessat2 => 439,
        landlock_create_ruleset => 444, landlock_add_rule => 445, landlock_restrict_self => 446,
        statx => $is_x86 ? 332 : 291, waitid => $is_x86 ? 247 : 95, mount => $is_x86 ? 165 : 40, umount2 => $is_x86 ? 166 : 39);
    my ($ioctl, $setsockopt, $getsockopt) = $is_x86 ? (16, 54, 55) : (29, 208, 209);
    my %argument = (SO_PASSRIGHTS => [$setsockopt, 32, 83], SO_PEERPIDFD => [$getsockopt, 32, 77],
        PIDFD_GET_INFO => [$ioctl, 24, 0xC040FF0B]);
    my ($prctl, $errno) = ($is_x86 ? 157 : 167, {EPERM => 1, ENOSYS => 38}->{shift()} // die);
    my @checks;
    while ((my $call = shift) ne "--") {
        my $fail = [0x06, 0, 0, 0x50000 | $errno];
        my ($number, $offset, $value) = @{$argument{$call} // [$number{$call} // die $call]};
        push @checks, [0x20, 0, 0, 0];
        push @checks, $offset
            ? ([0x15, 0, 3, $number], [0x20, 0, 0, $offset], [0x15, 0, 1, $value], $fail)
            : ([0x15, 0, 1, $number], $fail);
    }
    my $code = join "", map { pack "SCCL", @$_ } @checks, [0x06, 0, 0, 0x7fff0000];
    my $program = pack "Sx6P", length($code) / 8, $code;
    syscall($prctl, 22, 2, $program) == 0 or die "PR_SET_SECCOMP: $!";
    exec @ARGV or die "$ARGV[0]: $!";
"#;

/// The words before a command for which each of `calls` fails with `errno`.
pub fn refusing(errno: &'static str, calls: &[&'static str]) -> Vec<&'static str> {
    [&["perl", "-e", REFUSING, errno], calls, &["--"]].concat()
}
