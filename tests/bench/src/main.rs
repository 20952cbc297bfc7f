//! What Crosspoint costs, beside what it could cost at least. See README.md.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring tool for the command line: its only input is what it has made itself"
)]

mod arguments;
mod bare;
mod batch;
mod cameras;
mod folder;
mod h264;
mod hot_path;
mod instructions;
mod janus;
mod limits;
mod load;
mod plot;
mod process;
mod publisher;
mod recordings;
mod rows;
mod scale;
mod sequence;
mod server;
mod signalling;
mod stamp;
mod statistics;
mod table;
mod tail;
mod vanish;
mod viewer;
mod viewers;

use std::process::ExitCode;

use arguments::Command;

/// Whatever ends a measurement early, in words.
pub type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments::parse(&words) {
        Ok(command) => run(command),
        Err(text) => Err(text.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Help => {
            println!("{}", arguments::HELP);
            Ok(())
        }
        Command::Run(options) => rows::run(&options),
        Command::Scale(options) => scale::run(&options),
        Command::Vanish(options) => vanish::run(&options),
        Command::Recordings(options) => recordings::run(&options),
        Command::Instructions { check } => instructions::run(check),
        Command::HotPath { stage, frames } => hot_path::run(&stage, frames),
        Command::Bare(order) => {
            process::end_with_owner();
            bare::run(&order)
        }
        Command::Cameras(order) => {
            process::end_with_owner();
            cameras::run(order)
        }
        Command::Publishers(order) => {
            process::end_with_owner();
            publisher::run(&order)
        }
        Command::Viewers(order) => {
            process::end_with_owner();
            viewers::run(&order)
        }
    }
}
