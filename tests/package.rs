//! What is shipped: the static program in an empty root, the image's root, a pod made of it, the unit and the installation.
//!
//! The program is that of `scripts/build-static --dev`, which takes some minutes the first time. `WAYSIDE_STATIC_BIN` puts
//! another in its place.

#[path = "package/cgroup.rs"]
mod cgroup;
#[path = "package/image.rs"]
mod image;
#[path = "package/install.rs"]
mod install;
#[path = "package/pod.rs"]
mod pod;
#[path = "package/root.rs"]
mod root;
#[path = "package/spec.rs"]
mod spec;
#[path = "package/statics.rs"]
mod statics;
mod support;
