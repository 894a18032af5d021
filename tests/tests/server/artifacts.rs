//! Whose files the program takes for its own: in a folder and in a bucket of S3, everything in them
//! is compared before and after.

use reqwest::StatusCode;
use rrlab_tests::artifacts::{Artifacts, Contents};
use rrlab_tests::bundled_profile;
use rrlab_tests::clock::Clock;
use rrlab_tests::lab::{Database, Lab, bundled_model, small_dataset};
use serde_json::{Value, json};

use super::endless;

/// Each story in a folder and in a bucket.
macro_rules! stories {
    ($($name:ident),+ $(,)?) => {
        mod folder {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Artifacts::in_folder()).await;
            })+
        }

        mod s3 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(artifacts) = super::Artifacts::in_bucket().await else {
                    eprintln!("skipped: RRLAB_MOTO names no moto_server; `cargo xtask test` installs one");
                    return;
                };
                super::$name(artifacts).await;
            })+
        }
    };
}

stories!(
    what_is_there_before_a_lab_refuses_its_start,
    a_lab_beside_other_files_leaves_them_alone,
    only_the_labs_own_unneeded_content_is_removed,
    content_is_kept_until_it_is_old_enough,
    a_dry_run_changes_nothing,
    two_labs_do_not_share_a_store,
    a_lab_that_moves_to_postgres_without_its_tables_is_refused,
    a_lab_of_the_version_before_goes_on,
    a_database_is_not_taken_to_another_store,
    a_mark_that_cannot_be_read_is_named,
    programs_of_one_lab_start_at_once,
);

/// Names that nobody but somebody else has chosen, at the root, as in a home folder or a bucket of
/// many.
const FOREIGN: [&str; 8] = [
    ".bashrc",
    ".ssh/id_ed25519",
    "Documents/thesis/figures/one.png",
    "ab/notes.txt",
    "backups/db.dump",
    "checkpoints/7/epoch1.pt",
    "cd/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef",
    "photo.jpg",
];

/// Names that come close to the lab's.
const CLOSE: [&str; 12] = [
    // As content of the version before was named.
    "ab/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef",
    "checkpoints/7/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef",
    "rrlab/notes.txt",
    "rrlab/ab/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef",
    "rrlab/content/notes.txt",
    "rrlab/content/cd/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef",
    "rrlab/content/ab/AB0123456789CDEFAB0123456789CDEFAB0123456789CDEFAB0123456789CDEF",
    "rrlab/content/ab/ab0123456789cdef",
    "rrlab/content/ab/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef.bak",
    "rrlab/content/ab/more/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef",
    "rrlab/checkpoints/007/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef",
    "rrlab/checkpoints/seven/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef",
];

/// A checkpoint of a job that there never was, under the lab's own name for it.
const UNNEEDED: &str =
    "rrlab/checkpoints/7/ab0123456789cdefab0123456789cdefab0123456789cdefab0123456789cdef";

const MARK: &str = "rrlab/lab.json";
const CLEAN: [&str; 4] = ["admin", "clean", "--older-than", "0"];

async fn put_all(artifacts: &Artifacts, keys: &[&str]) {
    for key in keys {
        artifacts.put(key, key.as_bytes()).await;
    }
}

/// What each program that would write there says on its way out; first the one that ends even where
/// nothing refuses it.
async fn refusals(lab: &Lab) -> [String; 3] {
    [
        lab.refusal(&CLEAN).await,
        lab.refusal_to_serve().await,
        lab.refusal(&["worker", "--device", "cpu"]).await,
    ]
}

async fn assert_refused(lab: &Lab, artifacts: &Artifacts, expected: &[&str]) {
    let before = artifacts.contents().await;
    for said in refusals(lab).await {
        assert!(expected.iter().all(|words| said.contains(words)), "{expected:?} in: {said}");
    }
    assert_eq!(artifacts.contents().await, before);
}

/// The keys that a cleaning lists, after the one that only lists has listed the same and left all
/// where it was.
async fn cleaned(lab: &Lab, artifacts: &Artifacts) -> Vec<String> {
    let before = artifacts.contents().await;
    let [would_go, gone] = [true, false].map(|dry| {
        let arguments =
            [&CLEAN[..], &["--format", "json"], if dry { &["--dry-run"] } else { &[] }].concat();
        let listed: Value = serde_json::from_str(&lab.says(&arguments)).unwrap();
        let rows = listed.as_array().unwrap().iter();
        let row =
            |row: &Value| (row["key"].as_str().unwrap().to_owned(), row["bytes"].as_u64().unwrap());
        rows.map(row).collect::<Vec<_>>()
    });
    assert_eq!(would_go, gone);
    let mut left = before;
    for (key, bytes) in &gone {
        assert_eq!(left.remove(key).map(|content| content.len() as u64), Some(*bytes), "{key}");
    }
    assert_eq!(artifacts.contents().await, left, "what is listed goes, and nothing else");
    gone.into_iter().map(|(key, _)| key).collect()
}

/// The key of the content of an artifact.
async fn key_of(lab: &Lab, artifact: i64) -> String {
    let hash =
        lab.get(&format!("/artifacts/{artifact}")).await.expect(StatusCode::OK)["hash"].clone();
    let hash = hash.as_str().unwrap();
    format!("rrlab/content/{}/{hash}", &hash[..2])
}

async fn delete(lab: &Lab, artifact: i64) {
    assert_eq!(
        lab.delete(&format!("/artifacts/{artifact}?confirmed=true")).await.status,
        StatusCode::NO_CONTENT
    );
}

async fn what_is_there_before_a_lab_refuses_its_start(artifacts: Artifacts) {
    put_all(&artifacts, &FOREIGN).await;
    let lab = Lab::over(&artifacts, Database::Sqlite, &[]).await;
    let better = format!("{}/rrlab-artifacts", artifacts.address());
    assert_refused(&lab, &artifacts, &["not empty", &better]).await;
    for key in FOREIGN {
        artifacts.remove(key).await;
    }
    // One file is enough, and it is named.
    for key in ["backups/db.dump", CLOSE[0], UNNEEDED] {
        artifacts.put(key, b"").await;
        assert_refused(&lab, &artifacts, &["not empty", key]).await;
        artifacts.remove(key).await;
    }
}

async fn a_lab_beside_other_files_leaves_them_alone(artifacts: Artifacts) {
    put_all(&artifacts, &FOREIGN).await;
    put_all(&artifacts, &CLOSE).await;
    put_all(&artifacts, &[UNNEEDED]).await;
    let others = artifacts.contents().await;
    let mut lab = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    // As the refusal says.
    lab.use_artifacts(&artifacts, &format!("{}/rrlab-artifacts", artifacts.address()));
    lab.start().await;
    let kept = lab.uploaded("model", bundled_model()).await;
    let profile = lab.uploaded("profile", std::fs::read(bundled_profile()).unwrap()).await;
    delete(&lab, profile).await;
    let removed = lab.says(&CLEAN);
    assert!(removed.contains("1 removed"), "{removed}");
    let mut contents = artifacts.contents().await;
    contents.retain(|key, _| !key.starts_with("rrlab-artifacts/"));
    assert_eq!(contents, others);
    assert_eq!(lab.content(kept).await, bundled_model());
}

async fn only_the_labs_own_unneeded_content_is_removed(artifacts: Artifacts) {
    let mut lab = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    lab.start().await;
    let kept = lab.uploaded("model", bundled_model()).await;
    let profile = lab.uploaded("profile", std::fs::read(bundled_profile()).unwrap()).await;
    // What comes later is not looked into at a start.
    put_all(&artifacts, &FOREIGN).await;
    put_all(&artifacts, &CLOSE).await;
    lab.stop().await;
    lab.start().await;
    assert_eq!(cleaned(&lab, &artifacts).await, [""; 0], "all is needed, or somebody else's");
    put_all(&artifacts, &[UNNEEDED]).await;
    let unneeded = key_of(&lab, profile).await;
    delete(&lab, profile).await;
    assert_eq!(cleaned(&lab, &artifacts).await, [unneeded.as_str(), UNNEEDED]);
    assert_eq!(lab.content(kept).await, bundled_model());
}

async fn content_is_kept_until_it_is_old_enough(artifacts: Artifacts) {
    let mut lab = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    lab.start().await;
    let model = lab.uploaded("model", bundled_model()).await;
    let key = key_of(&lab, model).await;
    delete(&lab, model).await;
    let before = artifacts.contents().await;
    // Somebody may be about to name it.
    let listed = lab.says(&["admin", "clean", "--format", "csv"]);
    assert_eq!(listed, "key,bytes,age_seconds");
    // Nor does it grow old by the clock of a machine that is days ahead.
    let clock = Clock::new();
    clock.jump(3 * 24 * 3600);
    assert_eq!(lab.says_by(&clock, &["admin", "clean", "--format", "csv"]), listed);
    assert_eq!(artifacts.contents().await, before);
    let listed = lab.says(&[&CLEAN[..], &["--dry-run"]].concat());
    assert!(listed.contains(&key) && listed.contains("1 would be removed"), "{listed}");
    assert_eq!(cleaned(&lab, &artifacts).await, [key]);
}

async fn a_dry_run_changes_nothing(artifacts: Artifacts) {
    let dry_run = [&CLEAN[..], &["--dry-run"]].concat();
    let first = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    assert!(first.says(&dry_run).contains("0 would be removed"));
    assert!(artifacts.contents().await.is_empty(), "an empty store is not taken");
    let mut second = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    second.start().await;
    let said = first.refusal(&dry_run).await;
    assert!(said.contains("belongs to the lab"), "{said}");
    // Nor is a folder made.
    let folder = first.data().join("nowhere");
    let mut third = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    third.use_artifacts(&artifacts, &folder.display().to_string());
    assert!(third.says(&dry_run).contains("0 would be removed"));
    assert!(!folder.exists());
}

/// The ids that a refusal names.
fn ids(said: &str) -> Vec<&str> {
    let words = said.split(|end: char| !end.is_ascii_alphanumeric());
    words
        .filter(|word| word.len() == 32 && word.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .collect()
}

async fn two_labs_do_not_share_a_store(artifacts: Artifacts) {
    let mut first = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    first.start().await;
    let model = first.uploaded("model", bundled_model()).await;
    let mark: Value = serde_json::from_slice(&artifacts.contents().await[MARK]).unwrap();
    let id = mark["lab"].as_str().unwrap();
    assert_eq!(mark, json!({ "lab": id, "format": 1 }));

    // One that is empty, and one that has the same content in a store of its own.
    let second = Lab::over(&artifacts, Database::Sqlite, &[]).await;
    let own = Artifacts::in_folder();
    let mut third = Lab::over(&own, Database::Sqlite, &["--no-worker"]).await;
    third.start().await;
    third.uploaded("model", bundled_model()).await;
    third.stop().await;
    third.use_artifacts(&artifacts, &artifacts.address());
    for lab in [&second, &third] {
        assert_refused(lab, &artifacts, &[id, "--artifacts", "lab_identity"]).await;
        let said = lab.refusal(&CLEAN).await;
        let [marked, asking] = ids(&said)[..] else { panic!("two ids in: {said}") };
        assert!(marked == id && asking != id, "{said}");
    }
    first.stop().await;
    first.start().await;
    assert_eq!(cleaned(&first, &artifacts).await, [""; 0]);
    assert_eq!(first.content(model).await, bundled_model());
}

async fn a_lab_that_moves_to_postgres_without_its_tables_is_refused(artifacts: Artifacts) {
    let mut lab = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    lab.start().await;
    let model = lab.uploaded("model", bundled_model()).await;
    lab.stop().await;
    lab.use_new_database().await;
    assert_refused(&lab, &artifacts, &["SQLite to PostgreSQL", "copy its tables", "lab_identity"])
        .await;
    lab.use_sqlite();
    lab.start().await;
    assert_eq!(lab.content(model).await, bundled_model());
}

/// Makes database and store what the version before left.
async fn make_earlier(lab: &Lab, artifacts: &Artifacts) -> Contents {
    lab.forget_id();
    for (key, bytes) in artifacts.contents().await {
        let Some(below) = key.strip_prefix("rrlab/") else { continue };
        artifacts.remove(&key).await;
        if key != MARK {
            artifacts.put(below.strip_prefix("content/").unwrap_or(below), &bytes).await;
        }
    }
    artifacts.contents().await
}

async fn a_lab_of_the_version_before_goes_on(artifacts: Artifacts) {
    let mut lab = Lab::over(&artifacts, Database::Postgres, &[]).await;
    lab.start().await;
    let model = lab.uploaded("model", bundled_model()).await;
    let dataset = lab.uploaded("dataset", small_dataset()).await;
    let job = lab.submit(&endless(dataset)).await;
    let steps = |event: &Value| event["progress"]["done"].as_u64().unwrap_or_default();
    lab.listen(job, |event| steps(event) > 3).await;
    lab.stop().await;
    put_all(&artifacts, &["backups/db.dump"]).await;
    let left = make_earlier(&lab, &artifacts).await;
    let checkpoints = left.keys().filter(|key| key.starts_with("checkpoints/")).count();
    assert!(
        checkpoints > 0 && !left.keys().any(|key| key.starts_with("rrlab/")),
        "{:?}",
        left.keys()
    );

    lab.start().await;
    assert_eq!(lab.content(model).await, bundled_model());
    let resumed = |event: &Value| event["started"]["resumed"] == true;
    let events = lab.listen(job, resumed).await;
    assert!(
        resumed(&events.last().unwrap().data["event"]),
        "it goes on from its checkpoint: {events:?}"
    );
    lab.post(&format!("/jobs/{job}/cancel"), &Value::Null).await.expect(StatusCode::ACCEPTED);
    assert_eq!(lab.ended(job).await["state"], "cancelled");
    // What is stored from now on lies in the lab's own place; what lies in the earlier is not
    // removed, needed or not.
    let profile = lab.uploaded("profile", std::fs::read(bundled_profile()).unwrap()).await;
    let key = key_of(&lab, profile).await;
    assert!(artifacts.contents().await.contains_key(&key));
    delete(&lab, model).await;
    lab.stop().await;
    cleaned(&lab, &artifacts).await;
    let mut contents = artifacts.contents().await;
    contents.retain(|key, _| !key.starts_with("rrlab/"));
    assert_eq!(contents, left);
    // From now on it bears the lab's mark.
    lab.use_new_database().await;
    assert_refused(&lab, &artifacts, &["belongs to the lab"]).await;
}

async fn a_database_is_not_taken_to_another_store(artifacts: Artifacts) {
    let own = Artifacts::in_folder();
    let mut lab = Lab::over(&own, Database::Postgres, &["--no-worker"]).await;
    lab.start().await;
    lab.uploaded("model", bundled_model()).await;
    lab.stop().await;
    make_earlier(&lab, &own).await;
    lab.use_artifacts(&artifacts, &artifacts.address());
    let none = "the database names 1 contents, the store holds none of them";
    assert_refused(&lab, &artifacts, &[none, "--artifacts"]).await;
    put_all(&artifacts, &FOREIGN).await;
    assert_refused(&lab, &artifacts, &[none, "--artifacts"]).await;
    // Where its content is copied to, it goes.
    for (key, bytes) in own.contents().await {
        artifacts.put(&key, &bytes).await;
    }
    lab.start().await;
}

async fn a_mark_that_cannot_be_read_is_named(artifacts: Artifacts) {
    let mut lab = Lab::over(&artifacts, Database::Sqlite, &["--no-worker"]).await;
    lab.start().await;
    let model = lab.uploaded("model", bundled_model()).await;
    lab.stop().await;
    let mark = String::from_utf8(artifacts.contents().await[MARK].clone()).unwrap();
    let later = mark.replace("\"format\":1", "\"format\":2");
    let half = &mark[..mark.len() / 2];
    for (broken, expected) in [
        (half, "can't be read"),
        ("", "can't be read"),
        ("[]", "can't be read"),
        (&later, "of format 2"),
    ] {
        artifacts.put(MARK, broken.as_bytes()).await;
        assert_refused(&lab, &artifacts, &[MARK, expected]).await;
    }
    artifacts.put(MARK, mark.as_bytes()).await;
    lab.start().await;
    assert_eq!(lab.content(model).await, bundled_model());
}

async fn programs_of_one_lab_start_at_once(artifacts: Artifacts) {
    let lab = Lab::over(&artifacts, Database::Postgres, &[]).await;
    // The tables are there; the store is empty.
    lab.says(&["user", "list"]);
    std::thread::scope(|programs| {
        for _ in 0..4 {
            programs.spawn(|| lab.says(&CLEAN));
        }
    });
    assert_eq!(artifacts.contents().await.keys().collect::<Vec<_>>(), [MARK]);
}

/// In a folder: whether the server that stands for S3 is as exact as S3 is its own affair.
#[tokio::test(flavor = "multi_thread")]
async fn of_labs_that_start_at_once_one_gets_the_store() {
    let artifacts = Artifacts::in_folder();
    let mut labs = Vec::new();
    for _ in 0..4 {
        let lab = Lab::over(&artifacts, Database::Sqlite, &[]).await;
        lab.says(&["user", "list"]);
        labs.push(lab);
    }
    let started: Vec<bool> = std::thread::scope(|programs| {
        let start = |lab: &Lab| lab.command(&CLEAN).output().unwrap().status.success();
        let programs: Vec<_> = labs.iter().map(|lab| programs.spawn(move || start(lab))).collect();
        programs.into_iter().map(|program| program.join().unwrap()).collect()
    });
    assert_eq!(started.iter().filter(|started| **started).count(), 1, "{started:?}");
    let again: Vec<bool> =
        labs.iter().map(|lab| lab.command(&CLEAN).output().unwrap().status.success()).collect();
    assert_eq!(again, started);
}
