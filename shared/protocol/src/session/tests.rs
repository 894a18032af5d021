use proptest::prelude::*;
use rrlab_types::{ContentHasher, ModelHash, SweepPlan, SweepReport, TrainingPlan};

use super::machine::WorkerSession;
use super::types::{Control, Effect, Input, Phase, RequestOutcome, RequestWithFiles, Task};
use crate::compute::ComputeRequest;

type File = &'static str;

fn hash(name: &str) -> ModelHash {
    ModelHash::of(ContentHasher::new(name))
}

fn shapes(seed: u64) -> Task<File> {
    Task::Request(ComputeRequest::Shapes { train: 100, test: 100, seed }.into())
}

fn start(architecture: &str) -> Task<File> {
    Task::Request(ComputeRequest::Start { architecture: architecture.into(), seed: 0 }.into())
}

fn open(name: &'static str) -> RequestWithFiles<File> {
    RequestWithFiles {
        request: ComputeRequest::Open { name: name.into(), architecture: None },
        attachments: vec![name],
    }
}

fn measure() -> Task<File> {
    Task::Measure { images: 10, seed: 0, again: true }
}

fn plan() -> SweepPlan {
    SweepPlan {
        rules: vec![],
        sparsities: vec![],
        repairs: vec![],
        calibration_images: 1,
        evaluation_images: 1,
        judge_images: 0,
        ..SweepPlan::default()
    }
}

fn train() -> Task<File> {
    Task::Train(TrainingPlan::default())
}

/// The request that goes out, where one does.
fn sent(effects: Vec<Effect<File>>) -> Option<ComputeRequest> {
    effects.into_iter().find_map(|effect| match effect {
        Effect::Send(ask) => Some(ask.request),
        _ => None,
    })
}

fn done(session: &mut WorkerSession<File>) -> Option<ComputeRequest> {
    sent(session.handle(Input::RequestEnded(RequestOutcome::Done)))
}

/// A session whose worker has images and this network, and nothing to do.
fn with_network(name: &'static str) -> WorkerSession<File> {
    let mut session = WorkerSession::default();
    session.handle(Input::Tasks(vec![shapes(0), Task::Request(open(name))]));
    session.handle(Input::WorkerReady);
    session.handle(Input::ImagesLoaded);
    done(&mut session);
    session.handle(Input::NetworkLoaded(hash(name)));
    assert_eq!(done(&mut session), None);
    assert_eq!(session.phase(), Phase::Ready);
    session
}

#[test]
fn requests_go_out_one_at_a_time_and_name_the_network_that_is_there_by_then() {
    let mut session = WorkerSession::default();
    let effects = session.handle(Input::Tasks(vec![shapes(0), start("resnet8"), measure()]));
    assert_eq!(effects, [Effect::Start { worker: 1 }]);
    assert!(matches!(
        sent(session.handle(Input::WorkerReady)),
        Some(ComputeRequest::Shapes { .. })
    ));
    assert!(matches!(done(&mut session), Some(ComputeRequest::Start { .. })));
    session.handle(Input::NetworkLoaded(hash("new")));
    let expected = ComputeRequest::Calibrate { model: hash("new"), images: 10, seed: 0 };
    assert_eq!(done(&mut session), Some(expected));
    assert_eq!(done(&mut session), None);
    assert_eq!(session.phase(), Phase::Ready);
}

#[test]
fn what_is_there_is_not_brought_again() {
    let mut session = with_network("a");
    let asked = session.handle(Input::Tasks(vec![shapes(0), Task::Request(open("a")), measure()]));
    assert!(matches!(sent(asked), Some(ComputeRequest::Calibrate { .. })));
}

#[test]
fn other_images_or_another_network_have_no_profile() {
    let mut session = with_network("a");
    let wish = Task::Measure { images: 10, seed: 0, again: false };
    session.handle(Input::Tasks(vec![shapes(1), wish.clone()]));
    session.handle(Input::ImagesLoaded);
    assert!(matches!(done(&mut session), Some(ComputeRequest::Calibrate { .. })));
    session.handle(Input::Stop);
    session.handle(Input::RequestEnded(RequestOutcome::Stopped));
    session.handle(Input::Tasks(vec![Task::Request(open("b")), wish]));
    session.handle(Input::NetworkLoaded(hash("b")));
    assert!(
        matches!(done(&mut session), Some(ComputeRequest::Calibrate { model, .. }) if model == hash("b"))
    );
}

#[test]
fn pruning_without_a_profile_is_refused() {
    let mut session = with_network("a");
    let effects = session.handle(Input::Tasks(vec![Task::Sweep(plan())]));
    assert!(
        matches!(effects.as_slice(), [Effect::Problem(problem)] if problem.contains("measure the network first"))
    );
    assert_eq!(session.phase(), Phase::Ready);
}

#[test]
fn a_second_click_asks_for_nothing_more() {
    let mut session = with_network("a");
    session.handle(Input::Tasks(vec![measure()]));
    assert_eq!(session.handle(Input::Tasks(vec![measure()])), []);
    assert_eq!(done(&mut session), None);
    // After the first is done it is a wish of its own.
    assert!(sent(session.handle(Input::Tasks(vec![measure()]))).is_some());
}

#[test]
fn a_worker_that_is_paused_or_stopped_while_it_starts_obeys() {
    let mut session = WorkerSession::default();
    session.handle(Input::Tasks(vec![shapes(0)]));
    session.handle(Input::Pause);
    assert_eq!(session.phase(), Phase::Starting { paused: true });
    assert_eq!(session.handle(Input::WorkerReady), []);
    assert_eq!(session.phase(), Phase::Paused);
    assert!(sent(session.handle(Input::Resume)).is_some());

    let mut session = WorkerSession::default();
    session.handle(Input::Tasks(vec![shapes(0)]));
    assert_eq!(session.handle(Input::Stop), [Effect::End]);
    assert_eq!(session.phase(), Phase::Off);
    assert!(!session.is_current(1));
    assert_eq!(session.handle(Input::WorkerReady), []);
}

#[test]
fn stopping_gives_up_what_waits_and_hears_nothing_until_it_is_answered() {
    let mut session = with_network("a");
    session.handle(Input::Tasks(vec![measure(), train()]));
    assert_eq!(session.handle(Input::Stop), [Effect::Control(Control::Stop)]);
    assert_eq!(session.handle(Input::Stop), [Effect::Control(Control::Stop)][1..]);
    assert_eq!(session.handle(Input::Pause), []);
    assert_eq!(sent(session.handle(Input::RequestEnded(RequestOutcome::Stopped))), None);
    assert_eq!(session.phase(), Phase::Ready);
}

#[test]
fn another_device_goes_on_with_what_was_under_way() {
    let mut session = with_network("a");
    assert_eq!(session.handle(Input::ChooseDevice), [Effect::End]);
    session.handle(Input::Tasks(vec![train()]));
    session.handle(Input::WorkerReady);
    session.handle(Input::ImagesLoaded);
    assert!(
        matches!(done(&mut session), Some(ComputeRequest::Open { .. })),
        "the network is brought again"
    );
    session.handle(Input::NetworkLoaded(hash("a")));
    assert!(matches!(done(&mut session), Some(ComputeRequest::Train { .. })));
    session.handle(Input::TrainingState("state"));
    assert_eq!(session.handle(Input::ChooseDevice), [Effect::End, Effect::Start { worker: 3 }]);
    assert!(!session.is_current(2) && session.is_current(3));
    session.handle(Input::WorkerReady);
    done(&mut session);
    let effects = session.handle(Input::RequestEnded(RequestOutcome::Done));
    assert_eq!(
        effects,
        [Effect::Send(RequestWithFiles {
            request: ComputeRequest::Continue,
            attachments: vec!["state"]
        })]
    );
}

#[test]
fn another_device_begins_a_sweep_anew_and_the_same_goes_on() {
    let plan = plan();
    let report = SweepReport {
        version: rrlab_types::SWEEP_VERSION,
        architecture: "resnet8".into(),
        classes: 10,
        origin: rrlab_types::ReportOrigin {
            model_hash: None,
            profile_hash: None,
            images_hash: None,
            dataset: "shapes10".into(),
            calibration_dataset: None,
            device: "webgpu".into(),
            program: String::new(),
        },
        plan: plan.clone(),
        dense_accuracy: 0.5,
        entries: vec![],
    };
    for (input, is_kept) in [
        (Input::WorkerLost { has_other_device: true }, false),
        (Input::ChooseDevice, false),
        (Input::Restart, true),
    ] {
        let mut session = with_network("a");
        let request = ComputeRequest::Sweep {
            model: hash("a"),
            plan: Box::new(plan.clone()),
            previous: None,
        };
        session.handle(Input::Tasks(vec![Task::Request(request.into())]));
        session.handle(Input::SweepProgress(Box::new(report.clone())));
        session.handle(input);
        session.handle(Input::WorkerReady);
        done(&mut session);
        let taken_up = done(&mut session);
        assert!(
            matches!(taken_up, Some(ComputeRequest::Sweep { previous, .. }) if previous.is_some() == is_kept)
        );
    }
}

#[test]
fn a_training_that_goes_on_is_taken_up_from_its_own_state() {
    let mut session = with_network("a");
    session.handle(Input::Tasks(vec![train()]));
    session.handle(Input::TrainingState("state of the first"));
    session.handle(Input::Stop);
    session.handle(Input::RequestEnded(RequestOutcome::Stopped));
    let second = RequestWithFiles {
        request: ComputeRequest::Continue,
        attachments: vec!["state of the second"],
    };
    session.handle(Input::Tasks(vec![Task::Request(second.clone())]));
    session.handle(Input::Restart);
    session.handle(Input::WorkerReady);
    done(&mut session);
    assert_eq!(session.handle(Input::RequestEnded(RequestOutcome::Done)), [Effect::Send(second)]);
}

#[test]
fn a_lost_worker_with_nothing_to_do_is_off_and_one_with_work_is_broken() {
    let mut session = with_network("a");
    session.handle(Input::WorkerLost { has_other_device: false });
    assert_eq!(session.phase(), Phase::Off);
    let mut session = with_network("a");
    session.handle(Input::Tasks(vec![measure()]));
    session.handle(Input::WorkerLost { has_other_device: false });
    assert_eq!(session.phase(), Phase::Broken);
    assert_eq!(session.handle(Input::Restart), [Effect::End, Effect::Start { worker: 2 }]);
    let mut session = with_network("a");
    session.handle(Input::Tasks(vec![measure()]));
    session.handle(Input::WorkerLost { has_other_device: false });
    assert_eq!(
        session.handle(Input::Tasks(vec![measure()])),
        [Effect::End, Effect::Start { worker: 2 }]
    );
    session.handle(Input::WorkerLost { has_other_device: false });
    session.handle(Input::GiveUp);
    assert_eq!(session.phase(), Phase::Off);
}

#[test]
fn what_a_new_worker_can_not_have_is_forgotten() {
    let mut session = with_network("gone");
    session.handle(Input::ChooseDevice);
    session.handle(Input::Tasks(vec![Task::Request(open("there")), measure()]));
    session.handle(Input::WorkerReady);
    done(&mut session);
    session.handle(Input::RequestEnded(RequestOutcome::Failed));
    assert_eq!(session.model(), None);
    let asked = session.handle(Input::Tasks(vec![Task::Request(open("there"))]));
    assert_eq!(sent(asked), Some(open("there").request));
}

#[test]
fn a_training_that_was_stopped_leaves_the_network_as_it_was_then() {
    let mut session = with_network("a");
    session.handle(Input::Tasks(vec![train()]));
    session.handle(Input::Stop);
    session.handle(Input::NetworkSaved(open("half-way")));
    session.handle(Input::NetworkLoaded(hash("half-way")));
    session.handle(Input::RequestEnded(RequestOutcome::Stopped));
    let asked = session.handle(Input::Tasks(vec![measure()]));
    let expected = ComputeRequest::Calibrate { model: hash("half-way"), images: 10, seed: 0 };
    assert_eq!(sent(asked), Some(expected));
}

fn inputs() -> impl Strategy<Value = Input<File>> {
    prop_oneof![
        prop::sample::select(vec![
            vec![shapes(0), Task::Request(open("a")), measure()],
            vec![shapes(1)],
            vec![start("resnet8"), train()],
            vec![measure()],
        ])
        .prop_map(Input::Tasks),
        prop::sample::select(vec![
            Input::Pause,
            Input::Resume,
            Input::Stop,
            Input::ChooseDevice,
            Input::Restart,
            Input::GiveUp,
            Input::WorkerReady,
            Input::ImagesLoaded,
            Input::NetworkLoaded(hash("a")),
            Input::TrainingState("state"),
            Input::RequestEnded(RequestOutcome::Done),
            Input::RequestEnded(RequestOutcome::Stopped),
            Input::RequestEnded(RequestOutcome::Failed),
            Input::WorkerLost { has_other_device: true },
            Input::WorkerLost { has_other_device: false },
        ]),
    ]
}

proptest! {
    /// Whatever happens in whatever order: a worker is asked only while it is there and owes no
    /// answer.
    #[test]
    fn a_worker_owes_one_answer_at_most(inputs in prop::collection::vec(inputs(), 0..60)) {
        let mut session = WorkerSession::default();
        for input in inputs {
            let owed = session.current().is_some();
            // Only a worker that was asked answers.
            if matches!(input, Input::RequestEnded(_)) && !owed {
                continue;
            }
            let answered = matches!(input, Input::RequestEnded(_) | Input::WorkerLost { .. } | Input::WorkerReady);
            let effects = session.handle(input);
            let sends = effects.iter().filter(|effect| matches!(effect, Effect::Send(_))).count();
            prop_assert!(sends <= 1);
            prop_assert!(sends == 0 || !owed || answered);
            let works = matches!(session.phase(), Phase::Working | Phase::Stopping);
            prop_assert!(!works || session.current().is_some());
            let there = !matches!(session.phase(), Phase::Off | Phase::Broken | Phase::Starting { .. } | Phase::Ready);
            prop_assert!(session.current().is_none() || there);
        }
    }
}
