//! What work in the background hands to the page to show, whether it ran in this browser or on a
//! server.

use rrlab_types::{ChannelProfile, Document, ModelProfile, SweepReport};

/// Something that the page is to show.
#[derive(Debug, Clone)]
pub enum PageUpdate {
    /// A profile was measured in this browser.
    Profile(Box<ModelProfile>),
    /// RR of every channel of the profile that was measured last.
    Channels(Box<ChannelProfile>),
    /// A sweep in this browser has one more entry, or is done.
    Sweep(Box<SweepReport>),
    /// A file that the browser or the server keeps was opened.
    Document(Document),
    /// What went wrong, for people.
    Problem(String),
}
