//! `[backends.NAME]`: a backend set.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Reader;
use super::tables::{NAME, Table, Tables, is_name};
use crate::config::Target;
use crate::config::problem::{Origin, Problem, quote};
use crate::config::routes::{Backends, MOST_BACKENDS, MOST_SERVERS, Server};
use crate::config::value::{SERVER, server};

const FORM: &str = "write [backends.NAME] and servers = [\"host:port\"]";

/// Reads all of `backends`.
pub(super) fn read(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Tables {
    let mut all = Table { reader, what: "backends".to_owned(), problems };
    let DeValue::Table(sets) = value.get_ref() else {
        all.fault(value.span(), &format!("{} where a table must stand; {FORM}", value.get_ref().type_str()));
        return Tables::default();
    };
    let mut tables = Tables::default();
    if let Some((key, _)) = sets.iter().nth(MOST_BACKENDS) {
        all.too_many("backend sets", key.span(), sets.len(), MOST_BACKENDS);
        return tables;
    }
    for (key, value) in sets {
        let name = key.get_ref().as_ref();
        let mut table = Table { reader, what: format!("backends.{name}"), problems: all.problems };
        if !is_name(name) {
            table.what = "backends".to_owned();
            table.fault(key.span(), &format!("{} is not a name; {NAME}", quote(name)));
        }
        let servers = match value.get_ref() {
            DeValue::Table(set) => servers(&mut table, key.span(), set),
            other => {
                table.fault(key.span(), &format!("{} where a table must stand; {FORM}", other.type_str()));
                Vec::new()
            }
        };
        let (servers, servers_at) = servers.into_iter().unzip();
        tables.backends_at.push((table.at(key.span()), servers_at));
        tables.backends.push(Backends { name: name.to_owned(), servers });
    }
    tables
}

fn servers(
    table: &mut Table<'_, '_>,
    at: std::ops::Range<usize>,
    set: &DeTable<'_>,
) -> Vec<(Server, Origin)> {
    table.known_keys(set, &["servers"]);
    let Some(value) = set.get("servers") else {
        table.fault(at, "it has no servers; write servers = [\"host:port\"]");
        return Vec::new();
    };
    let DeValue::Array(values) = value.get_ref() else {
        table.fault(value.span(), "servers: not a list; write servers = [\"host:port\"]");
        return Vec::new();
    };
    if values.is_empty() {
        table.fault(value.span(), "servers: an empty list; name at least one");
    }
    if table.too_many("servers", value.span(), values.len(), MOST_SERVERS) {
        return Vec::new();
    }
    let (mut servers, mut seen) = (Vec::new(), BTreeSet::new());
    for value in values.iter() {
        let Some(server) = one(table, value) else { continue };
        if !seen.insert(server.target.to_string().to_ascii_lowercase()) {
            let text = format!("servers: {} stands there twice; give it a weight instead", server.target);
            table.fault(value.span(), &text);
        }
        servers.push((server, table.at(value.span())));
    }
    if !servers.is_empty() && servers.iter().all(|(server, _)| server.weight == 0) {
        table.fault(value.span(), "servers: every weight is 0, so none could be chosen; give one a weight");
    }
    servers
}

/// `"host:port"`, or `{ address = "host:port", weight = 3 }`.
fn one(table: &mut Table<'_, '_>, value: &Spanned<DeValue<'_>>) -> Option<Server> {
    let (address, weight) = match value.get_ref() {
        DeValue::Table(fields) => {
            table.known_keys(fields, &["address", "weight"]);
            let Some(address) = fields.get("address") else {
                let text = "servers: no address; write { address = \"host:port\", weight = 3 }";
                table.fault(value.span(), text);
                return None;
            };
            (address, table.weight("servers", fields.get("weight")))
        }
        _ => (value, 1),
    };
    let text = table.text("servers", address, SERVER.accepted)?;
    let target =
        server(text).map_err(|fault| table.fault(address.span(), &format!("servers: {fault}"))).ok()?;
    let target = match target {
        Target::Addr(mut addr) => {
            addr.set_ip(addr.ip().to_canonical());
            Target::Addr(addr)
        }
        name => name,
    };
    Some(Server { target, weight })
}
