//! Admits a request, calls its route, and finishes the answer.

use burrow_vault::ports::{ByteSource, Ports};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::access::cookie;
use crate::access::cors::{Origins, Site};
use crate::access::hosts;
use crate::access::token::{Tokens, bearer};
use crate::api::json;
use crate::message::{
    Answer, Body, CROSS_ORIGIN, Piece, RESOURCE_POLICY, Request, SAME_SITE, etag, no_content, set, varying,
};
use crate::pages::assets;
use crate::pages::frame::{Asked, failed};
use crate::problem::Problem;
use crate::protocol::conditional::{self, Validators, Verdict};
use crate::protocol::negotiation;
use crate::route::{Route, Shared, Target};
use crate::service::{Head, Service};
use crate::settings::ServiceSettings;

impl<P: Ports> Service<P> {
    /// Answers a request. Failures become answers, too.
    pub async fn handle(&self, request: Request<impl ByteSource>) -> Answer<P> {
        let Request { method, path_and_query, headers, body } = request;
        let mut answer = match self.answer(&method, &path_and_query, &headers, body).await {
            Ok(answer) => answer,
            Err(mut problem) => {
                let log = problem.take_cause();
                let response = if negotiation::wants_html(&headers) {
                    failed(
                        problem,
                        self.frame(&headers),
                        &Asked { method: &method, target: &path_and_query, headers: &headers },
                    )
                } else {
                    problem.into_response()
                };
                Answer { log, ..response.into() }
            }
        };
        let response = &mut answer.response;
        self.settings.cors_origins.share(&headers, response.headers_mut());
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let embedders = if self.settings.cors_origins == Origins::None { SAME_SITE } else { CROSS_ORIGIN };
        response.headers_mut().entry(RESOURCE_POLICY).or_insert(embedders);
        negotiation::compress(&headers, response);
        if !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            let length = response.body().remaining();
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
        if method == Method::HEAD {
            *response.body_mut() = Vec::new().into();
        }
        answer
    }

    async fn answer(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: impl ByteSource,
    ) -> Result<Answer<P>, Problem> {
        if method == Method::OPTIONS && target == "*" {
            return Ok(no_content().into());
        }
        let target = Target::parse(target)?;
        if headers.get_all(header::HOST).iter().count() > 1 {
            return Err(Problem::malformed("a request has one Host"));
        }
        target.check_method(method)?;
        if method == Method::OPTIONS {
            return Ok(self.options(&target, headers).into());
        }
        let link = self.admit(&target, method, headers)?;
        let head = Head { method, query: &target.query, headers, link };
        let route = target.route.clone();
        let reading = matches!(*method, Method::GET | Method::HEAD);
        let answer = match (route, method) {
            (Route::Home, _) => self.home(head).await,
            (Route::AddForm, _) => self.add_form(head),
            (Route::Uploader(name), _) => self.uploader(head, &name),
            (Route::Asset(name), _) => Ok(assets::asset(&name)?.into()),
            (Route::Form, _) => self.act(head, body).await,
            (Route::Session, _) => self.session(head, body).await,
            (Route::Language, _) => self.choose_language(head, body).await,
            (Route::Archive, _) => return self.archive(head).await,
            (Route::Health, _) => Ok(json::response(StatusCode::OK, &serde_json::json!({"status": "ok"})).into()),
            (Route::Interface, _) => Ok(json::interface().into()),
            (Route::Problem(kind), _) => self.explain(head, &kind),
            (Route::Images, &Method::POST) => self.add(head, body).await,
            (Route::Images, _) => self.list(head).await,
            (Route::Image(id), &Method::DELETE) => self.remove(head, id).await,
            (Route::Image(id), &Method::PATCH) => self.edit(head, id, body).await,
            (Route::Image(id), _) => {
                let record = self.vault.get(id).await?;
                if negotiation::wants_html(headers) {
                    self.detail(head, &record).await
                } else {
                    Ok(varying(json::image(&record)).into())
                }
            }
            (Route::Content(id), _) => return self.content(head, &self.vault.find(id).await?).await,
            (Route::Thumbnail(id), _) => self.thumbnail(head, &self.vault.get(id).await?).await,
            (Route::Similar(id), _) => self.similar(head, &self.vault.get(id).await?).await,
            (Route::Retry(id), _) => self.retry(head, id, body).await,
            (Route::Links(id), _) => self.link(head, id, body).await,
            (Route::ByName(name), _) => Ok(json::image(&self.vault.get_by_name(&name).await?).into()),
            (Route::ContentByName(name), _) => {
                return self.content_by_name(head, &self.vault.get_by_name(&name).await?).await;
            }
            (Route::Upload, _) => self.upload(head, body).await,
            (Route::BasicStats, _) => self.basic_stats().await,
            (Route::NamedImage(name), _) => {
                let record = self.vault.get_by_name(&name).await?;
                if !negotiation::wants_html(headers) {
                    let mut answer = self.content_by_name(head, &record).await?;
                    set(answer.response.headers_mut(), header::VARY, "accept, accept-encoding");
                    return Ok(answer);
                }
                self.detail(head, &record).await
            }
            (Route::Stats, _) if negotiation::wants_html(headers) => self.overview(head).await,
            (Route::Stats, _) => {
                let numbers = self.vault.numbers().await?;
                Ok(varying(json::stats(self.vault.statistics().await?, numbers.as_ref())).into())
            }
            (Route::Tags, _) => self.tags(head).await,
            (Route::Resume, _) => self.resume().await,
            (Route::Repack, _) => self.repack().await,
            (Route::RenameTag, _) => self.rename_tag(body).await,
            (Route::TagLinks(tag), _) => self.share(head, &tag, body).await,
            (Route::Feed, _) => self.feed(head).await,
            // Content has conditions of its own, and an entity tag for an archive would be that of its first piece.
            (Route::Shared(link, what @ (Shared::Archive | Shared::Content(_))), _) => {
                return self.shared(head, &link, what).await;
            }
            (Route::Shared(link, what), _) => self.shared(head, &link, what).await,
        }?;
        if reading { revalidated(answer, headers) } else { Ok(answer) }
    }

    /// Refuses a request that may not do what it asks for. Returns the seconds for which its signed link is still
    /// valid, if it uses one.
    fn admit(&self, target: &Target, method: &Method, headers: &HeaderMap) -> Result<Option<u64>, Problem> {
        let ServiceSettings { write_tokens, read_tokens, link_keys, cors_origins, allowed_http_hosts, .. } =
            &self.settings;
        let public = matches!(target.route, Route::Health | Route::Asset(_) | Route::Interface | Route::Problem(_));
        if write_tokens.is_empty() && !public {
            hosts::check(headers, allowed_http_hosts)?;
        }
        let has_token = bearer(headers).is_some() || cookie::is_there(headers);
        let now = self.vault.now() / 1000;
        let holds = |tokens: &Tokens| cookie::admits(tokens, headers, now);
        if !matches!(*method, Method::GET | Method::HEAD) {
            let site = cors_origins.check(headers)?;
            let admitted = write_tokens.is_empty()
                || match site {
                    Site::Ours => holds(write_tokens) || matches!(target.route, Route::Session | Route::Language),
                    Site::Allowed => bearer(headers).is_some_and(|token| write_tokens.hold(token)),
                };
            return if admitted { Ok(None) } else { Err(Problem::unauthorized(has_token)) };
        }
        if let Route::Shared(link, _) = &target.route {
            return Ok(Some(link_keys.share(link, now)?.expires.saturating_sub(now)));
        }
        if let Route::Content(id) = target.route {
            let link = link_keys.judge(id, &target.query, now)?;
            if link.is_some() {
                return Ok(link);
            }
        }
        let admitted = public || read_tokens.is_empty() || holds(read_tokens) || holds(write_tokens);
        if admitted { Ok(None) } else { Err(Problem::unauthorized(has_token)) }
    }

    fn options(&self, target: &Target, headers: &HeaderMap) -> Response<Body<P>> {
        let mut response = no_content();
        self.settings.cors_origins.preflight(headers, &target.allow(), response.headers_mut());
        set(response.headers_mut(), header::ALLOW, target.allow());
        response
    }
}

/// Gives a generated answer an entity tag, and makes it a 304 if the client has the same answer already.
fn revalidated<P: Ports>(mut answer: Answer<P>, headers: &HeaderMap) -> Result<Answer<P>, Problem> {
    let response = &mut answer.response;
    if response.headers().contains_key(header::ETAG) || !response.status().is_success() {
        // An original that is sent as its own thumbnail has its own tag, and a redirect has none.
        return Ok(answer);
    }
    let etag = match response.body().0.front() {
        Some(Piece::Bytes(bytes)) if negotiation::is_text(response.headers()) => format!("W/{}", etag(bytes)),
        Some(Piece::Bytes(bytes)) if negotiation::is_to_be_compressed(headers, response) => {
            negotiation::gzip_tag(&etag(bytes))
        }
        Some(Piece::Bytes(bytes)) => etag(bytes),
        _ => return Ok(answer),
    };
    set(response.headers_mut(), header::ETAG, etag.as_str());
    match conditional::evaluate(headers, true, Validators { etag: &etag, last_modified: None }) {
        Verdict::Proceed => {}
        Verdict::Failed => return Err(Problem::precondition()),
        Verdict::NotModified => {
            // What caches need to know of the 200 (RFC 9110 section 15.4.5).
            negotiation::vary(response);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Vec::new().into();
            response.headers_mut().remove(header::CONTENT_TYPE);
        }
    }
    Ok(answer)
}
