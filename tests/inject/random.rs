//! Random bytes, and real manifests with random damage: never a panic, and what is accepted comes back whole.

use proptest::prelude::*;

use super::*;

/// Neither a crash nor half a result.
fn ends_well(text: &[u8]) -> Result<(), TestCaseError> {
    for command in ["inject", "uninject"] {
        let output = wayside(&[command], text);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        prop_assert!(matches!(output.status.code(), Some(0 | 1)) && !said.contains("panicked"), "{}", said);
        prop_assert!(output.status.success() || output.stdout.is_empty(), "{}", said);
        if command == "inject" && output.status.success() {
            let again = wayside(&[command], &output.stdout);
            prop_assert!(again.stdout == output.stdout, "not the same twice");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn bytes_of_any_kind(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        ends_well(&text)?;
    }

    #[test]
    fn what_looks_like_yaml(text in "([ \\-:?&*a!|>{}\\[\\],\"'#%~\n\t]|kind: Pod\n|spec:\n|containers:\n|apiVersion: v1\n|---\n|\\.\\.\\.\n|<<: \\*a|é){0,60}") {
        ends_well(text.as_bytes())?;
    }

    #[test]
    fn manifests_with_damage(
        which in any::<proptest::sample::Index>(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), "[ \\-:&*!|{}\\[\\],\"'#\n\ta]{0,3}", 0usize..8), 1..4),
    ) {
        let all = manifests();
        let (_, text) = which.get(&all);
        let mut text = text.clone();
        for (place, put, taken) in damage {
            let at = place.index(text.len());
            let end = (at + taken).min(text.len());
            text.splice(at..end, put.into_bytes());
        }
        ends_well(&text)?;
    }
}
