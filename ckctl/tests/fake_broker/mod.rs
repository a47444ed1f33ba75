//! A broker that replies as a test says.

use ck_protocol::*;
use rustix::{
    fd::OwnedFd,
    net::{self, AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType},
};
use std::{
    env, fs,
    path::PathBuf,
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// A broker, and the path of its socket.
pub(crate) struct Broker(PathBuf);

impl Broker {
    /// A broker that replies as `answer` says. `None` is the reply of an older broker to a request that it does not know.
    pub(crate) fn answering(answer: impl Fn(&AdminRequest) -> Option<Vec<Vec<u8>>> + Send + 'static) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("ckctl-broker-{}-{number}", process::id()));
        let listener = seqpacket();
        net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        net::listen(&listener, 8).unwrap();
        thread::spawn(move || {
            while let Ok(peer) = net::accept_with(&listener, SocketFlags::CLOEXEC) {
                serve(&peer, &answer);
            }
        });
        Self(path)
    }

    /// `ckctl`, with this broker. Times are in UTC.
    pub(crate) fn ckctl(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ckctl"));
        command.arg("--socket").arg(&self.0).env("TZ", "UTC").env_remove("XDG_SESSION_ID");
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn seqpacket() -> OwnedFd {
    net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

fn serve(peer: &OwnedFd, answer: &impl Fn(&AdminRequest) -> Option<Vec<Vec<u8>>>) {
    let mut room = [0; limits::REQUEST];
    loop {
        let (length, _) = net::recv(peer, &mut room[..], RecvFlags::empty()).unwrap();
        if length == 0 {
            return;
        }
        let (_, request) = PROTOCOL.decode(&room[..length], limits::REQUEST).unwrap();
        let answers = answer(&request);
        let closes = answers.is_none();
        for packet in answers.unwrap_or_else(|| vec![refused(RefusalCode::Malformed)]) {
            net::send(peer, &packet, SendFlags::NOSIGNAL).unwrap();
        }
        if closes {
            return;
        }
    }
}

pub(crate) fn packet(reply: &Reply) -> Vec<u8> {
    PROTOCOL.newest().encode(reply, &mut [0; limits::REPLY]).unwrap().to_vec()
}

pub(crate) fn list(replies: impl Iterator<Item = Reply>) -> Vec<Vec<u8>> {
    replies.chain([Reply::End]).map(|reply| packet(&reply)).collect()
}

fn refused(code: RefusalCode) -> Vec<u8> {
    packet(&Reply::Refused(Refusal { code, message: Text::clipped("malformed frame") }))
}
