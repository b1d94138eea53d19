//! The static program, alone in an empty folder: no /etc, no /proc, no /dev, no libraries.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::process::Command;

use crate::root::*;
use crate::support::*;

#[test]
fn it_needs_no_library_and_no_loader() {
    let program = or_skip!(static_program());
    let output = programs::run(Command::new("ldd").env("LC_ALL", "C").arg(program), b"");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("statically linked") || said.contains("not a dynamic executable"), "{said}");
}

/// A line of its memory's account, in kB.
fn memory(wayside: &Wayside, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", wayside.pid())).expect("its memory");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What runs in the root ends with this code.
#[track_caller]
fn expect_ready(wrapper: &[String], admin: &str, code: i32) {
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let ended = run_through(&wrapper, &["doctor", "--ready"], &[("WAYSIDE_ADMIN_LISTEN", admin)]);
    assert_eq!((ended.code, &*ended.stdout), (Some(code), ""), "{ended:?}");
}

#[test]
fn in_an_empty_root_it_serves_http_and_says_whether_it_is_ready() {
    let program = or_skip!(program_for_root());
    let root = TempDir::new();
    copy_program(program, &root.path().join("wayside"));
    let server = http_server();
    let forward = format!("127.0.0.1:0=localhost:{}", server.addr().port());
    let wrapper = chroot(root.path(), 2102, "/wayside");
    let words: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let args = ["--forward", &forward, "--access-log", "json", "--log", "info"];
    let mut wayside = Launch::new(&args).through(&words).start().expect("wayside");
    let (resident, own) = (memory(&wayside, "Rss:"), memory(&wayside, "Pss_Anon:"));
    println!(
        "at the start: resident {resident} kB, of which {own} kB are its own and the rest is the program's file"
    );
    assert!(own < 1536, "{own} kB");
    let mut client = wayside.connect(0);
    for _ in 0..3 {
        client.write_all(GET).expect("to ask");
        let mut answer = [0; OK.len()];
        client.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, OK);
    }
    let metrics = wayside.metrics();
    eventually("the requests are counted", LIMIT, || wayside.metrics().sum("response_total", &[]) >= 3.0);
    // Without /proc it does not know of itself, and says nothing rather than something wrong.
    assert_eq!(metrics.matching("process_resident_memory_bytes", &[]).count(), 0);
    let admin = wayside.admin().to_string();
    expect_ready(&wrapper, &admin, 0);
    drop(client);
    wayside.signal(rustix::process::Signal::TERM);
    assert_eq!(wayside.wait(LIMIT).and_then(|status| status.code()), Some(0), "{}", wayside.stderr());
    expect_ready(&wrapper, &admin, 1);
}

/// glibc would ask libraries that are loaded at run time (NSS); wayside reads the two files itself, and asks by itself.
#[test]
fn names_need_no_libraries() {
    let program = or_skip!(program_for_root());
    let host = Host::new("empty");
    let root = TempDir::new();
    copy_program(program, &root.path().join("wayside"));
    std::fs::create_dir(root.path().join("etc")).expect("a folder");
    root.file("etc/hosts", "127.0.0.1 shop.internal\n");
    root.file("etc/resolv.conf", "nameserver 127.0.0.53\n");
    let name_server = host.run(|| UdpSocket::bind("127.0.0.53:53").expect("port 53"));
    name_server.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let listener = host.listen("127.0.0.1:8080".parse().expect("an address"));
    let wrapper = chroot(root.path(), 2102, "/wayside");
    let words: Vec<&str> = host.wrapper().into_iter().chain(wrapper.iter().map(String::as_str)).collect();
    let args = ["--forward=127.0.0.1:0=shop.internal:8080", "--forward=127.0.0.1:0=db.internal:8080"];
    let wayside = Launch::new(&args).through(&words).start().expect("wayside");
    std::thread::scope(|scope| {
        scope.spawn(|| answer_twice(&name_server));
        for forward in 0..2 {
            let mut client = host.connect(wayside.addr(forward));
            client.write_all(b"?").expect("to ask");
            let mut server = accept(&listener);
            server.read_exact(&mut [0]).expect("what was asked");
            server.write_all(b"!").expect("to answer");
            client.read_exact(&mut [0]).expect("the answer");
        }
    });
}

/// A question for an IPv4 address is answered with 127.0.0.1, the one for IPv6 with nothing (RFC 1035, 4.1).
fn answer_twice(socket: &UdpSocket) {
    for _ in 0..2 {
        let mut query = [0; 512];
        let (count, from) = socket.recv_from(&mut query).expect("a question");
        // The question ends behind its name, type and class.
        let end = 12 + query[12..count].iter().position(|&byte| byte == 0).expect("a name") + 5;
        let is_ipv4 = query[end - 3] == 1;
        let mut reply = query[..2].to_vec();
        reply.extend([0x81, 0x80, 0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0]);
        reply.extend(&query[12..end]);
        if is_ipv4 {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        socket.send_to(&reply, from).expect("to answer");
    }
}
