//! What the page knows of the server: who uses it, jobs, what is stored, and the job that is watched.

use std::future::Future;
use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::*;
use rrlab_protocol::{Artifact, ArtifactKind, Job, JobRequest, ServerInfo, Share, UserRole};
use rrlab_types::Document;

use super::api;
use super::watch::{Course, Watch};
use crate::run::{Finding, Workers};
use crate::settings::{ComputeOn, Settings};

/// How often a server is looked for that is still being built.
const AGAIN: Duration = Duration::from_secs(5);
/// How often the list of jobs is asked for while it is looked at.
const REFRESH: Duration = Duration::from_secs(2);

/// Endings of files that say nothing of what is in them.
const ENDINGS: [&str; 6] = [".tar.gz", ".tgz", ".tar", ".zip", ".safetensors", ".json"];

/// The page's side of the server.
#[derive(Clone, Copy)]
pub struct Board {
    /// Settings of the page.
    pub settings: Settings,
    /// The server; `None` where there is none.
    pub info: RwSignal<Option<ServerInfo>>,
    /// The latest jobs.
    pub jobs: RwSignal<Vec<Job>>,
    /// What is stored.
    pub artifacts: RwSignal<Vec<Artifact>>,
    /// What the job that is watched has come to.
    pub course: RwSignal<Course>,
    /// Links to it.
    pub links: RwSignal<Vec<Share>>,
    /// The job that the page's link shows.
    pub shared: RwSignal<Option<Job>>,
    /// What it has come to.
    pub shared_course: RwSignal<Course>,
    /// What went wrong last, or what was done.
    pub notice: RwSignal<String>,
    watch: StoredValue<Option<Watch>, LocalStorage>,
    shared_watch: StoredValue<Option<Watch>, LocalStorage>,
    found: Callback<Finding>,
}

impl Board {
    /// Looks for a server. `found` is told of results that are opened.
    pub fn new(settings: Settings, found: Callback<Finding>) -> Self {
        let board = Self {
            settings,
            info: RwSignal::new(None),
            jobs: RwSignal::new(Vec::new()),
            artifacts: RwSignal::new(Vec::new()),
            course: RwSignal::new(Course::default()),
            links: RwSignal::new(Vec::new()),
            shared: RwSignal::new(None),
            shared_course: RwSignal::new(Course::default()),
            notice: RwSignal::new(String::new()),
            watch: StoredValue::new_local(None),
            shared_watch: StoredValue::new_local(None),
            found,
        };
        board.look();
        board.follow();
        board
    }

    fn look(self) {
        leptos::task::spawn_local(async move {
            let mut info = api::server().await;
            // The program may still be being built, as the workers are.
            while info.is_none() && Workers::ask().await.is_ok_and(|workers| workers.is_building()) {
                sleep(AGAIN).await;
                info = api::server().await;
            }
            self.info.set(info);
            let share = self.settings.share.get_untracked();
            if !share.is_empty() {
                self.open_shared(&share).await;
            }
        });
    }

    /// Whether jobs are what is looked at.
    pub fn is_open(self) -> bool {
        self.settings.run.get() && self.settings.compute_on.get() == ComputeOn::Server
    }

    /// Whether somebody is signed in.
    pub fn is_signed_in(self) -> bool {
        self.info.with(|info| info.as_ref().is_some_and(|info| info.user.is_some()))
    }

    /// Whether somebody is signed in who may have jobs.
    pub fn has_jobs(self) -> bool {
        let user = |info: &ServerInfo| info.user.as_ref().is_some_and(|user| user.role != UserRole::Reviewer);
        self.info.with(|info| info.as_ref().is_some_and(user))
    }

    fn follow(self) {
        let open = Memo::new(move |_| self.is_open() && self.has_jobs());
        Effect::new(move |_| {
            if open.get() {
                self.refresh();
            }
        });
        let again = set_interval_with_handle(
            move || {
                if untrack(|| open.get()) {
                    self.refresh_jobs();
                }
            },
            REFRESH,
        );
        on_cleanup(move || again.iter().for_each(|again| again.clear()));
        Effect::new(move |_| {
            let job = self.settings.job.get();
            self.watch.set_value(None);
            self.course.set(Course::default());
            self.links.set(Vec::new());
            if job > 0 && open.get() {
                let ended = move || self.refresh();
                self.watch.set_value(Watch::begin(&api::events(job, ""), self.course, ended));
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
            let links = if job > 0 { api::shares(job).await.unwrap_or_default() } else { Vec::new() };
            if self.settings.job.get_untracked() == job {
                self.links.set(links);
            }
        });
    }

    /// Does something on the server, says what went wrong, and looks again.
    fn act<T: 'static>(self, work: impl Future<Output = Result<T, String>> + 'static, then: impl FnOnce(T) + 'static) {
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
        self.act(async move { api::submit(&request).await }, move |job| self.settings.job.set(job.id));
    }

    /// Cancels a job.
    pub fn cancel(self, id: i64) {
        self.act(api::cancel(id), |_| ());
    }

    /// Forgets a job.
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
            let base = window().location().href().unwrap_or_default();
            let base = base.split(['?', '#']).next().unwrap_or_default().to_owned();
            let link = format!("{base}?share={secret}");
            let promise = window().navigator().clipboard().write_text(&link);
            leptos::task::spawn_local(async move {
                let copied = wasm_bindgen_futures::JsFuture::from(promise).await.is_ok();
                let what = if copied { "Copied a link to" } else { "The link to" };
                self.notice.set(format!("{what} job {id}; whoever has it can read its results: {link}"));
            });
            self.settings.job.set(id);
            self.refresh_links();
        });
    }

    /// Revokes a link.
    pub fn revoke(self, share: Share) {
        self.act(api::revoke(share), move |()| self.refresh_links());
    }

    /// Deletes something stored. What depends on it is named first; then `confirmed` deletes it nonetheless.
    pub fn delete(self, id: i64, confirmed: bool, then: impl FnOnce(bool) + 'static) {
        leptos::task::spawn_local(async move {
            let deleted = api::delete_artifact(id, confirmed).await;
            then(deleted.is_ok());
            self.notice.set(deleted.err().unwrap_or_default());
            self.refresh();
        });
    }

    /// Uploads a file.
    pub fn upload(self, kind: ArtifactKind, file: web_sys::File, then: impl FnOnce(Artifact) + 'static) {
        let file_name = file.name();
        let ending = ENDINGS.iter().find_map(|ending| file_name.strip_suffix(ending));
        let name = ending.unwrap_or(&file_name).to_owned();
        self.notice.set(format!("Uploading {name} …"));
        self.act(async move { api::upload(kind.name(), &name, &file).await }, then);
    }

    /// Signs in.
    pub fn sign_in(self, token: String) {
        self.act(async move { api::sign_in(&token).await }, move |_| self.look());
    }

    /// Signs out.
    pub fn sign_out(self) {
        self.act(api::sign_out(), move |()| {
            self.jobs.set(Vec::new());
            self.artifacts.set(Vec::new());
            self.look();
        });
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

    async fn open_shared(self, secret: &str) {
        let opened = match api::shared(secret).await {
            Ok(job) => {
                let begin = Watch::begin(&api::events(job.id, secret), self.shared_course, move || self.look_again());
                self.shared_watch.set_value(begin);
                self.shared.set(Some(job.clone()));
                self.open_results(&job, secret).await
            }
            Err(problem) => Err(format!("the link shows nothing: {problem}")),
        };
        if let Err(problem) = opened {
            self.found.run(Finding::Problem(problem));
        }
    }

    /// Takes note of what a shared job has made by its end.
    fn look_again(self) {
        let secret = self.settings.share.get_untracked();
        leptos::task::spawn_local(async move {
            if let Ok(job) = api::shared(&secret).await {
                self.shared.set(Some(job));
            }
        });
    }

    /// Its profile, and the sweep on it, where it has them.
    async fn open_results(self, job: &Job, share: &str) -> Result<(), String> {
        let made = |kind| job.results.iter().find(|result| result.kind == kind).map(|result| result.id);
        let profile = made(ArtifactKind::Profile).or(job.request.profile());
        for id in profile.into_iter().chain(made(ArtifactKind::Sweep)) {
            let document = Document::from_json(&api::text(id, share).await?).map_err(|error| error.to_string())?;
            self.found.run(Finding::Document(document));
        }
        Ok(())
    }
}
