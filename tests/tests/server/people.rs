//! Signing in by an OpenID provider, sessions, and what admins do about people.

use std::collections::BTreeMap;
use std::io::Read as _;

use reqwest::{Method, StatusCode};
use rrlab_tests::lab::{Answer, Database, Lab, bundled_model};
use rrlab_tests::provider::{Flaw, Provider};
use serde_json::{Value, json};

/// A browser as far as cookies go.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Asks a lab, with the cookies that it gave.
    async fn ask(&mut self, lab: &Lab, method: Method, path: &str, body: Option<Value>) -> Answer {
        let none = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(none).build().unwrap();
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = client.request(method, format!("{}{path}", lab.address()));
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = lab.send(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        answer
    }

    async fn get(&mut self, lab: &Lab, path: &str) -> Answer {
        self.ask(lab, Method::GET, path, None).await
    }

    /// Goes to the provider, and comes back with what it says; the path that leads back to the lab.
    async fn at_provider(&mut self, lab: &Lab, to: &str) -> String {
        let begun = self.get(lab, &format!("/sign-in?to={to}")).await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{begun:?}");
        let pending = begun.headers["set-cookie"].to_str().unwrap();
        for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
            assert!(pending.contains(part), "{pending}");
        }
        let none = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(none).build().unwrap();
        let address = begun.headers["location"].to_str().unwrap();
        let back = client.get(address).send().await.unwrap();
        let back = back.headers()["location"].to_str().unwrap().to_owned();
        back.strip_prefix("http://localhost:1").expect("where the lab said it is").to_owned()
    }

    async fn sign_in(&mut self, lab: &Lab, to: &str) -> Answer {
        let back = self.at_provider(lab, to).await;
        self.get(lab, &back).await
    }

    /// Who the lab says that it is.
    async fn user(&mut self, lab: &Lab) -> Value {
        self.get(lab, "/api/v1/server").await.json()["user"].clone()
    }
}

async fn with_provider(database: Database, provider: &Provider, more: &[&str]) -> Lab {
    let own = ["--hosted", "--no-worker", "--public-url", "http://localhost:1"];
    let options = [&own[..], &provider.options(), more].concat();
    Lab::with(database, &options).await
}

fn entries(lab: &Lab, person: &str) -> Vec<(String, String, String)> {
    let said = lab.says(&["admin", "audit", "--person", person, "--format", "json"]);
    let entries: Vec<Value> = serde_json::from_str(&said).unwrap();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("the lab").to_owned();
    let entry =
        |entry: &Value| (text(entry, "actor"), text(entry, "action"), text(entry, "detail"));
    entries.iter().rev().map(entry).collect()
}

/// From the first sign-in to erasure.
pub async fn a_person_comes_by_the_provider_and_goes(database: Database) {
    let provider = Provider::start().await;
    let roles = ["--oidc-groups-claim", "groups", "--admin-group", "lab-admins"];
    let mut lab = with_provider(database, &provider, &roles).await;
    let root = lab.person("root", "admin");
    provider.person(json!({ "sub": "17", "preferred_username": "ann", "groups": ["staff"] }));

    let mut browser = Browser::default();
    assert!(browser.user(&lab).await.is_null());
    let server = browser.get(&lab, "/api/v1/server").await.json();
    assert_eq!(server["sign_in_address"], "/sign-in");
    let done = browser.sign_in(&lab, "/?pane=rules%26rule=rr").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
    assert_eq!(done.headers["location"], "/?pane=rules&rule=rr", "back to where they were");
    let cookies: Vec<&str> =
        done.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("rrlab_session=")).unwrap();
    assert!(session.contains("HttpOnly") && session.contains("SameSite=Strict"), "{session}");
    assert!(session.contains("Max-Age=604800"), "{session}");
    assert_eq!(browser.user(&lab).await, json!({ "name": "ann", "role": "student" }));
    assert_eq!(browser.cookies.len(), 1, "what tied the answer to the browser is gone");
    // The session's secret is no token.
    let secret = browser.cookies["rrlab_session"].clone();
    lab.sign_in(Some(&secret));
    assert_eq!(lab.get("/jobs").await.status, StatusCode::UNAUTHORIZED);

    // Work of their own.
    let token = lab.says(&["token", "create", "ann", "--label", "laptop"]);
    lab.sign_in(Some(token.trim()));
    let model = lab.uploaded("model", bundled_model()).await;
    let request = json!({ "kind": "evaluate", "model": model, "dataset": "shapes10" });
    let job = lab.submit(&request).await;
    lab.post(&format!("/jobs/{job}/shares"), &json!({})).await.expect(StatusCode::CREATED);

    // Groups count at the next sign-in; the name at the provider is not who they are.
    provider.person(json!({ "sub": "17", "preferred_username": "ann.b", "groups": "lab-admins" }));
    assert_eq!(browser.user(&lab).await["role"], "student");
    browser.sign_in(&lab, "/").await;
    assert_eq!(browser.user(&lab).await, json!({ "name": "ann", "role": "admin" }));

    an_admin_shuts_out_and_lets_in(&mut lab, &root, &provider).await;

    // Everything that is kept of them.
    let archive = lab.data().join("ann.tar");
    let path = archive.to_string_lossy().into_owned();
    lab.says(&["user", "export", "ann", "--out", &path]);
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(std::fs::File::open(&archive).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(name, content);
    }
    let read = |name: &str| serde_json::from_slice::<Value>(&files[name]).unwrap();
    assert_eq!(files[&format!("artifacts/{model}.safetensors")], bundled_model());
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&archive).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else's to read");
    assert!(!String::from_utf8_lossy(&files["audit.json"]).contains("root"), "and of nobody else");
    let person = read("person.json");
    assert_eq!(person["identities"][0]["subject"], "17");
    assert_eq!(person["tokens"][0]["label"], "laptop");
    assert_eq!(
        (read("jobs.json")[0]["id"].clone(), person["links"][0]["job_id"].clone()),
        (job.into(), job.into())
    );
    assert_eq!(read("jobs.json")[0]["events"][0]["state"]["state"], "queued");
    assert_eq!(read("artifacts.json").as_array().unwrap().len(), 1);
    assert!(!read("audit.json").as_array().unwrap().is_empty());
    let everything: Vec<u8> = files.values().flatten().copied().collect();
    assert!(!String::from_utf8_lossy(&everything).contains(token.trim()), "no secrets");

    // They go, and what was written down of them is nobody's.
    lab.sign_in(Some(&root));
    lab.post(&format!("/jobs/{job}/cancel"), &json!({})).await.expect(StatusCode::ACCEPTED);
    let of_ann = entries(&lab, "ann");
    let actions: Vec<&str> = of_ann.iter().map(|(_, action, _)| action.as_str()).collect();
    let expected = [
        "person_added",
        "identity_bound",
        "signed_in",
        "token_created",
        "link_made",
        "role_changed",
        "signed_in",
        "signed_in",
        "person_disabled",
        "person_enabled",
        "signed_in",
        "signed_out",
        "role_changed",
        "person_exported",
        "job_cancelled",
    ];
    assert_eq!(actions, expected, "{of_ann:?}");
    let last = of_ann.last().unwrap();
    assert_eq!((&*last.0, &*last.2), ("root", &*format!("job {job}")));
    lab.says(&["user", "erase", "ann", "--confirm", "ann"]);
    let audit = lab.says(&["admin", "audit", "--count", "1000", "--format", "csv"]);
    assert!(!audit.contains("ann") && audit.contains("(erased, number"), "{audit}");
    // Whoever comes under that name again begins anew.
    provider.person(json!({ "sub": "17", "preferred_username": "ann" }));
    browser.sign_in(&lab, "/").await;
    assert_eq!(browser.user(&lab).await, json!({ "name": "ann", "role": "student" }));
    assert_eq!(browser.get(&lab, "/api/v1/artifacts").await.json()["artifacts"], json!([]));
}

/// What an admin does by a session of their own, on the page.
async fn an_admin_shuts_out_and_lets_in(lab: &mut Lab, root: &str, provider: &Provider) {
    let mut admin = Browser::default();
    let session = Some(json!({ "token": root }));
    let signed = admin.ask(lab, Method::POST, "/api/v1/session", session).await;
    assert_eq!(signed.expect(StatusCode::OK)["name"], "root");
    let secret = &admin.cookies["rrlab_session"];
    assert_ne!(secret, root, "the token stays out of the browser's cookies");
    let overview = admin.get(lab, "/api/v1/admin/overview").await.expect(StatusCode::OK);
    let of = |name: &str| {
        let people = overview["people"].as_array().unwrap();
        people.iter().find(|person| person["name"] == name).unwrap().clone()
    };
    let (ann, root_id) = (of("ann"), of("root")["id"].clone());
    assert_eq!((&ann["role"], &ann["sessions"]), (&json!("admin"), &json!(2)));
    assert_eq!((&ann["jobs"], &ann["open_jobs"]), (&json!(1), &json!(1)));
    assert_eq!(ann["stored_bytes"], bundled_model().len());
    assert_eq!(overview["stored_bytes"], bundled_model().len());
    assert_eq!(overview["jobs"][0], json!({ "state": "queued", "count": 1 }));

    let path = format!("/api/v1/admin/people/{}", ann["id"]);
    let mut browser = Browser::default();
    browser.sign_in(lab, "/").await;
    let change = async |admin: &mut Browser, path: &str, change: Value| {
        admin.ask(lab, Method::PATCH, path, Some(change)).await
    };
    let changed = change(&mut admin, &path, json!({ "disabled": true })).await;
    assert!(changed.expect(StatusCode::OK)["disabled_ms"].is_i64());
    assert!(browser.user(lab).await.is_null(), "their sessions have ended");
    let refused = browser.sign_in(lab, "/").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(String::from_utf8_lossy(&refused.bytes).contains("ann is shut out"), "{refused:?}");
    change(&mut admin, &path, json!({ "disabled": false })).await.expect(StatusCode::OK);
    assert!(browser.user(lab).await.is_null(), "and stay so");
    browser.sign_in(lab, "/").await;
    assert_eq!(browser.user(lab).await["name"], "ann");
    let ended = admin.ask(lab, Method::DELETE, &format!("{path}/sessions"), None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(browser.user(lab).await.is_null());
    provider.person(json!({ "sub": "17", "preferred_username": "ann", "groups": [] }));
    change(&mut admin, &path, json!({ "role": "student" })).await.expect(StatusCode::OK);

    let own = format!("/api/v1/admin/people/{root_id}");
    let refused = change(&mut admin, &own, json!({ "role": "student" })).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let nobody = change(&mut admin, "/api/v1/admin/people/999", json!({})).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let wrong = change(&mut admin, &path, json!({ "roles": "admin" })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Signed out everywhere, here too.
    let ended = admin.ask(lab, Method::DELETE, "/api/v1/sessions", None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(admin.user(lab).await.is_null());
}

/// A provider's word counts only where it is signed, for this lab, this sign-in and this browser.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_can_not_mean_signs_nobody_in() {
    let provider = Provider::start().await;
    let mut lab = with_provider(Database::Sqlite, &provider, &[]).await;
    provider.person(json!({ "sub": "1", "preferred_username": "ann" }));
    let mut browser = Browser::default();
    for flaw in
        [Flaw::Key, Flaw::Unsigned, Flaw::Nonce, Flaw::Audience, Flaw::Issuer, Flaw::Expired]
    {
        provider.lies(Some(flaw));
        let refused = browser.sign_in(&lab, "/").await;
        assert_eq!(refused.status, StatusCode::BAD_GATEWAY, "{flaw:?}: {refused:?}");
        assert!(browser.user(&lab).await.is_null(), "{flaw:?}");
    }
    provider.lies(None);
    assert!(!lab.says(&["user", "list"]).contains("ann"));

    // An answer to another browser, to none, twice, or with another's state.
    let back = browser.at_provider(&lab, "/").await;
    let strange = Browser::default().get(&lab, &back).await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST);
    let mut another = Browser::default();
    another.at_provider(&lab, "/").await;
    assert_eq!(another.get(&lab, &back).await.status, StatusCode::BAD_REQUEST);
    let kept = browser.cookies.clone();
    assert_eq!(browser.get(&lab, &back).await.status, StatusCode::SEE_OTHER);
    let mut again = Browser { cookies: kept };
    assert_eq!(again.get(&lab, &back).await.status, StatusCode::FORBIDDEN, "each code once");
    let mut refusing = Browser::default();
    let back = refusing.at_provider(&lab, "/").await;
    let state = back.split("state=").nth(1).unwrap();
    let refused = refusing.get(&lab, &format!("/sign-in/done?error=<b>no&state={state}")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let page = String::from_utf8_lossy(&refused.bytes).into_owned();
    assert!(page.contains("&lt;b&gt;no") && !page.contains("<b>"), "{page}");
    // No address leads elsewhere.
    for to in ["//evil.example", "https://evil.example", "/%5Cevil.example", "evil"] {
        assert_eq!(browser.sign_in(&lab, to).await.headers["location"], "/", "{to}");
    }

    // A name is whose it was first, until whoever runs the lab says otherwise.
    lab.person("ben", "student");
    provider.person(json!({ "sub": "2", "preferred_username": "ben" }));
    let mut ben = Browser::default();
    let refused = ben.sign_in(&lab, "/").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(String::from_utf8_lossy(&refused.bytes).contains("rrlab user bind ben"));
    lab.says(&["user", "bind", "ben", "--issuer", provider.address(), "--subject", "2"]);
    ben.sign_in(&lab, "/").await;
    assert_eq!(ben.user(&lab).await["name"], "ben");
    lab.refuses(
        &["user", "bind", "ann", "--issuer", provider.address(), "--subject", "2"],
        "somebody else",
    );
    // Without a name, or with one that can't be, nobody.
    for claims in [json!({ "sub": "3" }), json!({ "sub": "3", "preferred_username": "local" })] {
        provider.person(claims);
        assert_eq!(Browser::default().sign_in(&lab, "/").await.status, StatusCode::FORBIDDEN);
    }
    // Who has been here is known without.
    provider.person(json!({ "sub": "2" }));
    ben.sign_in(&lab, "/").await;
    assert_eq!(ben.user(&lab).await["name"], "ben");
    // A provider that is gone.
    lab.stop().await;
    lab.start().await;
    drop(provider);
    let mut late = Browser::default();
    assert_eq!(late.get(&lab, "/sign-in").await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(late.get(&lab, "/").await.status, StatusCode::OK, "the lab itself goes on");
}

/// Sessions end with the token that they were begun with, by themselves, and by signing out.
pub async fn sessions_end(database: Database) {
    let begin = async |lab: &Lab, browser: &mut Browser, token: &str| {
        let body = Some(json!({ "token": token }));
        browser.ask(lab, Method::POST, "/api/v1/session", body).await.expect(StatusCode::OK)
    };
    let lab = Lab::with(database, &["--hosted", "--no-worker"]).await;
    let token = lab.person("ann", "student");
    let mut browser = Browser::default();
    begin(&lab, &mut browser, &token).await;
    let kept = browser.cookies.clone();
    assert_eq!(browser.user(&lab).await["name"], "ann");
    browser.ask(&lab, Method::DELETE, "/api/v1/session", None).await;
    assert!(browser.cookies.is_empty());
    let mut copied = Browser { cookies: kept };
    assert!(copied.user(&lab).await.is_null(), "signing out ends it, whoever has the cookie");
    begin(&lab, &mut browser, &token).await;
    assert_eq!(browser.user(&lab).await["name"], "ann");
    lab.says(&["token", "revoke", "1"]);
    assert!(browser.user(&lab).await.is_null());

    // 1.8 seconds.
    let short = ["--hosted", "--no-worker", "--session-hours", "0.0005"];
    let lab = Lab::with(database, &short).await;
    let token = lab.person("ann", "student");
    begin(&lab, &mut browser, &token).await;
    let began = std::time::Instant::now();
    while !browser.user(&lab).await.is_null() {
        assert!(began.elapsed().as_secs() < 60, "it does not end");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(began.elapsed().as_millis() > 1000);
}

/// A teacher sees what their students do, and nobody else's work; a link enrols, with or without a name
/// of one's own.
pub async fn a_teacher_sees_the_work_of_their_students(database: Database) {
    let mut lab = Lab::with(database, &["--hosted", "--no-worker"]).await;
    let [tess, ann, bob] = ["tess", "ann", "bob"].map(|name| lab.person(name, "student"));
    lab.refuses(&["course", "add", "Pruning", "--teacher", "nobody"], "nobody is named nobody");
    lab.says(&["course", "add", "Pruning", "--teacher", "tess"]);
    lab.refuses(
        &["course", "add", "Pruning", "--teacher", "tess"],
        "there is a course Pruning already",
    );
    lab.sign_in(Some(&tess));
    let courses = lab.get("/courses").await.expect(StatusCode::OK);
    let course = courses[0]["id"].as_i64().unwrap();
    assert_eq!((&courses[0]["name"], &courses[0]["teaches"]), (&json!("Pruning"), &json!(true)));
    let links = format!("/courses/{course}/links");
    let too_long = lab.post(&links, &json!({ "days": 10_000 })).await;
    assert_eq!(too_long.status, StatusCode::UNPROCESSABLE_ENTITY);
    let link = lab.post(&links, &json!({ "seats": 2 })).await.expect(StatusCode::CREATED);
    let enrol = format!("/enrolments/{}", link["secret"].as_str().unwrap());

    // Somebody whom the lab knows.
    lab.sign_in(Some(&ann));
    let shown = lab.get(&enrol).await.expect(StatusCode::OK);
    let expected = json!({ "course": "Pruning", "teachers": ["tess"], "adds_people": true });
    assert_eq!(shown, expected);
    for _ in 0..2 {
        let enrolled = lab.post(&enrol, &json!({})).await.expect(StatusCode::OK);
        assert_eq!(
            (&enrolled["person"]["name"], &enrolled["token"]),
            (&json!("ann"), &Value::Null)
        );
    }
    let job = lab.submit(&json!({ "kind": "train", "dataset": "shapes10" })).await;
    let model = lab.uploaded("model", bundled_model()).await;
    assert_eq!(lab.get(&links).await.status, StatusCode::NOT_FOUND, "students make no links");
    let member = format!("/courses/{course}/members");
    assert_eq!(lab.get(&member).await.status, StatusCode::NOT_FOUND);

    // Somebody new: under a name of their own, and nobody else's, while there is room.
    lab.sign_in(None);
    let refused = lab.post(&enrol, &json!({ "name": "bob" })).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(lab.post(&enrol, &json!({})).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut browser = Browser::default();
    let body = Some(json!({ "name": "cleo" }));
    let path = format!("/api/v1{enrol}");
    let enrolled = browser.ask(&lab, Method::POST, &path, body).await.expect(StatusCode::OK);
    assert_eq!(browser.user(&lab).await["name"], "cleo", "signed in at once");
    lab.sign_in(enrolled["token"].as_str());
    assert_eq!(lab.get("/jobs").await.status, StatusCode::OK, "and by their token elsewhere");
    lab.sign_in(None);
    let full = lab.post(&enrol, &json!({ "name": "dan" })).await;
    assert_eq!(full.status, StatusCode::CONFLICT);
    assert!(!lab.says(&["user", "list"]).contains("dan"), "nobody is added without a seat");

    // The teacher looks, and changes nothing.
    lab.sign_in(Some(&bob));
    let others = lab.submit(&json!({ "kind": "train", "dataset": "shapes10" })).await;
    assert_eq!(lab.get(&format!("/jobs?course={course}")).await.status, StatusCode::NOT_FOUND);
    lab.sign_in(Some(&tess));
    let seen = lab.get(&format!("/jobs?course={course}")).await.expect(StatusCode::OK);
    let seen: Vec<&Value> =
        seen["jobs"].as_array().unwrap().iter().map(|job| &job["owner"]).collect();
    assert_eq!(seen, ["ann"]);
    assert_eq!(lab.get("/jobs").await.json()["jobs"], json!([]), "their own list is their own");
    assert_eq!(lab.job(job).await["owner"], "ann");
    assert_eq!(lab.get(&format!("/artifacts/{model}/content")).await.bytes, bundled_model());
    let first = lab.listen(job, |_| true).await;
    assert_eq!(first[0].data["event"]["state"]["state"], "queued");
    for (method, path) in [
        (Method::POST, format!("/jobs/{job}/cancel")),
        (Method::DELETE, format!("/jobs/{job}")),
        (Method::POST, format!("/jobs/{job}/shares")),
        (Method::DELETE, format!("/artifacts/{model}")),
        (Method::GET, format!("/jobs/{others}")),
    ] {
        let answer = lab.send(lab.request(method.clone(), &path)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let members = lab.get(&member).await.expect(StatusCode::OK);
    let names: Vec<&Value> = members.as_array().unwrap().iter().map(|who| &who["name"]).collect();
    assert_eq!(names, ["tess", "ann", "cleo"]);
    let (ann_id, ann_jobs) = (members[1]["id"].as_i64().unwrap(), &members[1]["open_jobs"]);
    assert_eq!(*ann_jobs, 1);

    // Out of the course, out of sight; a link that is revoked leads nowhere.
    let out = lab.delete(&format!("{member}/{ann_id}")).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert_eq!(lab.get(&format!("/jobs/{job}")).await.status, StatusCode::NOT_FOUND);
    let revoked = lab.delete(&format!("{links}/{}", link["id"])).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(lab.get(&links).await.json(), json!([]));
    lab.sign_in(Some(&ann));
    for path in [&enrol, "/enrolments/rrlab_guessed"] {
        assert_eq!(lab.get(path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(lab.post(path, &json!({})).await.status, StatusCode::NOT_FOUND);
    }
    let again = lab.says(&["course", "link", "Pruning", "--days", "1"]);
    let secret = again.trim().rsplit('=').next().unwrap();
    lab.post(&format!("/enrolments/{secret}"), &json!({})).await.expect(StatusCode::OK);
    let leave = lab.delete(&format!("{member}/{ann_id}")).await;
    assert_eq!(leave.status, StatusCode::NO_CONTENT, "one leaves by oneself");
    lab.says(&["course", "join", "Pruning", "ann", "--teacher"]);
    assert_eq!(lab.get(&member).await.status, StatusCode::OK);
    assert!(lab.says(&["course", "list", "--format", "csv"]).contains("Pruning"));
    lab.says(&["course", "remove", "Pruning"]);
    assert_eq!(lab.get("/courses").await.json(), json!([]));
    let actions: Vec<String> =
        entries(&lab, "ann").into_iter().map(|(_, action, _)| action).collect();
    let expected = [
        "person_added",
        "token_created",
        "course_joined",
        "course_left",
        "course_joined",
        "course_left",
        "course_joined",
    ];
    assert_eq!(actions, expected);
}
