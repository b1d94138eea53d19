//! A pod as `wayside inject` writes it: what a kubelet reads in it, and how it runs a container.

use std::path::Path;
use std::process::{Command, Stdio};

use tinyjson::JsonValue;

use crate::cgroup::Cgroup;
use crate::root::source;
use crate::support::*;

/// The application's manifest.
const DEPLOYMENT: &str = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {
  "selector": {"matchLabels": {"app": "shop"}},
  "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {
    "containers": [{"name": "shop", "image": "shop:1", "ports": [{"containerPort": 8080}]}]}}}}"#;

/// What `wayside inject` makes of it with these options: its init containers.
pub(crate) fn injected(args: &[&str]) -> Vec<Container> {
    let mut inject = Command::new(program());
    let text = programs::text(inject.arg("inject").args(args).arg("-"), DEPLOYMENT);
    let manifest: JsonValue = text.parse().expect("JSON");
    let list = &manifest["spec"]["template"]["spec"]["initContainers"];
    let list: &Vec<JsonValue> = list.get().expect("a list");
    list.iter().cloned().map(Container).collect()
}

/// One container of the specification.
pub(crate) struct Container(JsonValue);

impl Container {
    pub(crate) fn name(&self) -> &str {
        text(&self.0["name"])
    }

    /// The image's entry point, and the arguments.
    fn command(&self) -> Vec<String> {
        let args: &Vec<JsonValue> = self.0["args"].get().expect("args");
        [ENTRYPOINT].into_iter().chain(args.iter().map(text)).map(str::to_owned).collect()
    }

    fn environment(&self) -> Vec<(String, String)> {
        let Some(object) = self.0.get::<std::collections::HashMap<String, JsonValue>>() else {
            return vec![];
        };
        let Some(list) = object.get("env").and_then(JsonValue::get::<Vec<JsonValue>>) else { return vec![] };
        list.iter().map(|pair| (text(&pair["name"]).to_owned(), text(&pair["value"]).to_owned())).collect()
    }

    /// Bytes; Kubernetes writes `16Mi`.
    pub(crate) fn memory_limit(&self) -> u64 {
        let limit = text(&self.0["resources"]["limits"]["memory"]);
        limit.strip_suffix("Mi").and_then(|count| count.parse::<u64>().ok()).expect("a number of Mi") << 20
    }

    /// Path and port of a probe.
    pub(crate) fn probe(&self, name: &str) -> (String, u16) {
        let get = &self.0[name]["httpGet"];
        (text(&get["path"]).to_owned(), number(&get["port"]) as u16)
    }

    pub(crate) fn user(&self) -> u32 {
        number(&self.0["securityContext"]["runAsUser"]) as u32
    }

    /// The command that runs it in this root, on this host, as its security context asks for.
    pub(crate) fn run(&self, root: &Path, host: &Host, cgroup: Option<&Cgroup>) -> Command {
        let security = &self.0["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], JsonValue::Boolean(true));
        assert_eq!(security["allowPrivilegeEscalation"], JsonValue::Boolean(false));
        assert_eq!(text(&security["capabilities"]["drop"][0]), "ALL");
        let security: &std::collections::HashMap<String, JsonValue> =
            security["capabilities"].get().expect("capabilities");
        let capability = match security.get("add") {
            None => "none",
            Some(added) if *added == JsonValue::Array(vec!["NET_ADMIN".to_owned().into()]) => "12",
            Some(other) => panic!("{other:?}"),
        };
        // Not `ip netns exec`: that hides the control groups.
        let [.., name] = host.wrapper();
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{name}"));
        command.arg(python().expect("python3")).arg(source().join("tests/package/container.py")).arg(root);
        match cgroup {
            Some(cgroup) => command.arg(&cgroup.path),
            None => command.arg("-"),
        };
        command.args([&self.user().to_string(), capability]).args(self.command());
        command.env_clear().env("PATH", PATH).envs(self.environment());
        command.stdin(Stdio::null());
        command
    }
}

/// Of the Dockerfile; `tests/package/image.rs` holds it against that.
pub(crate) const ENTRYPOINT: &str = "/usr/bin/wayside";
/// As container runtimes set it.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn text(value: &JsonValue) -> &str {
    value.get::<String>().unwrap_or_else(|| panic!("no text: {value:?}"))
}

fn number(value: &JsonValue) -> f64 {
    *value.get::<f64>().unwrap_or_else(|| panic!("no number: {value:?}"))
}
