//! The project's two commands: `cargo xtask lab` runs the lab, `cargo xtask test` checks everything that CI checks.

mod early;
mod page;
mod page_size;
mod run;
mod stamp;
mod tools;

use std::path::PathBuf;
use std::process::{Child, ExitCode};
use std::time::Duration;

use early::EarlyServer;
use run::{Failure, Step, Steps, target_folder};

const HELP: &str = "cargo xtask lab [--gpu] [--port PORT]
    Installs what is missing, builds page and program, and serves the lab on 127.0.0.1. The first time the page is
    there before the program, and networks that run in the browser are built while it serves.
    --gpu   builds the program with GPU support (wgpu and Vulkan); adds about 15 minutes the first time
cargo xtask test
    Formatting, lints, dependencies, documentation, every test, and the page in a browser.
cargo xtask page
    Builds the page with its workers, into dist.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["lab", options @ ..] => lab(options),
        ["test"] => test(),
        ["page"] => build_page(),
        [early::COMMAND, port] => early::serve(port),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

/// So many minutes on two cores.
const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// Installs what is missing, builds, serves, and builds the workers meanwhile.
fn lab(options: &[&str]) -> Result<(), Failure> {
    let mut port = "7878";
    let mut features: &[&str] = &[];
    let mut program_cold = minutes(9);
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--gpu" => (features, program_cold) = (&["--features", "wgpu,vulkan"], minutes(20)),
            "--port" => port = rest.next().ok_or_else(|| Failure::usage("--port needs a number"))?,
            other => return Err(Failure::usage(&format!("`{other}` is not an option of cargo xtask lab"))),
        }
    }
    require_free(port)?;
    let program = || Step::cargo(&["build", "--release", "--locked", "--package", "rrlab"]).args(features).run();
    let mut steps = Steps::new(6);
    begin_page(&mut steps)?;
    let early = if built_program().exists() { None } else { Some(serve_early(port, program_cold)?) };
    steps.step("Building the program", program_cold, program)?;
    drop(early);
    steps.announce("Serving the lab", Duration::ZERO);
    let mut server = serve(port)?;
    let rest = steps.step("Building the networks' workers", page::WORKERS_COLD, page::build_workers);
    // Built into the program as well, so that it has the whole page wherever it is copied.
    let rest = rest.and_then(|()| program());
    // A server that has ended has said why.
    if let Ok(Some(_)) = server.try_wait() {
        return ended(server);
    }
    match &rest {
        Ok(()) => steps.finish(),
        Err(failure) => eprintln!("\n{failure}\nThe lab goes on without networks in the browser."),
    }
    ended(server)?;
    rest
}

/// A port that is taken is named before anything is built for it.
fn require_free(port: &str) -> Result<(), Failure> {
    let number: u16 =
        port.parse().map_err(|_| Failure::usage(&format!("`{port}` is no port: give one from 1 to 65535")))?;
    match std::net::TcpListener::bind(("127.0.0.1", number)) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(format!("port {port} can't be used ({error}); choose another with --port"))),
    }
}

/// Crates, tools and page: three steps.
fn begin_page(steps: &mut Steps) -> Result<(), Failure> {
    steps.step("Fetching the crates", minutes(1), tools::fetch_crates)?;
    steps.step("Installing the page's tools", minutes(4), tools::ensure_page_tools)?;
    steps.step("Building the page", page::PAGE_COLD, page::build)
}

/// Serves the page while the program is built for the first time.
fn serve_early(port: &str, program_cold: Duration) -> Result<EarlyServer, Failure> {
    page::announce_workers(program_cold)?;
    let server = EarlyServer::start(port)?;
    println!("    The page is at http://127.0.0.1:{port} already: explore what is bundled. What computes comes next.");
    Ok(server)
}

/// Name of the program's file.
fn program_name() -> String {
    format!("rrlab{}", std::env::consts::EXE_SUFFIX)
}

fn built_program() -> PathBuf {
    target_folder().join("release").join(program_name())
}

/// Serves the page from its folder, where workers may still arrive, by a copy of the program: the program itself is
/// built anew meanwhile, which some systems refuse while it runs.
fn serve(port: &str) -> Result<Child, Failure> {
    let built = built_program();
    let folder = target_folder().join("serving");
    let copy = folder.join(program_name());
    let copied = std::fs::create_dir_all(&folder)
        .and_then(|()| if copy.exists() { std::fs::remove_file(&copy) } else { Ok(()) })
        .and_then(|()| std::fs::copy(&built, &copy));
    copied.map_err(|error| Failure::io(&copy, &error))?;
    let dist = page::dist();
    Step::program(&copy.to_string_lossy(), &["serve", "--port", port, "--page", &dist.to_string_lossy()]).start()
}

fn ended(mut server: Child) -> Result<(), Failure> {
    let status = server.wait().map_err(|error| Failure::new(format!("the server can't be waited for: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("the server ended ({status})"))) }
}

/// The page with its workers, into dist.
fn build_page() -> Result<(), Failure> {
    let mut steps = Steps::new(4);
    begin_page(&mut steps)?;
    steps.step("Building the networks' workers", page::WORKERS_COLD, page::build_workers)?;
    steps.finish();
    Ok(())
}

/// What every check of native code builds: one set of packages and features, so that each dependency is built once.
const NATIVE: [&str; 8] = [
    "--release",
    "--workspace",
    "--exclude",
    "rrlab-frontend",
    "--exclude",
    "rrlab-compute",
    "--features",
    "rrlab/wgpu",
];

/// What every check of the code in the browser builds.
const IN_BROWSER: [&str; 7] =
    ["--release", "--package", "rrlab-frontend", "--package", "rrlab-compute", "--target", tools::WASM_TARGET];

/// Everything that CI checks, the quick things first.
fn test() -> Result<(), Failure> {
    let deny_warnings = ["--", "-D", "warnings"];
    let mut steps = Steps::new(11);
    steps.step("Formatting", minutes(1), || Step::cargo(&["fmt", "--all", "--check"]).run())?;
    begin_page(&mut steps)?;
    steps.step("Lints", minutes(8), || {
        Step::cargo(&["clippy", "--all-targets"]).args(&NATIVE).args(&deny_warnings).run()
    })?;
    steps.step("Lints of the page and its workers", minutes(3), || {
        Step::cargo(&["clippy"]).args(&IN_BROWSER).args(&deny_warnings).run()
    })?;
    steps.step("Documentation", minutes(1), || {
        let docs = Step::cargo(&["doc", "--no-deps", "--document-private-items"]).args(&NATIVE);
        docs.env("RUSTDOCFLAGS", "-D warnings").run()
    })?;
    steps.step("Dependencies", minutes(4), || {
        tools::ensure_cargo_deny()?;
        Step::tool("cargo-deny", &["check", "bans", "licenses", "sources"]).run()
    })?;
    steps.step("Building the networks' workers", page::WORKERS_COLD, page::build_workers)?;
    // Program and tests in one build: alone, each would have other features of the same dependencies.
    let members = [&NATIVE[..], &["--exclude", "xtask"]].concat();
    steps.step("The program and its tests", minutes(15), || {
        Step::cargo(&["build", "--bins", "--tests"]).args(&members).run()
    })?;
    steps.step("Tests", minutes(10), || {
        let schemathesis = tools::ensure_schemathesis()?;
        let moto = tools::ensure_moto()?;
        let tests = Step::cargo(&["test", "--bins", "--tests"]).args(&members);
        tests
            .env("RRLAB_DIST", &page::dist().to_string_lossy())
            .env("RRLAB_TEST_GPU", "1")
            .env("RRLAB_SCHEMATHESIS", &schemathesis)
            .env("RRLAB_MOTO", &moto)
            .run()
    })?;
    steps.finish();
    Ok(())
}
