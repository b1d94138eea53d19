//! A whole stream of manifests, changed: each document by itself.

use super::chunk::{Chunk, chunks};
use super::edit::{CONTAINERS, Change, Edit, INIT_CONTAINERS, is_ours};
use super::manifest::{Object, Pod, objects};
use super::sidecar::Settings;
use super::tree::{Broken, Tree};
use super::value::Value;
use super::{json, splice, yaml};

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task<'a> {
    Inject(&'a Settings),
    Uninject,
}

/// A stream that was changed, and a line about each object.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) text: String,
    pub(super) notes: Vec<String>,
}

const ANEW: &str = "the document of the line above is written anew: comments are lost, aliases spelt out";
const MARK: char = '\u{feff}';

/// Does the task to `stream`. An error tells the line of the stream.
pub(super) fn change(stream: &str, task: Task<'_>) -> Result<Changed, Broken> {
    let body = stream.strip_prefix(MARK).unwrap_or(stream);
    let mut changed = Changed::default();
    changed.text.extend(stream.starts_with(MARK).then_some(MARK));
    for chunk in chunks(body) {
        document(&chunk, task, &mut changed).map_err(|mut broken| {
            broken.line += chunk.lines_before;
            broken
        })?;
    }
    Ok(changed)
}

fn document(chunk: &Chunk<'_>, task: Task<'_>, changed: &mut Changed) -> Result<(), Broken> {
    let (tree, is_json) = read(chunk.text)?;
    let mut changes = Vec::new();
    for (root, &id) in tree.roots.iter().enumerate() {
        for object in objects(&tree, id) {
            let outcome = plan(&tree, root, &object, task, &mut changed.notes)?;
            let said = match outcome {
                Ok(change) => {
                    changes.push(change);
                    task.done().to_owned()
                }
                Err(why) => format!("unchanged: {why}"),
            };
            changed.notes.push(format!("{}: {said}", object.label));
        }
    }
    if changes.is_empty() {
        changed.text.push_str(chunk.text);
        return Ok(());
    }
    let mut meant = values(&tree)?;
    changes.iter().for_each(|change| change.apply(&mut meant));
    let spliced = splice::rewrite(&tree, chunk.text, &changes).filter(|text| means(text, &meant));
    changed.text.push_str(&match spliced {
        Some(text) => text,
        None => {
            changed.notes.push(ANEW.to_owned());
            anew(chunk, is_json, &meant)?
        }
    });
    Ok(())
}

/// Ends the last line. A block scalar there would end with it, too: then its document is written anew.
pub(super) fn end_last_line(changed: &mut Changed) -> Result<(), Broken> {
    let stream = changed.text.trim_start_matches(MARK);
    if stream.is_empty() || stream.ends_with('\n') {
        return Ok(());
    }
    if let Some(last) = chunks(stream).pop() {
        let (tree, is_json) = read(last.text)?;
        let meant = values(&tree)?;
        if !means(&format!("{}\n", last.text), &meant) {
            let text = anew(&last, is_json, &meant)?;
            changed.text.truncate(changed.text.len() - last.text.len());
            changed.text.push_str(&text);
            changed.notes.push(ANEW.to_owned());
            return Ok(());
        }
    }
    changed.text.push('\n');
    Ok(())
}

/// Reads a chunk; whether it is JSON.
fn read(text: &str) -> Result<(Tree, bool), Broken> {
    if !text.trim_start().starts_with(['{', '[']) {
        return yaml::read(text).map(|tree| (tree, false));
    }
    match json::read(text) {
        Ok(tree) => Ok((tree, true)),
        // Flow YAML looks much like JSON.
        Err(broken) => yaml::read(text).map(|tree| (tree, false)).map_err(|_| broken),
    }
}

fn values(tree: &Tree) -> Result<Vec<Value>, Broken> {
    tree.roots.iter().map(|&root| tree.value(root)).collect()
}

fn means(text: &str, meant: &[Value]) -> bool {
    read(text).and_then(|(tree, _)| values(&tree)).is_ok_and(|values| values == meant)
}

/// The documents of a chunk in our own notation.
fn anew(chunk: &Chunk<'_>, is_json: bool, meant: &[Value]) -> Result<String, Broken> {
    let mut text = String::new();
    let (before, after) = chunk.around();
    if chunk.has_start() {
        text.push_str(before);
        text.push_str("---\n");
    }
    for value in meant {
        let lines = if is_json { value.json_lines("  ") } else { value.yaml(0) };
        lines.iter().for_each(|line| text.extend([line, "\n"]));
    }
    text.push_str(after);
    if means(&text, meant) {
        return Ok(text);
    }
    Err(Broken { line: 1, why: "this document cannot be written anew with the same meaning".to_owned() })
}

impl Task<'_> {
    fn done(self) -> &'static str {
        match self {
            Task::Inject(_) => "injected",
            Task::Uninject => "uninjected",
        }
    }
}

/// What becomes of an object; or why nothing does.
fn plan(
    tree: &Tree,
    root: usize,
    object: &Object,
    task: Task<'_>,
    notes: &mut Vec<String>,
) -> Result<Result<Change, &'static str>, Broken> {
    let pod = match &object.pod {
        Ok(pod) => pod,
        Err(why) => return Ok(Err(why)),
    };
    let edits = match task {
        Task::Inject(settings) => match pod.objection(tree) {
            Some(why) => return Ok(Err(why)),
            None => {
                let ports = [settings.inbound_port, settings.outbound_port, settings.admin_port];
                let mut warnings = pod.clashes(tree, settings.uid, ports);
                let edits = additions(&configured(tree, pod, settings, &mut warnings)?);
                notes.extend(warnings.iter().map(|warning| format!("{}: warning: {warning}", object.label)));
                edits
            }
        },
        Task::Uninject if !pod.containers(tree).any(|(_, name)| is_ours(name)) => {
            return Ok(Err("it has no sidecar of ours"));
        }
        Task::Uninject => [INIT_CONTAINERS, CONTAINERS].map(|list| Edit::Remove { list }).into(),
    };
    Ok(Ok(Change { root, path: pod.path.clone(), spec: pod.spec, edits }))
}

/// The settings for one pod: its annotations go before the options.
fn configured(
    tree: &Tree,
    pod: &Pod,
    settings: &Settings,
    warnings: &mut Vec<String>,
) -> Result<Settings, Broken> {
    let mut settings = settings.clone();
    let mut ports = |name| pod.ports(tree, name, warnings);
    if let Some(ports) = ports("skip-inbound-ports")? {
        settings.skip_inbound = ports;
    }
    if let Some(ports) = ports("skip-outbound-ports")? {
        settings.skip_outbound = ports;
    }
    if let Some(ports) = ports("opaque-ports")? {
        settings.opaque = Some(ports);
    }
    Ok(settings)
}

/// A native sidecar runs before the pod's own init containers, and carries their connections. A classic one runs only after
/// them: so redirection begins after them, too; and it is the first container, as they are started in order.
fn additions(settings: &Settings) -> Vec<Edit> {
    let (init, proxy) = (settings.init(), settings.proxy());
    if settings.is_classic {
        return vec![
            Edit::Add { list: INIT_CONTAINERS, is_front: false, items: vec![init] },
            Edit::Add { list: CONTAINERS, is_front: true, items: vec![proxy] },
        ];
    }
    vec![Edit::Add { list: INIT_CONTAINERS, is_front: true, items: vec![init, proxy] }]
}

#[cfg(test)]
mod tests;
