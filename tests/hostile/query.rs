//! Lists with invalid query parameters.

use super::Stored;
use super::case::{Case, INVALID, get};

const LIMITS: &str =
    "0 -1 1001 x 1e3 +5 %205 5%20 0x10 1.0 1,000 NaN null true %d9%a3 65537 4294967297 9223372036854775808
    18446744073709551616 18446744073709551617 99999999999999999999999999 5; 5' %5b5%5d * -0 %e2%88%921 5%ef%bc%95";

const CURSORS: &str =
    "x -1 1.5 1e1 0x1 %20 18446744073709551616 99999999999999999999999999 ' ..%2f.. null %f0%9f%a6%ab 1,2
    eyJpZCI6MX0=";

const STATUSES: &str = "x READY Ready ready,failed ready%20failed %20ready done * null 0 pending;";

const CONDITIONS: [(&str, &str); 4] = [
    ("host", "%20 a%20b a/b http://a.example a.example:80 [::1 %25"),
    ("type", "%20 image/%3c%3e a%20b %f0%9f%a6%ab *"),
    ("since", "x today 2026-13-01 2026-02-30 0 -1 1800000000000 2026-01-01T00:00 %20"),
    ("until", "x today 2026-13-01 2026-02-30 0 -1 1800000000000 2026-01-01T00:00 %20"),
];

const TWICE: &str =
    "limit=1&limit=2 limit=5&limit=5 limit=5&tag=a&limit=x cursor=1&cursor=2 status=ready&status=failed q=a&q=b
    since=2026-01-01&since=2026-01-01 host=a&host=b";

const UNKNOWN: &str =
    "x=1 Limit=5 LIMIT=5 limit%5b%5d=5 limit%00=5 limit%20=5 %20limit=5 foo tags=a name=a sort=name offset=1
    page=2 order=asc q%5b%24ne%5d=1 __proto__=1 limits=5;cursor=1 callback=alert access_token=x limit=5&x tag=a&Tag=b";

pub(super) fn lists(_: &Stored) -> Vec<Case> {
    let mut cases = vec![
        get("/images?limit=").is(422, INVALID).field("limit"),
        get("/images?status=").is(422, INVALID).field("status"),
    ];
    for limit in LIMITS.split_ascii_whitespace() {
        cases.push(get(format!("/images?limit={limit}")).is(422, INVALID).field("limit"));
    }
    for cursor in CURSORS.split_ascii_whitespace() {
        cases.push(get(format!("/images?cursor={cursor}")).is(422, INVALID).field("cursor"));
        cases.push(get(format!("/images?limit=5&cursor={cursor}")).is(422, INVALID).field("cursor"));
    }
    for status in STATUSES.split_ascii_whitespace() {
        cases.push(get(format!("/images?status={status}")).is(422, INVALID).field("status"));
    }
    for (field, values) in CONDITIONS {
        for value in values.split_ascii_whitespace() {
            cases.push(get(format!("/images?{field}={value}")).is(422, INVALID).field(field));
        }
    }
    cases.push(get("/images?since=2026-02-01&until=2026-01-01").is(422, INVALID).field("until"));
    cases.push(get(format!("/images?q={}", "word+".repeat(2000))).is(422, INVALID).field("q"));
    for limit in ["0", "1001", "x"] {
        cases.push(get(format!("/tags?limit={limit}")).is(422, INVALID).field("limit"));
    }
    cases.push(get("/tags?tag=a").is(422, INVALID));
    for query in TWICE.split_ascii_whitespace().chain(UNKNOWN.split_ascii_whitespace()) {
        cases.push(get(format!("/images?{query}")).is(422, INVALID));
    }
    let long = "t".repeat(65);
    for query in [format!("tag={long}"), format!("tag=a&tag={long}"), format!("tag={}", "%c3%bc".repeat(33))] {
        cases.push(get(format!("/images?{query}")).is(422, INVALID).field("tag"));
    }
    for query in ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=-1"] {
        cases.push(get(format!("/?{query}")).is(422, INVALID));
        cases.push(get(format!("/?{query}")).header("accept", "application/json").is(422, INVALID));
    }
    cases
}
