//! The route tables of `tests/routes/`: what stands in the file, the requests, and the backend sets that they go to.
//!
//! `tests/routes/README.md` says how they are written. The same tables can be asked of the router and of live traffic.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use toml::Value;

/// One table of routes and what is asked of it.
#[derive(Debug)]
pub struct Table {
    /// The file and what it shows.
    pub name: String,
    routes: String,
    /// In the order of the file.
    pub cases: Vec<Case>,
}

/// One request or TLS name.
#[derive(Debug)]
pub struct Case {
    /// As it is written, to be shown when it fails.
    pub line: String,
    /// The listener that it comes in by.
    pub listen: Listener,
    /// What is asked.
    pub ask: Ask,
    /// The backend sets that it may go to, each of them sometimes; empty: it takes no route.
    pub backends: Vec<String>,
}

/// A listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    Inbound,
    Outbound,
    /// `{forward}`.
    Forward,
    /// `{other}`.
    Other,
}

/// What comes in.
#[derive(Debug)]
pub enum Ask {
    /// A request.
    Request {
        method: String,
        /// `http://host/path`, or `host:port` for CONNECT.
        url: String,
        /// As they are sent, besides Host.
        headers: Vec<(String, String)>,
    },
    /// A ClientHello; empty: without a name.
    Tls(String),
}

/// Every table of `tests/routes/`.
pub fn tables() -> Vec<Table> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/routes");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    let mut tables = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a file");
        let file: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let stem = path.file_stem().expect("a name").to_string_lossy();
        for table in file["table"].as_array().expect("[[table]]") {
            tables.push(Table::of(&stem, table));
        }
    }
    tables
}

impl Table {
    fn of(file: &str, table: &Value) -> Table {
        let text = |key: &str| table[key].as_str().expect("a text");
        Table {
            name: format!("{file}: {}", text("name")),
            routes: text("routes").to_owned(),
            cases: text("cases").lines().map(Case::of).collect(),
        }
    }

    /// The names of all backend sets, sorted.
    pub fn backends(&self) -> BTreeSet<String> {
        let file: toml::Table = self.routes.parse().expect("TOML");
        let routes = file.get("route").and_then(Value::as_array).into_iter().flatten();
        let mut names = BTreeSet::new();
        for route in routes {
            match &route["backend"] {
                Value::Table(weights) => names.extend(weights.keys().cloned()),
                name => drop(names.insert(name.as_str().expect("a name").to_owned())),
            }
        }
        names
    }

    /// The table as a file, with the addresses of two forwards, and each backend set's servers (`"host:port"`).
    pub fn to_toml(&self, [forward, other]: [&str; 2], servers: impl Fn(&str) -> Vec<String>) -> String {
        let mut text = self.routes.replace("{forward}", forward).replace("{other}", other);
        for name in self.backends() {
            let _ = write!(text, "\n[backends.{name}]\nservers = {:?}\n", servers(&name));
        }
        text
    }
}

impl Case {
    fn of(line: &str) -> Case {
        let mut parts = line.split('|').map(str::trim);
        let words: Vec<&str> = parts.next().expect("a request").split_whitespace().collect();
        let (&backends, words) = words.split_first().expect("backend sets");
        let (listen, words) = match words {
            ["@inbound", rest @ ..] => (Listener::Inbound, rest),
            ["@forward", rest @ ..] => (Listener::Forward, rest),
            ["@other", rest @ ..] => (Listener::Other, rest),
            rest => (Listener::Outbound, rest),
        };
        let ask = match *words {
            ["TLS"] => Ask::Tls(String::new()),
            ["TLS", name] => Ask::Tls(name.to_owned()),
            [method, url] => {
                let field = |field: &str| {
                    let (name, value) = field.split_once(':').expect("name: value");
                    (name.to_owned(), value.trim().to_owned())
                };
                let headers = parts.map(field).collect();
                Ask::Request { method: method.to_owned(), url: url.to_owned(), headers }
            }
            _ => panic!("not a case: {line}"),
        };
        let backends = backends.split('/').filter(|name| *name != "-").map(str::to_owned).collect();
        Case { line: line.to_owned(), listen, ask, backends }
    }
}

/// The authority of a URL, and the request target in origin form (`*` for OPTIONS, the authority itself for CONNECT).
pub fn split<'a>(method: &str, url: &'a str) -> (&'a str, &'a str) {
    let Some(rest) = url.strip_prefix("http://") else {
        return (url, url);
    };
    match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, if method == "OPTIONS" { "*" } else { "/" }),
    }
}
