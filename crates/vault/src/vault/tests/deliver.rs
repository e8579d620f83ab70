//! Telling the webhook: of each image once, again after failures, in time, and of nothing old.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use burrow_model::key::ImageId;
use burrow_model::record::ImageRecord;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::MINUTE;
use crate::testing::{IMAGE, Posted, Whole, World};
use crate::vault::{Delivered, Label, Plan, Vault, VaultSettings, Worker};
use crate::webhook::Webhook;

const SECRET: &str = "0123456789abcdef";

fn vault(world: &World) -> Vault<World> {
    let webhook = Some(Webhook::new("https://example.com/hook".parse().unwrap(), SECRET.parse().unwrap()));
    Vault::new(world.clone(), VaultSettings { webhook, ..VaultSettings::default() })
}

impl World {
    fn deliver(&self) -> Delivered {
        self.pass(1);
        self.run(vault(self).deliver()).unwrap()
    }

    fn stored(&self) -> ImageRecord {
        self.pass(1);
        self.run(vault(self).put(&mut Whole::new(IMAGE.2), Label::default())).unwrap()
    }

    fn accepted(&self) -> ImageRecord {
        self.pass(1);
        let draft = vault(self).draft_job("http://origin.example/a", Label::default()).unwrap();
        self.run(vault(self).accept(draft, Worker::Anybody)).unwrap()
    }

    /// Type and image of each message since the last call.
    fn told(&self) -> Vec<(String, ImageId)> {
        self.posted().iter().map(|(_, _, body)| body).map(|body| message(body)).collect()
    }
}

fn message(body: &[u8]) -> (String, ImageId) {
    let body: Value = serde_json::from_slice(body).unwrap();
    (body["type"].as_str().unwrap().into(), ImageId::parse(body["data"]["id"].as_str().unwrap()).unwrap())
}

fn ready(image: &ImageRecord) -> (String, ImageId) {
    ("image.ready".into(), image.id)
}

fn failed(image: &ImageRecord) -> (String, ImageId) {
    ("image.failed".into(), image.id)
}

#[test]
fn each_image_is_told_once_when_it_is_ready_or_failed() {
    let world = World::default();
    let (early, job) = (world.stored(), world.accepted());
    world.deliver();
    assert_eq!(world.told(), [ready(&early)], "the first call tells, and the job waits");
    let later = world.stored();
    world.deliver();
    assert_eq!(world.told(), [ready(&later)]);
    assert_eq!((world.deliver(), world.told()), (Delivered::default(), vec![]));
    world.answers([(404, None, b"".as_slice())]);
    let job = world.run(vault(&world).work_on(job.id, None)).unwrap();
    world.deliver();
    assert_eq!(world.told(), [failed(&job)]);
    // It is tried again, and changed: only the former is told.
    let job = world.run(vault(&world).retry(job, None, Worker::Anybody)).unwrap().unwrap();
    world.deliver();
    let job = world.run(vault(&world).work_on(job.id, None)).unwrap();
    world.run(vault(&world).rename_tag("a", "b", std::time::Duration::ZERO)).unwrap();
    world.deliver();
    assert_eq!(world.told(), [ready(&job)]);
    // A removed image is not told of, and after a while nothing waits for it.
    let removed = world.accepted();
    world.deliver();
    world.run(vault(&world).remove(removed.id)).unwrap();
    world.deliver();
    world.pass(20 * MINUTE);
    let last = world.stored();
    world.deliver();
    assert_eq!(world.told(), [ready(&last)]);
    world.pass(20 * MINUTE);
    assert_eq!((world.deliver(), world.told()), (Delivered::default(), vec![]));
    let record = String::from_utf8_lossy(&world.value("b1:j:webhook")).into_owned();
    assert!(record.contains("\"waiting\":[]"), "{record}");
    let plan = Plan { repair: false, alone: true };
    world.run(vault(&world).verify(plan, async |found| assert!(format!("{found:?}").starts_with("Content")))).unwrap();
}

#[test]
fn messages_are_signed() {
    let world = World::default();
    let image = world.stored();
    world.deliver();
    world.deliver();
    let [(sent, headers, body)]: [Posted; 1] = world.posted().try_into().unwrap();
    let header = |name: &str| headers.iter().find(|(other, _)| *other == name).unwrap().1.clone();
    assert_eq!(header("webhook-id"), format!("{}.{}", image.id, image.updated));
    assert_eq!(header("webhook-timestamp"), (sent / 1000).to_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update([header("webhook-id"), header("webhook-timestamp"), String::new()].join(".").as_bytes());
    mac.update(&body);
    assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
}

#[test]
fn a_receiver_that_is_away_is_asked_again_later_and_later() {
    let world = World::default();
    world.deliver();
    let images = [world.stored(), world.stored()];
    world.receives_with([0, 503, 429]);
    let told = |world: &World| world.posted().iter().map(|(_, _, body)| message(body).1).collect::<Vec<_>>();
    let failure = world.deliver().failure.unwrap();
    assert!(failure.contains("nobody is there") && failure.ends_with("again in 1 s"), "{failure}");
    assert_eq!(world.deliver(), Delivered::default(), "it pauses");
    world.pass(1000);
    assert!(world.deliver().failure.unwrap().contains("503; it is tried again in 5 s"));
    world.pass(5000);
    assert!(world.deliver().failure.unwrap().contains("429; it is tried again in 30 s"));
    world.told();
    world.pass(30_000);
    assert_eq!(world.deliver().sent, 2);
    let mut ids = told(&world);
    ids.sort();
    assert_eq!(ids, images.map(|image| image.id));
}

#[test]
fn what_the_receiver_refuses_stops_nothing_else_and_is_given_up() {
    let world = World::default();
    world.deliver();
    let refused = world.stored();
    world.receives_with([400]);
    assert!(world.deliver().failure.unwrap().contains("answered 400"));
    let other = world.stored();
    world.deliver();
    assert_eq!(world.told(), [ready(&refused), ready(&other)]);
    world.receives_with([301; 7]);
    for _ in 0..10 {
        world.pass(120 * MINUTE);
        world.deliver();
    }
    assert_eq!(world.told(), vec![ready(&refused); 7]);
}

#[test]
fn nothing_is_told_of_what_was_there_before_or_came_from_an_archive() {
    let world = World::default();
    world.stored();
    world.pass(20 * MINUTE);
    let recent = world.stored();
    world.deliver();
    world.deliver();
    assert_eq!(world.told(), [ready(&recent)]);
    // Without the setting nothing is done.
    world.stored();
    assert_eq!(world.run(world.vault().deliver()).unwrap(), Delivered::default());
    assert!(world.told().is_empty());
}

#[test]
fn of_many_jobs_each_is_told() {
    let world = World::default();
    world.deliver();
    let jobs: Vec<_> = (0..450).map(|_| world.accepted()).collect();
    for _ in 0..3 {
        world.deliver();
    }
    for job in jobs.iter().rev() {
        world.run(vault(&world).work_on(job.id, None)).unwrap();
    }
    for _ in 0..6 {
        world.deliver();
    }
    let mut told: Vec<_> = world.told().into_iter().map(|(_, id)| id).collect();
    told.sort();
    assert_eq!(told, jobs.iter().map(|job| job.id).collect::<Vec<_>>());
}
