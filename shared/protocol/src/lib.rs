//! What the page and its compute workers say to each other, and the page's side of that
//! conversation as a state machine.
//!
//! Pure data and pure functions, like `rrlab-types`: nothing here touches a browser.

mod compute;
mod session;

pub use compute::{CheckpointKind, ComputeEvent, ComputeRequest, Predictions};
pub use session::{Control, Effect, Input, Phase, RequestOutcome, RequestWithFiles, Task, WorkerSession};
