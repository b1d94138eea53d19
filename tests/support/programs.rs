//! Client programs that are run to their end, each with a limit; and where the examples are.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::wait_until;

/// How long a client program may take, on a busy machine.
const CLIENT: Duration = Duration::from_secs(60);

/// Runs it with `stdin` to its end. Panics, with what it said, if it takes longer than [`CLIENT`].
#[track_caller]
pub fn run(command: &mut Command, stdin: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut input = child.stdin.take().expect("a pipe");
    let mut pipes = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    std::thread::scope(|scope| {
        // A program that does not read all of it is not to blame.
        scope.spawn(move || drop(input.write_all(stdin)));
        let stdout = scope.spawn(|| read_all(&mut pipes.0));
        let stderr = scope.spawn(|| read_all(&mut pipes.1));
        let mut status = None;
        wait_until(CLIENT, || {
            status = child.try_wait().expect("its state");
            status.is_some()
        });
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let stdout = stdout.join().expect("its output");
        let stderr = stderr.join().expect("its errors");
        let Some(status) = status else {
            panic!("{command:?} has not ended in {CLIENT:?}: {}", String::from_utf8_lossy(&stderr))
        };
        Output { status, stdout, stderr }
    })
}

/// The same, and panics with what it said if it fails; what it wrote to stdout.
#[track_caller]
pub fn output(command: &mut Command, stdin: &[u8]) -> Vec<u8> {
    let output = run(command, stdin);
    let said = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        said(&output.stderr),
        said(&output.stdout)
    );
    output.stdout
}

/// The same as text.
#[track_caller]
pub fn text(command: &mut Command, stdin: &str) -> String {
    String::from_utf8(output(command, stdin.as_bytes())).expect("text")
}

fn read_all(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    bytes
}

/// The program of an example. `cargo test` builds them with the tests; where one test only is built, we see to it here.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test's path");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let path = folder.join("examples").join(name);
    let built = |path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    if built(&path) < built(&test) {
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        // What cargo told us of this package makes build scripts run again, and compile ring anew.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                build.env_remove(name);
            }
        }
        let status = build.args(["build", "--quiet", "--example", name, "--profile", profile]).status();
        assert!(status.is_ok_and(|status| status.success()), "cargo cannot build the example {name}");
    }
    assert!(path.is_file(), "there is no {}", path.display());
    path
}
