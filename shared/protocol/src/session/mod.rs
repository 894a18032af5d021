//! The page's side of the conversation with a compute worker.
//!
//! The machine touches no browser: it is told what happens ([`Input`]) and says what is to be done
//! ([`Effect`]). One request is under way at a time, so that each is made when its turn comes, of
//! the network that is there by then. `A` is a file that travels with a request.

mod machine;
#[cfg(test)]
mod tests;
mod types;

pub use machine::WorkerSession;
pub use types::{Control, Effect, Input, Phase, RequestOutcome, RequestWithFiles, Task};
