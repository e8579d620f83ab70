//! `GET /uploaders/{name}`: settings of programs that upload, filled in with this service's address.

use burrow_vault::ports::Ports;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use crate::message::{Answer, Body, respond, set};
use crate::problem::Problem;
use crate::protocol::address::address;
use crate::service::{Head, Service};

/// What stands for a token in settings: the service never gives a token away.
const TOKEN: &str = "Bearer WRITE-TOKEN";

impl<P: Ports> Service<P> {
    /// `GET /uploaders/{name}`.
    pub(crate) fn uploader(&self, head: Head<'_>, name: &str) -> Result<Answer<P>, Problem> {
        head.query.only(&[], &[])?;
        let make: fn(&str, bool) -> Value = match name {
            "burrow.sxcu" => sharex,
            "picgo.json" => picgo,
            _ => return Err(Problem::nothing_there()),
        };
        let address = address(head.headers)
            .ok_or_else(|| Problem::malformed("the request names no host that can be written into a file"))?;
        Ok(file(name, &make(&address, !self.settings.write_tokens.is_empty())).into())
    }
}

/// A file to download. It depends on more of the request than its URL.
fn file<P>(name: &str, settings: &Value) -> Response<Body<P>> {
    let text = serde_json::to_vec_pretty(settings).unwrap_or_default();
    let mut response = respond(StatusCode::OK, "application/json", text);
    set(response.headers_mut(), header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
    response
}

/// A custom uploader of `ShareX` (<https://getsharex.com/docs/custom-uploader>).
fn sharex(address: &str, needs_token: bool) -> Value {
    let mut settings = json!({
        "Version": "15.0.0",
        "DestinationType": "ImageUploader",
        "RequestMethod": "POST",
        "RequestURL": format!("{address}/images"),
        "Body": "MultipartFormData",
        "FileFormName": "file",
        "URL": format!("{address}{{json:images[0].content}}"),
        "ThumbnailURL": format!("{address}/images/{{json:images[0].id}}/thumbnail"),
        "ErrorMessage": "{json:detail}",
    });
    if let Some(settings) = settings.as_object_mut().filter(|_| needs_token) {
        settings.insert("Headers".into(), json!({ "Authorization": TOKEN }));
    }
    settings
}

/// A configuration of `PicGo` with its plugin `web-uploader`, which takes an answer without a JSON path as the URL.
fn picgo(address: &str, needs_token: bool) -> Value {
    let headers = if needs_token {
        json!({ "Accept": "text/plain", "Authorization": TOKEN })
    } else {
        json!({ "Accept": "text/plain" })
    };
    json!({
        "picBed": {
            "current": "web-uploader",
            "uploader": "web-uploader",
            "web-uploader": {
                "url": format!("{address}/images"),
                "paramName": "file",
                "jsonPath": "",
                "customHeader": headers.to_string(),
                "customBody": "",
            },
        },
        "picgoPlugins": { "picgo-plugin-web-uploader": true },
    })
}
