//! The static program, and the roots that it runs in.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::*;

/// The repository.
pub(crate) fn source() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The static program; or why there is none on this machine. Built once a process.
pub(crate) fn static_program() -> Result<&'static Path, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref().map_err(Clone::clone)
}

fn build() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("WAYSIDE_STATIC_BIN") {
        return Ok(path.into());
    }
    for program in ["cargo", "readelf"] {
        have(program).ok_or(format!("no {program}"))?;
    }
    let libc =
        Command::new("cc").arg("-print-file-name=libc.a").output().map_err(|error| error.to_string())?;
    // What is not found is printed as it was asked for.
    if libc.stdout == b"libc.a\n" {
        return Err("no libc.a, which a static program is linked with".to_owned());
    }
    let output = Command::new(source().join("scripts/build-static")).arg("--dev").output();
    let output = output.map_err(|error| format!("scripts/build-static: {error}"))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout).expect("a path").trim().into())
}

/// The same, where the test also has to be root: only root may change the root.
pub(crate) fn program_for_root() -> Result<&'static Path, String> {
    if !is_root() {
        return Err("not root".to_owned());
    }
    have("chroot").ok_or("no chroot")?;
    static_program()
}

/// The image's root as scripts/image-root makes it.
pub(crate) fn image() -> Result<TempDir, String> {
    let program = program_for_root()?;
    have("nft").ok_or("no nft")?;
    let dir = TempDir::new();
    let mut script = Command::new(source().join("scripts/image-root"));
    programs::output(script.arg(dir.path()).arg(program), b"");
    Ok(dir)
}

/// Ends the test as skipped where there is none.
macro_rules! or_skip {
    ($what:expr) => {
        match $what {
            Ok(it) => it,
            Err(why) => skipped!("{why}"),
        }
    };
}
pub(crate) use or_skip;

/// The words that put this program in a root in the place of the one that follows them.
pub(crate) fn chroot(root: &Path, user: u32, program: &str) -> Vec<String> {
    let start = format!("shift; exec chroot --userspec={user}:{user} {} {program} \"$@\"", root.display());
    ["sh", "-c", &start, "sh"].map(str::to_owned).into()
}
