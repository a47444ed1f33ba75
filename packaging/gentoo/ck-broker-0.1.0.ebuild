# Distributed under the terms of the MIT license or the Apache License, Version 2.0
#
# A template for Gentoo. It was not built by who wrote it: there was no Gentoo at hand. What can be seen without one, a
# test sees (tests/tests/hosts/supervisors): that a shell reads it, its version, and its paths.
#
# What a musl profile changes is what the head of ../alpine/APKBUILD says; here, USE flags of the C library decide it.
#
# After `emerge`: `rc-update add ck-broker default && rc-service ck-broker start`, then the line of pam.d-line (in the
# documentation) goes to the end of /etc/pam.d/system-login, which sshd and login include. elogind is not needed with it;
# beside elogind, sessions have no directories of ours.

EAPI=8

inherit cargo pam systemd

DESCRIPTION="Login sessions and their runtime directories, for servers without logind"
HOMEPAGE="https://example.invalid/ck"
# The second one has the crates, by cargo vendor: pycargoebuild can make a list of them instead.
SRC_URI="${P}.tar.gz ${P}-vendor.tar.xz"

LICENSE="|| ( MIT Apache-2.0 )"
# Of the crates that are linked.
LICENSE+=" ISC MIT Unicode-3.0"
SLOT="0"
KEYWORDS="~amd64 ~arm64"
RESTRICT="fetch"

DEPEND="sys-libs/pam"
RDEPEND="${DEPEND}"

ECARGO_VENDOR="${WORKDIR}/vendor"

src_compile() {
	# The module is a shared object, so it cannot have the C library in it.
	use elibc_musl && export RUSTFLAGS="${RUSTFLAGS} -C target-feature=-crt-static"
	cargo_src_compile -p pam_ck -p ck-broker -p ck-remove-directory -p ckctl
}

# Those that need no host of namespaces.
src_test() {
	cargo_src_test --workspace --exclude ck-tests
}

src_install() {
	emake install-files DESTDIR="${D}" PREFIX="${EPREFIX}/usr" PAMDIR="${EPREFIX}$(getpam_mod_dir)" \
		SYSTEMDUNITDIR="$(systemd_get_systemunitdir)" SYSCONFDIR="${EPREFIX}/etc" \
		RELEASE="$(cargo_target_dir)" PROGRAMS="$(cargo_target_dir)" INIT="openrc systemd"
	# That is for pam-auth-update, which is Debian's.
	rm -r "${ED}"/usr/share/pam-configs || die
	keepdir /etc/ck/run-session.d /etc/ck/run-seat.d /usr/lib/ck/run-session.d /usr/lib/ck/run-seat.d
	dodoc README.md CHANGELOG.md SECURITY.md packaging/pam/pam.d-line
	dodoc -r docs
}
