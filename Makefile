# The commands of this project. Each installs what it needs on a Debian 12 machine (`make demo` on 13 too), as root, and
# touches nothing else of the machine outside target/ and the cache of the test hosts.
#
#   make demo      see real logins get a runtime directory and lose it
#   make check     everything that must hold: format, lints, docs, tests on whole hosts
#   make check-fast   the part of it that needs no host: format, lints, unit, property and golden tests
#   make check-hosts  the part of it that brings up whole hosts
#   make fuzz      everything that is decoded, FUZZ_SECONDS=60 for each fuzz target, then a million frames at a broker
#   make vm        tests on Linux 6.1, in a virtual machine: minutes, so no part of `make check`
#   make bench     how fast all of it is, beside the least that can be, elogind and logind: docs/PERFORMANCE.md
#   make install   onto this machine, or into DESTDIR; `make uninstall` with the same variables takes away what that put:
#     DESTDIR=  PREFIX=/usr  SBINDIR BINDIR LIBEXECDIR DATADIR MANDIR (below PREFIX)  SYSCONFDIR=/etc  INSTALL=install
#     PAMDIR (PREFIX/lib/<multiarch>/security)  SYSTEMDUNITDIR (PREFIX/lib/systemd/system)  RUNITDIR (SYSCONFDIR/sv)
#     ZSHDIR (DATADIR/zsh/site-functions, and vendor-completions on Debian)
#     INIT: for which init systems there are service files, of: systemd openrc sysvinit runit. Without it, for the one
#     that this machine runs, so that nothing lies around that nobody reads; with DESTDIR, for systemd, so that a
#     package does not depend on who makes it.
#     The broker looks for LIBEXECDIR beside SBINDIR. Nothing is started, and PAM is not changed: see README.md.
#   make deb       a Debian package, target/debian/ck-broker_VERSION_ARCH.deb
#   make rpm       a package for machines with systemd and rpm, target/generate-rpm/ck-broker-VERSION-1.ARCH.rpm
#   make msrv      build with the oldest supported Rust, Debian's own
#   make deny      licences, duplicates and sources of all crates, by cargo-deny: built once for a machine, which takes minutes
#   make advisories  what is known against them: fetches the database of rustsec.org
#   make clean     remove target/; the cache of the test hosts stays, see tests/host/README.md

SHELL     := /bin/bash
CARGO     ?= cargo
DESTDIR        ?=
PREFIX         ?= /usr
SBINDIR        ?= $(PREFIX)/sbin
BINDIR         ?= $(PREFIX)/bin
LIBEXECDIR     ?= $(PREFIX)/libexec
DATADIR        ?= $(PREFIX)/share
MANDIR         ?= $(DATADIR)/man
SYSCONFDIR     ?= /etc
MULTIARCH      := $(shell gcc -print-multiarch 2>/dev/null)
PAMDIR         ?= $(PREFIX)/lib/$(if $(MULTIARCH),$(MULTIARCH)/)security
SYSTEMDUNITDIR ?= $(PREFIX)/lib/systemd/system
RUNITDIR       ?= $(SYSCONFDIR)/sv
# Debian's zsh does not look into /usr/share/zsh/site-functions.
DEBIAN_ZSHDIR  := $(DATADIR)/zsh/vendor-completions
ZSHDIR         ?= $(if $(DESTDIR),$(DATADIR)/zsh/site-functions,$(if $(and $(wildcard \
	/etc/debian_version),$(filter /usr,$(PREFIX))),$(DEBIAN_ZSHDIR),$(DATADIR)/zsh/site-functions))
INSTALL        ?= install
# The first of these that there is, if this machine is the one to install on.
RUNNING_INIT   := $(if $(wildcard /run/systemd/system),systemd,$(if $(wildcard /run/openrc),openrc,$(if \
	$(wildcard /run/runit /etc/runit/runsvdir),runit,$(if $(wildcard /etc/inittab /etc/init.d),sysvinit))))
INIT           ?= $(if $(DESTDIR),systemd,$(RUNNING_INIT))
# Where cargo builds: CARGO_TARGET_DIR, or `target-dir` of a configuration of cargo's. It is asked where it is needed only, as there may
# be no cargo before `setup`. What this file makes itself, such as packages, is always in target/.
BUILT     = $(or $(shell $(CARGO) metadata --format-version 1 --no-deps --offline 2>/dev/null | \
	sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'),target)
# Where the module is, and where the programs are, which have a profile of their own: Cargo.toml says why.
RELEASE   = $(BUILT)/release
PROGRAMS  = $(BUILT)/program
# What the test hosts install: the same that `make install` puts on a machine.
STAGE     := target/stage
DEMO_STAGE := target/demo-stage
# How long `make fuzz` runs each target, and how many inputs `make check` gives each.
FUZZ_SECONDS ?= 60
FUZZ_RUNS    ?= 1000000

.PHONY: demo check check-fast check-hosts vm fuzz fuzz-check bench bench-tests install uninstall deb rpm stage faulty build demo-stage can-host setup msrv deny advisories clean fmt lint doc unit hosts

demo:
	@tests/host/build --check >/dev/null
	@tests/setup
	@tests/demo

check: can-host setup fmt lint doc unit deny fuzz-check hosts

check-fast: fmt lint unit

check-hosts: can-host setup hosts

# Asked before anything is built, which takes minutes: can hosts be made here, and do programs that are built here run on them?
can-host:
	@tests/host/build --check bookworm >/dev/null

setup:
	@tests/setup

# Debian's own cargo comes without these two: then that is said, and the rest goes on, but not in CI.
fmt:
	@if $(CARGO) fmt --version >/dev/null 2>&1; then \
	$(CARGO) fmt --all --check && $(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml --check; \
	else echo "fmt: left out, there is no cargo fmt here"; [ -z "$$CI" ]; fi

lint:
	@if $(CARGO) clippy --version >/dev/null 2>&1; then \
	$(CARGO) clippy --locked --quiet --workspace --all-targets -- -D warnings && \
	$(CARGO) clippy --locked --quiet --workspace --features pam_ck/fault --all-targets -- -D warnings; \
	else echo "lint: left out, there is no cargo clippy here"; [ -z "$$CI" ]; fi

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --quiet --workspace --no-deps

# Unit, property, golden and protocol tests, and those that run the programs without a host.
unit:
	$(CARGO) test --locked --workspace --exclude ck-tests

# The fuzz targets, the same inputs in each run.
fuzz-check:
	@tests/setup g++
	@tests/fuzz/run --runs $(FUZZ_RUNS)

fuzz: can-host setup stage
	@tests/setup g++
	tests/fuzz/run --seconds $(FUZZ_SECONDS)
	tests/host/build bookworm
	$(CARGO) test --locked --package ck-tests --test hosts hostile_peer::million -- --ignored --nocapture

# Real sshd, login and su, on whole throw-away hosts.
hosts: stage faulty deb
	tests/host/build bookworm --with openrc,systemd,sysvinit,shells,vsftpd,proftpd,prometheus
	tests/host/build trixie --with systemd,consumers,wtmpdb
	tests/run-hosts

# What tests bring to those hosts, and no install takes along: a module that panics where it is told
# to, and a PAM application that does what it is told to.
faulty:
	$(CARGO) build --locked --package pam_ck --lib --example pam-application --features fault --target-dir target/fault

# What older kernels lack, the product does without: see tests/vm/README.md.
vm: setup stage
	tests/vm/check

build:
	$(CARGO) build --locked --release --package pam_ck
	$(CARGO) build --locked --profile program --package ck-broker --package ck-remove-directory --package ckctl

stage: build
	rm -rf $(STAGE)
	$(MAKE) --no-print-directory install-files DESTDIR=$(STAGE) PREFIX=/usr ZSHDIR=$(DEBIAN_ZSHDIR) INIT=

# The same of what tests/demo has built.
demo-stage:
	rm -rf $(DEMO_STAGE)
	$(MAKE) --no-print-directory install-files DESTDIR=$(DEMO_STAGE) PREFIX=/usr ZSHDIR=$(DEBIAN_ZSHDIR) INIT= \
		RELEASE=$(BUILT)/demo PROGRAMS=$(BUILT)/demo

install: build install-files

.PHONY: install-files
install-files uninstall: export_all := DESTDIR PREFIX SBINDIR BINDIR LIBEXECDIR DATADIR MANDIR SYSCONFDIR PAMDIR \
	SYSTEMDUNITDIR RUNITDIR ZSHDIR INSTALL INIT RELEASE PROGRAMS
install-files:
	@$(foreach name,$(export_all),$(name)='$($(name))') packaging/install-files install

uninstall:
	@$(foreach name,$(export_all),$(name)='$($(name))') packaging/install-files uninstall

# What the package holds is what `make install` puts, with service files for what Debian has.
DEB_STAGE := target/deb-stage
deb: setup build
	@tests/setup deb
	rm -rf $(DEB_STAGE) target/debian
	mkdir -p target/debian
	$(MAKE) --no-print-directory install-files DESTDIR=$(DEB_STAGE) PREFIX=/usr ZSHDIR=$(DEBIAN_ZSHDIR) INIT="systemd sysvinit"
	program=$$(tests/tool cargo-deb 3.8.0 --no-default-features) && \
	"$$program" --no-build --locked --quiet --package ck-broker --output target/debian/

RPM_STAGE := target/rpm-stage
rpm: setup build
	rm -rf $(RPM_STAGE)
	mkdir -p target/generate-rpm
	$(MAKE) --no-print-directory install-files DESTDIR=$(RPM_STAGE) PREFIX=/usr PAMDIR=/usr/lib64/security INIT=systemd
	program=$$(tests/tool cargo-generate-rpm 0.21.1) && \
	"$$program" generate-rpm --package ck-broker --auto-req builtin --output target/generate-rpm/

# Ratios, not times: whatever is compared is measured in one run, side by side. One table of all, with results.json and plots
# in target/bench; BENCH=--quick takes a minute, BENCH=logins measures only that. Before it, the benchmarks that are tests.
# Where the peers' trees cannot be made, they are left out.
BENCH ?=
bench: can-host setup stage
	tests/host/build bookworm --with systemd,elogind || tests/host/build bookworm
	@[ -n "$(BENCH)" ] || $(MAKE) --no-print-directory bench-tests
	$(CARGO) build --locked --release --package pam_ck --example pam-login --example pam-floor
	$(CARGO) run --locked --release --package ck-tests --bin bench -- $(BENCH)

bench-tests:
	-$(CARGO) test --locked --profile program --package ck-remove-directory --test remover speed -- --ignored --nocapture --test-threads=1
	-$(CARGO) test --locked --package ck-tests --test hosts -- --ignored --nocapture --test-threads=1 isolation:: limits:: upkeep::

msrv: setup
	tests/msrv

# cargo-deny is built once for a machine: tests/tool.
deny: setup
	tests/deny

advisories: setup
	tests/deny advisories

clean:
	rm -rf target
