//! The names that a connection's protocol can have.

/// What a connection was found to be.
///
/// `Http1`, `Http2` and `Tls` are verdicts that the proxy acts upon; all the others are labels only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Nothing that we know.
    Unknown,
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge, gRPC included.
    Http2,
    /// TLS, whatever is inside.
    Tls,
    /// AMQP 0-9, 0-9-1, 0-10 or 1.0.
    Amqp,
    /// Cassandra's native protocol, CQL.
    Cassandra,
    /// DNS over TCP.
    Dns,
    /// FTP's control connection.
    Ftp,
    /// IMAP4.
    Imap,
    /// Apache Kafka.
    Kafka,
    /// LDAP.
    Ldap,
    /// memcached, text or binary.
    Memcached,
    /// MongoDB.
    Mongodb,
    /// MQTT 3.1, 3.1.1 or 5.
    Mqtt,
    /// Microsoft SQL Server, TDS.
    Mssql,
    /// MySQL or MariaDB.
    Mysql,
    /// NATS.
    Nats,
    /// NNTP.
    Nntp,
    /// POP3.
    Pop3,
    /// PostgreSQL.
    Postgres,
    /// A PROXY protocol header, version 1 or 2; what follows it is not looked at.
    Proxy,
    /// RDP.
    Rdp,
    /// Redis.
    Redis,
    /// The rsync daemon.
    Rsync,
    /// RTSP.
    Rtsp,
    /// SIP.
    Sip,
    /// SMB.
    Smb,
    /// SMTP, or LMTP.
    Smtp,
    /// SOCKS version 5.
    Socks5,
    /// SSH.
    Ssh,
    /// VNC, the RFB protocol.
    Vnc,
    /// Apache ZooKeeper.
    Zookeeper,
}

impl Protocol {
    /// The value of the `protocol` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Unknown => "unknown",
            Protocol::Http1 => "http/1",
            Protocol::Http2 => "http/2",
            Protocol::Tls => "tls",
            Protocol::Amqp => "amqp",
            Protocol::Cassandra => "cassandra",
            Protocol::Dns => "dns",
            Protocol::Ftp => "ftp",
            Protocol::Imap => "imap",
            Protocol::Kafka => "kafka",
            Protocol::Ldap => "ldap",
            Protocol::Memcached => "memcached",
            Protocol::Mongodb => "mongodb",
            Protocol::Mqtt => "mqtt",
            Protocol::Mssql => "mssql",
            Protocol::Mysql => "mysql",
            Protocol::Nats => "nats",
            Protocol::Nntp => "nntp",
            Protocol::Pop3 => "pop3",
            Protocol::Postgres => "postgres",
            Protocol::Proxy => "proxy",
            Protocol::Rdp => "rdp",
            Protocol::Redis => "redis",
            Protocol::Rsync => "rsync",
            Protocol::Rtsp => "rtsp",
            Protocol::Sip => "sip",
            Protocol::Smb => "smb",
            Protocol::Smtp => "smtp",
            Protocol::Socks5 => "socks5",
            Protocol::Ssh => "ssh",
            Protocol::Vnc => "vnc",
            Protocol::Zookeeper => "zookeeper",
        }
    }

    /// The protocol that a well-known port promises, for ports that are never inspected.
    ///
    /// Never HTTP and never TLS: those are acted upon, and a port number is no ground to act. Ports as
    /// registered with IANA, and for the rest the server's own default.
    pub fn of_port(port: u16) -> Protocol {
        match port {
            21 => Protocol::Ftp,
            22 => Protocol::Ssh,
            25 | 587 | 2525 => Protocol::Smtp,
            53 => Protocol::Dns,
            110 => Protocol::Pop3,
            119 => Protocol::Nntp,
            139 | 445 => Protocol::Smb,
            143 => Protocol::Imap,
            389 => Protocol::Ldap,
            554 => Protocol::Rtsp,
            873 => Protocol::Rsync,
            1080 => Protocol::Socks5,
            1433 => Protocol::Mssql,
            1883 => Protocol::Mqtt,
            2181 => Protocol::Zookeeper,
            3306 => Protocol::Mysql,
            3389 => Protocol::Rdp,
            4222 => Protocol::Nats,
            5060 => Protocol::Sip,
            5432 => Protocol::Postgres,
            5672 => Protocol::Amqp,
            5900 => Protocol::Vnc,
            6379 => Protocol::Redis,
            9042 => Protocol::Cassandra,
            9092 => Protocol::Kafka,
            11211 => Protocol::Memcached,
            27017 => Protocol::Mongodb,
            _ => Protocol::Unknown,
        }
    }
}
