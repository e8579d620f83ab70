//! Renaming and merging tags, on images of every status, and on those that come in meanwhile.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::ImageId;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;

use crate::testing::{IMAGE, Whole, World};
use crate::vault::{Edit, Filter, Label, Order, Plan, Renaming, TagCount, Worker};

const LONG: Duration = Duration::from_mins(1);

impl World {
    fn tagged(&self, tags: &[&str]) -> ImageRecord {
        self.pass(1);
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.run(self.vault().put(&mut Whole::new(IMAGE.2), Label::new(Some("a"), &tags).unwrap())).unwrap()
    }

    fn job(&self, tag: &str) -> ImageRecord {
        self.pass(1);
        let label = Label::new(None, &[tag.into()]).unwrap();
        let draft = self.vault().draft_job("http://origin.example/a", label).unwrap();
        self.run(self.vault().accept(draft, Worker::Anybody)).unwrap()
    }

    fn tags_of(&self, id: ImageId) -> Vec<String> {
        self.run(self.vault().get(id)).unwrap().tags
    }

    fn rename(&self, from: &str, to: &str) -> Result<Renaming, Error> {
        self.pass(1);
        let renaming = self.run(self.vault().rename_tag(from, to, LONG));
        self.pass(1);
        renaming
    }

    fn having(&self, tag: &str) -> usize {
        let filter = Filter { tags: vec![tag.into()], ..Filter::default() };
        self.run(self.vault().list(&filter, Order::Newest, None, 1000)).unwrap().images.len()
    }
}

#[test]
fn a_tag_is_renamed_on_every_image_and_merged_into_another() {
    let world = World::default();
    let many: Vec<_> = (0..120).map(|_| world.tagged(&["old"]).id).collect();
    let (both, other) = (world.tagged(&["x", "old", "new"]), world.tagged(&["older"]));
    world.answers([(404, None, b"".as_slice())]);
    let failed = world.job("old");
    assert_eq!(world.run(world.vault().work_on(failed.id, None)).unwrap().status(), Status::Failed);
    let renaming = world.rename("old", "new").unwrap();
    assert_eq!(renaming, Renaming { from: "old".into(), to: "new".into(), renamed: 122, waiting: 0, is_done: true });
    assert!(many.iter().all(|&id| world.tags_of(id) == ["new"]));
    assert_eq!((world.tags_of(both.id), world.tags_of(other.id)), (vec!["x".into(), "new".into()], other.tags));
    assert_eq!(world.tags_of(failed.id), ["new"]);
    assert_eq!((world.having("old"), world.having("new")), (0, 122));
    let counted = world.run(world.vault().tags("", None, 10)).unwrap().tags;
    let count = |tag: &str, images| TagCount { tag: tag.into(), images };
    assert_eq!(counted, [count("new", 122), count("older", 1), count("x", 1)]);
    // The same again changes nothing, and what comes later keeps its tag.
    let later = world.tagged(&["old"]);
    assert_eq!(later.tags, ["old"]);
    assert_eq!(world.rename("old", "new").unwrap().renamed, 1);
    // Back again: neither renaming takes effect on what the other did.
    assert_eq!(world.rename("new", "old").unwrap().renamed, 123);
    assert_eq!((world.tags_of(later.id), world.having("new")), (vec!["old".to_owned()], 0));
    let mut faults = Vec::new();
    let plan = Plan { repair: false, alone: true };
    world.run(world.vault().verify(plan, async |found| faults.push(format!("{found:?}")))).unwrap();
    assert!(faults.iter().all(|fault| fault.starts_with("Content")), "{faults:?}");
}

#[test]
fn what_comes_in_meanwhile_has_the_new_tag() {
    let world = World::default();
    // A job keeps the renaming from its end, so that it goes on.
    let job = world.job("old");
    world.pass(1);
    let renaming = world.run(world.vault().rename_tag("old", "new", Duration::ZERO)).unwrap();
    assert!(!renaming.is_done && renaming.waiting == 1, "{renaming:?}");
    assert_eq!(world.run(world.vault().renaming()).unwrap().unwrap().to, "new");
    let (put, later) = (world.tagged(&["old", "x"]), world.job("old"));
    assert_eq!((put.tags, later.tags), (vec!["new".into(), "x".into()], vec!["new".into()]));
    let plain = world.tagged(&["y"]);
    let edit = Edit::new(None, Some(&["old".into()])).unwrap();
    let edited = world.run(world.vault().edit(plain.id, &edit, |_| Ok::<_, Error>(()))).unwrap();
    assert_eq!(edited.tags, ["new"]);
    // Another has to wait, and the same goes on.
    let refused = world.run(world.vault().rename_tag("x", "z", LONG));
    assert!(matches!(refused, Err(Error::Renaming(_))), "{refused:?}");
    world.answers([IMAGE, IMAGE]);
    assert_eq!(world.run(world.vault().work_on(job.id, None)).unwrap().tags, ["new"]);
    let renaming = world.run(world.vault().go_on_renaming(LONG)).unwrap().unwrap();
    assert!(renaming.is_done, "{renaming:?}");
    assert_eq!(world.run(world.vault().go_on_renaming(LONG)).unwrap(), None);
    assert_eq!(world.having("old"), 0);
    for (from, to) in [("a", "a"), ("", "a"), ("a", " "), ("e\u{301}", "é"), ("a\n", "b")] {
        assert!(matches!(world.rename(from, to), Err(Error::Invalid { .. })), "{from:?} {to:?}");
    }
}

#[test]
fn a_vault_without_an_index_is_walked_through() {
    let world = World::default();
    let many: Vec<_> = (0..70).map(|_| world.tagged(&["old"]).id).collect();
    world.forget("b1:s:indexed");
    let renaming = world.rename("old", "new").unwrap();
    assert!(renaming.is_done && renaming.renamed == 70, "{renaming:?}");
    assert!(many.iter().all(|&id| world.tags_of(id) == ["new"]));
}
