//! Names of classes out of a file: a plain list, or a column of a CSV. Which column the names are in is obvious for a list, for
//! the `id,name` CSV of video-CLIP projects, and where a header says so; else a person has to say.

use super::set::not_too_many;
use std::collections::HashMap;

/// Words of a header over the names, and words that a header may have besides: enough to know a header by.
const NAME_WORDS: [&str; 9] =
    ["name", "class", "class_name", "classname", "label", "label_name", "action", "activity", "category"];
const OTHER_WORDS: [&str; 14] = [
    "id",
    "index",
    "idx",
    "no",
    "nr",
    "number",
    "key",
    "count",
    "split",
    "path",
    "file",
    "video",
    "description",
    "title",
];

/// What a file of names holds, line by line.
#[derive(Clone, Debug, PartialEq)]
pub struct NameTable {
    /// Each with its number in the file (from 1), and its fields; a plain list has one field a line.
    rows: Vec<(u64, Vec<String>)>,
    /// The first row is a header.
    pub header: bool,
    /// Its fields have been parted at commas.
    csv: bool,
}

impl NameTable {
    /// Reads text. It is a CSV where its first line is a header or begins with a number and a comma; else each line is a name,
    /// commas and all. Blank lines and `#` comments are left out.
    ///
    /// # Errors
    /// Where a CSV cannot be read; the line is named.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !is_csv(text) {
            let rows = lines(text).map(|(line, name)| (line, vec![name.to_owned()])).collect();
            return Ok(Self { rows, header: false, csv: false });
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut rows = Vec::new();
        let mut place = Place { text, byte: 0, line: 1 };
        for record in reader.records() {
            let record = record.map_err(|e| format!("its CSV cannot be read: {e}"))?;
            let line = place.line_of(record.position().map_or(0, csv::Position::byte));
            rows.push((line, record.iter().map(str::to_owned).collect::<Vec<_>>()));
        }
        let header = rows.first().is_some_and(|(_, fields)| is_header(fields.iter().map(String::as_str)));
        Ok(Self { rows, header, csv: true })
    }

    /// The number of columns, as the first line has them.
    pub fn columns(&self) -> usize {
        self.rows.first().map_or(0, |(_, fields)| fields.len())
    }

    /// What a column is called: by the header, or by its number and first entry.
    pub fn title(&self, column: usize) -> String {
        let first = self.rows.first().and_then(|(_, fields)| fields.get(column));
        match first {
            Some(title) if self.header && !title.is_empty() => title.clone(),
            Some(entry) if !self.header => format!("column {} (“{entry:.20}”…)", column + 1),
            _ => format!("column {}", column + 1),
        }
    }

    /// The column that the names are in, where that is obvious.
    pub fn obvious(&self) -> Option<usize> {
        let (_, first) = self.rows.first()?;
        if first.len() == 1 {
            return Some(0);
        }
        if self.header {
            let word = |field: &String| NAME_WORDS.iter().position(|w| field.eq_ignore_ascii_case(w));
            let named = first.iter().enumerate().filter_map(|(column, field)| Some((word(field)?, column)));
            return named.min().map(|(_, column)| column);
        }
        let number = |(_, fields): &(u64, Vec<String>)| fields[0].parse::<u64>().is_ok();
        (first.len() == 2 && self.rows.first().is_some_and(number)).then_some(1)
    }

    /// The names of one column, in order.
    ///
    /// # Errors
    /// A line without such a column or with an empty name, a name that stands twice, or no name at all; the line is named.
    pub fn names(&self, column: usize) -> Result<Vec<String>, String> {
        let mut names = Names::default();
        for (line, fields) in self.rows.iter().skip(usize::from(self.header)) {
            let (has, wants) = (fields.len(), self.columns());
            if self.csv && has != wants {
                return Err(format!(
                    "line {line} has {has} field(s), the first line has {wants}; a name with a comma needs quotes"
                ));
            }
            match fields.get(column).map(|name| name.trim()) {
                None => return Err(format!("line {line} has no column {}", column + 1)),
                Some("") => return Err(format!("line {line} has no name")),
                Some(name) => names.add(*line, name)?,
            }
        }
        let list = names.finish()?;
        not_too_many(list.len())?;
        Ok(list)
    }

    /// The names of the column that they are obviously in.
    ///
    /// # Errors
    /// As [`NameTable::names`], and where the column is not obvious or an id is no number.
    pub fn only_names(&self) -> Result<Vec<String>, String> {
        if self.rows.is_empty() {
            return Err("it has no names".to_owned());
        }
        let Some(column) = self.obvious() else {
            let titles: Vec<String> = (0..self.columns()).map(|c| self.title(c)).collect();
            return Err(format!(
                "it is not obvious which of its columns are the names: {}; call one of them \"name\" in the first line, or open the file in the window and choose",
                titles.join(", ")
            ));
        };
        let ids =
            self.columns() == 2 && column == 1 && (!self.header || self.title(0).eq_ignore_ascii_case("id"));
        for (line, fields) in self.rows.iter().skip(usize::from(self.header)).filter(|_| ids) {
            if let (Some(id), 2) = (fields.first().filter(|id| id.parse::<u64>().is_err()), fields.len()) {
                return Err(format!("line {line}: \"{id}\" is not a number, as an id is"));
            }
        }
        self.names(column)
    }
}

/// `["run", "jump"]`.
pub(super) fn from_array(text: &str) -> Result<Vec<String>, String> {
    let list: Vec<serde_json::Value> =
        serde_json::from_str(text).map_err(|e| format!("its JSON cannot be read: {e}"))?;
    let mut names = Names { place: "entry", ..Names::default() };
    for (number, entry) in (1..).zip(&list) {
        match entry.as_str().map(str::trim) {
            Some("") => return Err(format!("entry {number} of its JSON array is an empty name")),
            Some(name) => names.add(number, name)?,
            None => {
                return Err(format!("entry {number} of its JSON array is no name in quotes: {entry:.60}"));
            }
        }
    }
    names.finish()
}

/// The first line that says something is a header of several columns, or starts with a number and a comma.
fn is_csv(text: &str) -> bool {
    let Some((_, line)) = lines(text).next() else { return false };
    let Some((first, _)) = line.split_once(',') else { return false };
    is_header(line.split(',')) || first.trim().parse::<u64>().is_ok()
}

/// Counts lines as editors do: the reader's own count stands still over blank lines and comments before a record.
struct Place<'a> {
    text: &'a str,
    byte: usize,
    line: u64,
}

impl Place<'_> {
    /// The line of the record that was looked for from `byte` on.
    fn line_of(&mut self, byte: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
        let mut start = usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
        loop {
            let blank = bytes[start..].iter().take_while(|b| b"\r\n".contains(b)).count();
            start += blank;
            if bytes.get(start) != Some(&b'#') {
                break;
            }
            start += bytes[start..].iter().take_while(|b| **b != end).count();
        }
        self.line += bytes[self.byte.min(start)..start].iter().filter(|b| **b == end).count() as u64;
        self.byte = start;
        self.line
    }
}

/// Every field is short, and at least one names names or two are words that headers have.
fn is_header<'a>(fields: impl Iterator<Item = &'a str>) -> bool {
    let (mut named, mut known) = (0, 0);
    for field in fields {
        let field = field.trim().trim_matches('"').to_ascii_lowercase();
        named += usize::from(NAME_WORDS.contains(&field.as_str()));
        known += usize::from(OTHER_WORDS.contains(&field.as_str()));
    }
    named + known >= 2
}

/// Numbered lines, trimmed, without blank ones and `#` comments.
fn lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let end = if text.contains('\n') { '\n' } else { '\r' };
    let numbered = (1..).zip(text.split(end).map(str::trim));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Names in order, each once.
struct Names {
    /// What the numbers count: lines, or the entries of an array.
    place: &'static str,
    list: Vec<String>,
    first: HashMap<String, u64>,
}

impl Default for Names {
    fn default() -> Self {
        Self { place: "line", list: Vec::new(), first: HashMap::new() }
    }
}

impl Names {
    fn add(&mut self, number: u64, name: &str) -> Result<(), String> {
        if let Some(earlier) = self.first.insert(name.to_owned(), number) {
            let place = self.place;
            return Err(format!("{place} {number}: the name \"{name}\" stands on {place} {earlier} already"));
        }
        self.list.push(name.to_owned());
        Ok(())
    }

    fn finish(self) -> Result<Vec<String>, String> {
        if self.list.is_empty() { Err("it has no names".to_owned()) } else { Ok(self.list) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, String> {
        NameTable::parse(text)?.only_names()
    }

    #[test]
    fn the_column_of_names_is_found_where_it_is_obvious() {
        for (text, want) in [
            ("jump\nrun, fast\n", vec!["jump", "run, fast"]),
            ("id,name\r\n0,\"jump, high\"\r\n1,run\r\n", vec!["jump, high", "run"]),
            ("Label,Count\njump,3\nrun,4\n", vec!["jump", "run"]),
            ("id,description,class\n0,\"a, b\",jump\n1,c,run\n", vec!["jump", "run"]),
            ("3,jump\n9,run", vec!["jump", "run"]),
        ] {
            assert_eq!(names(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn where_it_is_not_obvious_a_person_chooses_and_any_column_can_be_read() {
        let table = NameTable::parse("1,jump,springen\n2,run,laufen\n").unwrap();
        assert_eq!((table.columns(), table.obvious(), table.header), (3, None, false));
        assert!(names("1,jump,springen\n").unwrap_err().contains("column 2 (“jump”…)"));
        assert_eq!(table.names(2).unwrap(), ["springen", "laufen"]);
        let table = NameTable::parse("id,split,title\n1,train,jump\n2,test,jump\n").unwrap();
        assert_eq!((table.title(2), table.obvious()), ("title".to_owned(), None));
        assert!(table.names(2).unwrap_err().contains("line 3: the name \"jump\" stands on line 2"));
        assert_eq!(table.names(0).unwrap(), ["1", "2"]);
        let without = NameTable { header: false, ..table };
        assert_eq!(without.names(0).unwrap(), ["id", "1", "2"]);
    }

    #[test]
    fn faults_name_the_line() {
        for (text, fault) in [
            ("id,name\n0,jump\n1\n", "line 3 has 1 field(s)"),
            ("id,name\n0,jump\n1,a,b\n", "line 3 has 3 field(s)"),
            ("id,name\n0,jump\n1,\n", "line 3 has no name"),
            ("id,name\n# a\n0,jump\n\n#\n1,jump\n", "line 6: the name \"jump\" stands on line 3"),
            ("jump\nrun\njump\n", "line 3: the name \"jump\" stands on line 1"),
            ("id,name\nx,jump\n", "line 2: \"x\" is not a number"),
            ("id,name\n", "no names"),
        ] {
            let error = names(text).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
    }
}
