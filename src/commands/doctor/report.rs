//! What was found, as a table for people and as JSON for tools.

use std::fmt::Write as _;

use crate::admin::push_escaped;

/// How a check came out, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Not looked at; what was found says why.
    Skipped,
    /// It works, but not as well or as far as it could.
    Warning,
    /// It keeps redirection or wayside from working.
    Wrong,
}

impl Verdict {
    const ALL: [Verdict; 4] = [Verdict::Wrong, Verdict::Warning, Verdict::Ok, Verdict::Skipped];

    fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Skipped => "skipped",
            Verdict::Warning => "warning",
            Verdict::Wrong => "wrong",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The check; stable, for tools.
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    /// One line.
    pub(super) found: String,
    /// A command line that puts it right, where something is to be put right.
    pub(super) fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Finding {
        Finding { name, verdict: Verdict::Ok, found: found.into(), fix: None }
    }

    pub(super) fn skipped(name: &'static str, why: impl Into<String>) -> Finding {
        Finding { name, verdict: Verdict::Skipped, found: why.into(), fix: None }
    }

    pub(super) fn warning(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { name, verdict: Verdict::Warning, found: found.into(), fix: Some(fix.into()) }
    }

    pub(super) fn wrong(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { name, verdict: Verdict::Wrong, found: found.into(), fix: Some(fix.into()) }
    }
}

/// The worst of them.
pub(super) fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
}

/// Aligned columns; a fix stands below what it is for.
pub(super) fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { name, verdict, found, fix } in findings {
        // Writing to a string never fails.
        let _ = writeln!(text, "{name:width$}  {:7}  {found}", verdict.as_str());
        if let Some(fix) = fix {
            let _ = writeln!(text, "{:width$}  {:7}  fix: {fix}", "", "");
        }
    }
    let counts: Vec<String> = Verdict::ALL.map(|verdict| count(findings, verdict)).into();
    let _ = writeln!(text, "{}", counts.join(", "));
    text
}

fn count(findings: &[Finding], verdict: Verdict) -> String {
    let count = findings.iter().filter(|finding| finding.verdict == verdict).count();
    format!("{count} {}", verdict.as_str())
}

/// One object; a check without a fix has `null` there.
pub(super) fn json(findings: &[Finding]) -> String {
    let mut text = format!("{{\"verdict\":\"{}\",\"checks\":[", worst(findings).as_str());
    for (index, Finding { name, verdict, found, fix }) in findings.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        let _ = write!(text, "{{\"name\":\"{name}\",\"verdict\":\"{}\",\"found\":", verdict.as_str());
        quote(&mut text, found);
        text.push_str(",\"fix\":");
        match fix {
            Some(fix) => quote(&mut text, fix),
            None => text.push_str("null"),
        }
        text.push('}');
    }
    text.push_str("\n]}\n");
    text
}

fn quote(text: &mut String, value: &str) {
    text.push('"');
    push_escaped(text, value);
    text.push('"');
}
