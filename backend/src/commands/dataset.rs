//! `rrlab dataset import | list | fetch`.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use md5::{Digest, Md5};
use rrlab_engine::data::{DatasetSummary, ImageSize, ImportBudget, Importer, SHAPES10, is_archive};

use super::context::Context;
use crate::cli::DatasetCommand;
use crate::destination::Destination;
use crate::interrupt::Interrupt;
use crate::output::{Csv, Report};
use crate::progress::{Meter, say};
use crate::storage::{map, read};

/// Where a data set is published, and the checksum that its authors state.
struct Source {
    name: &'static str,
    address: &'static str,
    md5: &'static str,
}

const SOURCES: [Source; 2] = [
    Source {
        name: "cifar10",
        address: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        md5: "c32a1d4ab5d03f1284b67883e8d87530",
    },
    Source {
        name: "cifar100",
        address: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        md5: "03b5dce01913d631647c71ecec9e9cb8",
    },
];

/// Files of a folder that are held and decoded at once.
const FILES_AT_ONCE: usize = 64;
/// A server that says nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(30);

pub fn run(context: &Context, command: &DatasetCommand) -> anyhow::Result<()> {
    match command {
        DatasetCommand::Import { path, name, size, resize, overwrite } => {
            let destination = context.data.destination(name, (*overwrite).into())?;
            import(context, path, name, ImageSize::new(*size, *resize)?, &destination)
        }
        DatasetCommand::List => list(context),
        DatasetCommand::Fetch { name, from, md5, overwrite } => {
            let destination = context.data.destination(name, (*overwrite).into())?;
            fetch(context, name, from.as_deref(), md5.as_deref(), &destination)
        }
    }
}

fn import(
    context: &Context,
    path: &Path,
    name: &str,
    size: ImageSize,
    destination: &Destination,
) -> anyhow::Result<()> {
    let meter = context.progress.wait(format!("importing {}", path.display()), "files");
    let folder = context.data.path();
    let spool = tempfile::tempfile_in(folder)
        .with_context(|| format!("can't write to {}", folder.display()))?;
    let mut importer = Importer::new(size, spool, ImportBudget::OWN);
    if path.is_dir() {
        import_folder(&mut importer, path, &meter)?;
    } else {
        let text = path.to_string_lossy();
        ensure!(
            is_archive(&text),
            "{text} is neither a folder nor a .tar, .tar.gz or .zip archive"
        );
        importer.add_archive(&text, &map(path)?, |entry| {
            meter.describe(format!("reading {entry}"));
        })?;
    }
    let dataset = importer.finish(name).with_context(|| path.display().to_string())?;
    let summary = dataset.summary();
    meter.describe("writing the data set");
    destination.write_pieces(|file| dataset.write(file))?;
    drop(meter);
    say(&format!("stored in {}", destination.path().display()));
    print(context, &[summary])
}

fn import_folder<S: Read + Write + Seek>(
    importer: &mut Importer<S>,
    folder: &Path,
    meter: &Meter,
) -> anyhow::Result<()> {
    let mut folders = vec![folder.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .with_context(|| format!("can't read {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    meter.set_total(files.len());
    for files in files.chunks(FILES_AT_ONCE) {
        let mut content = Vec::new();
        for file in files {
            content.push((file.to_string_lossy().into_owned(), read(file)?));
        }
        importer.add_all(&content)?;
        meter.advance(files.len());
    }
    Ok(())
}

fn list(context: &Context) -> anyhow::Result<()> {
    let names = [SHAPES10.to_owned()].into_iter().chain(context.data.names()?);
    let summaries =
        names.map(|name| context.data.summary(&name)).collect::<anyhow::Result<Vec<_>>>()?;
    print(context, &summaries)
}

fn print(context: &Context, summaries: &[DatasetSummary]) -> anyhow::Result<()> {
    let row = |s: &DatasetSummary| {
        vec![s.name.clone(), s.classes.to_string(), s.train.to_string(), s.test.to_string()]
    };
    let report = Report {
        value: &summaries,
        csv: Csv { lines: "", columns: &["name", "classes", "train", "test"] },
        columns: &["name", "classes", "train", "test"],
        rows: summaries.iter().map(row).collect(),
        summary: None,
    };
    report.print(context.format)
}

fn fetch(
    context: &Context,
    name: &str,
    from: Option<&str>,
    md5: Option<&str>,
    destination: &Destination,
) -> anyhow::Result<()> {
    let known = || SOURCES.map(|source| source.name).join(", ");
    let source = SOURCES.iter().find(|source| source.name == name);
    let source =
        source.with_context(|| format!("`{name}` can't be fetched; there are {}", known()))?;
    let partial = context.data.path().join(format!("{name}.tar.gz.part"));
    download(context, from.unwrap_or(source.address), &partial)?;
    let bytes = read(&partial)?;
    let found: String = Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = md5.unwrap_or(source.md5);
    if !found.eq_ignore_ascii_case(expected) {
        std::fs::remove_file(&partial)?;
        bail!(
            "the download has MD5 {found}, but {name} has {expected}; it was removed, fetch it again"
        );
    }
    let archive = context.data.path().join(format!("{name}.tar.gz"));
    std::fs::rename(&partial, &archive)?;
    import(context, &archive, name, ImageSize::default(), destination)?;
    std::fs::remove_file(&archive)?;
    Ok(())
}

/// Appends to what an earlier try left, where the server can go on from there.
fn download(context: &Context, address: &str, partial: &Path) -> anyhow::Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .build()
        .into();
    let held = std::fs::metadata(partial).map_or(0, |metadata| metadata.len());
    let request = if held > 0 {
        agent.get(address).header("Range", format!("bytes={held}-"))
    } else {
        agent.get(address)
    };
    let response = match request.call() {
        // Nothing lies beyond what is held: it is whole, as the checksum will tell.
        Err(ureq::Error::StatusCode(416)) => return Ok(()),
        other => other.with_context(|| format!("can't download {address}"))?,
    };
    let resumes = response.status() == 206;
    let length = response
        .headers()
        .get("content-length")
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let start = if resumes { held } else { 0 };
    let meter =
        context.progress.count("downloading", "bytes", (start + length.unwrap_or(0)) as usize);
    meter.begin_at(start as usize);
    let interrupt = Interrupt::listen()?;
    let mut file = File::options()
        .create(true)
        .write(true)
        .append(resumes)
        .truncate(!resumes)
        .open(partial)?;
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = body.read(&mut buffer).with_context(|| {
            format!("the download of {address} broke off; the same command goes on from there")
        })?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count])
            .with_context(|| format!("can't write {}", partial.display()))?;
        meter.advance(count);
        if let Err(stopped) = interrupt.check() {
            file.sync_all()?;
            return interrupt.outcome(Err(stopped), Some(partial));
        }
    }
    Ok(file.sync_all()?)
}
