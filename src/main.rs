//! The program: parse, dispatch.

use std::io::Write;
use std::process::ExitCode;

use wayside::cli::{self, Action};
use wayside::commands;
use wayside::commands::doctor::Ask;
use wayside::config::{self, Config, Failure, Loaded, Sources};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os(), std::env::vars_os()) {
        Ok(Action::Run(sources, command)) => {
            with(sources.clone(), |loaded| commands::run::run(loaded, sources, command))
        }
        Ok(Action::Worker(sources, worker)) => {
            with(sources, |loaded| commands::worker::run(loaded.config, worker))
        }
        Ok(Action::Check(sources)) => with(sources, |loaded| commands::print(&loaded.to_toml())),
        Ok(Action::Explain(sources, explain)) => {
            with(sources, |loaded| commands::explain::explain(&loaded, &explain))
        }
        Ok(Action::Init(_, _, manner)) if manner.delete => commands::init::delete(manner),
        Ok(Action::Init(sources, flags, manner)) => {
            let outcome = config::redirect::redirect(sources, &flags);
            settled(outcome, |plan| commands::init::install(&plan, manner))
        }
        Ok(Action::Inject(files, settings)) => commands::inject::inject(&files, &settings),
        Ok(Action::Uninject(files)) => commands::inject::uninject(&files),
        Ok(Action::Doctor(sources, ask)) => doctor(sources, &ask),
        Ok(Action::Print(text)) => commands::print(&text),
        Err(error) => {
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

/// What is wrong with the file or the variables is for doctor to tell; wrong flags are wrong usage.
fn doctor(sources: Sources, ask: &Ask) -> ExitCode {
    let environment = sources.environment.clone();
    let mut outcome = config::load(sources);
    let defaults = Config::default();
    let config = outcome.as_ref().map_or(&defaults, |loaded| &loaded.config);
    let (plan, problems) = config::redirect::plan(config, &environment, &ask.redirect);
    if !problems.is_empty() {
        let (mut all, warnings) = match outcome {
            Ok(loaded) => (Vec::new(), loaded.warnings),
            Err(failure) => (failure.problems, failure.warnings),
        };
        all.extend(problems);
        outcome = Err(Failure { problems: all, warnings });
    }
    match outcome {
        Err(failure) if failure.exit_code() == 2 => refuse(&failure),
        outcome => commands::doctor::doctor(outcome, ask, plan),
    }
}

/// Does it with the configuration, or says all that is wrong with it.
fn with(sources: Sources, command: impl FnOnce(Loaded) -> ExitCode) -> ExitCode {
    let outcome = config::load(sources);
    let outcome = outcome.map(|mut loaded| {
        let warnings = std::mem::take(&mut loaded.warnings);
        (loaded, warnings)
    });
    settled(outcome, command)
}

/// Says what is odd, and does it; or says all that is wrong.
fn settled<T>(outcome: Result<(T, Vec<String>), Failure>, command: impl FnOnce(T) -> ExitCode) -> ExitCode {
    let warnings = match &outcome {
        Ok((_, warnings)) => warnings,
        Err(failure) => &failure.warnings,
    };
    warnings.iter().for_each(|warning| tell(format_args!("warning: {warning}")));
    match outcome {
        Ok((value, _)) => command(value),
        Err(failure) => refuse(&failure),
    }
}

/// Says all that is wrong.
fn refuse(failure: &Failure) -> ExitCode {
    failure.problems.iter().for_each(|problem| tell(format_args!("{problem}")));
    ExitCode::from(failure.exit_code())
}

/// One line on stderr. Where that is closed there is nobody to tell.
fn tell(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
