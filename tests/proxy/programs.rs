//! Programs that are told of a proxy, by option or by environment.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::shared::*;
use crate::support::programs::{output, text};
use crate::support::servers::{Certificate, Nginx};
use crate::support::*;

const SMALL: usize = 2_000;
const LARGE: usize = 3_000_000;

/// nginx, plain and with TLS, behind wayside; taps on all ways.
struct Lab {
    // Before what it needs: the taps' servers wait for nobody.
    front: Tap,
    plain: Tap,
    tls: Tap,
    proxy: Proxy,
    dir: TempDir,
    _nginx: Nginx,
}

impl Lab {
    fn new() -> Result<Lab, String> {
        let dir = TempDir::new();
        dir.file("small", vec![b'x'; SMALL]);
        dir.file("large", Random::new(1).bytes(LARGE));
        let certificate = Certificate::new()?;
        let nginx = Nginx::start(&certificate, dir.path())?;
        let proxy = Proxy::start(&[]);
        let [front, plain, tls] = [proxy.addr(), nginx.plain, nginx.tls].map(Tap::before);
        Ok(Lab { front, plain, tls, proxy, dir, _nginx: nginx })
    }

    /// A program whose environment names the proxy, and nothing else of the kind.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        for name in ["no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"] {
            command.env_remove(name);
        }
        let proxy = format!("http://{}", self.front.addr());
        command.env("http_proxy", &proxy).env("https_proxy", &proxy);
        command
    }

    fn http(&self, path: &str) -> String {
        format!("http://{}/{path}", self.plain.addr())
    }

    fn https(&self, path: &str) -> String {
        format!("https://{}/{path}", self.tls.addr())
    }

    /// Nobody is left, and the byte counters agree with the taps.
    #[track_caller]
    fn expect_bytes(&self) {
        self.proxy.expect_clean();
        let (sent, received) = self.front.bytes();
        let ((a, b), (c, d)) = (self.plain.bytes(), self.tls.bytes());
        self.proxy.expect_bytes((sent, received), (b + d, a + c));
    }

    #[track_caller]
    fn expect_authority(&self, addr: SocketAddr, count: u32) {
        let counted = self.proxy.sum("request_total", &[("authority", &addr.to_string())]);
        assert_eq!(counted, f64::from(count), "{addr}");
    }
}

/// The lab and a program; else the test is skipped.
macro_rules! lab {
    ($program:expr) => {
        match (Lab::new(), $program) {
            (Ok(lab), Some(program)) => (lab, program),
            (Err(why), _) => skipped!("{why}"),
            (_, None) => skipped!("no {}", stringify!($program)),
        }
    };
}

#[test]
fn curl_by_option_and_by_environment() {
    let (lab, curl) = lab!(have("curl"));
    let proxy = format!("http://{}", lab.front.addr());
    for by_option in [true, false] {
        let mut command = if by_option { Command::new(&curl) } else { lab.command(&curl) };
        if by_option {
            command.args(["--noproxy", "none.test", "-x", &proxy]);
        }
        command.args(["-sSfk", "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{num_connects}\n"]);
        // One connection for the plain ones; each tunnel is one of its own.
        let urls = [lab.http("small"), lab.http("large"), lab.https("small"), lab.http("small")];
        for url in &urls {
            command.arg(url).args(["-o", "/dev/null"]);
        }
        let said = text(command.arg("--http1.1"), "");
        let sizes = [SMALL, LARGE, SMALL, SMALL].map(|size| format!("200 {size}"));
        let found: Vec<_> = said.lines().filter_map(|line| line.rsplit_once(' ')).map(|(it, _)| it).collect();
        assert_eq!(found, sizes, "{said}");
    }
    lab.expect_authority(lab.plain.addr(), 6);
    lab.expect_authority(lab.tls.addr(), 2);
    lab.proxy.expect_counted(8, &[("200", 8)]);
    lab.expect_bytes();
}

#[test]
fn curl_uploads_with_and_without_a_length() {
    let (lab, curl) = lab!(have("curl"));
    let origin = Origin::named("a");
    let file = lab.dir.path().join("large");
    for fields in [&["-H", "Transfer-Encoding: chunked"][..], &[], &["-H", "Expect:"]] {
        let mut command = lab.command(&curl);
        command
            .args(["-sSf", "-o", "/dev/null", "-w", "%{http_code}", "--expect100-timeout", "0.1"])
            .args(fields);
        command.arg("-T").arg(&file).arg(format!("http://{}/", origin.addr()));
        // The origin reads no 100 into it, and answers once it has it all.
        assert_eq!(text(&mut command, ""), "200");
        assert!(origin.last().body.len() >= LARGE);
    }
    lab.proxy.expect_counted(3, &[("200", 3)]);
    lab.proxy.expect_clean();
}

#[test]
fn curl_over_a_tunnel_with_http_2() {
    let (lab, curl) = lab!(have("curl"));
    let mut command = lab.command(&curl);
    command.args(["-sSfk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{size_download}"]);
    let said = text(command.arg(lab.https("large")), "");
    assert_eq!(said, format!("2 {LARGE}"));
    lab.proxy.expect_counted(1, &[("200", 1)]);
    lab.expect_bytes();
}

fn python_in(way: &str, requests: u32) {
    let (lab, python) = lab!(python());
    let has = Command::new(&python).args(["-c", &format!("import {way}")]).output();
    if way == "requests" && !has.is_ok_and(|it| it.status.success()) {
        skipped!("no python3-requests")
    }
    let mut command = lab.command(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proxy/client.py")).arg(way);
    command.args([lab.https("small"), lab.http("large"), lab.https("large"), lab.http("small")]);
    let said = text(&mut command, "");
    assert_eq!(said, format!("{SMALL}\n{LARGE}\n{LARGE}\n{SMALL}\n"));
    lab.proxy.expect_counted(requests, &[("200", requests)]);
    lab.expect_bytes();
}

/// CONNECT as http.client sends it: with HTTP/1.0 up to Python 3.11. Four tunnels.
#[test]
fn python_set_tunnel() {
    python_in("tunnel", 4);
}

#[test]
fn python_urllib() {
    python_in("urllib", 4);
}

/// A session keeps its tunnel: three CONNECTs would be one too many.
#[test]
fn python_requests() {
    python_in("requests", 3);
}

/// `git` with nobody's configuration.
fn git(lab: &Lab, program: &Path) -> Command {
    let mut command = lab.command(program);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", lab.dir.path()).env("GIT_TERMINAL_PROMPT", "0");
    command.args(["-c", "user.name=x", "-c", "user.email=x@x.test", "-c", "init.defaultBranch=main"]);
    command
}

/// A bare repository with one commit that is as large as `large`.
fn repository(lab: &Lab, program: &Path) {
    let work = lab.dir.path().join("work");
    let run = |args: &[&str]| drop(output(git(lab, program).args(args), b""));
    let (work, bare) = (work.to_str().expect("a path"), lab.dir.path().join("repo.git"));
    run(&["init", "-q", work]);
    std::fs::copy(lab.dir.path().join("large"), Path::new(work).join("large")).expect("a copy");
    run(&["-C", work, "add", "."]);
    run(&["-C", work, "commit", "-qm", "one"]);
    run(&["clone", "-q", "--bare", work, bare.to_str().expect("a path")]);
    run(&["-C", bare.to_str().expect("a path"), "update-server-info"]);
}

#[test]
fn git_clones_over_plain_http_and_over_a_tunnel() {
    let (lab, program) = lab!(have("git"));
    repository(&lab, &program);
    for (name, url) in [("a", lab.http("repo.git")), ("b", lab.https("repo.git"))] {
        let clone = lab.dir.path().join(name);
        let mut command = git(&lab, &program);
        command.args(["-c", "http.sslVerify=false", "clone", "-q", &url]).arg(&clone);
        output(&mut command, b"");
        let read = |path: &Path| std::fs::read(path.join("large")).expect("the file");
        assert!(read(&clone) == read(lab.dir.path()), "another file");
    }
    assert!(lab.proxy.sum("request_total", &[("authority", &lab.plain.addr().to_string())]) >= 3.0);
    assert!(
        lab.proxy
            .sum("response_total", &[("authority", &lab.tls.addr().to_string()), ("status_code", "200")])
            >= 1.0
    );
    lab.proxy.expect_counted_all();
    lab.expect_bytes();
}

/// The smart protocol: a server of HTTP/1.0 whose answers end with the connection.
#[test]
fn git_clones_by_the_smart_protocol() {
    let (lab, program) = lab!(have("git"));
    let Some(python) = python() else { skipped!("no Python") };
    repository(&lab, &program);
    let folder = lab.dir.path().join("cgi-bin");
    std::fs::create_dir(&folder).expect("a folder");
    let script = format!(
        "#!/bin/sh\nGIT_PROJECT_ROOT={} GIT_HTTP_EXPORT_ALL=1 exec {} http-backend\n",
        lab.dir.path().display(),
        program.display()
    );
    let path = lab.dir.file("cgi-bin/git", script);
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    // It serves as "nobody", whom git would not let read another's repository.
    let config = "[safe]\n\tdirectory = *\n";
    let config = lab.dir.file("gitconfig", config);
    let port = free_port();
    let mut command = Command::new(python);
    command.args(["-m", "http.server", "--cgi", "--bind", "127.0.0.1", &port.to_string()]);
    command.current_dir(lab.dir.path()).env("GIT_CONFIG_GLOBAL", config);
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let mut daemon = Daemon::start(command);
    daemon.wait_port(addr);
    let back = Tap::before(addr);
    let clone = lab.dir.path().join("c");
    let url = format!("http://{}/cgi-bin/git/repo.git", back.addr());
    output(git(&lab, &program).args(["clone", "-q", &url]).arg(&clone), b"");
    let read = |path: &Path| std::fs::read(path.join("large")).expect("the file");
    assert!(read(&clone) == read(lab.dir.path()), "another file");
    assert!(lab.proxy.sum("response_total", &[("status_code", "200")]) >= 2.0);
    lab.proxy.expect_counted_all();
    lab.proxy.expect_clean();
    let ((sent, received), (taken, given)) = (lab.front.bytes(), back.bytes());
    lab.proxy.expect_bytes((sent, received), (given, taken));
}

/// A repository of one package, and folders of apt's own.
#[test]
fn apt_updates_and_downloads() {
    let (lab, apt) = lab!(have("apt-get"));
    let (Some(deb), Some(sum)) = (have("dpkg-deb"), have("sha256sum")) else { skipped!("no dpkg-deb") };
    let root = lab.dir.path();
    let control =
        "Package: wayside-test\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@x.test>\nDescription: x\n";
    std::fs::create_dir_all(root.join("package/DEBIAN")).expect("a folder");
    std::fs::create_dir_all(root.join("package/usr/share/x")).expect("a folder");
    std::fs::copy(root.join("large"), root.join("package/usr/share/x/large")).expect("a copy");
    lab.dir.file("package/DEBIAN/control", control);
    let package = root.join("wayside-test.deb");
    output(Command::new(deb).arg("--build").arg(root.join("package")).arg(&package), b"");
    let sum = text(Command::new(sum).arg(&package), "");
    let sum = sum.split(' ').next().expect("a sum").to_owned();
    let size = std::fs::metadata(&package).expect("the package").len();
    lab.dir.file("Packages", format!("{control}Filename: ./wayside-test.deb\nSize: {size}\nSHA256: {sum}\n"));
    for folder in ["apt/state/lists/partial", "apt/cache/archives/partial", "apt/etc/preferences.d", "apt/to"]
    {
        std::fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    lab.dir.file("apt/status", "");
    let list = lab.dir.file("apt/etc/sources.list", format!("deb [trusted=yes] {} ./\n", lab.http("")));
    let run = |args: &[&str]| {
        let mut command = lab.command(&apt);
        let apt = root.join("apt");
        for (name, path) in [
            ("Dir::State", apt.join("state")),
            ("Dir::State::status", apt.join("status")),
            ("Dir::Cache", apt.join("cache")),
            ("Dir::Etc", apt.join("etc")),
            ("Dir::Etc::sourcelist", list.clone()),
        ] {
            command.arg("-o").arg(format!("{name}={}", path.display()));
        }
        command.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none", "-q"]);
        text(command.args(args).current_dir(apt.join("to")), "")
    };
    run(&["update"]);
    run(&["download", "wayside-test"]);
    let got = std::fs::read(root.join("apt/to/wayside-test_1.0_all.deb")).expect("the package");
    assert!(got == std::fs::read(&package).expect("the package"), "another package");
    assert!(lab.proxy.sum("response_total", &[("status_code", "200")]) >= 2.0);
    lab.proxy.expect_counted_all();
    lab.expect_bytes();
}
