//! Charts: computes the bars and columns that pages draw in SVG.

use burrow_model::time::instant;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Unit, Zoned};

use crate::pages::search::path;
use crate::texts::{Language, Text};

/// A horizontal bar, with its name and its amount as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) text: String,
    /// The path of what it stands for, if there is one.
    pub(crate) path: Option<String>,
    /// Its length, from 0 to 1000.
    pub(crate) length: u64,
}

/// A vertical bar of a chart over time; it stands for one span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// When its span begins, for people.
    pub(crate) name: String,
    pub(crate) count: u64,
    /// The path of its images.
    pub(crate) path: String,
    /// Its height, from 0 to 100.
    pub(crate) height: u64,
    /// Its left edge and its width; the chart is 1000 wide.
    pub(crate) x: usize,
    pub(crate) width: usize,
}

impl Column {
    /// The distance of its top from the top of the chart.
    pub(crate) fn y(&self) -> u64 {
        100 - self.height
    }
}

/// About how many columns a chart has at most. Empty ones are added up to twice as many.
const COLUMNS: usize = 40;

/// Bars with lengths in proportion to their amounts; the longest has 1000.
pub(crate) fn bars(amounts: impl IntoIterator<Item = (String, u64, String)>) -> Vec<Bar> {
    let amounts: Vec<_> = amounts.into_iter().collect();
    let most = amounts.iter().map(|(_, amount, _)| *amount).max().unwrap_or(0).max(1);
    let bar = |(name, amount, text): (String, u64, String)| {
        let length = u64::try_from(u128::from(amount) * 1000 / u128::from(most)).unwrap_or(1000);
        // An amount above zero stays visible.
        Bar { name, text, path: None, length: if amount > 0 { length.max(2) } else { 0 } }
    };
    amounts.into_iter().map(bar).collect()
}

/// Adds up counts at times, in milliseconds since 1970, by hour, day, month or year of UTC: by the smallest of these
/// that does not make too many columns; not by hour if the times are `whole_days`. Returns that unit, too.
pub(crate) fn over_time(counts: impl IntoIterator<Item = (u64, u64)>, whole_days: bool) -> (Step, Vec<Column>) {
    let read = |(millis, count)| Some((instant(millis)?.to_zoned(TimeZone::UTC), count));
    let mut times: Vec<(Zoned, u64)> = counts.into_iter().filter_map(read).collect();
    times.sort_unstable();
    let (Some((first, _)), Some((last, _))) = (times.first(), times.last()) else { return (Step::Hour, Vec::new()) };
    let days = first.until((Unit::Day, last)).map_or(0, |span| span.get_days());
    let unit = match days {
        ..=1 if !whole_days => Step::Hour,
        ..=39 => Step::Day,
        40..=1199 => Step::Month,
        _ => Step::Year,
    };
    let mut columns: Vec<(DateTime, u64)> = Vec::new();
    for (time, added) in &times {
        let begin = unit.begin(time.datetime());
        // Adds empty columns for the spans in between.
        while let Some((last, _)) = columns.last()
            && *last < begin
            && columns.len() < COLUMNS * 2
        {
            match unit.next(*last) {
                Some(next) => columns.push((next, 0)),
                None => break,
            }
        }
        match columns.last_mut() {
            Some((last, count)) if *last == begin => *count += added,
            _ => columns.push((begin, *added)),
        }
    }
    let most = columns.iter().map(|(_, count)| *count).max().unwrap_or(1);
    let width = 1000 / columns.len().max(8);
    let column = |(n, (begin, count)): (usize, (DateTime, u64))| Column {
        name: unit.name(begin),
        count,
        path: unit.path(begin),
        height: if count > 0 { (100 * count / most).max(2) } else { 0 },
        x: n * width,
        width,
    };
    (unit, columns.into_iter().enumerate().map(column).collect())
}

/// The span of time of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Hour,
    Day,
    Month,
    Year,
}

impl Step {
    /// Its name, above a column of a table.
    pub(crate) fn heading(self, language: Language) -> Text {
        match self {
            Self::Hour => language.say("Hour"),
            Self::Day => language.say("Day"),
            Self::Month => language.say("Month"),
            Self::Year => language.say("Year"),
        }
    }

    /// That a chart is by it, as the end of a sentence; after hours follows the time zone.
    pub(crate) fn by(self, language: Language) -> Text {
        match self {
            Self::Hour => language.say("by hour, in"),
            Self::Day => language.say("by day of UTC"),
            Self::Month => language.say("by month of UTC"),
            Self::Year => language.say("by year of UTC"),
        }
    }

    /// The begin of the span that a time lies in.
    fn begin(self, time: DateTime) -> DateTime {
        let (year, month, day, hour) = (time.year(), time.month(), time.day(), time.hour());
        match self {
            Self::Hour => jiff::civil::date(year, month, day).at(hour, 0, 0, 0),
            Self::Day => jiff::civil::date(year, month, day).at(0, 0, 0, 0),
            Self::Month => jiff::civil::date(year, month, 1).at(0, 0, 0, 0),
            Self::Year => jiff::civil::date(year, 1, 1).at(0, 0, 0, 0),
        }
    }

    fn next(self, begin: DateTime) -> Option<DateTime> {
        let span = match self {
            Self::Hour => 1.hour(),
            Self::Day => 1.day(),
            Self::Month => 1.month(),
            Self::Year => 1.year(),
        };
        begin.checked_add(span).ok()
    }

    /// The path of the images of the span.
    fn path(self, begin: DateTime) -> String {
        let end = self.next(begin).unwrap_or(begin);
        let stamp = |time: DateTime| format!("{}T{:02}:00:00Z", time.date(), time.hour());
        let (since, until) = match self {
            Self::Hour => (stamp(begin), stamp(end)),
            // A day that is the end of a search belongs to it.
            _ => (begin.date().to_string(), end.date().yesterday().unwrap_or_else(|_| end.date()).to_string()),
        };
        path("/", [("since", since.as_str()), ("until", until.as_str())])
    }

    fn name(self, begin: DateTime) -> String {
        match self {
            Self::Hour => format!("{} {:02}:00", begin.date(), begin.hour()),
            Self::Day => begin.date().to_string(),
            Self::Month => format!("{:04}-{:02}", begin.year(), begin.month()),
            Self::Year => begin.year().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 24 * HOUR;

    #[test]
    fn bars_are_to_the_longest() {
        let bars = bars([("a".into(), 400, "x".into()), ("b".into(), 100, "y".into()), ("c".into(), 0, "z".into())]);
        assert_eq!(bars.iter().map(|bar| bar.length).collect::<Vec<_>>(), [1000, 250, 0]);
        assert_eq!(super::bars([("a".into(), u64::MAX, String::new()), ("b".into(), 1, String::new())])[1].length, 2);
    }

    #[test]
    fn times_fall_into_stretches_of_time_with_those_between() {
        let begin = 1_800_000_000_000;
        let once = |time| (time, 1);
        let (unit, columns) = over_time([begin, begin + 60_000, begin + 3 * HOUR].map(once), false);
        let counts: Vec<_> = columns.iter().map(|column| column.count).collect();
        assert_eq!((unit, counts), (Step::Hour, vec![2, 0, 0, 1]));
        assert_eq!((columns[0].name.as_str(), columns[0].height, columns[3].height), ("2027-01-15 08:00", 100, 50));
        assert_eq!(columns[0].path, "/?since=2027-01-15T08%3A00%3A00Z&until=2027-01-15T09%3A00%3A00Z");
        let (unit, columns) = over_time([begin, begin + 5 * DAY].map(once), false);
        assert_eq!((unit, columns.len(), columns[5].name.as_str()), (Step::Day, 6, "2027-01-20"));
        let (unit, columns) = over_time([begin, begin + 100 * DAY].map(once), false);
        assert_eq!((unit, columns.len(), columns[3].name.as_str()), (Step::Month, 4, "2027-04"));
        assert_eq!(columns[1].path, "/?since=2027-02-01&until=2027-02-28");
        let (unit, columns) = over_time([0, begin].map(once), false);
        assert_eq!((unit, columns.len()), (Step::Year, 58));
        assert_eq!(over_time([], false), (Step::Hour, vec![]));
        assert!(over_time([once(u64::MAX)], false).1.is_empty());
        let (unit, columns) = over_time([(begin, 3), (begin + HOUR, 4)], true);
        assert_eq!((unit, columns[0].count, columns.len()), (Step::Day, 7, 1));
    }
}
