//! Clients that send random requests, one after the other, and record promises in the ledger.

use std::sync::atomic::{AtomicBool, Ordering};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Run;
use super::ledger::{Entry, Place};
use super::orders::{Fate, Order};
use crate::support::client::{Client, Reply, Unanswered, encode};
use crate::support::origin::Behaviour;
use crate::support::random::Random;

/// A client of one server.
pub struct Visitor<'a> {
    pub run: &'a Run,
    pub client: Client,
    pub random: Random,
    /// Set before the server is killed or asked to stop: from then on requests may stay unanswered.
    pub ending: &'a AtomicBool,
    pub round: usize,
}

impl Visitor<'_> {
    pub async fn visit(mut self) {
        while !self.ending.load(Ordering::SeqCst) {
            match self.random.within(0..100) {
                0..50 => self.add().await,
                50..80 => self.read().await,
                80..87 => self.remove().await,
                87..93 => self.change().await,
                93..95 => self.retry().await,
                95..97 => self.look("/images?limit=50").await,
                97 => self.look("/stats").await,
                _ => self.send_again().await,
            }
        }
    }

    /// Sends a request. Returns `None` if no whole answer came, and reports that unless the server is being ended.
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Reply> {
        self.run.tally.count("requests");
        let sent = self.client.try_send(method.clone(), path, headers, body.to_vec()).await;
        let unanswered: Unanswered = match sent {
            Ok(reply) => return Some(reply),
            Err(unanswered) => unanswered,
        };
        if !self.ending.load(Ordering::SeqCst) {
            self.run.tally.wrong(format!("{method} {path}: no whole answer, though it runs: {unanswered:?}"));
        }
        None
    }

    /// Reports an answer that no rule explains. A server that is being ended may answer with 5xx.
    fn unexpected(&self, what: &str, reply: &Reply) {
        if !(self.ending.load(Ordering::SeqCst) && reply.status.is_server_error()) {
            self.run.tally.wrong(format!("{what}: {} {}", reply.status, short(reply)));
        }
    }

    fn promise(&self, what: &str, reply: &Reply) -> String {
        let seconds = self.run.tally.started.elapsed().as_secs_f64();
        format!("{what} answered {} at {seconds:.3} s in round {}", reply.status.as_u16(), self.round)
    }

    async fn add(&mut self) {
        let number = self.run.next_number();
        let contents = self.run.ledger().contents.clone();
        let order = Order::random(number, self.round, &contents, &self.run.origin, &mut self.random);
        self.run.ledger().begin(number, order.clone());
        self.place(number, &order).await;
    }

    /// Sends a request with a key again: one that was never answered, or else one that was.
    async fn send_again(&mut self) {
        let unanswered = {
            let mut ledger = self.run.ledger();
            let numbers: Vec<usize> =
                ledger.open.iter().filter(|(_, order)| order.key).map(|(number, _)| *number).collect();
            // Another client may send the same request and be answered first, as clients may.
            self.random.pick(&numbers).and_then(|number| Some((*number, ledger.open.get_mut(number)?.clone())))
        };
        if let Some((number, order)) = unanswered {
            return self.place(number, &order).await;
        }
        let Some((order, ids)) = self.random.pick(&self.run.ledger().keyed).cloned() else { return };
        let Some(reply) = self.send_order(&order).await else { return };
        let gone = || ids.iter().any(|id| self.run.ledger().images.get(id).is_some_and(|it| it.place != Place::There));
        match reply.status.as_u16() {
            200..300 => {
                let again = made(&reply);
                if ids.iter().ne(again.iter().filter_map(|image| image["id"].as_str())) {
                    self.run.tally.wrong(format!("a key that made {ids:?} now makes {}", short(&reply)));
                }
            }
            404 if gone() => {}
            _ => self.unexpected(&format!("a request with a key that made {ids:?}, sent again"), &reply),
        }
    }

    async fn send_order(&self, order: &Order) -> Option<Reply> {
        let headers: Vec<_> = order.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(Method::POST, &order.path, &headers, &order.body).await
    }

    /// Sends a request that adds images.
    pub async fn place(&self, number: usize, order: &Order) {
        let Some(reply) = self.send_order(order).await else { return };
        match reply.status.as_u16() {
            201 | 202 => {
                let promise = self.promise(&format!("order {number} ({})", order.kind), &reply);
                self.run.ledger().acknowledge(number, &made(&reply), &promise, &self.run.tally);
                self.run.tally.count(order.kind);
            }
            // A server that died had begun to answer it. After a minute another server may.
            409 if order.key => {}
            // Another client sent it, too, and was answered first, and its images have been removed since.
            404 if order.key && !self.run.ledger().open.contains_key(&number) => {}
            _ => self.unexpected(&format!("order {number} ({})", order.kind), &reply),
        }
    }

    async fn read(&mut self) {
        let chosen = {
            let ledger = self.run.ledger();
            let id = ledger.any(&mut self.random, |_| true);
            id.and_then(|id| Some((ledger.images.get(&id)?.clone(), id)))
        };
        let Some((before, id)) = chosen else { return };
        self.read_content(&id, &before).await;
    }

    /// Reads an image's content: all of it, a range, or as gzip. Reports an answer that the ledger excludes.
    pub async fn read_content(&mut self, id: &str, before: &Entry) {
        let size = before.content.bytes.len();
        let start = self.random.within(0..size);
        let end = self.random.within(start..size);
        let range = format!("bytes={start}-{end}");
        let headers: &[(&str, &str)] = match self.random.within(0..4) {
            0 => &[("range", &range)],
            1 => &[("accept-encoding", "gzip")],
            _ => &[],
        };
        let Some(reply) = self.send(Method::GET, &format!("/images/{id}/content"), headers, b"").await else { return };
        let Some(now) = self.run.ledger().images.get(id).cloned() else { return };
        let promise = &before.promise;
        let got = match (reply.status, reply.header("content-encoding")) {
            (StatusCode::OK, "gzip") => gunzip(&reply.body),
            _ => reply.body.to_vec(),
        };
        match reply.status.as_u16() {
            200 | 206 if before.place == Place::Gone => {
                self.run.tally.wrong(format!("image {id} ({promise}) was removed and is read again"));
            }
            200 if got == before.content.bytes => self.run.tally.add("bytes compared", got.len() as u64),
            206 if got == before.content.bytes[start..=end] => self.run.tally.count("ranges compared"),
            404 if now.place != Place::There => {}
            404 => self.run.tally.lost(format!("image {id} ({promise}), {size} bytes: its content is 404")),
            409 if !before.is_readable() => {}
            status => self.run.tally.wrong(format!(
                "image {id} ({promise}), {size} bytes, {headers:?}: {status}, {} other bytes: {}",
                got.len(),
                if status < 300 { String::new() } else { short(&reply) }
            )),
        }
    }

    async fn remove(&mut self) {
        let Some((id, entry)) = self.run.ledger().hold(&mut self.random, |_| true) else { return };
        self.remove_image(&id, &entry).await;
    }

    /// Removes an image for good.
    pub async fn remove_image(&self, id: &str, entry: &Entry) {
        self.run.ledger().images.insert(id.to_owned(), Entry { place: Place::Leaving, ..entry.clone() });
        let Some(reply) = self.send(Method::DELETE, &format!("/images/{id}"), &[], b"").await else { return };
        if reply.status == 204 {
            let promise = self.promise(&format!("{}, then DELETE", entry.promise), &reply);
            let gone = Entry { place: Place::Gone, promise, ..entry.clone() };
            self.run.ledger().images.insert(id.to_owned(), gone);
            self.run.tally.count("removals");
        } else {
            self.unexpected(&format!("DELETE of image {id} ({})", entry.promise), &reply);
        }
    }

    async fn change(&mut self) {
        let Some((id, entry)) = self.run.ledger().hold(&mut self.random, Entry::is_readable) else { return };
        let name = if self.random.percent(30) {
            format!("shared-{}-{}", self.round, self.random.within(0..4))
        } else {
            format!("renamed-{}", self.run.next_number())
        };
        let tags = vec![format!("changed-{}", self.round)];
        let mut asked = entry.clone();
        asked.labels.push((name.clone(), tags.clone()));
        self.run.ledger().images.insert(id.clone(), asked);
        let merge = [("content-type", "application/merge-patch+json")];
        let body = json!({ "name": name, "tags": tags }).to_string();
        let Some(reply) = self.send(Method::PATCH, &format!("/images/{id}"), &merge, body.as_bytes()).await else {
            return;
        };
        if reply.status == 200 {
            let promise = self.promise(&format!("{}, then PATCH", entry.promise), &reply);
            let changed = Entry { labels: vec![(name, tags)], held: false, promise, ..entry };
            self.run.ledger().images.insert(id, changed);
            self.run.tally.count("changes");
        } else {
            self.unexpected(&format!("PATCH of image {id} ({})", entry.promise), &reply);
        }
    }

    /// Repairs the origin of a failed job, and retries the job.
    async fn retry(&mut self) {
        let failed = |entry: &Entry| entry.settled && entry.fate == Fate::Failed;
        let Some((id, entry)) = self.run.ledger().hold(&mut self.random, failed) else { return };
        let Some(path) = &entry.mendable else { return };
        self.run.origin.serve(path, Behaviour::Image(entry.content.bytes.clone()));
        let asked = Entry { fate: Fate::Either, settled: false, ..entry.clone() };
        self.run.ledger().images.insert(id.clone(), asked);
        let Some(reply) = self.send(Method::POST, &format!("/images/{id}/retry"), &[], b"").await else { return };
        if reply.status == 202 {
            let promise = self.promise(&format!("{}, then a retry", entry.promise), &reply);
            let again = Entry { fate: Fate::Ready, settled: false, held: false, promise, ..entry };
            self.run.ledger().images.insert(id, again);
            self.run.tally.count("retries");
        } else {
            self.unexpected(&format!("retry of image {id} ({})", entry.promise), &reply);
        }
    }

    async fn look(&self, path: &str) {
        let Some(reply) = self.send(Method::GET, path, &[], b"").await else { return };
        if reply.status != 200 || serde_json::from_slice::<Value>(&reply.body).is_err() {
            self.unexpected(path, &reply);
        }
    }

    /// Checks that a name leads to this image.
    pub async fn read_by_name(&self, name: &str, id: &str) {
        let path = format!("/images/by-name/{}", encode(name));
        let Some(reply) = self.send(Method::GET, &path, &[], b"").await else { return };
        self.run.tally.count("names checked");
        if reply.status != 200 || reply.json()["id"] != id {
            let entry = self.run.ledger().images.get(id).map(|entry| entry.promise.clone());
            self.unexpected(&format!("the name {name} must lead to image {id} ({entry:?})"), &reply);
        }
    }
}

/// The images that an answer names.
fn made(reply: &Reply) -> Vec<Value> {
    let body = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
    match body["images"].as_array() {
        Some(images) => images.clone(),
        None => vec![body],
    }
}

fn short(reply: &Reply) -> String {
    reply.text().chars().take(500).collect()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // Bytes that cannot be inflated differ from the content, which the caller reports.
    let _ = std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(bytes), &mut out);
    out
}
