//! `wayside inject` and `wayside uninject`: Kubernetes manifests in, the same with our sidecar out, or without it.

mod chunk;
mod edit;
mod indent;
mod join;
mod json;
mod manifest;
mod sidecar;
mod splice;
mod stream;
mod tree;
mod value;
mod yaml;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use sidecar::{Resources, Settings};
use stream::{Changed, Task};
use tree::Broken;

/// The most bytes of one input; more is an error. A Kubernetes object has 1.5 MiB at most.
const LARGEST: u64 = 32 << 20;

/// Adds the sidecar to the manifests in `files`, and writes them to stdout. `-` is stdin, as is no file at all.
pub fn inject(files: &[PathBuf], settings: &Settings) -> ExitCode {
    all(files, Task::Inject(settings))
}

/// Takes the sidecar out again.
pub fn uninject(files: &[PathBuf]) -> ExitCode {
    all(files, Task::Uninject)
}

/// Nothing is written before everything is done.
fn all(files: &[PathBuf], task: Task<'_>) -> ExitCode {
    let stdin = [PathBuf::from("-")];
    let files = if files.is_empty() { &stdin } else { files };
    let (mut texts, mut notes) = (Vec::new(), Vec::new());
    for (index, file) in files.iter().enumerate() {
        match one(file, task, index + 1 == files.len()) {
            Ok(changed) => {
                texts.push(changed.text);
                notes.extend(changed.notes);
            }
            Err(problem) => {
                let _ = writeln!(io::stderr().lock(), "wayside: {problem}");
                return ExitCode::FAILURE;
            }
        }
    }
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(join::join(&texts).as_bytes()).and_then(|()| stdout.flush()) {
        let _ = writeln!(io::stderr().lock(), "wayside: stdout: {error}");
        return ExitCode::FAILURE;
    }
    let mut stderr = io::stderr().lock();
    for note in &notes {
        let _ = writeln!(stderr, "{note}");
    }
    ExitCode::SUCCESS
}

/// One file. An error is a line that names it.
fn one(file: &Path, task: Task<'_>, is_last: bool) -> Result<Changed, String> {
    let name = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
    let bytes = read(file).map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{name}: larger than {} MiB", LARGEST >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        format!("{name}:{line}: not UTF-8")
    })?;
    let said = |broken: Broken| format!("{name}:{}: {}", broken.line, broken.why);
    let mut changed = stream::change(&text, task).map_err(said)?;
    if !is_last {
        stream::end_last_line(&mut changed).map_err(said)?;
    }
    Ok(changed)
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file != Path::new("-") {
        File::open(file)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    } else if io::stdin().is_terminal() {
        return Err(io::Error::other("a terminal; name a file, or pipe manifests in"));
    } else {
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
