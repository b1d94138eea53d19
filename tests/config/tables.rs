//! `[[route]]` and `[backends.NAME]`: what is wrong with one is told with its line, its name and the way out.

use std::fmt::Write;

use crate::support::{TempFile, check_file, wayside};

/// A sound set, and what stands before the faulty part: three lines.
const SET: &str = "[backends.a]\nservers = ['a.test:1']\n\n";

/// Lines after [`SET`], and how the one line about them begins.
const WRONG: &[(&str, &str)] = &[
    // Backend sets.
    ("[backends.b]", "FILE:4: backends.b: it has no servers; write servers = "),
    ("[backends.b]\nservers = []", "FILE:5: backends.b: servers: an empty list; name at least one"),
    ("[backends.b]\nservers = 'b:1'", "FILE:5: backends.b: servers: not a list; write servers = "),
    (
        "[backends.b]\nservers = [1]",
        "FILE:5: backends.b: servers: integer where a text must stand; write \"host:port\"",
    ),
    (
        "[backends.b]\nservers = [\n'b:1',\n'b']",
        "FILE:7: backends.b: servers: \"b\" is not a server (the target has no port); write \"host:port\"",
    ),
    (
        "[backends.b]\nservers = ['b:0']",
        "FILE:5: backends.b: servers: \"b:0\" is not a server (there is no port 0",
    ),
    (
        "[backends.b]\nservers = ['1.2.3:1']",
        "FILE:5: backends.b: servers: \"1.2.3:1\" is not a server (\"1.2.3\" is",
    ),
    (
        "[backends.b]\nservers = ['::1:1']",
        "FILE:5: backends.b: servers: \"::1:1\" is not a server (\"::1\" is not",
    ),
    (
        "[backends.b]\nservers = ['b:1', 'B:1']",
        "FILE:5: backends.b: servers: B:1 stands there twice; give it a",
    ),
    (
        "[backends.b]\nservers = ['1.2.3.4:1', '[::ffff:1.2.3.4]:1']",
        "FILE:5: backends.b: servers: 1.2.3.4:1 stands",
    ),
    (
        "[backends.b]\nservers = [{ weight = 1 }]",
        "FILE:5: backends.b: servers: no address; write { address = ",
    ),
    (
        "[backends.b]\nservers = [{ address = 'b:1', weigth = 1 }]",
        "FILE:5: backends.b: \"weigth\" is not a key of it; did you mean \"weight\"?",
    ),
    (
        "[backends.b]\nservers = [{ address = 'b:1', weight = 65536 }]",
        "FILE:5: backends.b: servers: the weight is not an integer from 0 to 65535",
    ),
    (
        "[backends.b]\nservers = [{ address = 'b:1', weight = -1 }]",
        "FILE:5: backends.b: servers: the weight is not",
    ),
    (
        "[backends.b]\nservers = [{ address = 'b:1', weight = '1' }]",
        "FILE:5: backends.b: servers: the weight is not",
    ),
    (
        "[backends.b]\nservers = [{ address = 'b:1', weight = 0 }]",
        "FILE:5: backends.b: servers: every weight is 0",
    ),
    (
        "[backends.b]\nserver = ['b:1']\nservers = ['b:1']",
        "FILE:5: backends.b: \"server\" is not a key of it; did you",
    ),
    (
        "[backends.b]\nservers = ['b:1']\nlog = 'info'",
        "FILE:6: backends.b: \"log\" is not a key of it; it is an option",
    ),
    (
        "[backends.\"b c\"]\nservers = ['b:1']",
        "FILE:4: backends: \"b c\" is not a name; write 1 to 63 letters",
    ),
    (
        "[backends.b]\nservers = ['127.0.0.1:4140']",
        "FILE:5: backends.b: 127.0.0.1:4140 is our own listener, 127.0.0.1",
    ),
    (
        "[backends.b]\nservers = ['localhost:4191']",
        "FILE:5: backends.b: localhost:4191 is our own listener, ",
    ),
    ("[backend.b]\nservers = ['b:1']", "FILE:4: \"backend\" is not an option; did you mean \"backends\"?"),
    ("[[routes]]\nbackend = 'a'", "FILE:4: \"routes\" is not an option; did you mean \"route\"?"),
    ("[route]\nbackend = 'a'", "FILE:4: route: table where tables must stand; write [[route]]"),
    // Names.
    (
        "[[route]]\nname = 'a b'\nbackend = 'a'",
        "FILE:5: route \"route-1\": name: \"a b\" is not a name; write 1 to 63",
    ),
    (
        "[[route]]\nname = 1\nbackend = 'a'",
        "FILE:5: route \"route-1\": name: integer where a text must stand",
    ),
    (
        "[[route]]\nname = 'r'\nbackend = 'a'\n[[route]]\nname = 'r'\npath = '/'\nbackend = 'a'",
        "FILE:7: route \"r\": there is another of this name (FILE:4); give each its own",
    ),
    (
        "[[route]]\nname = 'route-2'\nbackend = 'a'\n[[route]]\npath = '/'\nbackend = 'a'",
        "FILE:7: route \"route-2\": there is another of this name (FILE:4); give each its own",
    ),
    (
        "[[route]]\nmethod = ['GET', 'PUT']\nbackend = 'a'\n[[route]]\nmethod = ['PUT', 'GET']\nbackend = 'a'",
        "FILE:7: route \"route-2\": it asks for the same as route \"route-1\" (FILE:4), which always comes first; take",
    ),
    // Backends of a route.
    ("[[route]]\nname = 'r'", "FILE:4: route \"r\": it has no backend; write backend = \"NAME\""),
    (
        "[[route]]\nbackend = 'b'",
        "FILE:5: route \"route-1\": backend: there is no backend set \"b\"; did you mean \"a\"?",
    ),
    (
        "[[route]]\nbackend = 'other'",
        "FILE:5: route \"route-1\": backend: there is no backend set \"other\"; write [b",
    ),
    (
        "[[route]]\nbackend = { other = 1, a = 1 }",
        "FILE:5: route \"route-1\": backend: there is no backend set \"other\"",
    ),
    ("[[route]]\nbackend = {}", "FILE:5: route \"route-1\": backend: an empty table; write backend = "),
    ("[[route]]\nbackend = ['a']", "FILE:5: route \"route-1\": backend: array is no name; write backend = "),
    ("[[route]]\nbackend = { a = 0 }", "FILE:5: route \"route-1\": backend: every weight is 0"),
    (
        "[[route]]\nbackend = { a = 65536 }",
        "FILE:5: route \"route-1\": backend: the weight is not an integer from 0",
    ),
    (
        "[[route]]\nbakend = 'a'\nbackend = 'a'",
        "FILE:5: route \"route-1\": \"bakend\" is not a key of it; did you mean",
    ),
    (
        "[[route]]\ncolour = 'a'\nbackend = 'a'",
        "FILE:5: route \"route-1\": \"colour\" is not a key of it; there are name",
    ),
];

/// A line of a route, and how the one line about it goes on.
const WRONG_LINES: &[(&str, &str)] = &[
    (
        "listen = 'inbuond'",
        "listen: \"inbuond\" is not a listener; write \"inbound\", \"outbound\" or the listen address",
    ),
    ("listen = []", "listen: an empty list; leave it out to mean all"),
    ("listen = 1", "listen: integer where a text must stand; write \"inbound\""),
    ("listen = ['inbound', 'inbound']", "listen: \"inbound\" stands there twice"),
    (
        "listen = '127.0.0.1:9'",
        "listen: no forward listens on 127.0.0.1:9; there is no forward; write \"inbound\" or",
    ),
    ("authority = []", "authority: an empty list; leave it out to mean all"),
    ("authority = ''", "authority: \"\" is not an authority (not a host name); write \"api.example.com\""),
    (
        "authority = '*'",
        "authority: \"*\" is not an authority (leave authority out to mean all hosts); write",
    ),
    ("authority = '*.'", "authority: \"*.\" is not an authority (not a host name)"),
    (
        "authority = '*x.test'",
        "authority: \"*x.test\" is not an authority (a \"*\" stands alone, as the first label)",
    ),
    ("authority = 'a.*.test'", "authority: \"a.*.test\" is not an authority (a \"*\" stands alone"),
    ("authority = '*.*.test'", "authority: \"*.*.test\" is not an authority (a \"*\" stands alone"),
    ("authority = '*.1.2.3.4'", "authority: \"*.1.2.3.4\" is not an authority (not a host name)"),
    ("authority = 'a..test'", "authority: \"a..test\" is not an authority (not a host name)"),
    ("authority = 'http://a.test'", "authority: \"http://a.test\" is not an authority (the port is not one"),
    (
        "authority = 'a.test:0'",
        "authority: \"a.test:0\" is not an authority (the port is not one from 1 to 65535)",
    ),
    (
        "authority = 'a.test:'",
        "authority: \"a.test:\" is not an authority (the port is not one from 1 to 65535)",
    ),
    ("authority = '::1'", "authority: \"::1\" is not an authority (an IPv6 address stands in brackets)"),
    ("authority = '[::1'", "authority: \"[::1\" is not an authority (not an IPv6 address in brackets)"),
    (
        "authority = '[a.test]'",
        "authority: \"[a.test]\" is not an authority (not an IPv6 address in brackets)",
    ),
    ("authority = ['a.test', 'A.test.']", "authority: \"A.test.\" stands there twice"),
    ("path = 'x'", "path: \"x\" is not a path; it does not begin with \"/\""),
    ("path = ''", "path: \"\" is not a path; it does not begin with \"/\""),
    ("path = '*'", "path: \"*\" is not a path; it does not begin with \"/\""),
    ("path = '/x?y'", "path: \"/x?y\" is not a path; the query is no part of the path"),
    ("path = '/é'", "path: \"/é\" is not a path; other than plain ASCII stands percent-encoded in a request"),
    ("path = ['/']", "path: array where a text must stand; write it with a \"/\""),
    ("path-prefix = 'x'", "path-prefix: \"x\" is not a path; it does not begin with \"/\""),
    ("path = '/a', path-prefix = '/b'", "path and path-prefix together; write one or the other"),
    ("method = []", "method: an empty list; leave it out to mean all"),
    (
        "method = 'GET POST'",
        "method: \"GET POST\" is not the name of a method; write letters, digits and hyphens",
    ),
    ("method = ''", "method: \"\" is not the name of a method"),
    ("method = ['GET', 'GET']", "method: \"GET\" stands there twice"),
    ("header = {}", "header: an empty table; leave it out to mean all"),
    ("header = 'x: y'", "header: string is no table; write header = { name = \"value\" }"),
    (
        "header = { 'x y' = 'z' }",
        "header: \"x y\" is not the name of a header; write letters, digits and hyphens",
    ),
    ("header = { x = 'y', X = 'z' }", "header: \"x\" stands there twice; names are the same in any case"),
    ("header = { x = 1 }", "header: integer where a text must stand; write header = "),
    (
        "header = { x = ' y' }",
        "header: \" y\" has space at its ends, which is no part of a value; take it away",
    ),
    (
        "header = { x = \"a\\r\\nb\" }",
        "header: \"a\\r\\nb\" has control characters, and no value can; take them out",
    ),
];

fn expect(content: &str, expected: &str) {
    let file = TempFile::new(content);
    let said = wayside(&["check", "--config", file.path()], &[]);
    let stderr = said.stderr.replace(file.path(), "FILE");
    // That a set is not named is beside the point here.
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.ends_with(": no route names it")).collect();
    assert_eq!((said.code, lines.len()), (1, 1), "{content}\n{stderr}");
    assert!(lines[0].starts_with(expected), "{content}\n{stderr}\n{expected}");
}

#[test]
fn wrong_tables() {
    for (lines, expected) in WRONG {
        expect(&format!("{SET}{lines}\n"), expected);
    }
}

#[test]
fn wrong_criteria() {
    for (line, expected) in WRONG_LINES {
        let content =
            format!("{SET}[[route]]\nname = 'r'\nbackend = 'a'\n{}\n", line.replace(", path-", "\npath-"));
        let at = if line.contains(", path-") { 8 } else { 7 };
        expect(&content, &format!("FILE:{at}: route \"r\": {expected}"));
    }
}

#[test]
fn bounds() {
    let many = |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<String>();
    let routes =
        |count| format!("{SET}{}", many(count, &|n| format!("[[route]]\npath = '/{n}'\nbackend = 'a'\n")));
    let sets = |count| {
        let set =
            |n| format!("[backends.b{n}]\nservers = ['b:1']\n[[route]]\npath='/{n}'\nbackend = 'b{n}'\n");
        many(count, &set)
    };
    let servers = |count| {
        let list = many(count, &|n| format!("'b:{}',", n + 1));
        format!("[[route]]\nbackend = 'b'\n[backends.b]\nservers = [{list}]\n")
    };
    let paths = |count| {
        let list = many(count, &|n| format!("'h{n}.test',"));
        format!("{SET}[[route]]\nbackend = 'a'\nauthority = [{list}]\n")
    };
    for (right, wrong, expected) in [
        (routes(1024), routes(1025), "route: routes: 1025 of them; the most is 1024"),
        (sets(256), sets(257), "backends: backend sets: 257 of them; the most is 256"),
        (servers(256), servers(257), "backends.b: servers: 257 of them; the most is 256"),
        (paths(256), paths(257), "route \"route-1\": authority: 257 of them; the most is 256"),
    ] {
        let said = check_file(right);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{expected}");
        let said = check_file(wrong);
        let lines: Vec<&str> = said.lines().into_iter().filter(|line| line.contains(expected)).collect();
        assert_eq!((said.code, lines.len()), (1, 1), "{said:?}");
    }
}

#[test]
fn check_prints_the_tables() {
    let mut content = "forward = '127.0.0.1:9=db:1'\n\n".to_owned();
    let _ = write!(
        content,
        "[[route]]\nlisten = 'outbound'\nauthority = 'A.test'\npath-prefix = '/v1/'\nmethod = 'GET'\n\
         header = {{ X-A = 'b' }}\nbackend = {{ b = 2, a = 1 }}\n[[route]]\nlisten = ['127.0.0.1:9']\nbackend = 'a'\n\
         [backends.b]\nservers = [{{ address = 'b:1', weight = 3 }}, '[::1]:2']\n{SET}"
    );
    let file = TempFile::new(content);
    let said = wayside(&["check", "--config", file.path()], &[]);
    let expected = "\n\
        [backends.a]  # FILE:15\nservers = [\"a.test:1\"]\n\n\
        [backends.b]  # FILE:13\nservers = [{ address = \"b:1\", weight = 3 }, \"[::1]:2\"]\n\n\
        [[route]]  # FILE:3\nname = \"route-1\"\nlisten = [\"outbound\"]\nauthority = [\"a.test\"]\n\
        path-prefix = \"/v1\"\nmethod = [\"GET\"]\nheader = { \"x-a\" = \"b\" }\nbackend = { a = 1, b = 2 }\n\n\
        [[route]]  # FILE:10\nname = \"route-2\"\nlisten = [\"127.0.0.1:9\"]\nbackend = \"a\"\n";
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let stdout = said.stdout.replace(file.path(), "FILE");
    assert!(stdout.ends_with(expected), "{stdout}");
}

#[test]
fn a_forward_may_come_from_a_flag() {
    let file = TempFile::new(format!("{SET}[[route]]\nlisten = '127.0.0.1:9'\nbackend = 'a'\n"));
    let said = wayside(&["check", "--config", file.path(), "--forward", "127.0.0.1:9=db:1"], &[]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let said = wayside(&["check", "--config", file.path(), "--forward", "127.0.0.1:8=db:1"], &[]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("write \"inbound\", \"outbound\" or one of 127.0.0.1:8\n"), "{said:?}");
    let said = wayside(&["check", "--config", file.path(), "--forward", "127.0.0.1:8"], &[]);
    assert_eq!(said.lines().len(), 1, "a wrong forward is the one to tell: {said:?}");
}

#[test]
fn a_misspelt_backend_is_one_line() {
    let said = check_file(format!("{SET}[[route]]\nbackend = 'aa'\n"));
    let expected =
        "FILE:5: route \"route-1\": backend: there is no backend set \"aa\"; did you mean \"a\"?\n";
    assert_eq!((said.code, said.stderr.as_str()), (1, expected));
}

#[test]
fn a_set_that_no_route_names_is_a_warning() {
    let said = check_file(SET);
    assert_eq!((said.code, said.stderr.as_str()), (0, "warning: FILE:1: backends.a: no route names it\n"));
}
