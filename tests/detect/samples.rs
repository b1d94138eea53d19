//! First packets and banners with the name that they must get.

use wayside::wire::detect::Protocol;

/// Builds bytes from pieces.
pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// What clients send first.
pub(crate) fn clients() -> Vec<(Protocol, Vec<u8>)> {
    let mut all = text_clients();
    all.extend(binary_clients());
    all.extend(database_clients());
    all
}

fn text_clients() -> Vec<(Protocol, Vec<u8>)> {
    [
        (Protocol::Ssh, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n".as_slice()),
        (Protocol::Ssh, b"SSH-2.0-Go\r\n"),
        (Protocol::Rsync, b"@RSYNCD: 31.0 sha512 sha256\n"),
        (Protocol::Redis, b"*1\r\n$4\r\nPING\r\n"),
        (Protocol::Redis, b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"),
        (Protocol::Redis, b"PING\r\n"),
        (Protocol::Memcached, b"get user:1\r\n"),
        (Protocol::Memcached, b"gets a b c\r\n"),
        (Protocol::Memcached, b"set k 0 -1 5\r\nhello\r\n"),
        (Protocol::Memcached, b"add k 1 60 1 noreply\r\nx\r\n"),
        (Protocol::Memcached, b"cas k 0 0 1 77\r\nx\r\n"),
        (Protocol::Memcached, b"incr k 1\r\n"),
        (Protocol::Memcached, b"version\r\n"),
        (Protocol::Smtp, b"EHLO client.example\r\n"),
        (Protocol::Rtsp, b"OPTIONS rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        (Protocol::Sip, b"REGISTER sip:example.com SIP/2.0\r\nVia: x\r\n\r\n"),
        (Protocol::Nats, b"CONNECT {\"verbose\":false}\r\nPING\r\n"),
        (Protocol::Proxy, b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nGET / HTTP/1.1\r\n"),
        (Protocol::Proxy, b"PROXY UNKNOWN\r\n"),
        (Protocol::Proxy, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"),
        (Protocol::Amqp, b"AMQP\0\0\x09\x01"),
        (Protocol::Amqp, b"AMQP\x03\x01\0\0"),
    ]
    .map(|(protocol, bytes)| (protocol, bytes.to_vec()))
    .to_vec()
}

fn binary_clients() -> Vec<(Protocol, Vec<u8>)> {
    let dns = b"\0\x1d\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";
    let edns = b"\0\x28\x12\x34\x01\x20\0\x01\0\0\0\0\0\x01\x07example\x03com\0\0\x1c\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    let rdp = b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=user\r\n\x01\0\x08\0\x03\0\0\0";
    let smb = b"\0\0\0\x6c\xfeSMB\x40\0\0\0\0\0\0\0";
    [
        (Protocol::Mqtt, b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04test".as_slice()),
        (Protocol::Mqtt, b"\x10\x93\x01\0\x04MQTT\x05\xc2\0\x3c\x05"),
        (Protocol::Mqtt, b"\x10\x12\0\x06MQIsdp\x03\x02\0\x3c\0\x04test"),
        (Protocol::Ldap, b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"),
        (Protocol::Ldap, b"\x30\x84\0\0\0\x10\x02\x01\x01\x60\x84\0\0\0\x07\x02\x01\x03\x04\0\x80\0"),
        (Protocol::Ldap, b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"),
        (Protocol::Ldap, b"\x30\x25\x02\x01\x01\x63\x20\x04\0\x0a\x01\0\x0a\x01\0\x02\x01\0"),
        (Protocol::Rdp, rdp),
        (Protocol::Rdp, b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0"),
        (Protocol::Smb, smb),
        (Protocol::Smb, b"\0\0\0\x85\xffSMB\x72\0\0\0\0"),
        (Protocol::Dns, dns),
        (Protocol::Dns, edns),
        (Protocol::Dns, b"\0\x11\x12\x34\0\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01"),
        (Protocol::Memcached, b"\x80\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        (Protocol::Memcached, b"\x80\0\0\x03\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0foo"),
    ]
    .map(|(protocol, bytes)| (protocol, bytes.to_vec()))
    .to_vec()
}

fn database_clients() -> Vec<(Protocol, Vec<u8>)> {
    let kafka3 = b"\0\0\0\x21\0\x12\0\x03\0\0\0\0\0\x07rdkafka\0\x0alibrdkafk\x042.3";
    let metadata = b"\0\0\0\x15\0\x03\0\0\0\0\0\x01\0\x07console\0\0\0\0";
    let zookeeper = join(&[b"\0\0\0\x2d", &[0; 12], b"\0\0\x75\x30", &[0; 8], b"\0\0\0\x10", &[0; 17]]);
    let startup = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0";
    let cassandra = b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0";
    let msg = join(&[
        b"\x31\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1c\0\0\0",
        b"\x10hello\0\x01\0\0\0\x02$db\0\x02\0\0\0a\0\0\0",
    ]);
    let query = join(&[
        b"\x3a\x01\0\0\x07\x39\x1a\x2b\0\0\0\0\xd4\x07\0\0\x04\0\0\0admin.$cmd\0",
        b"\0\0\0\0\xff\xff\xff\xff\x13\0\0\0",
    ]);
    let prelogin = b"\x12\x01\0\x2f\0\0\x01\0\0\0\x1a\0\x06\x01\0\x20\0\x01\x02\0\x21\0\x01\xff";
    [
        (Protocol::Postgres, b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()),
        (Protocol::Postgres, b"\0\0\0\x08\x04\xd2\x16\x30".to_vec()),
        (Protocol::Postgres, b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02".to_vec()),
        (Protocol::Postgres, startup.to_vec()),
        (Protocol::Kafka, b"\0\0\0\x11\0\x12\0\0\0\0\0\x01\0\x07rdkafka".to_vec()),
        (Protocol::Kafka, kafka3.to_vec()),
        (Protocol::Kafka, metadata.to_vec()),
        (Protocol::Kafka, b"\0\0\0\x17\0\x11\0\x01\0\0\0\0\0\x06sarama\0\x05PLAIN".to_vec()),
        (Protocol::Zookeeper, zookeeper),
        (Protocol::Cassandra, b"\x04\0\0\0\x05\0\0\0\0".to_vec()),
        (Protocol::Cassandra, b"\x05\x10\0\x01\x05\0\0\0\0".to_vec()),
        (Protocol::Cassandra, cassandra.to_vec()),
        (Protocol::Mongodb, msg),
        (Protocol::Mongodb, query),
        (Protocol::Mssql, prelogin.to_vec()),
    ]
    .to_vec()
}

/// What servers say first.
pub(crate) fn banners() -> Vec<(Protocol, Vec<u8>)> {
    let mariadb = join(&[
        b"\x5d\0\0\0\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\0\x1f\0\0\0",
        b"abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0",
    ]);
    let mysql = b"\x4a\0\0\0\x0a8.0.36\0\x0b\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\0\xff\xff\xff\x02\0";
    let blocked = b"\x45\0\0\0\xff\x6a\x04Host '10.0.0.1' is not allowed to connect to this MariaDB server";
    let inn = b"200 news.example.com InterNetNews NNRP server INN 2.7.1 ready (posting ok)\r\n";
    [
        (Protocol::Mysql, mariadb.as_slice()),
        (Protocol::Mysql, mysql),
        (Protocol::Mysql, blocked),
        (Protocol::Nats, b"INFO {\"server_id\":\"N\",\"version\":\"2.10.1\"} \r\n"),
        (Protocol::Smtp, b"220 mail.example.com ESMTP Postfix (Debian/GNU)\r\n"),
        (Protocol::Smtp, b"220-mail.example.com ESMTP Exim 4.96 Mon, 01 Jan\r\n220 ready\r\n"),
        (Protocol::Smtp, b"554 mail.example.com ESMTP not accepting messages\r\n"),
        (Protocol::Smtp, b"421 mail.example.com SMTP busy\n"),
        (Protocol::Ftp, b"220 (vsFTPd 3.0.3)\r\n"),
        (Protocol::Ftp, b"220 ProFTPD Server (Debian) [::ffff:10.0.0.1]\r\n"),
        (Protocol::Ftp, b"220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n"),
        (Protocol::Ftp, b"421 too many connections, this is an FTP server\r\n"),
        (Protocol::Ssh, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n"),
        (Protocol::Ssh, b"SSH-1.99-Cisco-1.25\n"),
        (Protocol::Pop3, b"+OK Dovecot (Debian) ready.\r\n"),
        (Protocol::Imap, b"* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot ready.\r\n"),
        (Protocol::Imap, b"* PREAUTH logged in\r\n"),
        (Protocol::Vnc, b"RFB 003.008\n"),
        (Protocol::Nntp, inn),
        (Protocol::Rsync, b"@RSYNCD: 31.0\n"),
    ]
    .map(|(protocol, bytes)| (protocol, bytes.to_vec()))
    .to_vec()
}
