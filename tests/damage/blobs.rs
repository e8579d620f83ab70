//! A blob's file that is missing, cut short, another blob's, or no file: only the images of that blob are harmed.

use std::fs;
use std::path::Path;

use super::values::{blob, faults, unreadable, verified};
use super::{BLOBS, Sample};

/// What is done to a blob's file.
type Harm<'a> = &'a dyn Fn(&Path);

pub async fn a_blobs_file_that_is_not_right_harms_only_its_images() {
    let sample = Sample::new().await;
    let other = blob(&sample, &sample.others[3]);
    let mut wrong = Vec::new();
    let cases: [(&str, Harm<'_>); 6] = [
        ("missing", &|file| fs::remove_file(file).unwrap()),
        ("empty", &|file| fs::write(file, "").unwrap()),
        ("cut short", &|file| fs::write(file, &fs::read(file).unwrap()[..1000]).unwrap()),
        ("another blob's", &|file| {
            fs::copy(file.with_file_name(&other), file).unwrap();
        }),
        ("a directory", &|file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("a link to itself", &|file| {
            fs::remove_file(file).unwrap();
            std::os::unix::fs::symlink(file, file).unwrap();
        }),
    ];
    for (what, harm) in cases {
        let (store, damage) = (sample.copy(), unreadable(&sample, &sample.victim, what));
        harm(&store.path().join(BLOBS).join(blob(&sample, &sample.victim)));
        let verified = verified(&sample, store.path(), &damage).await;
        for fault in verified.into_iter().chain(faults(&sample, store.path(), &damage).await) {
            wrong.push(format!("{}: {fault}", damage.what));
        }
    }
    super::nothing_of(&wrong);
}
