//! The program: parse, dispatch.

use std::io::Write;
use std::process::ExitCode;

use wayside::cli::{self, Action};
use wayside::commands;
use wayside::config::{self, Loaded, Sources};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os(), std::env::vars_os()) {
        Ok(Action::Run(sources, command)) => {
            with(sources.clone(), |loaded| commands::run::run(loaded, sources, command))
        }
        Ok(Action::Worker(sources, worker)) => {
            with(sources, |loaded| commands::worker::run(loaded.config, worker))
        }
        Ok(Action::Check(sources)) => with(sources, |loaded| commands::check::check(&loaded.to_toml())),
        Ok(Action::Explain(sources, explain)) => {
            with(sources, |loaded| commands::explain::explain(&loaded, &explain))
        }
        Ok(Action::Later(name)) => {
            tell(format_args!("wayside {name}: not in this version yet"));
            ExitCode::from(2)
        }
        Err(error) => {
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

/// Does it with the configuration, or says all that is wrong with it.
fn with(sources: Sources, command: impl FnOnce(Loaded) -> ExitCode) -> ExitCode {
    let outcome = config::load(sources);
    let warnings = match &outcome {
        Ok(loaded) => &loaded.warnings,
        Err(failure) => &failure.warnings,
    };
    warnings.iter().for_each(|warning| tell(format_args!("warning: {warning}")));
    match outcome {
        Ok(loaded) => command(loaded),
        Err(failure) => {
            failure.problems.iter().for_each(|problem| tell(format_args!("{problem}")));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// One line on stderr. Where that is closed there is nobody to tell.
fn tell(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
