//! Real-world manifests: the exact text that comes out. `WAYSIDE_BLESS=1 cargo test --test inject` writes it anew; then look at it.

use super::*;

/// Not the default, which has the version in it.
const IMAGE: &str = "--image=registry.local/wayside:1";

/// Compares with a file, or writes it.
#[track_caller]
fn is_golden(name: &str, text: &str) {
    let path = folder("golden").join(name);
    if std::env::var_os("WAYSIDE_BLESS").is_some() {
        std::fs::write(&path, text).expect("to write it");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} is not {}:\n{text}", path.display());
}

#[test]
fn the_text_is_as_it_was_but_for_what_is_added() {
    let mut report = String::new();
    for (name, text) in manifests() {
        let (out, said) = fine(&["inject", IMAGE, "--skip-outbound-ports=4406"], &text);
        is_golden(&name, &out);
        report.push_str(&format!("== {name}\n{said}"));
    }
    is_golden("stderr.txt", &report);
}

#[test]
fn a_classic_sidecar_stands_among_the_containers() {
    for name in ["no-final-newline.yml", "block-scalars.yml", "list.json"] {
        let text = std::fs::read(folder("manifests").join(name)).expect("a manifest");
        is_golden(&format!("classic-{name}"), &fine(&["inject", IMAGE, "--classic-sidecar"], &text).0);
    }
}

#[test]
fn every_option_is_seen() {
    let arguments = [
        "inject",
        "--image=registry/wayside:9",
        "--init-image=registry/nft:1",
        "--image-pull-policy=Always",
        "--inbound-port=1143",
        "--outbound-port=1140",
        "--admin-port=1191",
        "--skip-inbound-ports=22,8100-8102",
        "--skip-outbound-ports=4406,4407",
        "--opaque-ports=5432",
        "--proxy-uid=4242",
        "--proxy-cpu-request=none",
        "--proxy-cpu-limit=100m",
        "--proxy-memory-request=8Mi",
        "--proxy-memory-limit=none",
        "--proxy-log-level=info",
        "--access-log=json",
    ];
    is_golden("options.yml", &fine(&arguments, POD.as_bytes()).0);
}

#[test]
fn twice_is_once_and_undone_is_as_before() {
    // An empty list of init containers goes away, and what was written anew stays in our notation.
    let differ = ["empty-lists.yml", "minified.json", "shared-spec.yml", "explicit-keys.yml"];
    for (name, text) in manifests() {
        for classic in [&[][..], &["--classic-sidecar"]] {
            let (out, _) = fine(&[&["inject"], classic].concat(), &text);
            let (again, said) = fine(&["inject"], out.as_bytes());
            assert!(again == out && !said.contains(": injected"), "{name}: {said}");
            let (undone, _) = fine(&["uninject"], out.as_bytes());
            assert!(undone.as_bytes() == text || differ.contains(&name.as_str()), "{name}:\n{undone}");
            let (bare, said) = fine(&["uninject"], undone.as_bytes());
            assert!(bare == undone && !said.contains(": uninjected"), "{name}: {said}");
        }
    }
}
