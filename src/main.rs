//! The `wharf` binary: everything is in [`wharf::cli`].

fn main() -> std::process::ExitCode {
    wharf::cli::main().into()
}
