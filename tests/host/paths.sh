# shellcheck shell=bash
# paths.sh: where things are; sourced by build and host, so that both mean the same tree.

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
CACHE=$(realpath -m "${CK_HOST_CACHE:-/var/cache/ck-testhost}")
# The oldest first.
SUITES="bookworm trixie"
KINDS="plain openrc systemd sysvinit elogind shells vsftpd proftpd prometheus consumers wtmpdb"
# What `env -i` leaves to everything that runs in a host.
# shellcheck disable=SC2034  # used by those who source this file
CLEAN_ENV=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C)

die() { echo "${0##*/}: $*" >&2; exit 1; }

is_one_of() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }

check_suite() { is_one_of "$1" "$SUITES" || die "unknown suite '$1': take one of $SUITES"; }
check_kind() { is_one_of "$1" "$KINDS" || die "unknown kind '$1': take one of $KINDS"; }

# glibc_of SUITE: the version of its C library.
glibc_of() {
    case $1 in
    bookworm) echo 2.36 ;;
    trixie) echo 2.41 ;;
    esac
}

# tree_of SUITE KIND: the directory of that tree. The hash of its recipe is part of the name, so a
# changed recipe is a missing tree and never an outdated one.
tree_of() {
    local recipe
    recipe=$(cat "$HERE"/make-tree "$HERE"/kinds/every/* "$HERE/kinds/$2"/* | sha256sum)
    echo "$CACHE/trees/$1-$2-${recipe:0:12}"
}

# cgroup_mount: the mount point of the version 2 hierarchy (on a hybrid machine it is not /sys/fs/cgroup).
cgroup_mount() {
    local mount type
    while read -r _ mount type _; do
        [ "$type" != cgroup2 ] || { echo "$mount"; return; }
    done </proc/self/mounts
    return 1
}
