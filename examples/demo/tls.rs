//! A real TLS server and client, with a certificate made for this run.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream, StreamOwned,
};

use super::kinds::{self, ALPN, ANSWER, HOST, Pause, REQUEST};
use super::wire::{Wire, expect};

/// Both sides' settings.
pub(crate) struct Tls {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Tls {
    pub(crate) fn new() -> io::Result<Tls> {
        let (key, certificate) = identity().map_err(|error| io::Error::other(format!("no key: {error}")))?;
        Tls::with(key, certificate).map_err(io::Error::other)
    }

    fn with(key: Vec<u8>, certificate: Vec<u8>) -> Result<Tls, rustls::Error> {
        let certificate = CertificateDer::from(certificate);
        let provider: Arc<CryptoProvider> = rustls::crypto::ring::default_provider().into();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key).into())?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = ALPN.split(',').map(|name| name.as_bytes().to_vec()).collect();
        // Every handshake is a whole one.
        client.resumption = Resumption::disabled();
        Ok(Tls { server: server.into(), client: client.into() })
    }

    /// The server: HTTP/1 inside.
    pub(crate) fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let connection = ServerConnection::new(Arc::clone(&self.server)).map_err(io::Error::other)?;
        kinds::serve_http1(StreamOwned::new(connection, stream))
    }

    /// The client: checks the certificate, and that the server took the name and the protocol from its hello.
    pub(crate) fn talk(&self, wire: &mut Wire, pause: Pause<'_>) -> io::Result<()> {
        let name = ServerName::try_from(HOST).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.client), name).map_err(io::Error::other)?;
        let mut stream = Stream::new(&mut connection, wire);
        stream.write_all(REQUEST)?;
        expect(&mut stream, ANSWER)?;
        if connection.alpn_protocol() != Some(b"http/1.1") {
            return Err(io::Error::other("the server did not choose http/1.1"));
        }
        pause(wire)?;
        connection.send_close_notify();
        connection.write_tls(wire).map(drop)
    }
}

/// A P-256 key as PKCS #8, and a certificate for [`HOST`] that it signs itself.
fn identity() -> Result<(Vec<u8>, Vec<u8>), Box<dyn std::error::Error>> {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|error| error.to_string())?;
    let key =
        EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).map_err(|error| error.to_string())?;
    let ecdsa_with_sha256 = sequence(&[&tlv(OID, b"\x2a\x86\x48\xce\x3d\x04\x03\x02")]);
    let to_be_signed = to_be_signed(key.public_key().as_ref(), &ecdsa_with_sha256);
    let signature = key.sign(&random, &to_be_signed).map_err(|error| error.to_string())?;
    let certificate = sequence(&[&to_be_signed, &ecdsa_with_sha256, &bits(signature.as_ref())]);
    Ok((pkcs8.as_ref().to_vec(), certificate))
}

/// RFC 5280, 4.1: the fields of a certificate, with the host as its common name and only alternative name.
fn to_be_signed(public_key: &[u8], algorithm: &[u8]) -> Vec<u8> {
    let version_3 = tlv(0xa0, &tlv(INTEGER, &[2]));
    let common_name = sequence(&[&tlv(OID, b"\x55\x04\x03"), &tlv(0x0c, HOST.as_bytes())]);
    let name = sequence(&[&tlv(0x31, &common_name)]);
    let validity = sequence(&[&tlv(0x17, b"200101000000Z"), &tlv(0x17, b"491231235959Z")]);
    let ec_public_key = tlv(OID, b"\x2a\x86\x48\xce\x3d\x02\x01");
    let p256 = tlv(OID, b"\x2a\x86\x48\xce\x3d\x03\x01\x07");
    let key = sequence(&[&sequence(&[&ec_public_key, &p256]), &bits(public_key)]);
    let names = tlv(0x04, &sequence(&[&tlv(0x82, HOST.as_bytes())]));
    let extension = sequence(&[&tlv(OID, b"\x55\x1d\x11"), &names]);
    let extensions = tlv(0xa3, &sequence(&[&extension]));
    let serial = tlv(INTEGER, &[1]);
    sequence(&[&version_3, &serial, algorithm, &name, &validity, &name, &key, &extensions])
}

const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;

/// DER: tag, length, value.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let mut out = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(value);
    out
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// A bit string of whole bytes.
fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes].concat())
}
