//! Which documents hold pods, and what they say about us.

use super::edit::{CONTAINERS, INIT_CONTAINERS, is_ours};
use super::tree::{Broken, Id, Tree};
use crate::config::PortSet;

/// A step from a document's root to a node inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(&'static str),
    Item(usize),
}

/// One object of a document: the document itself, or an item of a `List`.
#[derive(Debug)]
pub(super) struct Object {
    /// `deployment "web"`.
    pub(super) label: String,
    /// Its pod, or why it has none that concerns us.
    pub(super) pod: Result<Pod, &'static str>,
}

/// A pod, or the template of one.
#[derive(Debug)]
pub(super) struct Pod {
    /// From the root to the `spec`.
    pub(super) path: Vec<Step>,
    /// The node with `metadata` and `spec`.
    template: Id,
    /// The `spec`.
    pub(super) spec: Id,
}

const TEMPLATE: &[&str] = &["spec", "template"];

/// Kind, API groups and where the pod is.
const KINDS: [(&str, &[&str], &[&str]); 8] = [
    ("Deployment", &["apps", "extensions"], TEMPLATE),
    ("StatefulSet", &["apps"], TEMPLATE),
    ("DaemonSet", &["apps", "extensions"], TEMPLATE),
    ("ReplicaSet", &["apps", "extensions"], TEMPLATE),
    ("ReplicationController", &[""], TEMPLATE),
    ("Job", &["batch"], TEMPLATE),
    ("CronJob", &["batch"], &["spec", "jobTemplate", "spec", "template"]),
    ("Pod", &[""], &[]),
];

/// Containers of other transparent proxies: two in one pod would redirect each other's connections.
const OTHERS: [&str; 4] = ["linkerd-proxy", "linkerd-init", "istio-proxy", "istio-init"];

/// Every object of a document. One that is empty, or has comments only, has none.
pub(super) fn objects(tree: &Tree, root: Id) -> Vec<Object> {
    let mut found = Vec::new();
    if tree.text(root) == Some("null") {
        return found;
    }
    visit(tree, root, Vec::new(), &mut found);
    found
}

fn visit(tree: &Tree, id: Id, path: Vec<Step>, found: &mut Vec<Object>) {
    let text = |key| tree.get(id, key).and_then(|value| tree.text(value)).unwrap_or_default();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let items = tree.get(id, "items");
    if kind == "List" && version == "v1" {
        let items = items.map(|items| tree.items(items)).unwrap_or_default();
        if items.is_empty() {
            found.push(Object { label: "a list without items".to_owned(), pod: Err("it holds no pod") });
        }
        for (index, &item) in items.iter().enumerate() {
            let steps = [Step::Key("items"), Step::Item(index)];
            visit(tree, item, path.iter().cloned().chain(steps).collect(), found);
        }
        return;
    }
    let label = label(tree, id, kind);
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let known = KINDS.iter().find(|(name, groups, _)| *name == kind && groups.contains(&group));
    let pod = match known {
        Some((_, _, place)) => pod(tree, id, path, place),
        None => Err("it holds no pod"),
    };
    found.push(Object { label, pod });
}

fn label(tree: &Tree, id: Id, kind: &str) -> String {
    let metadata = tree.get(id, "metadata");
    let field = |key| metadata.and_then(|metadata| tree.get(metadata, key)).and_then(|name| tree.text(name));
    match (kind, field("name").or(field("generateName"))) {
        ("", _) => "a document without a kind".to_owned(),
        (kind, Some(name)) => format!("{} {name:?}", kind.to_lowercase()),
        (kind, None) => format!("{} without a name", kind.to_lowercase()),
    }
}

fn pod(tree: &Tree, id: Id, mut path: Vec<Step>, place: &[&'static str]) -> Result<Pod, &'static str> {
    const NONE: &str = "it has no pod spec";
    let template = place.iter().try_fold(id, |id, key| tree.get(id, key)).ok_or(NONE)?;
    let spec = tree.get(template, "spec").ok_or(NONE)?;
    let containers = tree.get(spec, CONTAINERS).ok_or(NONE)?;
    let inits = tree.get(spec, INIT_CONTAINERS).filter(|&list| !tree.is_null(list));
    if [Some(containers), inits].into_iter().flatten().any(|list| !tree.is_list(list)) {
        return Err("its containers are no list");
    }
    path.extend(place.iter().chain(&["spec"]).map(|key| Step::Key(key)));
    Ok(Pod { path, template, spec })
}

impl Pod {
    /// Why it is left alone, if it is.
    pub(super) fn objection(&self, tree: &Tree) -> Option<&'static str> {
        let names: Vec<&str> = self.containers(tree).filter_map(|(_, name)| name).collect();
        let inject =
            self.annotation(tree, "wayside.dev/inject").or(self.annotation(tree, "linkerd.io/inject"));
        let node = |label| tree.get(self.spec, "nodeSelector").and_then(|labels| tree.get(labels, label));
        let os = tree.get(self.spec, "os").and_then(|os| name(tree, os));
        let os = os.or_else(|| node("kubernetes.io/os").and_then(|os| tree.text(os)));
        if names.iter().any(|&name| is_ours(Some(name))) {
            Some("it has the sidecar already")
        } else if names.iter().any(|name| OTHERS.contains(name)) {
            Some("it has the sidecar of another proxy")
        } else if tree.get(self.spec, "hostNetwork").and_then(|id| tree.text(id)).is_some_and(is_true) {
            Some("it uses the host's network (hostNetwork)")
        } else if inject.is_some_and(|(_, value)| value == "disabled") {
            Some("its annotations say \"inject: disabled\"")
        } else if os == Some("windows") {
            Some("it is for Windows")
        } else {
            None
        }
    }

    /// All containers and their names, in order.
    pub(super) fn containers<'a>(&self, tree: &'a Tree) -> impl Iterator<Item = (Id, Option<&'a str>)> {
        let lists = [INIT_CONTAINERS, CONTAINERS].map(|key| tree.get(self.spec, key));
        let all = lists.into_iter().flatten().flat_map(|list| tree.items(list));
        all.map(|&id| (id, name(tree, id)))
    }

    /// An annotation of the pod, and its node.
    fn annotation<'a>(&self, tree: &'a Tree, name: &str) -> Option<(Id, &'a str)> {
        let metadata = tree.get(self.template, "metadata")?;
        let value = tree.get(tree.get(metadata, "annotations")?, name)?;
        tree.text(value).map(|text| (value, text))
    }

    /// The ports that the annotations say for `setting`, ours before Linkerd's. A name is that of a container's port; one that
    /// no container has is left out, and told in `warnings`.
    pub(super) fn ports(
        &self,
        tree: &Tree,
        setting: &str,
        warnings: &mut Vec<String>,
    ) -> Result<Option<PortSet>, Broken> {
        for prefix in ["wayside.dev", "config.linkerd.io"] {
            let annotation = format!("{prefix}/{setting}");
            let Some((node, text)) = self.annotation(tree, &annotation) else { continue };
            let (mut numbers, mut unknown) = (Vec::new(), 0);
            for item in text.split(',').map(str::trim) {
                if !is_port_name(item) {
                    numbers.push(item);
                    continue;
                }
                let before = numbers.len();
                numbers.extend(self.ports_named(tree, item));
                if numbers.len() == before {
                    unknown += 1;
                    warnings.push(format!(
                        "{annotation}: no container has a port called {item:?}; it is left out"
                    ));
                }
            }
            if unknown > 0 && numbers.is_empty() {
                warnings.push(format!("{annotation}: it names no port, and is as if it were not there"));
                continue;
            }
            let broken = |why| Broken { line: tree.line(node), why: format!("{annotation}: {why}") };
            return crate::config::ports(&numbers.join(",")).map(Some).map_err(broken);
        }
        Ok(None)
    }

    /// What of the pod is in the way of a proxy that runs as `uid` and listens on `ports`.
    pub(super) fn clashes(&self, tree: &Tree, uid: u32, ports: [u16; 3]) -> Vec<String> {
        let is = |node: Id, key: &str, number: &str| {
            tree.get(node, key).and_then(|found| tree.text(found)) == Some(number)
        };
        let is_ours = |node: Id| {
            tree.get(node, "securityContext")
                .is_some_and(|context| is(context, "runAsUser", &uid.to_string()))
        };
        let mut found = Vec::new();
        if is_ours(self.spec) || self.containers(tree).any(|(container, _)| is_ours(container)) {
            found.push(format!(
                "a container runs as user {uid}, as the proxy does: its connections are not redirected; see --proxy-uid"
            ));
        }
        let lists = self.containers(tree).filter_map(|(container, _)| tree.get(container, "ports"));
        let taken: Vec<Id> = lists.flat_map(|list| tree.items(list)).copied().collect();
        for (port, option) in ports.into_iter().zip(["--inbound-port", "--outbound-port", "--admin-port"]) {
            if taken.iter().any(|&node| is(node, "containerPort", &port.to_string())) {
                found.push(format!("a container has port {port}, as the proxy does; see {option}"));
            }
        }
        found
    }

    fn ports_named<'a>(&self, tree: &'a Tree, wanted: &str) -> impl Iterator<Item = &'a str> {
        let lists = self.containers(tree).filter_map(|(container, _)| tree.get(container, "ports"));
        let ports =
            lists.flat_map(|list| tree.items(list)).filter(move |&&port| name(tree, port) == Some(wanted));
        ports.filter_map(|&port| tree.get(port, "containerPort").and_then(|port| tree.text(port)))
    }
}

/// Whether Kubernetes takes it for the name of a port: letters, digits and inner hyphens, and a letter among them.
fn is_port_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn name(tree: &Tree, id: Id) -> Option<&str> {
    tree.get(id, "name").and_then(|name| tree.text(name))
}

/// What kubectl takes for true: YAML 1.1 has many words for it.
fn is_true(text: &str) -> bool {
    ["true", "yes", "on", "y"].iter().any(|word| word.eq_ignore_ascii_case(text))
}
