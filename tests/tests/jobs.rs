//! The page with a server behind it: a student's job from the page to its result, and the reviewer
//! who gets a link.
#![cfg(unix)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rrlab_tests::browser::Browser;
use rrlab_tests::lab::{Database, Lab, bundled_model, small_dataset};
use rrlab_tests::provider::Provider;
use rrlab_tests::relay::Relay;
use serde_json::{Value, json};

/// WebDriver's Enter.
const ENTER: &str = "\u{e007}";

async fn jobs(page: &Browser) -> Value {
    let script =
        "return [...document.querySelectorAll('#jobs tbody tr')].map(row => row.dataset.state);";
    page.run(script, &[]).await
}

async fn first_job_is(page: &Browser, state: &str) {
    page.wait_until(&format!(
        "return document.querySelector('#jobs tbody tr')?.dataset.state === '{state}'"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_students_job_goes_from_the_page_to_its_result() {
    let lab = Lab::with(Database::Sqlite, &["--hosted"]).await;
    let token = lab.person("ann", "student");
    let files = tempfile::tempdir().unwrap();
    let (model, dataset) =
        (files.path().join("resnet8.safetensors"), files.path().join("noise.tar.gz"));
    std::fs::write(&model, bundled_model()).unwrap();
    std::fs::write(&dataset, small_dataset()).unwrap();
    let page = Browser::at(format!("{}/", lab.address()), None, (1500, 1400)).await;
    page.goto("").await;
    page.click("#jobs-open").await;
    page.wait_for("#token").await;

    // A wrong token is named; the right one, by the keyboard alone, opens the lab.
    page.type_into("#token", &format!("rrlab_wrong{ENTER}")).await;
    page.wait_until("return document.querySelector('#notice').textContent.includes('token')").await;
    page.type_into("#token", &format!("{token}{ENTER}")).await;
    page.wait_for("#job-start").await;
    assert!(page.text("#server").await.contains("ann (student)"));
    let stored = page.run("return document.cookie + JSON.stringify(localStorage)", &[]).await;
    assert!(!stored.as_str().unwrap().contains("rrlab_"), "scripts can't read the token");

    page.set("#job-work", "calibrate", "change").await;
    page.type_into("#job-start", ENTER).await;
    page.wait_until(
        "return document.querySelector('#notice').textContent.includes('choose a network')",
    )
    .await;
    page.choose_file_in("#job-model-upload", &model).await;
    page.wait_until("return document.querySelector('#job-model').value !== '0'").await;
    page.choose_file_in("#job-dataset-upload", &dataset).await;
    page.wait_until("return !document.querySelector('#job-dataset').value.startsWith('name:')")
        .await;
    page.set("#job-calibration", "160", "change").await;
    page.type_into("#job-start", ENTER).await;
    first_job_is(&page, "done").await;
    // Its layers took their colours as they were measured; a reload misses nothing.
    page.wait_until(
        "return document.querySelectorAll('#watched [data-measured=true]').length === 10",
    )
    .await;
    let address = page.run("return location.search", &[]).await;
    assert!(address.as_str().unwrap().contains("job=1"), "{address}");
    page.goto(address.as_str().unwrap()).await;
    page.wait_until(
        "return document.querySelectorAll('#watched [data-measured=true]').length === 10",
    )
    .await;
    page.screenshot("jobs-measured.png").await;
    page.type_into(".job-open", ENTER).await;
    page.wait_until("return document.querySelector('#graph-A') && [...document.querySelectorAll('p.faint')].some(p => p.textContent.includes('resnet8 (network'))").await;

    // Training shows its loss and accuracy as they come, and is cancelled.
    page.set("#job-work", "train", "change").await;
    page.set("#job-architecture", "resnet8", "change").await;
    page.set("#job-dataset", "2", "change").await;
    page.set("#job-epochs", "400", "change").await;
    page.click("#job-start").await;
    page.wait_for("[data-chart=job-accuracy] svg").await;
    page.wait_until("return /\\d+ of \\d+ steps/.test(document.querySelector('#watched [role=status]').textContent)")
        .await;
    for theme in ["light", "dark"] {
        page.set("#theme", theme, "change").await;
        assert_eq!(page.serious().await, json!([]), "{theme}");
        page.screenshot(&format!("jobs-training-{theme}.png")).await;
    }
    page.type_into("#jobs [data-state=running] .job-cancel", ENTER).await;
    first_job_is(&page, "cancelled").await;

    // Fine-tuning compares A and B.
    page.set("#job-work", "finetune", "change").await;
    page.set("#job-model", "1", "change").await;
    page.set("#job-tuning-epochs", "2", "change").await;
    page.set("#job-calibration", "64", "change").await;
    page.click("#job-start").await;
    first_job_is(&page, "done").await;
    page.wait_for("[data-chart=job-tuning] svg").await;
    page.screenshot("jobs-finetuned.png").await;
    assert_eq!(jobs(&page).await, json!(["done", "cancelled", "done"]));
    let results = page
        .run(
            "return [...document.querySelectorAll('#watched .results a')].map(link => link.textContent.split(':')[0])",
            &[],
        )
        .await;
    let mut results: Vec<&str> =
        results.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    results.sort_unstable();
    assert_eq!(results, ["finetune", "model", "model", "profile"]);

    // The judge chooses without labels; its allocation is compared with A.
    page.set("#job-work", "choose", "change").await;
    page.set("#job-refine", "2", "change").await;
    page.click("#job-start").await;
    page.wait_until("return document.querySelectorAll('#watched .selection li').length === 6")
        .await;
    assert!(page.text("#watched .selection li").await.contains("diverges by"));
    page.screenshot("jobs-chosen.png").await;
    page.wait_for("tr[data-job='4'] .job-open").await;
    page.type_into("tr[data-job='4'] .job-open", ENTER).await;
    page.wait_until("return document.body.textContent.includes('B is from a file')").await;

    // A link is made, listed and revoked.
    page.click("#jobs tr[data-job='3'] .job-share").await;
    page.wait_for(".link-revoke").await;
    assert!(page.text("#notice").await.contains("share="), "the link is shown to be copied");
    page.type_into(".link-revoke", ENTER).await;
    page.wait_until("return !document.querySelector('.link-revoke')").await;

    // What jobs have read is deleted only when that is known.
    page.click("#stored-open").await;
    let delete = "tr[data-artifact='1'] .stored-delete";
    page.click(delete).await;
    page.wait_until("return document.querySelector('#notice').textContent.includes('job 1')").await;
    page.wait_until(&format!(
        "return document.querySelector(\"{delete}\").textContent.includes('nonetheless')"
    ))
    .await;
    page.screenshot("jobs-stored.png").await;
    page.click(delete).await;
    page.wait_until("return !document.querySelector(\"tr[data-artifact='1']\")").await;

    // Signed out, nothing of it is seen.
    page.click("#sign-out").await;
    page.wait_for("#token").await;
    assert_eq!(jobs(&page).await, json!([]));
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_opens_a_link_and_sees_the_result() {
    let mut lab = Lab::with(Database::Sqlite, &["--hosted"]).await;
    let token = lab.person("ann", "student");
    lab.sign_in(Some(&token));
    let (model, dataset) = (
        lab.uploaded("model", bundled_model()).await,
        lab.uploaded("dataset", small_dataset()).await,
    );
    let sweep = rrlab_tests::lab::requests(model, dataset)[2].1.clone();
    let job = lab.submit(&sweep).await;
    lab.results(job).await;
    let share = lab.post(&format!("/jobs/{job}/shares"), &Value::Null).await.json();
    let secret = share["secret"].as_str().unwrap();
    let page = Browser::at(format!("{}/", lab.address()), None, (1500, 1300)).await;
    page.goto(&format!("?share={secret}")).await;
    page.wait_for("[data-chart=sweep] svg").await;
    page.wait_until(
        "return [...document.querySelectorAll('p.faint')].some(p => p.textContent.includes('resnet8 (network'))",
    )
    .await;
    page.screenshot("jobs-shared.png").await;
    assert_eq!(
        page.run("return document.querySelectorAll('#shared .results a').length", &[]).await,
        json!(2)
    );

    // A job that the lab can't draw is shown all the same, and its result found.
    let evaluate = rrlab_tests::lab::requests(model, dataset)[4].1.clone();
    let evaluated = lab.submit(&evaluate).await;
    lab.results(evaluated).await;
    let other = lab.post(&format!("/jobs/{evaluated}/shares"), &Value::Null).await.json();
    page.goto(&format!("?share={}", other["secret"].as_str().unwrap())).await;
    page.wait_for("#shared .evaluation").await;
    assert!(page.text("#shared .evaluation").await.contains("60 test images"));
    assert_eq!(page.serious().await, json!([]));
    lab.delete(&format!("/jobs/{job}/shares/{}", share["id"])).await;
    page.goto(&format!("?share={secret}")).await;
    page.wait_for("[role=alert]").await;
    assert!(page.text("[role=alert]").await.contains("the link shows nothing"));
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_comes_by_the_provider_and_looks_after_the_lab() {
    let provider = Provider::start().await;
    let own = ["--hosted", "--public-url", "http://localhost:1"];
    let groups = ["--oidc-groups-claim", "groups", "--admin-group", "lab-admins"];
    let options = [&own[..], &provider.options(), &groups].concat();
    let lab = Lab::with(Database::Sqlite, &options).await;
    provider.sends_back_to(lab.address());
    let groups = json!(["lab-admins"]);
    provider.person(json!({ "sub": "1", "preferred_username": "root", "groups": groups }));
    lab.person("ann", "student");

    let page = Browser::at(format!("{}/", lab.address()), None, (1500, 1400)).await;
    page.goto("?sparsity=0.9").await;
    page.click("#jobs-open").await;
    page.wait_for("#sign-in-by-provider").await;
    // The page that it leads to can't be waited for by this one.
    page.run("document.querySelector('#sign-in-by-provider').click()", &[]).await;
    // Back where they were, without the provider's code in the address.
    page.wait_until(
        "return document.querySelector('#server')?.textContent.includes('root (admin)')",
    )
    .await;
    let address = page.run("return location.href", &[]).await;
    let address = address.as_str().unwrap();
    assert!(address.contains("sparsity=0.9") && !address.contains("code"), "{address}");

    page.click("#admin-open").await;
    page.wait_for("#people tbody tr").await;
    let people = "return [...document.querySelectorAll('#people tbody tr')].map(row => row.querySelector('th').textContent)";
    assert_eq!(page.run(people, &[]).await, json!(["ann", "root"]));
    page.wait_for("#workers tbody tr").await;
    let own =
        "return document.querySelectorAll('#people tr:nth-child(2) .person-shut')[0].disabled";
    assert_eq!(page.run(own, &[]).await, true, "nobody shuts themselves out");
    page.click("#people tr:nth-child(1) .person-shut").await;
    page.wait_until(
        "return document.querySelector('#people th[scope=row]').textContent === 'ann (shut out)'",
    )
    .await;
    page.wait_until(
        "return document.querySelector('#audit tbody').textContent.includes('person disabled')",
    )
    .await;
    assert!(lab.says(&["user", "list"]).contains("shut out"));
    page.set("#people tr:nth-child(1) select", "reviewer", "change").await;
    page.wait_until(
        "return document.querySelector('#audit tbody').textContent.includes('reviewer')",
    )
    .await;
    assert!(lab.says(&["user", "list", "--format", "csv"]).contains("ann,reviewer"));

    page.click("#sign-out-everywhere").await;
    page.wait_for("#sign-in-by-provider").await;
    assert!(page.run("return document.querySelector('#admin')", &[]).await.is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_enrols_by_a_link_and_their_teacher_looks() {
    let mut lab = Lab::with(Database::Sqlite, &["--hosted", "--no-worker"]).await;
    let teacher = lab.person("tess", "student");
    lab.says(&["course", "add", "Pruning", "--teacher", "tess"]);
    let link = lab.says(&["course", "link", "Pruning"]);

    let page = Browser::at(format!("{}/", lab.address()), None, (1500, 1400)).await;
    page.goto(link.trim().trim_start_matches('/')).await;
    page.wait_for("#enrol-name").await;
    page.type_into("#enrol-name", &format!("cleo{ENTER}")).await;
    let welcomed = "return document.querySelector('#notice').textContent.includes('rrlab_')";
    page.wait_until(welcomed).await;
    page.wait_until("return document.querySelector('#server').textContent.includes('cleo')").await;
    page.click("#courses-open").await;
    let told =
        "return document.querySelector('#courses li')?.textContent.includes('They see your jobs')";
    page.wait_until(told).await;
    // The link's secret is out of the address.
    page.wait_until("return !location.href.includes('enrol')").await;
    // The token that was shown is theirs.
    let notice = page.text("#notice").await;
    let token = notice.rsplit(' ').next().unwrap().to_owned();
    lab.sign_in(Some(&token));
    lab.submit(&json!({ "kind": "train", "dataset": "shapes10" })).await;

    page.click("#sign-out").await;
    page.wait_for("#token").await;
    page.type_into("#token", &format!("{teacher}{ENTER}")).await;
    page.wait_for("#courses-open").await;
    page.click("#courses-open").await;
    let seen =
        "return document.querySelector('#course-jobs tbody tr')?.textContent.includes('cleo')";
    page.wait_until(seen).await;
    page.click("#course-invite").await;
    page.wait_until("return document.querySelectorAll('.course-revoke').length === 2").await;
    page.click(".course-revoke").await;
    page.wait_until("return document.querySelectorAll('.course-revoke').length === 1").await;
    page.click(".member-remove").await;
    page.wait_until("return !document.querySelector('#course-jobs tbody tr')").await;
}

/// A server that has nothing to give just now, and counts who asked for events.
async fn refusing_server(asked: Arc<AtomicUsize>) -> String {
    let refuse = move |uri: axum::http::Uri| async move {
        if uri.path().ends_with("/events") {
            asked.fetch_add(1, Ordering::SeqCst);
        }
        // The next request may be for the server that comes after it.
        (axum::http::StatusCode::SERVICE_UNAVAILABLE, [(axum::http::header::CONNECTION, "close")])
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(refuse);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_server_goes_away_is_said_to_be_as_it_was_until_it_is_heard_of_again() {
    let mut lab = Lab::with(Database::Sqlite, &["--hosted", "--no-worker"]).await;
    let token = lab.person("ann", "student");
    let relay = Relay::to(lab.address()).await;
    let page = Browser::at(format!("{}/", relay.address()), None, (1500, 1400)).await;
    page.goto("").await;
    page.click("#jobs-open").await;
    page.wait_for("#token").await;
    page.type_into("#token", &format!("{token}{ENTER}")).await;
    page.wait_for("#job-start").await;
    page.set("#job-work", "train", "change").await;
    page.type_into("#job-start", ENTER).await;
    first_job_is(&page, "queued").await;
    page.wait_for("#watched h3").await;
    let is_cut = "return !!document.querySelector('#watched [role=status].notice')?.textContent.includes('does not answer')";
    page.wait_until("return document.querySelector('#watched h3').textContent.includes('queued')")
        .await;
    assert_eq!(page.run(is_cut, &[]).await, json!(false));

    lab.kill().await;
    page.wait_until(is_cut).await;
    page.screenshot("jobs-cut.png").await;
    assert!(page.text("#watched h3").await.contains("queued"), "it is shown as it was");
    // A server that refuses is asked again, and what is shown stays.
    let asked = Arc::new(AtomicUsize::new(0));
    relay.lead_to(&refusing_server(asked.clone()).await);
    while asked.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(page.text("#watched h3").await.contains("queued"));
    assert_eq!(page.run(is_cut, &[]).await, json!(true));
    lab.start().await;
    relay.lead_to(lab.address());
    page.wait_until(&is_cut.replacen("!!", "!", 1)).await;
    lab.start_worker();
    page.wait_until("return document.querySelector('#watched h3').textContent.includes('running')")
        .await;
    page.close().await;
}
