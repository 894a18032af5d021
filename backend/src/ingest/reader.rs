//! The work of the process that reads an upload.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use rrlab_engine::architecture::Architecture;
use rrlab_engine::checkpoint::{self, NetworkHint};
use rrlab_engine::data::{ImageSize, ImportBudget, Importer};
use rrlab_engine::import::{self, Hint, Preprocessing};
use rrlab_protocol::ArtifactKind;
use rrlab_types::ModelProfile;

use super::request::{Answer, IngestRequest, UploadDescription, UploadKind};
use crate::facts::ArtifactFacts;
use crate::storage::disk_is_full;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// From now on this process gets no more memory than that of its own, and so much time; who asks for
/// more ends it. Only on Linux do all allocations count.
///
/// # Errors
/// If the system does not let it.
pub fn limit(bytes: u64, time: Duration) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(Resource::Data, limit(bytes))?;
        // Where the server is gone, nobody else ends it.
        setrlimit(Resource::Cpu, limit(time.as_secs()))?;
        // What broke down on a stranger's file need not fill the disk too.
        setrlimit(Resource::Core, limit(0))?;
    }
    #[cfg(not(unix))]
    let _ = (bytes, time);
    Ok(())
}

/// Reads an upload, and writes what is to be stored of it. Images wait in a file in `scratch` that
/// has no name.
pub fn read(request: &IngestRequest, upload: &[u8], scratch: &Path, content: impl Write) -> Answer {
    let mut content = BufWriter::new(content);
    let read = match request.what.kind {
        UploadKind::Model => read_model(&request.what, upload, &mut content),
        UploadKind::Profile => read_profile(upload, &mut content),
        UploadKind::Dataset => read_dataset(request, upload, scratch, &mut content),
    };
    let flushed = read.and_then(|answer| content.flush().map(|()| answer).map_err(Into::into));
    flushed.unwrap_or_else(|error| {
        if disk_is_full(error.as_ref()) {
            Answer::DiskFull
        } else {
            Answer::Refused { problem: error.to_string() }
        }
    })
}

fn read_model(
    what: &UploadDescription,
    upload: &[u8],
    content: &mut impl Write,
) -> Outcome<Answer> {
    let architecture = what.architecture.as_deref().map(str::parse::<Architecture>);
    let network = NetworkHint { architecture: architecture.transpose()?, classes: what.classes };
    let said = what.preprocessing.as_deref().map(str::parse::<Preprocessing>).transpose()?;
    let hint = Hint { network, preprocessing: said.unwrap_or_default() };
    let model = import::read(upload, hint)?.model;
    content.write_all(&checkpoint::write(&model)?)?;
    let facts = ArtifactFacts::of_model(&model);
    Ok(Answer::Read { kind: ArtifactKind::Model, facts })
}

fn read_profile(upload: &[u8], content: &mut impl Write) -> Outcome<Answer> {
    let text = std::str::from_utf8(upload).map_err(|_| "the profile is not text")?;
    let profile = ModelProfile::from_json(text)?;
    serde_json::to_writer(content, &profile)?;
    let facts = ArtifactFacts::of_profile(&profile);
    Ok(Answer::Read { kind: ArtifactKind::Profile, facts })
}

fn read_dataset(
    request: &IngestRequest,
    upload: &[u8],
    scratch: &Path,
    content: &mut impl Write,
) -> Outcome<Answer> {
    let IngestRequest { what, kept_bytes, .. } = request;
    let side = what.size.unwrap_or(ImageSize::default().side());
    let size = ImageSize::new(side, what.resize)?;
    let budget = ImportBudget::of_upload(upload.len() as u64, *kept_bytes);
    let mut importer = Importer::new(size, tempfile::tempfile_in(scratch)?, budget);
    // Nothing is unpacked to a disk: names of entries are read for splits and classes alone.
    let path = if upload.starts_with(b"PK") { "upload.zip" } else { "upload.tar" };
    importer.add_archive(path, upload, |_| {})?;
    let dataset = importer.finish(&what.name)?;
    let facts = ArtifactFacts::of_dataset(&dataset.summary());
    dataset.write(content)?;
    Ok(Answer::Read { kind: ArtifactKind::Dataset, facts })
}
