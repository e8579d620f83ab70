//! Uploads that are no image, and images with invalid labels.

use super::Stored;
use super::case::{Case, INVALID, LIMIT, NOT_AN_IMAGE, ask, padded, post};
use crate::support::images::fixture;

/// Files of other formats, and beginnings of images.
const FILES: [&[u8]; 23] = [
    b"",
    b"G",
    b"GIF8",
    b"\x89PN",
    b"\x89png\r\n\x1a\n",
    b"\r\n\x89PNG\r\n\x1a\n",
    b"RIFF\x24\0\0\0WAVEfmt ",
    b"RIFF\x24\0\0\0AVI LIST",
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    b"%PDF-1.7\n",
    b"PK\x03\x04\x14\0\0\0\0\0",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
    b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff",
    b"\0asm\x01\0\0\0",
    b"#!/bin/sh\nrm -rf /\n",
    b"<!doctype html><script>alert(1)</script>",
    b"<html><svg onload='alert(1)'></svg></html>",
    b"<?xml version='1.0'?><!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>",
    b"<!-- <svg/> -->",
    b"<?php system('id'); ?>",
    b"{\"url\":\"http://127.0.0.1:1/x.png\"}",
    b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
];

pub(super) fn images(_: &Stored) -> Vec<Case> {
    let mut cases = Vec::new();
    for file in FILES {
        for media_type in ["image/png", "image/svg+xml", "application/octet-stream"] {
            cases.push(post("/images", media_type, file).is(422, NOT_AN_IMAGE));
        }
    }
    cases.push(post("/images", "image/png", vec![b' '; 1_000_000]).is(422, NOT_AN_IMAGE));
    cases.push(post("/images", "image/png", vec![0; 1_000_000]).is(422, NOT_AN_IMAGE));
    // A browser gets the refusal, too.
    cases.push(ask("POST", "/images").header("accept", "text/html").body("image/png", "x").any(&[422]));
    let many: Vec<_> = (0..33).map(|n| format!("tag={n}")).collect();
    for (field, query) in [
        ("name", format!("name={}", "n".repeat(256))),
        ("name", format!("name={}", "%c3%bc".repeat(128))),
        ("tag", format!("tag={}", "t".repeat(65))),
        ("tag", format!("tag=a&tag={}", "%c3%bc".repeat(33))),
        ("tag", many.join("&")),
    ] {
        cases.push(post(format!("/images?{query}"), "image/gif", fixture("photo.gif")).is(422, INVALID).field(field));
    }
    cases.push(post(padded("/images?name=", 17_000), "image/gif", fixture("photo.gif")).is(414, LIMIT));
    cases
}
