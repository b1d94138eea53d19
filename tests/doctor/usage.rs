//! Options, forms of the answer and exit codes.

use std::io::{Read as _, Write as _};

use crate::patient::*;
use crate::support::*;

#[test]
fn a_wrong_flag_is_2() {
    for (arguments, said) in [
        (vec!["doctor", "--inbound-listen", "nowhere"], "--inbound-listen: "),
        (vec!["doctor", "--uid", "me"], "--uid"),
        (vec!["doctor", "stray"], "stray"),
        (vec!["doctor", "--ready", "--log-level"], "--log-level"),
    ] {
        let ended = run_to_end(&arguments, &[]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
}

#[test]
fn ready_asks_the_admin_port_and_nothing_else() {
    let wayside = Wayside::start(&["--forward", "127.0.0.1:0=127.0.0.1:9"]);
    let admin = wayside.admin().to_string();
    let ended = run_to_end(&["doctor", "--ready", "--admin-listen", &admin], &[]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    // As a container has it, by the environment; all addresses stand for loopback.
    let all = format!("0.0.0.0:{}", wayside.admin().port());
    assert_eq!(run_to_end(&["doctor", "--ready"], &[("WAYSIDE_ADMIN_LISTEN", &all)]).code, Some(0));
    let (_socket, nobody) = refusing();
    let ended = run_to_end(&["doctor", "--ready", "--admin-listen", &nobody.to_string()], &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert_eq!(ended.stderr, format!("wayside: {nobody}: Connection refused (os error 111)\n"));
    let ended = run_to_end(&["doctor", "--ready", "--admin-listen", "off"], &[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), "wayside: --admin-listen is off\n"));
}

#[test]
fn an_admin_port_that_never_answers_is_given_up() {
    let silent = listen();
    let addr = silent.local_addr().expect("its address").to_string();
    let began = std::time::Instant::now();
    assert_eq!(run_to_end(&["doctor", "--ready", "--admin-listen", &addr], &[]).code, Some(1));
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
}

/// Such as one that was put beside the one that it is to replace.
#[test]
fn wayside_by_another_name_is_known() {
    need_rules!();
    for config in ["", "workers = 2\n"] {
        let patient = Patient::sidecar();
        patient.dir.file("wayside.toml", config);
        let patient = patient.run_as("wayside.new", &[]);
        let said = patient.look(&[], &[]);
        assert_eq!(said.bad(), [""; 0], "{config:?}: {}", said.text);
        for name in ["port-inbound", "port-outbound", "port-admin"] {
            assert!(said.check(name).found.contains("wayside's (pid "), "{name} in {}", said.text);
        }
        // Its limits and its user are looked at, not those of this shell.
        assert!(said.check("descriptors").found.contains("of wayside (pid "), "{}", said.text);
        assert!(said.check("uid-exclusion").found.contains("as the running wayside"), "{}", said.text);
    }
}

/// As Linkerd's proxy does, on the same port.
#[test]
fn another_program_that_is_ready_is_not_wayside() {
    need_rules!();
    let patient = Patient::sidecar();
    let admin = patient.host.listen("127.0.0.1:4191".parse().expect("an address"));
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = admin.accept() {
            let _ = client.read(&mut [0; 1024]);
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nready\n");
        }
    });
    let said = patient.look(&[], &[]);
    said.expect(
        "port-admin",
        "wrong",
        "127.0.0.1:4191 is taken by",
        &format!("kill {} ", std::process::id()),
    );
}

#[test]
fn the_table_has_a_line_for_each_check_and_one_for_each_fix() {
    let (_socket, nobody) = refusing();
    let flags = ["--inbound-listen=off", "--outbound-listen=off", "--admin-listen", &nobody.to_string()];
    let arguments = [&["doctor", "--forward=127.0.0.1:0=127.0.0.1:9"][..], &flags].concat();
    let said = run_to_end(&arguments, &[]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    let (last, checks) = lines.split_last().expect("lines");
    let column = checks[0].find("  ok ").expect("a verdict of the first check") + 2;
    for line in checks {
        let words: Vec<&str> = line.get(column..).unwrap_or_default().split_whitespace().collect();
        let is_check = ["ok", "skipped", "warning", "wrong"].contains(&words[0]);
        assert!(is_check || words[0] == "fix:", "{line}");
    }
    assert!(said.stdout.contains("running") && said.stdout.contains("fix: wayside run"), "{}", said.stdout);
    assert!(last.contains(" wrong, ") && last.ends_with(" skipped"), "{last}");
}
