//! `--http-strict` in front of real servers: none of them finds a request that was hidden from wayside. Each of them does
//! without it, so these tests can fail.

mod support;
#[path = "strict/variants.rs"]
mod variants;

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use support::servers::{Service, need};
use support::*;

/// Every variant, whole.
fn all() -> Vec<Vec<u8>> {
    let smuggled: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    let post: &[u8] = b"POST /good HTTP/1.1\r\nHost: h\r\n";
    let fields = variants::FIELDS.iter().map(|fields| [post, fields, b"\r\n", variants::BODY].concat());
    let chunked: &[u8] = b"Transfer-Encoding: chunked\r\n\r\n";
    let chunks = variants::CHUNKS.iter().map(|chunks| [post, chunked, chunks, smuggled].concat());
    let whole = variants::FIRST_LINES.iter().chain(variants::BODIES).map(|bytes| bytes.to_vec());
    whole.chain(fields).chain(chunks).collect()
}

/// Sends each variant through wayside, at once and cut in two; returns those of which `/smuggled` was found. `log` has a
/// line with the target of each request.
fn found(service: &Service, options: &[&str], variants: &[Vec<u8>]) -> Vec<String> {
    let log = service.dir.path().join("log");
    let read =
        || std::fs::read(&log).map_or(String::new(), |text| String::from_utf8_lossy(&text).into_owned());
    let wayside = Wayside::start(&[options, &["--forward", &service.forward()]].concat());
    let mut found = Vec::new();
    for (number, variant) in variants.iter().enumerate() {
        for at in [0, 1, variant.len() / 2] {
            let mut client = wayside.connect(0);
            let (first, second) = variant.split_at(at);
            // It may be refused before all is sent.
            let _ = client.write_all(first).and_then(|()| client.write_all(second));
            let _ = client.shutdown(std::net::Shutdown::Write);
            let _ = client.read_to_end(&mut Vec::new());
        }
        // A request on a connection of its own is answered after those that came before it.
        let last = format!("/last/{number}/{}", options.len());
        let mut client = wayside.connect(0);
        client
            .write_all(format!("GET {last} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes())
            .expect("to ask");
        client.read_to_end(&mut Vec::new()).expect("an answer");
        eventually("the last request", LIMIT, || read().contains(&last));
        if read().contains("/smuggled") {
            found.push(variant.escape_ascii().to_string());
        }
        std::fs::write(&log, "").expect("an empty log");
    }
    found
}

/// Nothing is found with `--http-strict`, something without.
fn nothing_is_found(service: &Service) {
    let variants = all();
    assert!(variants.len() >= 90, "{}", variants.len());
    let strict = found(service, &["--http-strict"], &variants);
    assert!(strict.is_empty(), "{} got past:\n{}", strict.len(), strict.join("\n"));
    assert!(
        !found(service, &[], &variants).is_empty(),
        "this server is never lenient, so this proves nothing"
    );
}

/// One of `tests/strict/`, whose arguments are the port and the log.
fn script(program: &Path, name: &str) -> Service {
    Service::start(TempDir::new(), |port, dir| {
        let mut command = Command::new(program);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strict").join(name));
        command.arg(port.to_string()).arg(dir.join("log"));
        command
    })
}

#[test]
fn python() {
    match need("python3") {
        Ok(program) => nothing_is_found(&script(&program, "server.py")),
        Err(why) => skipped!("{why}"),
    }
}

#[test]
fn node() {
    match need("node") {
        Ok(program) => nothing_is_found(&script(&program, "server.js")),
        Err(why) => skipped!("{why}"),
    }
}

#[test]
fn nginx() {
    let program = match need("nginx") {
        Ok(program) => program,
        Err(why) => skipped!("{why}"),
    };
    let service = Service::start(TempDir::new(), |port, dir| {
        let at = dir.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {at}/{name};\n"))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{temporary}\
             log_format target $request_uri;\naccess_log {at}/log target;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ return 200; }} }}\n}}\n"
        );
        let config = dir.join("nginx.conf");
        std::fs::write(&config, text).expect("to write");
        let mut command = Command::new(&program);
        command.arg("-c").arg(config).arg("-p").arg(dir).args(["-e", "stderr"]);
        command
    });
    nothing_is_found(&service);
}

/// What a Git client says first looks like a line, and never ends one.
#[test]
fn git() {
    let (git, daemon) = match need("git").map(|git| (Command::new(&git).arg("--exec-path").output(), git)) {
        Ok((Ok(output), git)) => {
            (git, String::from_utf8_lossy(&output.stdout).trim().to_owned() + "/git-daemon")
        }
        Ok((Err(error), _)) => skipped!("git: {error}"),
        Err(why) => skipped!("{why}"),
    };
    if !Path::new(&daemon).exists() {
        skipped!("there is no {daemon}");
    }
    let dir = TempDir::new();
    let run = |args: &[&str]| {
        let output = Command::new(&git).args(args).output().expect("git");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let repository = dir.path().join("project.git");
    let at = repository.to_str().expect("a path in UTF-8");
    run(&["init", "-q", "--bare", at]);
    let blob = run(&["-C", at, "hash-object", "-w", "-t", "tree", "/dev/null"]);
    let identity = ["-c", "user.name=n", "-c", "user.email=e@h", "-C", at];
    let commit = run(&[&identity[..], &["commit-tree", "-m", "m", blob.trim()]].concat());
    run(&["-C", at, "update-ref", "refs/heads/main", commit.trim()]);
    let service = Service::start(dir, |port, dir| {
        let mut command = Command::new(&daemon);
        command.args(["--listen=127.0.0.1", "--reuseaddr", "--export-all"]);
        command.arg(format!("--port={port}")).arg(format!("--base-path={}", dir.display()));
        command
    });
    for options in [&[][..], &["--http-strict"]] {
        let wayside = Wayside::start(&[options, &["--forward", &service.forward()]].concat());
        let refs = run(&["ls-remote", &format!("git://{}/project.git", wayside.addr(0)), "refs/heads/main"]);
        assert_eq!(refs, format!("{}\trefs/heads/main\n", commit.trim()), "{options:?}");
    }
}
