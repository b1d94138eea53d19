//! ClientHellos built byte by byte, in the shapes of well-known clients.

/// A hello to build.
#[derive(Clone)]
pub(crate) struct Hello {
    pub(crate) session: usize,
    pub(crate) suites: Vec<u16>,
    pub(crate) extensions: Vec<(u16, Vec<u8>)>,
}

fn be16(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a 16-bit length").to_be_bytes()
}

fn be8(length: usize) -> u8 {
    u8::try_from(length).expect("an 8-bit length")
}

fn prefixed16(bytes: &[u8]) -> Vec<u8> {
    [be16(bytes.len()).as_slice(), bytes].concat()
}

/// The body of a server_name extension.
pub(crate) fn server_name(name: &[u8]) -> (u16, Vec<u8>) {
    (0, prefixed16(&[&[0], prefixed16(name).as_slice()].concat()))
}

/// The body of an ALPN extension.
pub(crate) fn alpn(protocols: &[&[u8]]) -> (u16, Vec<u8>) {
    let list: Vec<u8> = protocols.iter().flat_map(|name| [&[be8(name.len())], *name].concat()).collect();
    (16, prefixed16(&list))
}

/// The body of a key_share extension with one share of so many bytes for each group.
fn key_shares(shares: &[(u16, usize)]) -> (u16, Vec<u8>) {
    let list: Vec<u8> = shares
        .iter()
        .flat_map(|(group, size)| [group.to_be_bytes().as_slice(), &prefixed16(&vec![0xa5; *size])].concat())
        .collect();
    (51, prefixed16(&list))
}

impl Hello {
    /// The handshake message.
    pub(crate) fn message(&self) -> Vec<u8> {
        let suites: Vec<u8> = self.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        let mut body = vec![3, 3];
        body.extend([0x5a; 32]);
        body.push(be8(self.session));
        body.extend(vec![0x77; self.session]);
        body.extend(prefixed16(&suites));
        body.extend([1, 0]);
        if !self.extensions.is_empty() {
            let list: Vec<u8> = self
                .extensions
                .iter()
                .flat_map(|(kind, body)| [kind.to_be_bytes().as_slice(), &prefixed16(body)].concat())
                .collect();
            body.extend(prefixed16(&list));
        }
        let length = be16(body.len());
        [&[1, 0], length.as_slice(), &body].concat()
    }

    /// The message in one record.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        record(&self.message())
    }
}

/// One handshake record.
pub(crate) fn record(fragment: &[u8]) -> Vec<u8> {
    [&[22, 3, 1], prefixed16(fragment).as_slice()].concat()
}

/// Go's crypto/tls: no GREASE, small shares, server name first.
pub(crate) fn go(name: &[u8], protocols: &[&[u8]]) -> Hello {
    Hello {
        session: 32,
        suites: vec![0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x1301, 0x1302, 0x1303],
        extensions: vec![
            server_name(name),
            (5, vec![1, 0, 0, 0, 0]),
            (10, vec![0, 8, 0x11, 0xec, 0, 29, 0, 23, 0, 24]),
            (11, vec![1, 0]),
            (13, vec![0, 4, 8, 4, 4, 3]),
            (0xff01, vec![0]),
            (23, vec![]),
            alpn(protocols),
            (18, vec![]),
            (43, vec![4, 3, 4, 3, 3]),
            key_shares(&[(0x11ec, 1216), (29, 32)]),
        ],
    }
}

/// Chromium: GREASE in suites, extensions and shares, a post-quantum share, an outer ECH, and the server name late.
pub(crate) fn chromium(name: &[u8]) -> Hello {
    Hello {
        session: 32,
        suites: vec![0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f],
        extensions: vec![
            (0x3a3a, vec![]),
            key_shares(&[(0xdada, 1), (0x11ec, 1216), (29, 32)]),
            (0xfe0d, vec![0xec; 218]),
            (17513, vec![0, 3, 2, b'h', b'2']),
            (43, vec![6, 0x7a, 0x7a, 3, 4, 3, 3]),
            server_name(name),
            (27, vec![2, 0, 2]),
            alpn(&[b"h2", b"http/1.1"]),
            (45, vec![1, 1]),
            (0x4a4a, vec![0]),
        ],
    }
}

/// NSS (Firefox): a post-quantum share beside two classical ones, padding, no server name where it goes to an address.
pub(crate) fn nss(name: Option<&[u8]>) -> Hello {
    let mut extensions: Vec<(u16, Vec<u8>)> = name.map(server_name).into_iter().collect();
    extensions.extend([
        (23, vec![]),
        alpn(&[b"h2", b"http/1.1"]),
        key_shares(&[(0x11ec, 1216), (29, 32), (23, 65), (0x6399, 1216)]),
        (43, vec![4, 3, 4, 3, 3]),
        (21, vec![0; 137]),
    ]);
    Hello { session: 32, suites: vec![0x1301, 0x1303, 0x1302, 0xc02b], extensions }
}
