//! What `/etc/hosts` says (hosts(5)).

use std::collections::HashMap;
use std::net::IpAddr;

use super::message::MOST_ADDRESSES;

/// Names to addresses, as the file lists them.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<String, Vec<IpAddr>>);

impl Hosts {
    /// Reads `text`: an address and its names a line; a line that does not begin with an address is skipped, so is one
    /// whose address has a scope. A name that stands on many lines has all their addresses, up to [`MOST_ADDRESSES`].
    pub(super) fn parse(text: &str) -> Hosts {
        let mut hosts = Hosts::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
            for name in words {
                let addresses = hosts.0.entry(key(name)).or_default();
                if addresses.len() < MOST_ADDRESSES && !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        hosts
    }

    /// The addresses of `host`, if it is listed.
    pub(super) fn addresses(&self, host: &str) -> Option<&[IpAddr]> {
        self.0.get(&key(host)).map(Vec::as_slice)
    }
}

fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let hosts = Hosts::parse(
            "127.0.0.1 localhost\n::1 localhost ip6-localhost # both\n#1.1.1.1 comment\n\
             10.0.0.1\tDB db.example.com. alias\r\n10.0.0.2 db\n10.0.0.1 db\nfd00::1   db\nnonsense name\n\
             fe80::1%eth0 scoped\n10.0.0.3\n10.0.0.4 cut#off\n   10.0.0.5 indented",
        );
        for (name, expected) in [
            ("localhost", "127.0.0.1 ::1"),
            ("ip6-localhost", "::1"),
            ("db", "10.0.0.1 10.0.0.2 fd00::1"),
            ("Db.", "10.0.0.1 10.0.0.2 fd00::1"),
            ("DB.EXAMPLE.COM", "10.0.0.1"),
            ("alias", "10.0.0.1"),
            ("cut", "10.0.0.4"),
            ("indented", "10.0.0.5"),
            ("comment", ""),
            ("name", ""),
            ("scoped", ""),
            ("off", ""),
            ("both", ""),
            ("", ""),
        ] {
            let found: Vec<String> =
                hosts.addresses(name).unwrap_or_default().iter().map(IpAddr::to_string).collect();
            assert_eq!(found.join(" "), expected, "{name:?}");
        }
        let many: String = (0..40).map(|number| format!("10.0.1.{number} many\n")).collect();
        assert_eq!(Hosts::parse(&many).addresses("many").unwrap().len(), MOST_ADDRESSES);
    }
}
