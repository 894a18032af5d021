//! The database: people, artifacts, jobs, events and shares, in SQLite or PostgreSQL by the same
//! statements.

mod able;
mod artifacts;
mod audit;
mod courses;
mod database;
mod events;
mod jobs;
mod lab_id;
mod needs;
mod parts;
mod people;
mod personal_data;
mod sessions;
mod shares;
mod tokens;
mod turns;
mod wait;
mod workers;

pub use artifacts::NewArtifact;
pub use courses::Joined;
pub use database::{CONNECTIONS, DAY_MS, Store, StoreError, StoreResult, now_ms, sqlite_address};
pub use events::{OwnedEvent, StoredEvent};
pub use jobs::{AddJobOutcome, CancelOutcome, Claim, JobLimits, NewJob, Waiting};
pub use needs::JobNeeds;
pub use parts::{HelpWanted, PartTaker, StateOf, TakenPart};
pub use people::{Erasure, OWNER, Person};
pub use personal_data::KeptOfPerson;
pub use sessions::SignedInBy;
pub use tokens::TokenRow;
pub use workers::{Abilities, LiveWorker};
