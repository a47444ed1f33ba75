# shellcheck shell=bash
# paths.sh: where the virtual machine's parts are; sourced by build and run.

VM_HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=tests/host/paths.sh
source "$VM_HERE/../host/paths.sh"

# Debian 12: Linux 6.1.
SUITE=bookworm
# The recipe's hash is part of the name, as it is with the hosts' trees.
recipe=$(cat "$VM_HERE"/{build,packages,modules,init} | sha256sum)
HOST_TREE=$(tree_of "$SUITE" plain)
# shellcheck disable=SC2034  # used by those who source this file
PROGRAMS=$CACHE/vm/$SUITE-${recipe:0:12} DISK=$CACHE/vm/${HOST_TREE##*/}-${recipe:0:12}.ext4
