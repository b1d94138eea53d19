//! Completions for bash, zsh and fish, made from the definition of the command line.

use std::fmt::Write as _;

use super::outline::{Flag, Outline, Values};

/// A shell whose completions can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    pub(super) const NAMES: [&str; 3] = ["bash", "zsh", "fish"];

    /// The shell called so.
    pub(super) fn named(name: &str) -> Option<Shell> {
        let all = [Shell::Bash, Shell::Zsh, Shell::Fish];
        Self::NAMES.iter().zip(all).find(|(known, _)| **known == name).map(|(_, shell)| shell)
    }
}

/// The script that the shell is to load.
pub(super) fn completions(shell: Shell, program: &Outline, commands: &[Outline]) -> String {
    match shell {
        Shell::Bash => bash(program, commands),
        Shell::Zsh => zsh(program, commands),
        Shell::Fish => fish(program, commands),
    }
}

const BASH_HEAD: &str = "\
# Completions of wayside for bash, by `wayside completions bash`.
_wayside() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= word words= equals=
    COMPREPLY=()
    # bash takes --flag=value apart, into three words.
    if [[ $current == = ]]; then
        current= equals==
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]} equals==
    fi
    for word in \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\"; do
        if [[ $command && $word == -- ]]; then
            mapfile -t COMPREPLY < <(compgen -c -f -- \"$current\")
            return
        fi
        [[ $command || $word == -* ]] || command=$word
    done
    case \"$command $previous$equals\" in
";

const BASH_TAIL: &str = "    esac
    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")
}
complete -F _wayside wayside
";

/// What follows a flag comes first, then what the command takes.
fn bash(program: &Outline, commands: &[Outline]) -> String {
    let mut text = BASH_HEAD.to_owned();
    const FILES: &str =
        "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return";
    for command in commands {
        for flag in &command.flags {
            let action = match &flag.values {
                Values::None => continue,
                Values::Words(words) => format!("words='{}'", words.join(" ")),
                Values::File => FILES.to_owned(),
                Values::Other => "return".to_owned(),
            };
            // A switch may be followed by the next flag; its value only comes after "=".
            let ends: &[&str] = if flag.is_optional { &["="] } else { &["", "="] };
            let mut patterns = Vec::new();
            for name in &flag.names {
                patterns.extend(ends.iter().map(|end| format!("\"{} {name}{end}\"", command.name)));
            }
            let _ = writeln!(text, "    {}) {action} ;;", patterns.join("|"));
        }
    }
    text.push_str("    *) case $command in\n");
    for command in commands {
        let flags = names(&command.flags);
        let _ = match &command.plain {
            Values::Words(words) => {
                writeln!(text, "        {}) words='{flags} {}' ;;", command.name, words.join(" "))
            }
            Values::File => {
                let files = format!("[[ $current == -* ]] && words='{flags}' || {{ {FILES}; }}");
                writeln!(text, "        {}) {files} ;;", command.name)
            }
            _ => writeln!(text, "        {}) words='{flags}' ;;", command.name),
        };
    }
    let all: Vec<&str> = commands.iter().map(|command| command.name.as_str()).collect();
    let _ =
        writeln!(text, "        '') words='{} {}' ;;\n        esac ;;", all.join(" "), names(&program.flags));
    text + BASH_TAIL
}

fn names(flags: &[Flag]) -> String {
    flags.iter().flat_map(|flag| flag.names.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

fn zsh(program: &Outline, commands: &[Outline]) -> String {
    let mut text = "#compdef wayside\n# Completions of wayside for zsh, by `wayside completions zsh`.\n\
        _wayside() {\n    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n        local -a commands=(\n"
        .to_owned();
    for command in commands {
        let entry = format!("{}:{}", command.name, command.about.replace(':', "\\:"));
        let _ = writeln!(text, "            {}", quote(&entry));
    }
    text.push_str(
        "        )\n        _describe command commands\n        return\n    fi\n    local command=$words[2]\n    \
         case $command in\n",
    );
    for outline in commands.iter().chain([program]) {
        let (name, shift) = match std::ptr::eq(outline, program) {
            true => ("*", ""),
            false => (outline.name.as_str(), "shift words; (( CURRENT-- ));"),
        };
        let mut specs: Vec<String> = outline.flags.iter().flat_map(zsh_flag).collect();
        match &outline.plain {
            Values::Words(words) => specs.push(format!("*:word:({})", words.join(" "))),
            Values::File => specs.push("*:file:_files".to_owned()),
            Values::None | Values::Other => {}
        }
        let _ = write!(text, "    {name}) {shift} _arguments");
        for spec in specs {
            let _ = write!(text, " \\\n        {}", quote(&spec));
        }
        text.push_str(" ;;\n");
    }
    text.push_str("    esac\n}\n");
    // Loaded from a folder of $fpath its text is the function's body; else it is sourced.
    text + "if [[ $funcstack[1] == _wayside ]]; then _wayside \"$@\"; else compdef _wayside wayside; fi\n"
}

/// `--port=[help]:PORT: `, for each of its names.
fn zsh_flag(flag: &Flag) -> Vec<String> {
    let help = flag.help.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let value = match &flag.values {
        Values::None => String::new(),
        Values::Words(words) => format!(":{}:({})", flag.metavar, words.join(" ")),
        Values::File => format!(":{}:_files", flag.metavar),
        Values::Other => format!(":{}: ", flag.metavar.replace(':', "\\:")),
    };
    // One colon more: the value may be missing.
    let value = if flag.is_optional { format!(":{value}") } else { value };
    let repeated = if flag.is_repeated { "*" } else { "" };
    let equals = |name: &str| match (&flag.values, flag.is_optional, name.starts_with("--")) {
        (Values::None, ..) => "",
        (_, true, _) => "=-",
        (_, false, true) => "=",
        _ => "+",
    };
    flag.names.iter().map(|name| format!("{repeated}{name}{}[{help}]{value}", equals(name))).collect()
}

fn fish(program: &Outline, commands: &[Outline]) -> String {
    let mut text = "# Completions of wayside for fish, by `wayside completions fish`.\n\
                    complete -c wayside -f\n"
        .to_owned();
    for command in commands {
        let _ = writeln!(
            text,
            "complete -c wayside -n __fish_use_subcommand -a {} -d {}",
            command.name,
            fish_quote(&command.about)
        );
    }
    for flag in &program.flags {
        fish_flag(&mut text, "__fish_use_subcommand", flag);
    }
    for command in commands {
        let condition = format!("'__fish_seen_subcommand_from {}'", command.name);
        for flag in &command.flags {
            fish_flag(&mut text, &condition, flag);
        }
        match &command.plain {
            Values::Words(words) => {
                let _ = writeln!(text, "complete -c wayside -n {condition} -a '{}'", words.join(" "));
            }
            Values::File => {
                let _ = writeln!(text, "complete -c wayside -n {condition} -F");
            }
            Values::None | Values::Other => {}
        }
    }
    text
}

fn fish_flag(text: &mut String, condition: &str, flag: &Flag) {
    let _ = write!(text, "complete -c wayside -n {condition}");
    for name in &flag.names {
        let _ = match name.strip_prefix("--") {
            Some(long) => write!(text, " -l {long}"),
            None => write!(text, " -s {}", name.trim_start_matches('-')),
        };
    }
    let _ = match &flag.values {
        // A switch's value comes after "=" only, and needs no help.
        _ if flag.is_optional => Ok(()),
        Values::None => Ok(()),
        Values::Words(words) => write!(text, " -x -a '{}'", words.join(" ")),
        Values::File => write!(text, " -r -F"),
        Values::Other => write!(text, " -x"),
    };
    let _ = writeln!(text, " -d {}", fish_quote(&flag.help));
}

/// In single quotes of bash and zsh.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn fish_quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
