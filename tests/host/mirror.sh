# shellcheck shell=bash
# mirror.sh: where packages come from; sourced, after paths.sh, by what makes trees. Its output goes to $log.

# quiet FAILURE COMMAND...: its output is shown only if it fails.
quiet() {
    local failure=$1
    shift
    "$@" >"$log" 2>&1 || { tail -n 15 "$log" >&2; die "$failure: all of its output is in $log"; }
}

# debian_mirror: the mirror that this machine's apt is set up with. It is read from apt's package lists.
debian_mirror() {
    # shellcheck disable=SC2016  # the $(…) are apt's
    apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)' 'Created-By: Packages' |
        awk -F'|' '$1 == "Debian" && $2 == "Debian" && !seen++ { print $3 }'
}

prepare_apt() {
    export DEBIAN_FRONTEND=noninteractive
    if [ -z "$(debian_mirror)" ] || ! command -v mmdebstrap >/dev/null; then
        quiet "apt-get update failed" apt-get -q update
        command -v mmdebstrap >/dev/null ||
            quiet "cannot install mmdebstrap" apt-get -q -y --no-install-recommends install mmdebstrap
    fi
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "apt has no Debian mirror configured here: add one to /etc/apt/sources.list.d"
    # Proxies, certificates, retries and checks: whatever fetching needs on this machine, it needs for a tree too.
    apt-config dump | grep '^Acquire::' |
        grep -v '^Acquire::\(IndexTargets\|Changelogs\|cdrom\|Languages\)' >"$CACHE/apt.conf" || : # there may be none
}
