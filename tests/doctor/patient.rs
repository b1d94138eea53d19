//! A host to look at, what doctor says of it, and how that is read.

use std::collections::HashMap;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tinyjson::JsonValue;

use crate::support::*;

/// The user that wayside runs as. Nothing it sends is redirected.
pub(crate) const WAYSIDE: u32 = 2102;

/// The rules of a sidecar.
pub(crate) const EXCLUDE: &str = "-t nat -A OUTPUT -p tcp -m owner --uid-owner 2102 -j RETURN";
pub(crate) const OUTBOUND: &str = "-t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 4140";
pub(crate) const INBOUND: &str = "-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 4143";

/// What doctor says about one check.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) verdict: String,
    pub(crate) found: String,
    pub(crate) fix: Option<String>,
}

/// All that it says.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    pub(crate) code: Option<i32>,
    pub(crate) checks: HashMap<String, Said>,
    pub(crate) text: String,
}

impl Diagnosis {
    pub(crate) fn of(output: &Output) -> Diagnosis {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value: JsonValue = text.parse().unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let word = |value: &JsonValue, key: &str| value[key].get::<String>().cloned();
        let checks: &Vec<JsonValue> = value["checks"].get().expect("checks");
        let said = checks.iter().map(|check| {
            let must = |key| word(check, key).unwrap_or_else(|| panic!("{key} in {text}"));
            (must("name"), Said { verdict: must("verdict"), found: must("found"), fix: word(check, "fix") })
        });
        let checks: HashMap<String, Said> = said.collect();
        let is_wrong = checks.values().any(|said| said.verdict == "wrong");
        assert_eq!(output.status.code(), Some(i32::from(is_wrong)), "{text}");
        for said in checks.values() {
            let is_bad = said.verdict == "wrong" || said.verdict == "warning";
            assert_eq!(said.fix.is_some(), is_bad, "a fix for what is bad, and only for that: {said:?}");
        }
        Diagnosis { code: output.status.code(), checks, text }
    }

    /// What it says about this check.
    #[track_caller]
    pub(crate) fn check(&self, name: &str) -> &Said {
        self.checks.get(name).unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// The checks that are wrong or warn, by name.
    pub(crate) fn bad(&self) -> Vec<&str> {
        let bad = self.checks.iter().filter(|(_, said)| said.verdict == "wrong" || said.verdict == "warning");
        let mut names: Vec<&str> = bad.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// This check has this verdict; its words and its fix hold these.
    #[track_caller]
    pub(crate) fn expect(&self, name: &str, verdict: &str, found: &str, fix: &str) {
        let said = self.check(name);
        assert_eq!(said.verdict, verdict, "{name} in {}", self.text);
        assert!(said.found.contains(found), "{name}: no {found:?} in {said:?}");
        let has_fix = said.fix.as_ref().is_some_and(|said| said.contains(fix));
        assert!(has_fix, "{name}: no {fix:?} in {said:?}");
    }
}

/// A host, with rules or not, and with wayside or not.
pub(crate) struct Patient {
    pub(crate) host: Host,
    pub(crate) wayside: Option<Wayside>,
    pub(crate) dir: TempDir,
}

impl Patient {
    /// With these rules for IPv4 and IPv6, and no wayside.
    pub(crate) fn new(v4: &[&str], v6: &[&str]) -> Patient {
        let host = Host::new("patient");
        for (family, rules) in [(Family::V4, v4), (Family::V6, v6)] {
            rules.iter().for_each(|rule| host.filter(family, rule));
        }
        let dir = TempDir::new();
        copy_program(program(), &dir.path().join("wayside"));
        dir.file("wayside.toml", "");
        Patient { host, wayside: None, dir }
    }

    /// With the rules of a sidecar.
    pub(crate) fn sidecar() -> Patient {
        let rules = [EXCLUDE, OUTBOUND, INBOUND];
        Patient::new(&rules, &rules)
    }

    /// Starts wayside there with its defaults, as [`WAYSIDE`], through these words.
    pub(crate) fn run(self, through: &[&str]) -> Patient {
        self.run_as("wayside", through)
    }

    /// The same of a program file of this name.
    pub(crate) fn run_as(mut self, name: &str, through: &[&str]) -> Patient {
        let file = self.dir.path().join(name);
        if !file.exists() {
            copy_program(program(), &file);
        }
        let (uid, gid) = (format!("--reuid={WAYSIDE}"), format!("--regid={WAYSIDE}"));
        let start = format!("shift; exec {} \"$@\"", file.display());
        let mut wrapper = self.host.wrapper().to_vec();
        wrapper.extend(through);
        wrapper.extend(["setpriv", &uid, &gid, "--clear-groups", "sh", "-c", &start, "sh"]);
        let config = self.dir.path().join("wayside.toml");
        // The harness would turn the listeners off, where no file says otherwise.
        let args = ["--config", config.to_str().expect("a path")];
        self.wayside = Some(Launch::new(&args).through(&wrapper).start().expect("wayside"));
        self
    }

    /// Loads this there.
    #[track_caller]
    pub(crate) fn nft(&self, text: &str) {
        let ran = self.host.run(|| Command::new("nft").arg(text).output().expect("nft"));
        assert!(ran.status.success(), "{ran:?}");
    }

    /// What doctor says there, through these words and with these arguments.
    #[track_caller]
    pub(crate) fn look(&self, through: &[&str], args: &[&str]) -> Diagnosis {
        for _ in 0..5 {
            let began = Instant::now();
            let output = self.doctor(through, &[&["--json"], args].concat());
            let took = began.elapsed();
            assert!(took < Duration::from_secs(5), "it took {took:?}");
            let said = Diagnosis::of(&output);
            // A busy machine: the packet filter's programs did not answer in time.
            if !said.text.contains("no answer in") {
                return said;
            }
        }
        panic!("the packet filter's programs never answer in time");
    }

    /// Runs a fix there as it was printed: `wayside` is the program that is tested.
    #[track_caller]
    pub(crate) fn follow(&self, fix: &str) {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-ec", fix]).env("PATH", format!("{}:{path}", self.dir.path().display()));
        let ran = self.host.run(|| shell.output().expect("sh"));
        assert!(ran.status.success(), "{fix}: {ran:?}");
    }

    pub(crate) fn doctor(&self, through: &[&str], args: &[&str]) -> Output {
        let [ip, words @ ..] = self.host.wrapper();
        let mut command = Command::new(ip);
        command.args(words).args(through).arg(self.dir.path().join("wayside")).arg("doctor").args(args);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WAYSIDE_"))
        {
            command.env_remove(name);
        }
        command.output().expect("doctor")
    }
}

/// Ends the test as skipped where rules cannot be had.
macro_rules! need_rules {
    () => {
        for family in [Family::V4, Family::V6] {
            if let Err(why) = family.packet_filter() {
                skipped!("{why}")
            }
        }
    };
}
pub(crate) use need_rules;
