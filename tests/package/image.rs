//! The image's root: what is in it, that `wayside init` works there, and that the Dockerfile makes and runs the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use tinyjson::JsonValue;

use crate::root::*;
use crate::spec::{ENTRYPOINT, PATH};
use crate::support::*;

/// The most that nft, its libraries and their licences may have; the static program comes to it.
const MOST: u64 = 9 << 20;

/// All files below, with their sizes.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let about = path.symlink_metadata().expect("its size");
            if about.is_dir() {
                folders.push(path);
            } else {
                found.push((Path::new("/").join(path.strip_prefix(folder).expect("inside")), about.len()));
            }
        }
    }
    found
}

#[test]
fn there_is_nothing_in_it_but_the_program_and_nft() {
    let root = or_skip!(image());
    let mut size = 0;
    for (path, bytes) in files(root.path()) {
        let text = path.to_string_lossy().into_owned();
        let is_library = text.starts_with("/lib") && text.contains(".so");
        let is_licence = text.starts_with("/usr/share/doc/") && text.ends_with("/copyright");
        let known = [ENTRYPOINT, "/usr/sbin/nft", "/etc/passwd", "/etc/group"];
        assert!(is_library || is_licence || known.contains(&&*text), "{text}");
        size += if text == ENTRYPOINT { 0 } else { bytes };
    }
    println!("without the program: {size} bytes");
    assert!((1 << 20..MOST).contains(&size), "{size}");
    let passwd = std::fs::read_to_string(root.path().join("etc/passwd")).expect("/etc/passwd");
    assert!(passwd.contains("\nwayside:x:2102:2102:"), "{passwd}");
    let again = programs::run(
        Command::new(source().join("scripts/image-root")).args([root.path(), Path::new(ENTRYPOINT)]),
        b"",
    );
    assert_eq!(again.status.code(), Some(1), "a folder that is not empty");
}

#[test]
fn init_works_in_it_with_no_etc_and_no_proc() {
    let root = or_skip!(image());
    for family in [Family::V4, Family::V6] {
        or_skip!(family.packet_filter());
    }
    std::fs::remove_dir_all(root.path().join("etc")).expect("to remove /etc");
    let [host, peer] = ["pod", "peer"].map(Host::new);
    host.cable(1, "eth0", &peer, "eth0");
    for family in [Family::V4, Family::V6] {
        host.route_by(family.ip(1, 2));
    }
    let inside = |words: &[&str]| {
        let [ip, netns @ ..] = host.wrapper();
        let mut command = Command::new(ip);
        command.args(netns).arg("chroot").arg(root.path()).args(words);
        programs::text(&mut command, "")
    };
    let said = inside(&[ENTRYPOINT, "init", "--skip-inbound-ports=22"]);
    assert!(said.contains("verified IPv4: ") && said.contains("verified IPv6: "), "{said}");
    let listed = inside(&["/usr/sbin/nft", "list", "ruleset"]);
    assert!(listed.contains("table inet wayside") && listed.contains("redirect to :4140"), "{listed}");
    let said = inside(&[ENTRYPOINT, "init", "--delete"]);
    assert_eq!(said, "wayside: rules removed; by nft\n");
    assert_eq!(inside(&["/usr/sbin/nft", "list", "ruleset"]), "");
}

/// The Dockerfile's instructions, each with its words; comments and blank lines left out.
fn instructions() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(source().join("Dockerfile")).expect("Dockerfile");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = |line: &str| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.to_owned()));
    lines.map(|line| split(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// The words of the last instruction called so, from `["a", "b"]` somewhere in it.
fn words(name: &str) -> Vec<String> {
    let all = instructions();
    let (_, text) = all.iter().rfind(|(found, _)| found == name).unwrap_or_else(|| panic!("no {name}"));
    let list: JsonValue =
        text.get(text.find('[').expect("a list")..).and_then(|it| it.parse().ok()).expect("JSON");
    let list: &Vec<JsonValue> = list.get().expect("a list");
    list.iter().map(|word| word.get::<String>().expect("a word").clone()).collect()
}

#[test]
fn the_dockerfile_refers_to_what_is_there() {
    let all = instructions();
    let of = |name: &str| {
        all.iter().filter(|(found, _)| found == name).map(|(_, text)| text.as_str()).collect::<Vec<_>>()
    };
    let [base, last] = of("FROM")[..] else { panic!("two stages") };
    assert_eq!(last, "scratch");
    // The compiler that Cargo.toml asks for.
    let wanted = format!("rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(base.starts_with(&wanted) && base.ends_with(" AS build"), "{base}");
    let scripts =
        of("RUN").into_iter().flat_map(str::split_whitespace).filter(|word| word.starts_with("scripts/"));
    let scripts: Vec<&str> = scripts.collect();
    assert_eq!(scripts, ["scripts/image-root"]);
    assert!(source().join(scripts[0]).is_file());
    assert_eq!(of("COPY"), [". .", "--from=build /image /"]);
    assert_eq!(of("USER"), ["2102:2102"]);
    let version = env!("CARGO_PKG_VERSION");
    let text = std::fs::read_to_string(source().join("Dockerfile")).expect("Dockerfile");
    assert!(text.contains(&format!("wayside:{version}")), "the image that inject names");
    assert_eq!(words("ENTRYPOINT"), [ENTRYPOINT]);
    // What is left out of the build is not needed for it.
    let ignored = std::fs::read_to_string(source().join(".dockerignore")).expect(".dockerignore");
    for needed in ["Cargo.toml", "Cargo.lock", "src", "benches", "scripts", "README.md"] {
        assert!(!ignored.lines().any(|line| line == needed), "{needed}");
    }
}

/// As Docker would: the entry point with its arguments as the user, and the health check beside it.
#[test]
fn the_images_own_command_runs_in_it_and_its_health_check_agrees() {
    let root = or_skip!(image());
    or_skip!(Family::V4.packet_filter());
    let host = Host::new("container");
    let inside = |words: &[String]| {
        let [ip, netns @ ..] = host.wrapper();
        let mut command = Command::new(ip);
        command
            .env_clear()
            .env("PATH", PATH)
            .args(netns)
            .args(["chroot", "--userspec=2102:2102"])
            .arg(root.path())
            .args(words);
        command
    };
    let check = || inside(&words("HEALTHCHECK")).output().expect("the health check").status.code();
    assert_eq!(check(), Some(1));
    let run = Daemon::start(inside(&[words("ENTRYPOINT"), words("CMD")].concat()));
    eventually("it is healthy", LIMIT, || check() == Some(0));
    assert!(run.output().ends_with("wayside: ready\n"), "{}", run.output());
}
