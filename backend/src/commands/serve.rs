//! `rrlab serve` and `rrlab worker`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::ValueEnum as _;
use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl, Scope};
use rrlab_protocol::UserRole;
use tokio::sync::watch;

use super::context::Context;
use super::lab::{block_on, days, open_objects, open_store, start_log};
use crate::caretaker::{Keep, look_after_jobs};
use crate::cli::{ServeArgs, SignInArgs, WorkArgs, WorkerArgs};
use crate::interrupt::Signals;
use crate::own_worker::{OwnWorker, READY, WorkerCommand};
use crate::recorder::start_metrics;
use crate::secret::new_secret;
use crate::server::{
    self, ClaimGroups, EventFeed, GroupRoles, Lab, Oidc, OidcSettings, Page, ProxyGroups,
    ProxyIdentity, RequestLimits, SESSION_COOKIE, SIGN_IN_DONE, Settings, TOKEN_PARAMETER,
};
use crate::store::{OWNER, Store, now_ms};
use crate::worker::{Worker, WorkerTiming, health};

/// What the tokens in the addresses are called that such servers print.
const ENTRANCE: &str = "rrlab serve";
/// Days for which a browser that opened such an address stays signed in.
const ENTRANCE_DAYS: u32 = 30;

/// Serves until it is told to stop. Prints its address as soon as it can be opened.
pub fn serve(context: &Context, args: &ServeArgs) -> anyhow::Result<()> {
    ensure!(
        args.hosted || args.host.is_loopback(),
        "on {} strangers could reach the lab: start it with --hosted, for people with tokens of their own",
        args.host
    );
    start_log(args.lab.log_format);
    let page = Page::find(args.page.as_deref())?;
    let metrics = start_metrics()?;
    server::describe_metrics();
    block_on(async {
        let data = context.data.clone();
        // Uploads come in there, also where database and artifacts are elsewhere.
        data.make()?;
        let store = open_store(&args.lab, &data).await?;
        let objects = open_objects(&args.lab, &data, &store).await?;
        let listener = tokio::net::TcpListener::bind(SocketAddr::new(args.host, args.port))
            .await
            .with_context(|| {
            format!("can't listen on port {}; choose another with --port", args.port)
        })?;
        let stop = stop_signal(false);
        let keep = Keep { jobs: args.keep_jobs.map(days), audit: args.keep_audit.map(days) };
        let care = look_after_jobs(store.clone(), objects.clone(), keep);
        let worker = match args.no_worker {
            true => None,
            false => Some(OwnWorker::start(worker_command(context, args), stop.clone()).await?),
        };
        let oidc = oidc_settings(args)?.map(Oidc::new).transpose();
        let oidc = oidc.context("can't ask an OpenID provider")?;
        let entrance = if args.hosted { String::new() } else { entrance(&store).await? };
        let lab = Arc::new(Lab {
            events: EventFeed::follow(store.clone(), stop.clone()).await?,
            store,
            objects,
            data,
            oidc,
            settings: Settings {
                hosted: args.hosted,
                proxy_identity: proxy_identity(args),
                session_cookie: session_cookie(args, listener.local_addr()?.port()),
                session_life: session_life(args),
                secure_cookies: args.behind_proxy,
                embedders: args.embed_in.clone(),
                jobs_per_user: args.jobs_per_user,
                upload_bytes: args.upload_mib << 20,
                stored_bytes_per_user: args.hosted.then_some((args.storage_gib << 30) as i64),
                device_time_per_user: args.device_hours.map(hours),
                job_memory: args.job_memory_gib.map(|gib| gib << 30),
            },
            stop: stop.clone(),
            metrics,
            uploads: Arc::default(),
            streams: Lab::room_for_streams(),
        });
        let limits = RequestLimits {
            requests_per_second: args.requests_per_second,
            behind_proxy: args.behind_proxy,
        };
        let app = server::router(lab, page, &limits).await?;
        println!("http://{}{entrance}", listener.local_addr()?);
        let worker = worker.map(|worker| tokio::spawn(worker.keep(stop.clone())));
        server::serve(listener, app, stop).await?;
        if let Some(worker) = worker {
            worker.await?;
        }
        care.abort();
        Ok(())
    })
}

/// How a server starts its own worker: as it was started itself.
fn worker_command(context: &Context, args: &ServeArgs) -> WorkerCommand {
    let ServeArgs { lab, work, .. } = args;
    let mut arguments: Vec<OsString> = vec!["--data-dir".into(), context.data.path().into()];
    let device = context.device_name();
    let (lease, checkpoint) = (work.lease.to_string(), work.checkpoint.to_string());
    let connections = lab.connections.to_string();
    let format = lab.log_format.to_possible_value();
    let format = format.map_or_else(String::new, |value| value.get_name().to_owned());
    let settings = [
        ["--device", &device],
        ["--lease", &lease],
        ["--checkpoint", &checkpoint],
        ["--log-format", &format],
        ["--connections", &connections],
    ];
    arguments.extend(["worker", "--with-server"].map(Into::into));
    arguments.extend(settings.as_flattened().iter().map(Into::into));
    if let Some(hours) = work.job_hours {
        arguments.extend(["--job-hours".into(), hours.to_string().into()]);
    }
    if let Some(artifacts) = &lab.artifacts {
        arguments.extend(["--artifacts".into(), artifacts.into()]);
    }
    WorkerCommand { arguments, database_url: lab.database_url.clone() }
}

/// A browser sends what one port of this machine gave it to all of them: two servers must not take
/// each other's. Over TLS it takes a cookie of such a name from this very host alone.
fn session_cookie(args: &ServeArgs, port: u16) -> String {
    match (args.hosted, args.behind_proxy) {
        (false, _) => format!("{SESSION_COOKIE}_{port}"),
        (true, false) => SESSION_COOKIE.into(),
        (true, true) => format!("__Host-{SESSION_COOKIE}"),
    }
}

fn session_life(args: &ServeArgs) -> Duration {
    if args.hosted { hours(args.session_hours) } else { days(ENTRANCE_DAYS) }
}

fn group_roles(args: &ServeArgs) -> GroupRoles {
    GroupRoles { admins: args.admin_group.clone(), reviewers: args.reviewer_group.clone() }
}

fn proxy_identity(args: &ServeArgs) -> Option<ProxyIdentity> {
    let groups = args.groups_header.clone();
    let groups = groups.map(|header| ProxyGroups { header, roles: group_roles(args) });
    args.identity_header.clone().map(|name| ProxyIdentity { name, groups })
}

/// The provider that signs people in, if one was named.
fn oidc_settings(args: &ServeArgs) -> anyhow::Result<Option<OidcSettings>> {
    let SignInArgs { issuer, client, secret, scopes, name_claim, groups_claim, public_url } =
        &args.sign_in;
    let (Some(issuer), Some(client), Some(public)) = (issuer, client, public_url) else {
        return Ok(None);
    };
    let groups = groups_claim.clone();
    Ok(Some(OidcSettings {
        issuer: IssuerUrl::new(issuer.to_string())?,
        client: ClientId::new(client.clone()),
        secret: secret.clone().map(ClientSecret::new),
        redirect: RedirectUrl::new(format!(
            "{}{SIGN_IN_DONE}",
            public.to_string().trim_end_matches('/')
        ))?,
        scopes: scopes.split_whitespace().map(|scope| Scope::new(scope.to_owned())).collect(),
        name_claim: name_claim.clone(),
        groups: groups.map(|claim| ClaimGroups { claim, roles: group_roles(args) }),
    }))
}

/// What stands behind the address of a server for one person: the page's path, with a token that
/// lets in whoever can read this program's output, and nobody else on the machine.
async fn entrance(store: &Store) -> anyhow::Result<String> {
    let owner = store.add_person(OWNER, UserRole::Admin, None).await?;
    let owner = owner
        .with_context(|| format!("`{OWNER}` is no admin of this database; start with --hosted"))?;
    store.forget_ended_tokens(owner.id, ENTRANCE).await?;
    let token = new_secret();
    let ends = now_ms() + days(ENTRANCE_DAYS).as_millis() as i64;
    store.add_token(owner.id, &token, ENTRANCE, Some(ends)).await?;
    Ok(format!("/?{TOKEN_PARAMETER}{token}"))
}

/// Computes jobs until it is told to stop, or one.
pub fn work(context: &Context, args: &WorkerArgs) -> anyhow::Result<()> {
    start_log(args.lab.log_format);
    let device = context.device()?;
    block_on(async {
        let data = context.data.clone();
        let store = open_store(&args.lab, &data).await?;
        let objects = open_objects(&args.lab, &data, &store).await?;
        let care = look_after_jobs(store.clone(), objects.clone(), Keep::default());
        let stop = stop_signal(args.with_server);
        let worker = Worker::new(store, objects, data, device, timing(&args.work), stop);
        if args.with_server {
            println!("{READY}");
        }
        if let Some(address) = args.listen {
            let listener = tokio::net::TcpListener::bind(address).await;
            let listener = listener.with_context(|| {
                format!("can't listen on {address}; choose another with --listen")
            })?;
            tracing::info!(address = %listener.local_addr()?, "answers whether it lives");
            tokio::spawn(health::serve(listener, worker.clone(), start_metrics()?));
        }
        if args.once {
            worker.run_once().await?;
        } else {
            worker.run().await?;
        }
        care.abort();
        Ok(())
    })
}

fn hours(count: f64) -> Duration {
    Duration::try_from_secs_f64(count * 3600.0).unwrap_or(Duration::MAX)
}

fn timing(args: &WorkArgs) -> WorkerTiming {
    WorkerTiming {
        lease: Duration::from_secs(args.lease),
        checkpoint: Duration::from_secs(args.checkpoint),
        longest: args.job_hours.map(hours),
    }
}

/// Becomes true at the first Ctrl-C or SIGTERM, or when the input ends where that is to count.
fn stop_signal(with_input: bool) -> watch::Receiver<bool> {
    let (tell, told) = watch::channel(false);
    if with_input {
        let tell = tell.clone();
        // A runtime would wait for the input before the program can end.
        std::thread::spawn(move || {
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
            tell.send(true).ok();
        });
    }
    tokio::spawn(async move {
        match Signals::listen() {
            Ok(mut signals) => signals.next().await,
            Err(error) => {
                tracing::warn!(%error, "signals can't be heard; stop the program by its process id");
                std::future::pending::<()>().await;
            }
        }
        tracing::info!("stopping");
        tell.send(true).ok();
        // Whoever waits for it may still be about to look.
        tell.closed().await;
    });
    told
}
