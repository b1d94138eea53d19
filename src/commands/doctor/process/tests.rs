//! Sockets and answers in, verdicts out.

use super::*;
use crate::commands::doctor::facts::Process;
use crate::commands::doctor::report::Verdict::{self, *};
use crate::commands::doctor::report::json;

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
fn who_has_the_port() {
    let owner = |name: &str| Some(Process { pid: 7, name: name.to_owned(), is_wayside: name == PROGRAM });
    let cases: [(&str, Option<Process>, bool, Verdict, &str); 9] = [
        ("127.0.0.1:80", owner("nc"), false, Ok, "is free"),
        ("127.0.0.1:4140", owner("nc"), false, Wrong, "taken by nc (pid 7, uid 5)"),
        ("0.0.0.0:4140", owner("nc"), false, Wrong, "taken by nc"),
        ("[::]:4140", owner("nc"), true, Wrong, "taken by nc"),
        ("127.0.0.2:4140", owner("nc"), false, Ok, "is free"),
        ("[::1]:4140", owner("nc"), false, Wrong, "[::1]:4140 is taken"),
        ("127.0.0.1:4140", owner("wayside"), false, Ok, "wayside's (pid 7)"),
        ("127.0.0.1:4140", None, true, Ok, "held by uid 5, and wayside answers"),
        ("127.0.0.1:4140", None, false, Warning, "only root may see"),
    ];
    for (there, owner, answers, verdict, found) in cases {
        let mut facts = Facts { has_proc: true, ..Facts::default() };
        facts.sockets.push(Listening { addr: addr(there), user: 5, inode: 1, owner });
        facts.ready.extend(answers.then(|| (addr("127.0.0.1:4191"), Ready::Yes)));
        let finding = ports(&facts, "port", "--outbound-listen", &facts.config.outbound);
        assert!(finding.verdict == verdict && finding.found.contains(found), "{there}: {finding:?}");
    }
}

#[test]
fn without_proc_no_port_is_called_free() {
    let facts = Facts::default();
    let finding = ports(&facts, "port", "--outbound-listen", &facts.config.outbound);
    assert_eq!(finding.verdict, Skipped, "{finding:?}");
}

#[test]
fn whether_it_runs() {
    let admin = addr("127.0.0.1:4191");
    let refused = || Ready::No("Connection refused".to_owned());
    let cases = [
        (vec![], Skipped, "no admin address"),
        (vec![Ready::Yes], Ok, "ready"),
        (vec![refused(), Ready::Yes], Ok, "ready"),
        (vec![refused(), Ready::Draining], Wrong, "drains"),
        // Without rules, nothing is broken by it.
        (vec![refused()], Warning, "Connection refused"),
        (vec![Ready::Hung], Wrong, "does not answer within 1 s"),
        (vec![Ready::Other(404)], Warning, "another program, with status 404"),
    ];
    for (answers, verdict, found) in cases {
        let ready = answers.into_iter().map(|ready| (admin, ready)).collect();
        let finding = running(&Facts { ready, ..Facts::default() });
        assert!(finding.verdict == verdict && finding.found.contains(found), "{finding:?}");
    }
}

#[test]
fn the_configuration_is_told_with_what_is_wrong() {
    let wrong = Facts { problems: vec!["a: b".to_owned()], ..Facts::default() };
    let odd = Facts { oddities: vec!["\"odd\"".to_owned()], ..Facts::default() };
    assert_eq!(configuration(&Facts::default()).verdict, Ok);
    assert_eq!(configuration(&wrong).verdict, Wrong);
    let finding = configuration(&odd);
    assert_eq!(finding.verdict, Warning);
    let text = "{\"verdict\":\"warning\",\"checks\":[\n{\"name\":\"config\",\"verdict\":\"warning\",\
                \"found\":\"\\\"odd\\\"\",\"fix\":\"wayside check\"}\n]}\n";
    assert_eq!(json(&[finding]), text);
}
