//! What is added to a pod: the container that sets up redirection, and the proxy.

use crate::config::PortSet;

use super::value::Value;

/// The name of the init container.
pub(super) const INIT: &str = "wayside-init";
/// The name of the proxy's container.
pub(super) const PROXY: &str = "wayside-proxy";

/// What the options say; annotations of a pod go before the ports here.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The image of both containers.
    pub image: String,
    /// The image of the init container, where it is another one.
    pub init_image: Option<String>,
    /// `imagePullPolicy`.
    pub pull_policy: String,
    /// Where redirected connections to the application arrive.
    pub inbound_port: u16,
    /// Where redirected connections from the application arrive.
    pub outbound_port: u16,
    /// `/metrics` and the probes.
    pub admin_port: u16,
    /// The user of the proxy, whose connections are not redirected.
    pub uid: u32,
    /// Not redirected on the way in.
    pub skip_inbound: PortSet,
    /// Not redirected on the way out.
    pub skip_outbound: PortSet,
    /// Never looked into; `None` leaves wayside's default.
    pub opaque: Option<PortSet>,
    /// `--log` of the proxy, if it is said.
    pub log: Option<String>,
    /// `--access-log` of the proxy, if it is said.
    pub access_log: Option<String>,
    /// The proxy's requests and limits.
    pub resources: Resources,
    /// An ordinary container, for clusters that know no native sidecars.
    pub is_classic: bool,
}

/// Quantities of Kubernetes. `None` is left out.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Processor time it is planned with.
    pub cpu_request: Option<String>,
    /// The most processor time.
    pub cpu_limit: Option<String>,
    /// Memory it is planned with.
    pub memory_request: Option<String>,
    /// The most memory.
    pub memory_limit: Option<String>,
}

impl Settings {
    /// The init container.
    pub(super) fn init(&self) -> Value {
        let ports = [self.inbound_port, self.outbound_port].map(|port| port.to_string());
        let uid = self.uid.to_string();
        let skip_inbound = self.inbound_to_ignore();
        let skip_outbound = self.skip_outbound.to_string();
        let mut args = vec!["init", "--incoming-proxy-port", &ports[0], "--outgoing-proxy-port", &ports[1]];
        args.extend(["--proxy-uid", &uid, "--inbound-ports-to-ignore", &skip_inbound]);
        if !skip_outbound.is_empty() {
            args.extend(["--outbound-ports-to-ignore", &skip_outbound]);
        }
        let resources = Resources {
            cpu_request: Some("10m".to_owned()),
            cpu_limit: None,
            memory_request: Some("16Mi".to_owned()),
            memory_limit: Some("64Mi".to_owned()),
        };
        let image = self.init_image.as_ref().unwrap_or(&self.image);
        Value::map([
            ("name", Value::string(INIT)),
            ("image", Value::string(image)),
            ("imagePullPolicy", Value::string(&self.pull_policy)),
            ("args", Value::strings(args)),
            ("resources", resources.value()),
            ("securityContext", security(0, false, Some("NET_ADMIN"))),
            ("terminationMessagePolicy", Value::string("FallbackToLogsOnError")),
        ])
    }

    /// The admin port is the kubelet's and Prometheus': it must not pass through the proxy.
    fn inbound_to_ignore(&self) -> String {
        let admin = self.admin_port.to_string();
        let rest = self.skip_inbound.to_string();
        if rest.is_empty() { admin } else { format!("{admin},{rest}") }
    }

    /// The proxy's container.
    pub(super) fn proxy(&self) -> Value {
        let mut container = Value::map([
            ("name", Value::string(PROXY)),
            ("image", Value::string(&self.image)),
            ("imagePullPolicy", Value::string(&self.pull_policy)),
        ]);
        if !self.is_classic {
            container.push("restartPolicy", Value::string("Always"));
        }
        container.push("args", Value::strings(["run"]));
        container.push("env", self.environment());
        let ports = [("wayside-in", self.inbound_port), ("wayside-admin", self.admin_port)];
        let ports = ports.map(|(name, port)| {
            let name = ("name", Value::string(name));
            Value::map([name, ("containerPort", Value::bare(port)), ("protocol", Value::string("TCP"))])
        });
        container.push("ports", Value::Seq(ports.into()));
        if !self.is_classic {
            container.push("startupProbe", self.probe("/ready", 1, 120));
        }
        container.push("readinessProbe", self.probe("/ready", 2, 3));
        container.push("livenessProbe", self.probe("/live", 10, 3));
        container.push("resources", self.resources.value());
        container.push("securityContext", security(self.uid, true, None));
        container.push("terminationMessagePolicy", Value::string("FallbackToLogsOnError"));
        container
    }

    /// Only what is not the default of `wayside run`.
    fn environment(&self) -> Value {
        let mut all = Vec::new();
        let mut set = |name: &str, value: &str| {
            all.push(Value::map([("name", Value::string(name)), ("value", Value::string(value))]));
        };
        if self.inbound_port != 4143 {
            set("WAYSIDE_INBOUND_LISTEN", &format!("[::]:{}", self.inbound_port));
        }
        if self.outbound_port != 4140 {
            let port = self.outbound_port;
            set("WAYSIDE_OUTBOUND_LISTEN", &format!("127.0.0.1:{port},[::1]:{port}"));
        }
        // The kubelet's probes come to the pod's address.
        set("WAYSIDE_ADMIN_LISTEN", &format!("[::]:{}", self.admin_port));
        for (name, ports) in [
            ("WAYSIDE_SKIP_INBOUND_PORTS", &self.skip_inbound),
            ("WAYSIDE_SKIP_OUTBOUND_PORTS", &self.skip_outbound),
        ] {
            if *ports != PortSet::default() {
                set(name, &ports.to_string());
            }
        }
        let opaque = self.opaque.as_ref().map(PortSet::to_string);
        for (name, value) in [
            ("WAYSIDE_OPAQUE_PORTS", &opaque),
            ("WAYSIDE_LOG", &self.log),
            ("WAYSIDE_ACCESS_LOG", &self.access_log),
        ] {
            if let Some(value) = value {
                set(name, value);
            }
        }
        Value::Seq(all)
    }

    fn probe(&self, path: &str, period: u32, failures: u32) -> Value {
        let get = Value::map([("path", Value::string(path)), ("port", Value::bare(self.admin_port))]);
        Value::map([
            ("httpGet", get),
            ("periodSeconds", Value::bare(period)),
            ("failureThreshold", Value::bare(failures)),
        ])
    }
}

impl Resources {
    fn value(&self) -> Value {
        let mut all = Value::map([]);
        for (name, cpu, memory) in [
            ("requests", &self.cpu_request, &self.memory_request),
            ("limits", &self.cpu_limit, &self.memory_limit),
        ] {
            let mut part = Value::map([]);
            for (name, quantity) in [("cpu", cpu), ("memory", memory)] {
                if let Some(quantity) = quantity {
                    part.push(name, Value::string(quantity));
                }
            }
            if part != Value::map([]) {
                all.push(name, part);
            }
        }
        all
    }
}

/// The strictest that works: rules cannot be loaded but by root with NET_ADMIN, as a capability of the
/// container is not passed on to a program that another user starts.
fn security(uid: u32, non_root: bool, capability: Option<&str>) -> Value {
    let mut capabilities = Value::map([("drop", Value::strings(["ALL"]))]);
    if let Some(capability) = capability {
        capabilities.push("add", Value::strings([capability]));
    }
    let profile = Value::map([("type", Value::string("RuntimeDefault"))]);
    Value::map([
        ("runAsUser", Value::bare(uid)),
        ("runAsGroup", Value::bare(uid)),
        ("runAsNonRoot", Value::bare(non_root)),
        ("readOnlyRootFilesystem", Value::bare(true)),
        ("allowPrivilegeEscalation", Value::bare(false)),
        ("capabilities", capabilities),
        ("seccompProfile", profile),
    ])
}
