//! `mimer completion`: what a shell needs to complete the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::command::Arguments;
use crate::failure::Failure;
use crate::session::{Ending, Output};

/// The shells people use.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Flavour {
    /// `mimer completion bash > ~/.local/share/bash-completion/completions/mimer`
    Bash,
    /// `mimer completion zsh > DIRECTORY/_mimer`, with DIRECTORY in $fpath
    Zsh,
    /// `mimer completion fish > ~/.config/fish/completions/mimer.fish`
    Fish,
}

/// Prints the completion script of a shell.
pub(crate) fn completion(flavour: Flavour, output: Output) -> Result<Ending, Failure> {
    let shell = match flavour {
        Flavour::Bash => Shell::Bash,
        Flavour::Zsh => Shell::Zsh,
        Flavour::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "mimer", &mut script);
    output.print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Ending::Well)
}
