//! What the page knows of the server: who uses it, jobs, what is stored, and the job that is
//! watched.

use std::future::Future;
use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::*;
use rrlab_protocol::{Artifact, ArtifactKind, Job, JobRequest, ServerInfo, Share, UserRole};
use rrlab_types::Document;

use super::api;
use super::job_events::{JobEventStream, JobHistory};
use super::refresh::refresh_while_visible;
use crate::address;
use crate::clipboard;
use crate::page_update::PageUpdate;
use crate::settings::{ComputeOn, Settings};
use crate::worker_files::WorkerFiles;

/// How often a server is looked for that is still being built.
const SEARCH_INTERVAL: Duration = Duration::from_secs(5);
/// How often the list of jobs is asked for while it is looked at.
const REFRESH_INTERVAL: Duration = Duration::from_secs(2);

/// Endings of files that say nothing of what is in them.
const ENDINGS: [&str; 10] =
    [".tar.gz", ".tgz", ".tar", ".zip", ".safetensors", ".json", ".pt", ".pth", ".th", ".onnx"];

/// What is said of an upload besides its kind and name: parameters of the server's, or why that
/// can't be read.
pub type Said = Result<Vec<(&'static str, String)>, String>;

/// What the page knows of the server, and what it asks of it.
#[derive(Clone, Copy)]
pub struct ServerState {
    pub settings: Settings,
    /// The server; `None` where there is none.
    pub info: RwSignal<Option<ServerInfo>>,
    /// The latest jobs of who is signed in, the latest first.
    pub jobs: RwSignal<Vec<Job>>,
    /// What is stored of the person who is signed in.
    pub artifacts: RwSignal<Vec<Artifact>>,
    /// What the events of the job that is watched add up to.
    pub history: RwSignal<JobHistory>,
    /// Links to that job.
    pub links: RwSignal<Vec<Share>>,
    /// The job that the page's link shows; `None` where the address has no link.
    pub shared: RwSignal<Option<Job>>,
    /// What its events add up to.
    pub shared_history: RwSignal<JobHistory>,
    /// Rises when somebody has enrolled in a course.
    pub enrolled: RwSignal<usize>,
    /// What went wrong last, or what was done.
    pub notice: RwSignal<String>,
    events: StoredValue<Option<JobEventStream>, LocalStorage>,
    shared_events: StoredValue<Option<JobEventStream>, LocalStorage>,
    show: Callback<PageUpdate>,
}

impl ServerState {
    /// Looks for a server. `show` is given results that are opened.
    pub fn new(settings: Settings, show: Callback<PageUpdate>) -> Self {
        let server = Self {
            settings,
            info: RwSignal::new(None),
            jobs: RwSignal::new(Vec::new()),
            artifacts: RwSignal::new(Vec::new()),
            history: RwSignal::new(JobHistory::default()),
            links: RwSignal::new(Vec::new()),
            shared: RwSignal::new(None),
            shared_history: RwSignal::new(JobHistory::default()),
            enrolled: RwSignal::new(0),
            notice: RwSignal::new(String::new()),
            events: StoredValue::new_local(None),
            shared_events: StoredValue::new_local(None),
            show,
        };
        server.look();
        server
    }

    /// Looks for the server until it answers, or is not being built.
    fn look(self) {
        leptos::task::spawn_local(async move {
            let mut info = api::server().await;
            while info.is_none() && is_being_built().await {
                sleep(SEARCH_INTERVAL).await;
                info = api::server().await;
            }
            self.info.set(info);
        });
    }

    /// Whether jobs are what is looked at.
    pub fn is_open(self) -> bool {
        self.settings.run.get() && self.settings.compute_on.get() == ComputeOn::Server
    }

    /// Whether there is a server beside this page.
    pub fn answers(self) -> bool {
        self.info.with(Option::is_some)
    }

    /// Whether somebody is signed in.
    pub fn is_signed_in(self) -> bool {
        self.info.with(|info| info.as_ref().is_some_and(|info| info.user.is_some()))
    }

    /// Whether somebody is signed in who may have jobs.
    pub fn has_jobs(self) -> bool {
        let user = |info: &ServerInfo| {
            info.user.as_ref().is_some_and(|user| user.role != UserRole::Reviewer)
        };
        self.info.with(|info| info.as_ref().is_some_and(user))
    }

    /// Whether jobs are what is looked at, by somebody who may have some.
    fn shows_jobs(self) -> bool {
        self.is_open() && self.has_jobs()
    }

    /// Refreshes jobs, and what is stored, while they are looked at: as long as the caller's owner lives.
    pub(super) fn follow_jobs(self) {
        let shows_jobs = Memo::new(move |_| self.shows_jobs());
        Effect::new(move |_| {
            if shows_jobs.get() {
                self.refresh();
            }
        });
        let refresh = move || {
            if untrack(|| shows_jobs.get()) {
                self.refresh_jobs();
            }
        };
        refresh_while_visible(REFRESH_INTERVAL, refresh);
    }

    /// Hears the events of the job that is watched, for as long.
    pub(super) fn follow_watched_job(self) {
        on_cleanup(move || self.events.set_value(None));
        let shows_jobs = Memo::new(move |_| self.shows_jobs());
        Effect::new(move |_| {
            let job = self.settings.job.get();
            self.events.set_value(None);
            self.history.set(JobHistory::default());
            self.links.set(Vec::new());
            if job > 0 && shows_jobs.get() {
                let ended = move || self.refresh();
                let events = JobEventStream::open(&api::events(job, ""), self.history, ended);
                self.events.set_value(Some(events));
                self.refresh_links();
            }
        });
    }

    /// Asks for jobs and for what is stored.
    pub fn refresh(self) {
        self.refresh_jobs();
        leptos::task::spawn_local(async move {
            match api::artifacts().await {
                Ok(artifacts) => self.artifacts.set(artifacts),
                Err(problem) => self.notice.set(problem),
            }
        });
    }

    fn refresh_jobs(self) {
        leptos::task::spawn_local(async move {
            match api::jobs().await {
                Ok(jobs) => {
                    if self.jobs.with_untracked(|known| *known != jobs) {
                        self.jobs.set(jobs);
                    }
                }
                Err(problem) => self.notice.set(problem),
            }
        });
    }

    /// Asks for the links to the job that is watched.
    fn refresh_links(self) {
        let job = self.settings.job.get_untracked();
        leptos::task::spawn_local(async move {
            let links =
                if job > 0 { api::shares(job).await.unwrap_or_default() } else { Vec::new() };
            if self.settings.job.get_untracked() == job {
                self.links.set(links);
            }
        });
    }

    /// Does something on the server, says what went wrong, and looks again.
    fn act<T: 'static>(
        self,
        work: impl Future<Output = Result<T, String>> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        leptos::task::spawn_local(async move {
            match work.await {
                Ok(value) => {
                    self.notice.set(String::new());
                    then(value);
                }
                Err(problem) => self.notice.set(problem),
            }
            self.refresh();
        });
    }

    /// Asks for a job, and watches it.
    pub fn submit(self, request: JobRequest) {
        let submit = async move { api::submit(&request).await };
        self.act(submit, move |job| self.settings.job.set(job.id));
    }

    pub fn cancel(self, id: i64) {
        self.act(api::cancel(id), |_| ());
    }

    /// Removes a job from the list; what it made stays.
    pub fn forget(self, id: i64) {
        self.act(api::forget(id), move |()| {
            if self.settings.job.get_untracked() == id {
                self.settings.job.set(0);
            }
        });
    }

    /// Copies a link that shows a job to whoever has it.
    pub fn share(self, id: i64) {
        self.act(api::share(id), move |secret| {
            let link = address::with_query(&format!("share={secret}"));
            leptos::task::spawn_local(async move {
                let copied = clipboard::copy(&link).await;
                let what = if copied { "Copied a link to" } else { "The link to" };
                let warning = "whoever has it can read its results";
                self.notice.set(format!("{what} job {id}; {warning}: {link}"));
            });
            self.settings.job.set(id);
            self.refresh_links();
        });
    }

    pub fn revoke(self, share: Share) {
        self.act(api::revoke(share), move |()| self.refresh_links());
    }

    /// Deletes something stored; `then` is told whether it was. What depends on it is named first;
    /// then `confirmed` deletes it nonetheless.
    pub fn delete(self, id: i64, confirmed: bool, then: impl FnOnce(bool) + 'static) {
        leptos::task::spawn_local(async move {
            let deleted = api::delete_artifact(id, confirmed).await;
            then(deleted.is_ok());
            self.notice.set(deleted.err().unwrap_or_default());
            self.refresh();
        });
    }

    /// Uploads a file under its name without the ending, with what else is said of it; `then` is
    /// given what is stored.
    pub fn upload(
        self,
        kind: ArtifactKind,
        file: web_sys::File,
        said: impl Future<Output = Said> + 'static,
        then: impl FnOnce(Artifact) + 'static,
    ) {
        let file_name = file.name();
        let stem = ENDINGS.iter().find_map(|ending| file_name.strip_suffix(ending));
        let name = stem.unwrap_or(&file_name).to_owned();
        self.notice.set(format!("Uploading {name} …"));
        let upload = async move {
            let mut query = vec![("kind", kind.name().to_owned()), ("name", name)];
            query.extend(said.await?);
            api::upload(&query, &file).await
        };
        self.act(upload, then);
    }

    /// Signs in with a token, and looks at what the server says then.
    pub fn sign_in(self, token: String) {
        self.act(async move { api::sign_in(&token).await }, move |_| self.look());
    }

    /// Signs out of this browser.
    pub fn sign_out(self) {
        self.act(api::sign_out(), move |()| self.signed_out());
    }

    /// Signs out of every browser.
    pub fn sign_out_everywhere(self) {
        self.act(api::sign_out_everywhere(), move |()| self.signed_out());
    }

    fn signed_out(self) {
        self.jobs.set(Vec::new());
        self.artifacts.set(Vec::new());
        self.look();
    }

    /// Looks again after somebody has enrolled; a token that was made for them is shown this once.
    pub fn welcome(self, token: Option<String>) {
        self.settings.enrol.set(String::new());
        self.enrolled.update(|count| *count += 1);
        if let Some(token) = token {
            self.notice.set(format!(
                "This is your token, by which you sign in again or elsewhere; it is shown this once: {token}"
            ));
        }
        self.look();
    }

    /// The name of whoever looks after the lab, if it is who is signed in.
    pub fn admin(self) -> Option<String> {
        let admin = |info: &ServerInfo| {
            let user = info.user.as_ref().filter(|user| user.role == UserRole::Admin)?;
            info.hosted.then(|| user.name.clone())
        };
        self.info.with(|info| info.as_ref().and_then(admin))
    }

    /// Opens what a job has made in the lab.
    pub fn open(self, id: i64) {
        leptos::task::spawn_local(async move {
            let opened = match api::job(id).await {
                Ok(job) => self.open_results(&job, "").await,
                Err(problem) => Err(problem),
            };
            self.notice.set(opened.err().unwrap_or_default());
        });
    }

    /// Shows the job that the page's link leads to, once there is a server.
    pub(super) fn follow_link(self) {
        let answers = Memo::new(move |_| self.answers());
        Effect::new(move |_| {
            if answers.get() {
                leptos::task::spawn_local(self.open_shared(self.settings.share.get_untracked()));
            }
        });
    }

    async fn open_shared(self, secret: String) {
        let secret = secret.as_str();
        let opened = match api::shared(secret).await {
            Ok(job) => {
                let ended = move || self.refresh_shared();
                let events =
                    JobEventStream::open(&api::events(job.id, secret), self.shared_history, ended);
                self.shared_events.set_value(Some(events));
                self.shared.set(Some(job.clone()));
                self.open_results(&job, secret).await
            }
            Err(problem) => Err(format!("the link shows nothing: {problem}")),
        };
        if let Err(problem) = opened {
            self.show.run(PageUpdate::Problem(problem));
        }
    }

    /// Asks for the shared job again: at its end it has results.
    fn refresh_shared(self) {
        let secret = self.settings.share.get_untracked();
        leptos::task::spawn_local(async move {
            if let Ok(job) = api::shared(&secret).await {
                self.shared.set(Some(job));
            }
        });
    }

    /// Shows a job's profile, and the sweep on it or the allocation by it, where it has them.
    async fn open_results(self, job: &Job, share: &str) -> Result<(), String> {
        let made =
            |kind| job.results.iter().find(|result| result.kind == kind).map(|result| result.id);
        let profile = made(ArtifactKind::Profile).or(job.request.profile());
        let by_it = made(ArtifactKind::Sweep).or(made(ArtifactKind::Allocation));
        for id in profile.into_iter().chain(by_it) {
            let text = api::text(id, share).await?;
            let document = Document::from_json(&text).map_err(|error| error.to_string())?;
            self.show.run(PageUpdate::Document(document));
        }
        Ok(())
    }
}

/// Whether the program may still be being built, as the workers are.
async fn is_being_built() -> bool {
    WorkerFiles::fetch().await.is_ok_and(|files| files.is_building())
}
