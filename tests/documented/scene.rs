//! A place to run what documents show: network, mounts and processes of its own, and what the text takes for granted.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::read::root;
use crate::support::*;

/// What each script begins with. It runs as root in namespaces of its own, so all ports are free, nothing that it does to the packet filter
/// is seen outside, and what it starts ends with it.
const PRELUDE: &str = r#"
# Copied here, not by the test: a thread of it that starts a program at that moment would hold them open for writing. And as
# copies, because another user may not be let into the folder of the build.
mkdir bin
install -m 755 "$PROGRAM" bin/wayside
install -m 755 kubectl cargo bin
ip link set lo up
ip address add 192.0.2.80/32 dev lo
mount --bind hosts /etc/hosts
until_true() { for _ in {1..400}; do if "$@" 2>/dev/null; then return 0; fi; sleep 0.05; done; echo "never: $*" >&2; return 1; }
listens() { : <"/dev/tcp/$1/$2"; }
# serve ADDRESS PORT: the folder "served", by HTTP.
serve() { python3 -m http.server --bind "$1" --directory served "$2" >served.log 2>&1 & until_true listens "$1" "$2"; }
# wayside as its own user, with the rest as arguments of `run`.
run() { setpriv --reuid=2102 --regid=2102 --clear-groups wayside run "$@" >run.log 2>&1 & until_true grep -qx 'wayside: ready' run.log; }
# grep, reading to the end: else what writes to it is ended by a signal.
has() { grep "$@" >/dev/null; }
fetch() { curl -sS --noproxy '*' --max-time 20 "$@"; }
"#;

/// Stands in for a cluster: shows one Deployment, and keeps what is applied.
const KUBECTL: &str = r#"#!/bin/sh
case "$*" in
    "get deployment web -o yaml") cat deployment.yml ;;
    "apply -f -") cat >applied.yml ;;
    *) echo "kubectl $*: not in this cluster" >&2; exit 64 ;;
esac
"#;

/// Runs what has been built already.
const CARGO: &str = r#"#!/bin/sh
case "$1 $2 $3" in
    "run --release --") shift 3; exec wayside "$@" ;;
    *) echo "cargo $*: not here" >&2; exit 64 ;;
esac
"#;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: nginx:1.27  # the application
";

/// What a script needs that this machine may lack.
pub(crate) fn lacks() -> Option<String> {
    if !is_root() {
        return Some("not root".to_owned());
    }
    let programs = ["unshare", "ip", "setpriv", "python3", "curl", "nft", "bash"];
    programs.iter().find(|program| have(program).is_none()).map(|program| format!("there is no {program}"))
}

/// A folder with all that the scripts use.
fn folder() -> (TempDir, PathBuf) {
    let dir = TempDir::new();
    let place = dir.file("deployment.yml", DEPLOYMENT).parent().expect("a folder").to_owned();
    dir.file("hosts", "127.0.0.1 localhost\n192.0.2.80 example.com db.example.com\n10.0.0.2 api.internal\n");
    for sub in ["served", "examples"] {
        std::fs::create_dir(place.join(sub)).expect("a folder");
    }
    dir.file("served/index.html", "hello from the server\n");
    std::fs::copy(root().join("examples/routes.toml"), place.join("examples/routes.toml")).expect("a copy");
    dir.file("kubectl", KUBECTL);
    dir.file("cargo", CARGO);
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).expect("to open it");
    (dir, place)
}

/// Runs a script in bash, with this as `wayside.conf`; what it printed. Panics with what it said if it fails.
#[track_caller]
pub(crate) fn play(script: &str, config: &str) -> String {
    let (dir, place) = folder();
    dir.file("wayside.conf", config);
    let path = format!("{}/bin:{}", place.display(), std::env::var("PATH").unwrap_or_default());
    let script = format!("set -euo pipefail\n{PRELUDE}\n{script}\n");
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", &script])
        .current_dir(&place)
        .env("PATH", path)
        .env("PROGRAM", std::path::absolute(program()).expect("a path"))
        .env("HOME", &place);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WAYSIDE_") || name.to_string_lossy().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    programs::text(&mut command, "")
}
