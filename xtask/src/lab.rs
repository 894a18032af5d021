//! `cargo xtask lab`: from a fresh clone to the lab in a browser.

use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use crate::early::EarlyServer;
use crate::page;
use crate::run::{Failure, Step, Steps, minutes, target_folder};

/// Installs what is missing, builds, serves, and builds the workers meanwhile.
///
/// # Errors
/// If an option makes no sense, the port is taken, or a step fails.
pub fn lab(options: &[&str]) -> Result<(), Failure> {
    let mut port = "7878";
    let mut features: &[&str] = &[];
    let mut program_cold = minutes(9);
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--gpu" => (features, program_cold) = (&["--features", "wgpu,vulkan"], minutes(20)),
            "--port" => {
                port = rest.next().ok_or_else(|| Failure::usage("--port needs a number"))?
            }
            other => {
                return Err(Failure::usage(&format!(
                    "`{other}` is not an option of cargo xtask lab"
                )));
            }
        }
    }
    require_free(port)?;
    let program = || {
        Step::cargo(&["build", "--release", "--locked", "--package", "rrlab"]).args(features).run()
    };
    let mut steps = Steps::new(6);
    page::begin(&mut steps)?;
    let early =
        if built_program().exists() { None } else { Some(serve_early(port, program_cold)?) };
    steps.step("Building the program", program_cold, program)?;
    drop(early);
    steps.announce("Serving the lab", Duration::ZERO);
    let mut server = serve(port)?;
    let rest =
        steps.step("Building the networks' workers", page::WORKERS_COLD, page::build_workers);
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
    let number: u16 = port
        .parse()
        .map_err(|_| Failure::usage(&format!("`{port}` is no port: give one from 1 to 65535")))?;
    match std::net::TcpListener::bind(("127.0.0.1", number)) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "port {port} can't be used ({error}); choose another with --port"
        ))),
    }
}

/// Serves the page while the program is built for the first time.
fn serve_early(port: &str, program_cold: Duration) -> Result<EarlyServer, Failure> {
    page::announce_workers(program_cold)?;
    let server = EarlyServer::start(port)?;
    println!(
        "    The page is at http://127.0.0.1:{port} already: explore what is bundled. What computes comes next."
    );
    Ok(server)
}

/// Name of the program's file.
fn program_name() -> String {
    format!("rrlab{}", std::env::consts::EXE_SUFFIX)
}

fn built_program() -> PathBuf {
    target_folder().join("release").join(program_name())
}

/// Serves the page from its folder, where workers may still arrive, by a copy of the program: the
/// program itself is built anew meanwhile, which some systems refuse while it runs.
fn serve(port: &str) -> Result<Child, Failure> {
    let built = built_program();
    let folder = target_folder().join("serving");
    let copy = folder.join(program_name());
    let copied = std::fs::create_dir_all(&folder)
        .and_then(|()| if copy.exists() { std::fs::remove_file(&copy) } else { Ok(()) })
        .and_then(|()| std::fs::copy(&built, &copy));
    copied.map_err(|error| Failure::io(&copy, &error))?;
    let dist = page::dist();
    Step::program(
        &copy.to_string_lossy(),
        &["serve", "--port", port, "--page", &dist.to_string_lossy()],
    )
    .start()
}

fn ended(mut server: Child) -> Result<(), Failure> {
    let status = server
        .wait()
        .map_err(|error| Failure::new(format!("the server can't be waited for: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("the server ended ({status})")))
    }
}
