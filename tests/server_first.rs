//! Servers that speak first, with detection on and nothing configured: real servers and real clients. The greeting is not
//! delayed, the label is right, the client works.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use support::programs::{output, text};
use support::servers::{self, Mail, MariaDb, Sshd, forward};
use support::verdicts::*;
use support::*;

/// The server, or the end of the test.
macro_rules! or_skip {
    ($server:expr) => {
        match $server {
            Ok(server) => server,
            Err(why) => skipped!("{why}"),
        }
    };
}

/// A text protocol, by hand.
struct Talk(BufReader<TcpStream>);

impl Talk {
    fn to(addr: SocketAddr) -> Self {
        Talk(BufReader::new(connect(addr).expect("a connection")))
    }

    fn say(&mut self, words: &str) {
        self.0.get_mut().write_all(words.as_bytes()).expect("to write");
    }

    #[track_caller]
    fn hear(&mut self, begin: &str) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        assert!(line.starts_with(begin), "{line:?} where {begin:?} was expected");
        line
    }
}

#[test]
fn mariadb_on_any_port_and_on_its_own() {
    let db = or_skip!(MariaDb::start());
    let (own, other) = (forward(db.on_3306), forward(db.elsewhere));
    let by_default = Wayside::start(&["--forward", &own, "--forward", &other]);
    let detecting = Wayside::start(&["--forward", &own, "--opaque-ports", ""]);

    expect_greeting(&by_default, 0, db.on_3306, ("mysql", "port"));
    expect_greeting(&by_default, 1, db.elsewhere, ("mysql", "server"));
    expect_greeting(&detecting, 0, db.on_3306, ("mysql", "server"));

    for (number, (wayside, forward, by)) in
        [(&by_default, 0, "port"), (&by_default, 1, "server"), (&detecting, 0, "server")].iter().enumerate()
    {
        let before = detected(wayside, "mysql", by) as usize;
        queries(&db, wayside.addr(*forward), number);
        expect_detected(wayside, "mysql", by, before + 2);
    }
    for wayside in [by_default, detecting] {
        assert_eq!(detected(&wayside, "unknown", ""), 0.0);
    }
}

/// A table written, and read over a second connection; a row of some megabytes and many rows on the way back.
fn queries(db: &MariaDb, addr: SocketAddr, number: usize) {
    let written = db.query(
        addr,
        &format!(
            "CREATE DATABASE d{number}; CREATE TABLE d{number}.t (id INT PRIMARY KEY, name TEXT, body LONGTEXT);
             INSERT INTO d{number}.t SELECT seq, CONCAT('name-', seq), REPEAT('x', 100) FROM mysql.seq_1_to_20000;
             INSERT INTO d{number}.t VALUES (0, 'big', REPEAT('wayside ', 400000));
             SELECT COUNT(*), SUM(id) FROM d{number}.t;"
        ),
    );
    assert_eq!(written, "20001\t200010000\n");
    let read = db.query(addr, &format!("SELECT id, name, body FROM d{number}.t ORDER BY id"));
    let mut lines = read.lines();
    assert_eq!(lines.next(), Some(format!("0\tbig\t{}", "wayside ".repeat(400_000)).as_str()));
    for id in 1..=20_000 {
        assert_eq!(lines.next(), Some(format!("{id}\tname-{id}\t{}", "x".repeat(100)).as_str()));
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn nats_and_what_is_published_arrives() {
    let nats = or_skip!(servers::nats());
    let wayside = Wayside::start(&["--forward", &nats.forward()]);
    expect_greeting(&wayside, 0, nats.addr, ("nats", "server"));
    let before = detected(&wayside, "nats", "server") as usize;

    let mut subscriber = Talk::to(wayside.addr(0));
    subscriber.hear("INFO {");
    subscriber.say("CONNECT {\"verbose\":false}\r\nSUB news 1\r\nPING\r\n");
    subscriber.hear("PONG");
    let mut publisher = Talk::to(wayside.addr(0));
    publisher.hear("INFO {");
    let payload = "wayside!".repeat(100_000);
    publisher.say(&format!("CONNECT {{\"verbose\":false}}\r\nPUB news {}\r\n{payload}\r\n", payload.len()));
    subscriber.hear(&format!("MSG news 1 {}\r\n", payload.len()));
    let mut came = vec![0; payload.len()];
    subscriber.0.read_exact(&mut came).expect("the payload");
    assert!(came == payload.as_bytes(), "another payload");
    expect_detected(&wayside, "nats", "server", before + 2);
}

#[track_caller]
fn mail(mail: &Mail) {
    let server = &mail.service;
    let wayside = Wayside::start(&["--forward", &server.forward()]);
    expect_greeting(&wayside, 0, server.addr, ("smtp", "server"));
    let before = detected(&wayside, "smtp", "server") as usize;
    let body: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    mail.send(wayside.addr(0), &body);
    let delivered = mail.delivered().replace("\r\n", "\n");
    let (head, came) = delivered.split_once("\n\n").expect("a head and a body");
    assert!(head.contains("Subject: test"), "{head}");
    assert!(came.trim_end() == body.trim_end(), "another body, of {} bytes", came.len());
    expect_detected(&wayside, "smtp", "server", before + 1);
}

#[test]
fn aiosmtpd_and_the_mail_is_delivered() {
    mail(&or_skip!(servers::aiosmtpd()));
}

#[test]
fn postfix_and_the_mail_is_delivered() {
    mail(&or_skip!(servers::postfix()));
}

#[test]
fn vsftpd_and_a_login() {
    let ftp = or_skip!(servers::vsftpd());
    let content = Random::new(seed()).bytes(3_000_000);
    std::fs::write(ftp.dir.path().join("files/file"), &content).expect("a file");
    let wayside = Wayside::start(&["--forward", &ftp.forward()]);
    expect_greeting(&wayside, 0, ftp.addr, ("ftp", "server"));
    let before = detected(&wayside, "ftp", "server") as usize;

    let mut control = Talk::to(wayside.addr(0));
    control.hear("220 ");
    for (command, answer) in
        [("USER anonymous", "331 "), ("PASS x", "230 "), ("PWD", "257 \"/\""), ("SIZE file", "213 3000000")]
    {
        control.say(&format!("{command}\r\n"));
        control.hear(answer);
    }
    control.say("QUIT\r\n");
    control.hear("221 ");
    expect_detected(&wayside, "ftp", "server", before + 1);

    // The control connection goes through wayside, the data connection goes where the server says.
    let curl = or_skip!(servers::need("curl"));
    let url = format!("ftp://{}/file", wayside.addr(0));
    let came = output(Command::new(curl).args(["-sS", "-m", "30", &url]), b"");
    assert_eq!(Sum::of(&came), Sum::of(&content));
    expect_detected(&wayside, "ftp", "server", before + 2);
}

#[test]
fn sshd_a_command_and_rsync() {
    let sshd = or_skip!(Sshd::start());
    let wayside = Wayside::start(&["--forward", &sshd.service.forward()]);
    let addr = wayside.addr(0);
    expect_greeting(&wayside, 0, sshd.service.addr, ("ssh", "server"));

    // Client and server speak at once: either may have been the first.
    let before = detected(&wayside, "ssh", "") as usize;
    let said = text(&mut sshd.command(addr, &["echo to stdout; cat; echo to stderr >&2"]), "to stdin");
    assert_eq!(said, "to stdout\nto stdin");
    let status = programs::run(&mut sshd.command(addr, &["exit 7"]), b"").status;
    assert_eq!(status.code(), Some(7));
    expect_detected(&wayside, "ssh", "", before + 2);

    let rsync = or_skip!(servers::need("rsync"));
    let dir = TempDir::new();
    let mut random = Random::new(seed());
    std::fs::create_dir(dir.path().join("here")).expect("a directory");
    for (name, size) in [("here/large", 24_000_000), ("here/small", 1_000), ("here/empty", 0)] {
        dir.file(name, random.bytes(size));
    }
    let shell = sshd.ssh(addr.port()).join(" ");
    let at = dir.path().display().to_string();
    let host = addr.ip().to_string();
    for (from, to) in [
        (format!("{at}/here/"), format!("{host}:{at}/there/")),
        (format!("{host}:{at}/there/"), format!("{at}/back/")),
    ] {
        output(Command::new(&rsync).args(["-a", "--whole-file", "-e", &shell, &from, &to]), b"");
    }
    for name in ["large", "small", "empty"] {
        let [here, back] =
            ["here", "back"].map(|folder| std::fs::read(dir.path().join(folder).join(name)).expect("a file"));
        assert_eq!(Sum::of(&back), Sum::of(&here), "{name}");
    }
    expect_detected(&wayside, "ssh", "", before + 4);
    assert_eq!(detected(&wayside, "unknown", ""), 0.0);
}
